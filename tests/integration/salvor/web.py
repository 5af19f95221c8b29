# SPDX-License-Identifier: Apache-2.0
"""HTTP over TLS: a polite client for well-formed requests, and raw sockets for the others."""

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 40


class Reply:
    """A response: status, headers (case-insensitive), body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return (self.headers.get("Content-Type") or "").split(";")[0].strip()

    @property
    def slug(self):
        """Slug of a problem document."""
        return self.json()["type"].removeprefix("urn:salvor:problem:")

    @property
    def pointers(self):
        return [e["pointer"] for e in self.json().get("errors", [])]

    def __repr__(self):
        return f"<{self.status} {self.type} {self.body[:600]!r}>"


def context(ca, certificate=None, key=None):
    """TLS that trusts one CA and shows a client certificate, or none."""
    ctx = ssl.create_default_context(cafile=str(ca))
    if certificate:
        ctx.load_cert_chain(str(certificate), str(key))
    return ctx


class Client:
    """Keeps one connection; not for several threads at once."""

    def __init__(self, url, ctx=None, headers=None, timeout=TIMEOUT_SECONDS):
        parts = urlsplit(url)
        self.host, self.port, self.tls = parts.hostname, parts.port, parts.scheme == "https"
        self.ctx = ctx
        self.headers = headers or {}
        self.timeout = timeout
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _connect(self):
        if self.tls:
            self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self.ctx)
        else:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method, path, body=None, headers=None, content_type=None):
        """body: bytes, str, or anything that JSON can say. A connection that the server had closed is made anew."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        sent = dict(self.headers)
        if body is not None:
            sent["Content-Type"] = content_type or "application/json"
        sent.update(headers or {})
        sent = {k: v for k, v in sent.items() if v is not None}
        reused = self.connection is not None
        try:
            return self._exchange(method, path, body, sent)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.close()
            if not reused:
                raise
        return self._exchange(method, path, body, sent)

    def _exchange(self, method, path, body, headers):
        if not self.connection:
            self._connect()
        try:
            self.connection.request(method, path, body=body, headers=headers)
            got = self.connection.getresponse()
            reply = Reply(got.status, got.headers, got.read())
        except BaseException:
            self.close()
            raise
        if got.will_close:
            self.close()
        return reply

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def put(self, path, body=None, **kw):
        return self.request("PUT", path, body, **kw)

    def patch(self, path, body=None, **kw):
        return self.request("PATCH", path, body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def open_raw(self):
        """A connected socket (after the TLS handshake), to say anything on."""
        sock = socket.create_connection((self.host, self.port), timeout=self.timeout)
        return self.ctx.wrap_socket(sock, server_hostname=self.host) if self.tls else sock

    def raw(self, data, half_close=False):
        """Sends exactly these bytes and reads one response, or b'' when the server just closes. -> Reply or None"""
        with self.open_raw() as sock:
            try:
                sock.sendall(data)
                if half_close:
                    if isinstance(sock, ssl.SSLSocket):
                        try:
                            sock = sock.unwrap()
                        except (OSError, ssl.SSLError):
                            return None
                    sock.shutdown(socket.SHUT_WR)
                return read_reply(sock)
            except (ConnectionError, ssl.SSLError):
                return None


def read_reply(sock):
    """Reads one response off a socket; None when it ends before the first byte."""
    response = http.client.HTTPResponse(sock)
    try:
        response.begin()
        return Reply(response.status, response.headers, response.read())
    except (http.client.RemoteDisconnected, http.client.BadStatusLine):
        return None
    finally:
        response.close()
