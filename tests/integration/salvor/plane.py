# SPDX-License-Identifier: Apache-2.0
"""A machine plane that says whatever a test wants, and a machine with `salvor-recover` on it.

The plane serves /v1/poll, /v1/report, /v1/artifacts/… and /tuf/…; what it serves under /tuf/ is `repo.files` of a
tuf.Repository. What is asked is kept and held against the contract.
"""

import datetime
import hashlib
import http.server
import json
import ssl
import subprocess
import threading
import time

from . import pki, tuf
from .server import ROOT, program
from .wait import SLOWER

EXAMPLE = ROOT / "docs/examples/channel-file-291"
FALCON = "Windows/System32/drivers/CrowdStrike"
BAD = f"{FALCON}/C-00000291-00000000-00000032.sys"
GOOD = f"{FALCON}/C-00000291-00000000-00000033.sys"
FACTS = ["--fact", "stop_code=0x50", "--fact", "failing_module=csagent.sys"]
TOKEN = "sal1.1.token-of-the-test"


def now(seconds=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def picture(root):
    """Everything about a tree that must come back: type, mode, owner, times, content."""
    seen = {}
    for path in [root, *sorted(root.rglob("*"))]:
        info = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        seen[str(path)] = (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, content)
    return seen


class Machine:
    """One machine: tree, state, configuration."""

    def __init__(self, folder, plane, kind="both"):
        self.folder = folder
        self.root = folder / "machine"
        self.state = folder / "state"
        self.plane = plane
        self.stderr = ""  # of the newest run
        folder.mkdir(exist_ok=True)
        subprocess.run([EXAMPLE / "make-windows-tree.sh", self.root, kind], check=True, timeout=30)
        self.conf = folder / "recover.conf"
        self.write_conf()

    def write_conf(self, **changes):
        values = {"server": self.plane.url, "ca": str(self.plane.ca), "root": str(self.plane.root_file),
                  "machine_id": "machine-1", "token": self.plane.token}
        values.update(changes)
        lines = [f"{key} = {json.dumps(str(value))}\n" for key, value in values.items() if value is not None]
        self.conf.write_text("# a comment\n" + "".join(lines))

    def command(self, *args, once=True, boot="boot-1"):
        return [program("salvor-recover"), "-c", self.conf, "--root", self.root, "--state", self.state, "--json",
                "--boot-id", boot, *(["--once"] if once else []), *FACTS, *args]

    def run(self, *args, exits=0, timeout=60, **how):
        done = subprocess.run([str(a) for a in self.command(*args, **how)], capture_output=True, text=True,
                              timeout=timeout * SLOWER)
        self.stderr = done.stderr
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        expected = exits if isinstance(exits, tuple) else (exits,)
        assert done.returncode in expected, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else {"stderr": done.stderr}

    def picture(self):
        return picture(self.root)

    def bad_is_gone(self):
        return not (self.root / BAD).exists()


class Plane:
    """Answers are made by tests: documents, or functions of the poll; the last one stays."""

    def __init__(self, folder, repo=None):
        self.folder = folder
        folder.mkdir()
        self.repo = repo or tuf.Repository()
        self.repo.publish()
        self.root_file = folder / "1.root.json"
        self.root_file.write_bytes(self.repo.roots[0])
        self.inline = True  # polls carry `metadata` and `files`; False: all has to be fetched from /tuf/
        self.authority = pki.make_ca(folder, "ca")
        self.ca = self.authority[0]
        self.polls, self.reports, self.gets, self.headers = [], [], [], []
        self.answers = []
        self.files = {}  # path -> bytes, besides those of the repository
        self.report_status = 200
        self.cut_after = None  # bytes of a file after which the connection breaks, once
        self.send = {}  # path -> function(handler): writes the whole answer by itself
        self.offers = 0
        self.token = TOKEN
        self.lock = threading.Lock()
        self.server = None
        self.stopping = threading.Event()
        self.listen(*pki.issue(folder, self.authority, "localhost", usage="serverAuth",
                               names="DNS:localhost,IP:127.0.0.1"))
        self.answers = [self.say("none")]  # of a time at which its certificate is valid

    def listen(self, certificate, key):
        if self.server:
            self.stop()
        self.stopping.clear()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.handle_error = lambda *_: None  # a client that hangs up is part of many tests
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def trust_domain(self):
        return self.repo.trust_domain

    @property
    def authors(self):
        return self.repo.authors

    # -- making offers --

    def payload(self, source="campaign.json", **changes):
        campaign = json.loads((EXAMPLE / source).read_text()) if isinstance(source, str) else dict(source)
        campaign |= {"version": 1, "trust_domain": self.trust_domain, "not_before": now(-60), "expires": now(86400)}
        campaign |= changes
        return json.dumps(campaign).encode()

    def envelope(self, payload, signers=(0, 1)):
        return self.repo.envelope(payload, signers)

    def offer(self, payload, envelope=None, path=None, offer_id=None, publish=True, **changes):
        """An answer `apply`. The envelope is listed and served; publish=False leaves that to the test."""
        envelope = self.envelope(payload) if envelope is None else envelope
        campaign = json.loads(payload)
        path = path or f"campaigns/{campaign['id']}-{campaign['version']}.json"
        if publish:
            self.repo.list(payload, envelope, path)
            self.repo.publish()
        self.offers += 1
        offer = {"offer_id": offer_id or f"offer-{self.offers}", "campaign": campaign["id"],
                 "version": campaign["version"], "target": path, "sha256": hashlib.sha256(envelope).hexdigest(),
                 "length": len(envelope), "attempt": 1}
        return self.say("apply", "offered", offer=offer) | changes

    @staticmethod
    def say(directive, reason="no_match", **more):
        """With `inline`, `metadata` and `files` are added when it is sent, unless they are given here."""
        return {"directive": directive, "reason": reason, "detail": "a sentence", "poll_after_seconds": 0,
                "give_up_after_seconds": 600, "later_member": [], "server_time": now()} | more

    # -- answering --

    def complete(self, answer, body):
        """What a server adds: newer metadata, and with an offer the policy and the envelope."""
        answer = dict(answer)
        have = body.get("have", {})
        if self.inline:
            files = {}
            if "offer" in answer:
                if have.get("policy") != tuf.sha256(self.repo.policy):
                    files[tuf.POLICY_PATH] = self.repo.policy.decode()
                envelope = self.repo.listed.get(answer["offer"].get("target"))
                if envelope is not None:
                    files[answer["offer"]["target"]] = envelope.decode()
            answer.setdefault("metadata", self.repo.metadata(have))
            answer.setdefault("files", files)
        answer.setdefault("reports", [{"offer_id": r.get("offer_id"), "accepted": True, "state": r["stage"]}
                                      for r in body.get("reports", [])])
        return answer

    def take_poll(self, body):
        assert set(body) <= {"machine_id", "boot_id", "reason", "facts", "reports", "have", "can"}
        assert body["machine_id"] == "machine-1" and len(body["facts"]) <= 64
        assert body["facts"]["os"] == "windows" and body["facts"]["failing_module"] == "csagent.sys"
        self.polls.append(body)
        for report in body.get("reports", []):
            self.check_report(report)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(body) if callable(answer) else answer
        return self.complete(answer, body) if isinstance(answer, dict) else answer

    @staticmethod
    def check_report(report):
        members = {"machine_id", "boot_id", "stage", "actions", "log"}
        assert set(report) in (members | {"offer_id"}, members | {"campaign", "version", "target_sha256"}), report
        assert report["stage"] in ("applied", "failed", "not_applicable", "refused", "healthy")
        assert len(report["log"]) <= 16384
        for action in report["actions"]:
            assert set(action) == {"index", "kind", "status", "detail"}
            assert action["status"] in ("done", "skipped", "failed", "reverted")

    @property
    def stages(self):
        """Every report that came, alone or with a poll."""
        return [r["stage"] for r in self.reports] + [r["stage"] for p in self.polls for r in p.get("reports", [])]

    def handler(self):
        plane = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def reply(self, status, body, kind="application/json", **headers):
                body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def problem(self, status, slug, **headers):
                document = {"type": f"urn:salvor:problem:{slug}", "title": slug, "status": status, "detail": slug}
                self.reply(status, document, "application/problem+json", **headers)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert len(body) <= 65536 and self.headers["Content-Type"] == "application/json"
                assert self.headers["Authorization"] == f"Bearer {plane.token}"
                if self.path in plane.send:
                    return plane.send[self.path](self)
                with plane.lock:
                    plane.headers.append(dict(self.headers))
                    if self.path == "/v1/poll":
                        answer = plane.take_poll(json.loads(body))
                        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
                        if status >= 400:
                            return self.problem(status, body, **headers)
                        return self.reply(status, body, **headers)
                    assert self.path == "/v1/report"
                    report = json.loads(body)
                    plane.check_report(report)
                    plane.reports.append(report)
                    if plane.report_status != 200:
                        return self.problem(plane.report_status, "trouble")
                    return self.reply(200, {"accepted": True, "state": report["stage"]})

            def do_GET(self):
                if self.path in plane.send:
                    with plane.lock:
                        plane.gets.append((self.path, self.headers["Range"]))
                    return plane.send[self.path](self)
                with plane.lock:
                    plane.gets.append((self.path, self.headers["Range"]))
                    body = plane.files.get(self.path, plane.repo.files.get(self.path))
                    cut = None
                    if body and len(body) > 1000:
                        cut, plane.cut_after = plane.cut_after, None
                if body is None:
                    return self.problem(404, "not-found")
                start = int(self.headers["Range"][6:-1]) if self.headers["Range"] else 0
                if cut is not None:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[:cut])
                    self.wfile.flush()
                    self.close_connection = True
                    return None
                if start:
                    return self.reply(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
                return self.reply(200, body)

        return Handler


# ---- answers that do not end ----


def endless(plane, announced=None):
    """A function for plane.send: an answer that goes on until the client hangs up. -> (function, bytes sent)"""
    sent = [0]

    def send(handler):
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        if announced is None:
            handler.send_header("Connection", "close")
        else:
            handler.send_header("Content-Length", str(announced))
        handler.end_headers()
        block = b'{"signed": "' + b"a" * 16384 if announced is None else b" " * 16384
        try:
            while not plane.stopping.is_set() and sent[0] < 1 << 30:
                handler.wfile.write(block)
                sent[0] += len(block)
        except OSError:
            pass

    return send, sent


def drip(plane, body, every=0.5, size=1):
    """A function for plane.send: the true answer, some bytes at a time."""

    def send(handler):
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            for at in range(0, len(body), size):
                handler.wfile.write(body[at:at + size])
                handler.wfile.flush()
                if plane.stopping.wait(every):
                    return
        except OSError:
            pass

    return send


def within(seconds):
    """A context that fails when what is in it took longer."""

    class Within:
        def __enter__(self):
            self.begun = time.monotonic()

        def __exit__(self, kind, *_):
            took = time.monotonic() - self.begun
            assert kind or took <= seconds * SLOWER, f"took {took:.1f} s, {seconds * SLOWER:.1f} s allowed"

    return Within()
