# SPDX-License-Identifier: Apache-2.0
"""A small server that speaks the wire as written down, for tests of the programs alone: it checks what they send."""

import base64
import hashlib
import http.server
import json
import socket
import ssl
import threading

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ALWAYS = ("/start", "/resume", "/advance", "/withdraw")


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Fake:
    """State of the admin plane; `routes` are added by tests: (method, path) -> (status, document or bytes[, headers])."""

    def __init__(self, domain):
        self.domain = domain
        self.seen = []  # (method, path, query, headers, body)
        self.routes = {}
        self.grants = {}
        self.connections = set()
        self.key = x509.load_pem_x509_certificate((domain / "operators/admin.crt").read_bytes()).public_key()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(domain / "pki/server.crt", domain / "pki/server.key")
        context.load_verify_locations(domain / "pki/operator-ca.crt")
        context.verify_mode = ssl.CERT_OPTIONAL
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        (domain / "state/endpoints.json").write_text(
            json.dumps({"machine": self.url, "admin": self.url, "ops": "http://127.0.0.1:1"})
        )
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        for connection in list(self.connections):  # kept ones would be answered on
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.server_close()
        self.thread.join()

    # -- what it answers --

    def needs_grant(self, method, path, body):
        if method == "POST" and path.endswith(ALWAYS):
            return True
        if method == "POST" and path == "/api/v1/enrollment-tokens":
            asked = json.loads(body)
            return asked.get("uses", 1) > 100 or asked.get("reenroll", False)
        return method == "PUT" and path == "/api/v1/kill-switch" and not json.loads(body)["engaged"]

    def elevate(self, body):
        asked = json.loads(body)
        assert set(asked) == {"method", "path", "body_sha256", "reason"} and "?" not in asked["path"]
        name, challenge = f"g{len(self.grants)}", base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
        self.grants[name] = (asked["method"], asked["path"], asked["body_sha256"], challenge)
        return 201, {"id": name, "challenge": challenge, "expires": "2099-01-01T00:00:00Z"}

    def grant_holds(self, method, path, header, body):
        name, _, proof = (header or "").partition(".")
        grant = self.grants.pop(name, None)
        if not grant or grant[:3] != (method, path, hashlib.sha256(body).hexdigest()):
            return False
        try:
            self.key.verify(unpad(proof), b"salvor-elevation-v1\0" + grant[3].encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def answer(self, method, path, headers, body):
        if (method, path) == ("POST", "/api/v1/elevations"):
            return self.elevate(body)
        if self.needs_grant(method, path, body) and not self.grant_holds(
            method, path, headers.get("Salvor-Elevation"), body
        ):
            return problem(403, "elevation-required", "this act needs a grant of its own")
        found = self.routes.get((method, path))
        if callable(found):
            found = found(body)
        return found or problem(404, "not-found", f"there is no {path}")

    def handler(fake):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                fake.connections.add(self.request)
                super().setup()

            def finish(self):
                fake.connections.discard(self.request)
                super().finish()

            def log_message(self, *_):
                pass

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path, _, query = self.path.partition("?")
                fake.seen.append((self.command, path, query, dict(self.headers), body))
                status, document, *more = fake.answer(self.command, path, self.headers, body)
                raw = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                kind = "application/problem+json" if status >= 400 else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(raw)))
                for name, value in more[0].items() if more else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

        return Handler


def problem(status, slug, detail, **more):
    return status, {"type": f"urn:salvor:problem:{slug}", "title": slug, "status": status, "detail": detail, **more}


def page(items):
    return 200, {"items": items, "next_cursor": None}
