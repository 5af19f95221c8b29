# SPDX-License-Identifier: Apache-2.0
"""A trust domain made by `salvorctl init`, and the daemon that serves it."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
from types import SimpleNamespace

from . import keys, tuf, web
from .admin import Admin
from .machine import Machine
from .wait import BUILD, ROOT, SLOWER, until  # noqa: F401


def program(name):
    """Path of a program of the build."""
    for path in (BUILD / "bin" / name, BUILD / name):
        if path.exists():
            return str(path)
    raise AssertionError(f"{name} is not built in {BUILD}; build it, or name the folder with SALVOR_BUILD")


def read_conf(path):
    """key = "value" lines outside sections, comments left out."""
    found = {}
    for line in path.read_text().splitlines():
        m = re.match(r'\s*([a-z_]+)\s*=\s*"?([^"#]*?)"?\s*(#.*)?$', line)
        if m:
            found[m[1]] = m[2]
    return found


class Conf:
    """salvord.conf as text: members are put where they belong without disturbing the rest."""

    def __init__(self, path):
        self.path = path

    def set(self, key, value):
        """key: `name` or `section.name`; value: bool, int or str."""
        said = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
        said = json.dumps(said) if isinstance(said, str) and not isinstance(value, bool) else said
        lines = self.path.read_text().splitlines()
        section, _, name = key.rpartition(".")
        begin, end = 0, len(lines)
        if section:
            begin = next(i for i, l in enumerate(lines) if re.match(rf"\s*{section}\s*\{{", l)) + 1
            end = next(i for i in range(begin, len(lines)) if re.match(r"\s*\}", lines[i]))
        depth = 0
        for i in range(begin, end):
            if depth == 0 and re.match(rf"\s*{name}\s*=", lines[i]):
                lines[i] = f"{name} = {said}"
                break
            depth += lines[i].count("{") - lines[i].count("}")
        else:
            lines.insert(begin, f"{name} = {said}")
        self.path.write_text("\n".join(lines) + "\n")

    def append(self, text):
        self.path.write_text(self.path.read_text() + text)

    def operator(self, name, certificate, role):
        self.append(f'\noperator "{name}" {{\n  certificate = "{certificate}"\n  role = "{role}"\n}}\n')


class Domain:
    """The folder of `salvorctl init`."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        done = subprocess.run([program("salvorctl"), "init", str(path), "--machine-port", "0", "--admin-port", "0",
                               "--ops-port", "0"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"salvorctl init: {done.returncode} {done.stdout} {done.stderr}"
        self.adopt(path)

    def adopt(self, path):
        """The folder is there already."""
        self.path = pathlib.Path(path)
        self.conf = Conf(self.path / "salvord.conf")
        self.root_bytes = (self.path / "1.root.json").read_bytes()
        self.trust_domain = hashlib.sha256(self.root_bytes).hexdigest()
        ctl = read_conf(self.path / "ctl.conf")
        self.ca = self._file(ctl["ca"])
        self.admin_certificate = self.path / "operators" / "admin.crt"
        self.admin_key = self.path / "operators" / "admin.key"

    def _file(self, name):
        path = pathlib.Path(name)
        return path if path.is_absolute() else self.path / path

    def key(self, name):
        return keys.load(self.path / "keys" / f"{name}.pem")

    def authors(self, count=2):
        return [self.key(f"author-{i}") for i in range(1, count + 1)]

    @property
    def policy_path(self):
        return self.path / "trust-policy.json"

    def policy(self):
        return json.loads(self.policy_path.read_text())

    @property
    def targets_path(self):
        return self.path / "1.targets.json"

    def set_policy(self, policy, version=1):
        """Another policy, and the targets that list it, as the files with which a server begins."""
        data = json.dumps(policy).encode()
        signed = json.loads(self.targets_path.read_text())["signed"]
        signed["version"] = version
        signed["targets"][tuf.POLICY_PATH] = {"length": len(data), "hashes": {"sha256": tuf.sha256(data)}}
        keys_of = [tuf.Key.load(self.path / "keys" / f"targets-{i}.pem") for i in (1, 2, 3)]
        self.policy_path.write_bytes(data)
        self.targets_path.write_bytes(tuf.tuf_file(signed, keys_of))

    def ca_of(self, plane):
        """(certificate, key) of the CA that issues the clients of a plane: machine or operator."""
        crt = self.path / "pki" / f"{plane}-ca.crt"
        key = self.path / "pki" / f"{plane}-ca.key"
        assert crt.exists() and key.exists(), f"{crt} is missing; pki/ holds {os.listdir(self.path / 'pki')}"
        return crt, key


SANITIZER = re.compile(rb"ERROR: (Address|Leak|Thread|Undefined|Memory)Sanitizer|runtime error:|WARNING: ThreadSanitizer")


class Server:
    """salvord on a trust domain, with clients for its three planes."""

    def __init__(self, domain):
        self.domain = domain
        self.process = None
        self.terminated = False
        self.endpoints = None
        self.log = b""
        self._reader = None
        self._clients = []

    # ---- life ----

    @property
    def endpoints_file(self):
        return self.domain.path / "state" / "endpoints.json"

    def start(self, wait=True, options=()):
        assert self.process is None
        self.terminated = False
        self.endpoints_file.unlink(missing_ok=True)
        environment = dict({"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}, **os.environ)
        self.process = subprocess.Popen([program("salvord"), "-c", str(self.domain.conf.path), *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environment)
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()
        return self

    def _read(self, pipe):
        for line in pipe:
            self.log += line
        pipe.close()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"salvord ended with {self.process.returncode}:\n{self.tail()}")
            if not self.endpoints_file.exists():
                return False
            self.endpoints = json.loads(self.endpoints_file.read_text())
            try:
                with_ops = web.Client(self.endpoints["ops"])
                reply = with_ops.get("/readyz")
                with_ops.close()
                return reply.status == 200
            except OSError:
                return False

        until(ready, "salvord is ready", 30)

    def tail(self, bytes=4000):
        return self.log[-bytes:].decode(errors="replace")

    def _ended(self):
        code = self.process.wait(timeout=30 * SLOWER)
        self._reader.join(timeout=10)
        self.process = None
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.__dict__.pop("_admin", None)
        assert not SANITIZER.search(self.log), f"sanitizer:\n{self.tail(20000)}"
        return code

    def terminate(self):
        """Once: a second signal would cut the drain short."""
        if not self.terminated:
            self.terminated = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM: must end by itself, cleanly."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self._ended()
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self._ended()
            raise AssertionError(f"salvord did not end after SIGTERM:\n{self.tail()}") from None
        assert code == 0, f"salvord ended with {code}:\n{self.tail()}"

    def kill(self):
        """SIGKILL: nothing can be saved any more."""
        self.process.kill()
        self._ended()

    def restart(self):
        self.stop()
        return self.start()

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    # ---- clients ----

    def _keep(self, client):
        self._clients.append(client)
        return client

    def machine_plane(self, certificate=None, key=None, headers=None):
        ctx = web.context(self.domain.ca, certificate, key)
        return self._keep(web.Client(self.endpoints["machine"], ctx, headers))

    def admin_plane(self, certificate=None, key=None):
        """A bare client; without a certificate it is nobody."""
        ctx = web.context(self.domain.ca, certificate, key)
        return self._keep(web.Client(self.endpoints["admin"], ctx))

    def ops(self):
        return self._keep(web.Client(self.endpoints["ops"]))

    def operator(self, certificate, key):
        return Admin(self, self.admin_plane(certificate, key), keys.load(key))

    @property
    def admin(self):
        """The operator of `init`, whose role allows everything."""
        if "_admin" not in self.__dict__:
            self._admin = self.operator(self.domain.admin_certificate, self.domain.admin_key)
        return self._admin

    @property
    def anonymous(self):
        """A client of the machine plane without credential."""
        return self.machine_plane()

    # ---- machines ----

    def enrollment_token(self, uses=100, **more):
        reply = self.admin.act("POST", "/enrollment-tokens", {"uses": uses, **more})
        assert reply.status == 201, reply
        return reply.json()["token"]

    def enroll(self, machine_id, token=None, facts=None, plane=None):
        """A machine that holds its token."""
        machine = Machine(self, machine_id, plane or self.machine_plane())
        machine.enroll(token or self.enrollment_token(uses=1), facts)
        return machine

    def fleet(self, ids, facts=None):
        """Enrolled machines that share one connection (one thread)."""
        ids = list(ids)
        plane = self.machine_plane()
        token = self.enrollment_token(uses=max(len(ids), 1))
        return [self.enroll(i, token, facts, plane) for i in ids]

    def make_known(self, ids, facts, **more):
        """Imports machines, so that the plan's tenth does not hold the pace down."""
        lines = "\n".join(json.dumps({"machine_id": i, "facts": facts, **more}) for i in ids) + "\n"
        reply = self.admin.client.post("/api/v1/machines/import", lines, content_type="application/x-ndjson")
        assert reply.status == 200, reply
        return reply.json()

    # ---- state ----

    def export(self):
        reply = self.admin.client.get("/api/v1/export")
        assert reply.status == 200, reply
        return reply.json()

    def seq(self):
        return self.export()["seq"]

    def events(self, after=0):
        """The whole journal behind `after`; fails on a gap."""
        found = []
        while True:
            reply = self.admin.client.get(f"/api/v1/export/events?after={after}&limit=1000")
            assert reply.status == 200, reply
            lines = [json.loads(line) for line in reply.body.splitlines()]
            for line in lines:
                assert line["seq"] == after + 1, f"journal: after {after} comes {line['seq']}"
                after = line["seq"]
            found += lines
            if not lines:
                return found

    def journal(self):
        """The whole journal as its bytes: lines of NDJSON, with every number as the server wrote it."""
        parts, after = [], 0
        while True:
            reply = self.admin.client.get(f"/api/v1/export/events?after={after}&limit=1000")
            assert reply.status == 200, reply
            if not reply.body:
                return b"".join(parts)
            parts.append(reply.body)
            after = json.loads(reply.body.splitlines()[-1])["seq"]

    def prove(self):
        """Every decision so far comes out again from the journal alone; returns what `journal replay` says."""
        return prove(self.journal())

    def metrics(self):
        """Name with labels -> value."""
        return parse_metrics(self.ops().get("/metrics").body.decode())

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


def replay(journal):
    """Exit code of `salvorctl journal replay`, and what it says."""
    done = subprocess.run([program("salvorctl"), "journal", "replay", "-", "--json"], input=journal, capture_output=True,
                          timeout=120 * SLOWER)
    assert not SANITIZER.search(done.stderr), done.stderr.decode(errors="replace")
    return done.returncode, json.loads(done.stdout)


def prove(journal):
    """The journal agrees with itself."""
    code, said = replay(journal)
    assert code == 0 and said.get("agree"), f"journal replay: {code} {json.dumps(said, indent=1)[:4000]}"
    return said


def parse_metrics(text):
    values = {}
    types = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is told twice"
            types[name] = kind
        elif line and not line.startswith("#"):
            m = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)', line)
            assert m, f"not a sample: {line!r}"
            key = m[1] + (m[2] or "")
            assert key not in values, f"{key} comes twice"
            values[key] = float(m[3])
            family = re.sub(r"_(bucket|sum|count)$", "", m[1])
            assert m[1] in types or family in types, f"{m[1]} has no TYPE"
    return SimpleNamespace(values=values, types=types,
                           total=lambda name: sum(v for k, v in values.items() if k == name or k.startswith(name + "{")))
