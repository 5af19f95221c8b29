# SPDX-License-Identifier: Apache-2.0
"""The daemon as its administrator sees it: health, metrics, reload, configuration errors, cost at rest."""

import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest

from salvor import campaign as c
from salvor import keys, pki, web
from salvor.server import Domain, Server, program
from salvor.wait import sanitizer, until


# ---- init ----

def test_init_files(domain):
    """What `salvorctl init` must leave behind; private files are for the owner alone."""
    root = domain.path
    names = ["salvord.conf", "ctl.conf", "pki", "operators/admin.crt", "operators/admin.key", "1.root.json", "1.targets.json",
             "trust-policy.json"]
    names += [f"keys/{n}.pem" for n in ("root-1", "root-2", "root-3", "targets-1", "targets-2", "targets-3", "author-1", "author-2",
                                        "author-3", "online")]
    missing = [n for n in names if not (root / n).exists()]
    assert not missing
    for path in root.rglob("*"):
        private = path.is_file() and b"PRIVATE KEY" in path.read_bytes()
        if private:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert not stat.S_IMODE(root.stat().st_mode) & 0o022


def test_init_root_is_signed_tuf(domain):
    """Complete and signed by its own threshold; key ids are recomputed; consistent snapshots."""
    root = json.loads(domain.root_bytes)
    signed = root["signed"]
    assert signed["_type"] == "root" and signed["version"] == 1 and signed["consistent_snapshot"] is True
    assert signed["spec_version"].startswith("1.")
    for keyid, key in signed["keys"].items():
        assert set(key) == {"keytype", "scheme", "keyval"} and set(key["keyval"]) == {"public"}
        assert hashlib.sha256(keys.canonical(key).encode()).hexdigest() == keyid
    message = keys.canonical(signed).encode()
    role = signed["roles"]["root"]
    good = {s["keyid"] for s in root["signatures"] if s["keyid"] in role["keyids"] and keys.verifies(
        keys.public_from(signed["keys"][s["keyid"]]["keytype"], signed["keys"][s["keyid"]]["keyval"]["public"]), message,
        bytes.fromhex(s["sig"]))}
    assert len(good) >= role["threshold"] >= 1
    assert set(signed["roles"]) == {"root", "targets", "snapshot", "timestamp"}
    assert keys.keyid(domain.key("root-1")) in role["keyids"]


def test_init_targets_are_signed_tuf(domain):
    """By the targets keys, for exactly this policy, with one delegation: every campaign, to the online key, and no further."""
    targets = json.loads((domain.path / "1.targets.json").read_bytes())
    signed, policy = targets["signed"], domain.policy_path.read_bytes()
    message = keys.canonical(signed).encode()
    good = [s["keyid"] for n in (1, 2, 3) for s in targets["signatures"] if s["keyid"] == keys.keyid(domain.key(f"targets-{n}"))
            and keys.verifies(domain.key(f"targets-{n}").public_key(), message, bytes.fromhex(s["sig"]))]
    assert len(good) == len(targets["signatures"]) == 3
    role = json.loads(domain.root_bytes)["signed"]["roles"]["targets"]
    assert role == {"keyids": good, "threshold": 2}
    assert signed["_type"] == "targets" and signed["version"] == 1
    assert signed["targets"] == {"policy/trust-policy.json": {"length": len(policy), "hashes": {"sha256": hashlib.sha256(policy).hexdigest()}}}
    online = keys.keyid(domain.key("online"))
    assert signed["delegations"]["roles"] == [
        {"name": "campaigns", "keyids": [online], "threshold": 1, "paths": ["campaigns/*"], "terminating": True}]
    keytype, scheme, public = keys.describe(domain.key("online"))
    assert signed["delegations"]["keys"] == {online: {"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}}
    left = datetime.fromisoformat(signed["expires"]) - datetime.now(timezone.utc)
    assert timedelta(days=364) < left <= timedelta(days=365)
    said = (domain.path / "salvord.conf").read_text()
    assert 'targets = "1.targets.json"' in said and 'online_key = "keys/online.pem"' in said


def test_init_policy(domain):
    from salvor import schema

    policy = schema.check("policy", domain.policy())
    kinds = {k for cl in policy["classes"] for k in cl["kinds"]}
    assert kinds == {"delete_file", "rename_file", "restore_file", "write_file", "disable_service", "disable_driver", "set_boot_entry",
                     "set_registry_value", "run_script"}
    assert all(cl["threshold"] == 2 and len(cl["authors"]) == 3 for cl in policy["classes"])


def test_init_refuses_a_used_folder(domain):
    before = domain.conf.path.read_bytes()
    done = subprocess.run([program("salvorctl"), "init", str(domain.path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 4, done
    assert done.stderr.strip() and domain.conf.path.read_bytes() == before


def test_server_certificate_names(shared):
    for host in ("localhost", "127.0.0.1"):
        client = web.Client(shared.endpoints["machine"], web.context(shared.domain.ca))
        client.host = host
        assert client.get("/tuf/metadata/1.root.json").status == 200
        client.close()


def test_tls_versions(shared):
    """1.2 and 1.3, nothing older."""
    import ssl

    client = shared.machine_plane()
    for version, allowed in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        ctx = web.context(shared.domain.ca)
        ctx.set_ciphers("DEFAULT:@SECLEVEL=0")
        ctx.minimum_version = ctx.maximum_version = version
        try:
            with socket.create_connection((client.host, client.port), timeout=10) as sock:
                with ctx.wrap_socket(sock, server_hostname="localhost"):
                    assert allowed, version
        except (ssl.SSLError, ConnectionError):
            assert not allowed, version


def test_root_is_served(shared):
    reply = shared.anonymous.get("/tuf/metadata/1.root.json")
    assert reply.status == 200 and reply.body == shared.domain.root_bytes
    assert reply.headers["ETag"]
    again = shared.anonymous.get("/tuf/metadata/1.root.json", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status == 304 and not again.body
    head = shared.anonymous.request("HEAD", "/tuf/metadata/1.root.json")
    assert head.status == 200 and not head.body
    assert shared.anonymous.get("/tuf/metadata/2.root.json").status == 404


# ---- ops plane ----

def test_endpoints_file(shared):
    assert set(shared.endpoints) == {"machine", "admin", "ops"}
    assert shared.endpoints["machine"].startswith("https://") and shared.endpoints["ops"].startswith("http://")


def test_health_and_readiness(shared, refused):
    ops = shared.ops()
    assert ops.get("/healthz").status == 200
    assert ops.get("/readyz").status == 200
    refused(ops.get("/nothing"), 404)
    refused(ops.post("/healthz", {}), 405)
    assert ops.get("/healthz").headers["X-Request-Id"] != ops.get("/healthz").headers["X-Request-Id"]


def test_metrics_parse(shared):
    reply = shared.ops().get("/metrics")
    assert reply.status == 200 and reply.type == "text/plain"
    metrics = shared.metrics()
    assert metrics.types, "no metric at all"
    for name in metrics.types:
        assert name.startswith("salvor_"), name
    for key in metrics.values:
        assert "machine_id" not in key, "a metric never carries a machine id"


def test_planes_do_not_answer_for_each_other(shared):
    assert shared.machine_plane().get("/api/v1/campaigns").status == 404
    assert shared.machine_plane().get("/metrics").status == 404
    assert shared.ops().get("/api/v1/campaigns").status == 404
    assert shared.admin.client.post("/v1/poll", {}).status == 404


def test_snapshot_polls_do_no_sql(shared):
    """Polls that the snapshot can answer bring no job to the ledger."""
    shared.admin.started(c.payload(shared.domain))
    machine = shared.enroll(c.unique("m"))
    for _ in range(20):
        assert machine.poll(facts={"fault": "none"})["reason"] == "no_match"
    before = shared.metrics().total("salvor_ledger_jobs_total")
    assert before > 0
    for _ in range(300):
        assert machine.poll(facts={"fault": "none"})["reason"] == "no_match"
    after = shared.metrics().total("salvor_ledger_jobs_total")
    assert after - before <= 10, f"{after - before} jobs for 300 polls"


def test_waiting_machines_do_no_sql(shared):
    """A ring that is not open, a pause: answered from the snapshot too."""
    rings = [{"name": "a", "share": 0.000001}, {"name": "b", "share": 0.999999}]
    facts = {"fault": c.unique("waiting")}
    # Somebody of the first ring is known, and has not settled: the second stays closed.
    shared.make_known([c.unique("first")], facts, pin="a")
    shared.admin.started(c.payload(shared.domain, match={"fact": "fault", "eq": facts["fault"]}, rollout=c.plan(rings=rings)))
    machine = shared.enroll(c.unique("m"))
    for _ in range(20):
        assert machine.poll(facts=facts)["reason"] == "ring_not_open"
    before = shared.metrics().total("salvor_ledger_jobs_total")
    for _ in range(200):
        assert machine.poll(facts=facts)["reason"] == "ring_not_open"
    assert shared.metrics().total("salvor_ledger_jobs_total") - before <= 10


# ---- cost at rest ----

# Shares of one core. A sanitizer build does everything several times slower.
IDLE, BUSY = (0.02, 0.05) if not sanitizer() else (0.1, 0.25)


def cpu_share(server, seconds):
    """Share of one core that the daemon uses."""
    ticks, begun = server.cpu_ticks(), time.monotonic()
    until(lambda: time.monotonic() - begun >= seconds, "the time of the measurement", seconds + 5, 0.1)
    return (server.cpu_ticks() - ticks) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - begun)


@pytest.mark.slow
def test_idle_cpu(server):
    server.admin.started(c.payload(server.domain))
    assert cpu_share(server, 3) < IDLE


@pytest.mark.slow
def test_half_open_handshakes_cost_nothing(server):
    """100 clients that connect and say nothing, and 100 that say half a greeting."""
    client = server.machine_plane()
    socks = []
    for i in range(200):
        sock = socket.create_connection((client.host, client.port), timeout=10)
        if i % 2:
            sock.sendall(bytes.fromhex("16030100f8010000f40303"))
        socks.append(sock)
    machine = server.enroll("m")
    assert machine.says(facts={}) == ("none", "no_match")
    try:
        assert cpu_share(server, 3) < BUSY
        assert machine.says(facts={}) == ("none", "no_match")
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.slow
def test_held_polls_cost_nothing(server):
    machine = server.enroll("m")
    body = json.dumps(machine.poll_body(facts={})).encode()
    socks = []
    for _ in range(200):
        sock = machine.plane.open_raw()
        sock.sendall(b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=120\r\n"
                     b"Authorization: Bearer " + machine.token.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        socks.append(sock)
    until(lambda: server.metrics().total("salvor_http_held_requests") >= 200, "200 polls are held", 20)
    try:
        assert cpu_share(server, 3) < BUSY
    finally:
        for sock in socks:
            sock.close()


# ---- reload ----

def served_certificate(server):
    import ssl

    client = server.machine_plane()
    with client.open_raw() as sock:
        return ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True))


def certificate_file(domain, plane="machine"):
    text = domain.conf.path.read_text()
    section = re.search(rf"{plane}\s*\{{(.*?)\}}", text, re.S)[1]
    crt = re.search(r'\n\s*certificate\s*=\s*"([^"]+)"', section)[1]
    key = re.search(r'\n\s*key\s*=\s*"([^"]+)"', section)[1]
    at = lambda name: domain.path / name
    return at(crt), at(key)


@pytest.mark.tsan
def test_reload_takes_a_new_certificate(server, tmp_path):
    """SIGHUP: new connections see the new certificate, old ones go on."""
    ca = next((server.domain.path / "pki").glob("server-ca.crt"), None) or server.domain.ca
    ca_key = ca.with_suffix(".key")
    assert ca_key.exists(), f"pki/ holds {os.listdir(server.domain.path / 'pki')}"
    machine = server.enroll("m")
    before = served_certificate(server)
    assert machine.says(facts={}) == ("none", "no_match")
    new_crt, new_key = pki.issue(tmp_path, (ca, ca_key), "localhost", usage="serverAuth", names="DNS:localhost,IP:127.0.0.1")
    crt, key = certificate_file(server.domain)
    crt.write_bytes(new_crt.read_bytes())
    key.write_bytes(new_key.read_bytes())
    assert served_certificate(server) == before
    server.hangup()
    until(lambda: served_certificate(server) == new_crt.read_text(), "the new certificate is served")
    assert machine.says(facts={}) == ("none", "no_match")
    machine.plane.close()
    assert machine.says(facts={}) == ("none", "no_match")


BAD_RELOADS = ["syntax", "unknown-key", "certificate-gone", "certificate-broken", "key-of-another", "out-of-range"]


@pytest.mark.parametrize("how", BAD_RELOADS)
def test_bad_reload_keeps_the_old(server, tmp_path, how):
    """All or nothing; the log says why."""
    machine = server.enroll("m")
    before = served_certificate(server)
    crt, key = certificate_file(server.domain)
    text = server.domain.conf.path.read_text()
    kept = {crt: crt.read_bytes(), key: key.read_bytes()}
    if how == "syntax":
        server.domain.conf.append("\nmachine {\n")
    elif how == "unknown-key":
        server.domain.conf.append("\nsurprise = 1\n")
    elif how == "certificate-gone":
        crt.unlink()
    elif how == "certificate-broken":
        crt.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    elif how == "key-of-another":
        _, other = pki.make_ca(tmp_path, "other")
        key.write_bytes(other.read_bytes())
    elif how == "out-of-range":
        server.domain.conf.set("machine.idle_timeout_seconds", -5)
    length = len(server.log)
    server.hangup()
    until(lambda: re.search(rb"reload", server.log[length:], re.I), "the log tells of the reload")
    assert server.ops().get("/readyz").status == 200
    assert served_certificate(server) == before
    assert machine.says(facts={}) == ("none", "no_match")
    # Mended, the next reload works.
    server.domain.conf.path.write_text(text)
    for path, data in kept.items():
        path.write_bytes(data)
    server.hangup()
    assert machine.says(facts={}) == ("none", "no_match")


@pytest.mark.tsan
def test_reload_takes_operators(server, tmp_path):
    crt, key = pki.issue(tmp_path, server.domain.ca_of("operator"), "newcomer")
    client = server.admin_plane(crt, key)
    assert client.get("/api/v1/campaigns").status in (401, 403)
    server.domain.conf.operator("newcomer", crt, "viewer")
    server.hangup()

    def allowed():
        client.close()
        return client.get("/api/v1/campaigns").status == 200

    until(allowed, "the newcomer is let in")
    server.domain.conf.path.write_text(server.domain.conf.path.read_text().replace('role = "viewer"', 'role = "nobody"'))
    server.hangup()
    until(lambda: b"nobody" in server.log, "the log names the bad role")
    assert allowed()


# ---- configuration ----

def check_conf(path):
    return subprocess.run([program("salvord"), "-t", "-c", str(path)], capture_output=True, text=True, timeout=30)


def test_good_configuration(domain):
    done = check_conf(domain.conf.path)
    assert done.returncode == 0, done
    assert not (domain.path / "state" / "endpoints.json").exists()


BAD_CONFIGURATIONS = {
    "unknown key": lambda d: d.conf.append("\nsurprise = 1\n"),
    "unknown section": lambda d: d.conf.append("\nsurprise {\n}\n"),
    "unknown key in section": lambda d: d.conf.set("machine.surprise", 1),
    "no closing brace": lambda d: d.conf.append("\nmachine {\n"),
    "one brace too many": lambda d: d.conf.append("\n}\n"),
    "text for a number": lambda d: d.conf.set("machine.port", "many"),
    "port too large": lambda d: d.conf.set("machine.port", 65536),
    "port negative": lambda d: d.conf.set("admin.port", -1),
    "address": lambda d: d.conf.set("ops.address", "nowhere.invalid"),
    "bool": lambda d: d.conf.set("anonymous_poll", "perhaps"),
    "certificate missing": lambda d: d.conf.set("machine.certificate", "/nonexistent.crt"),
    "key missing": lambda d: d.conf.set("admin.key", "/nonexistent.key"),
    "client ca missing": lambda d: d.conf.set("machine.client_ca", "/nonexistent.crt"),
    "key of another": lambda d: d.conf.set("machine.key", str(d.admin_key)),
    "root missing": lambda d: d.conf.set("trust.root", "/nonexistent.json"),
    "policy missing": lambda d: d.conf.set("trust.policy", "/nonexistent.json"),
    "policy broken": lambda d: d.policy_path.write_text('{"schema": "salvor.policy/1"}'),
    "root broken": lambda d: (d.path / "1.root.json").write_text("{}"),
    "root altered": lambda d: (d.path / "1.root.json").write_bytes(d.root_bytes.replace(b'"version": 1', b'"version": 2')
                                                                    .replace(b'"version":1', b'"version":2')),
    "targets missing": lambda d: d.conf.set("trust.targets", "/nonexistent.json"),
    "targets broken": lambda d: d.targets_path.write_text('{"signed": {}, "signatures": []}'),
    "targets altered": lambda d: d.targets_path.write_bytes(d.targets_path.read_bytes().replace(b'"version":1', b'"version":2')),
    "policy not listed": lambda d: d.policy_path.write_bytes(d.policy_path.read_bytes() + b"\n"),
    "online key missing": lambda d: d.conf.set("trust.online_key", "keys/nowhere.pem"),
    "online key broken": lambda d: (d.path / "keys" / "online.pem").write_text("no key"),
    "online key of nobody": lambda d: d.conf.set("trust.online_key", "keys/author-1.pem"),
    "next online key missing": lambda d: d.conf.set("trust.online_key_next", "keys/nowhere.pem"),
    "role": lambda d: d.conf.operator("x", d.admin_certificate, "emperor"),
    "operator certificate": lambda d: d.conf.operator("x", "/nonexistent.crt", "viewer"),
    "operator twice": lambda d: d.conf.operator("admin", d.admin_certificate, "viewer"),
    "operator name in Latin-1": lambda d: d.conf.path.write_bytes(
        d.conf.path.read_bytes() + f'\noperator "J\xfcrgen" {{\n  certificate = "{d.admin_certificate}"\n  role = "viewer"\n}}\n'
        .encode("latin-1")),
    "state_dir is a file": lambda d: d.conf.set("state_dir", "1.root.json"),
    "state_dir below a file": lambda d: d.conf.set("state_dir", "1.root.json/state"),
    "two planes on one port": lambda d: (d.conf.set("machine.port", 24871), d.conf.set("admin.port", 24871)),
    "two planes on one address": lambda d: (d.conf.set("admin.port", 24871), d.conf.set("ops.port", 24871)),
    "limit negative": lambda d: d.conf.set("machine.connections_max", -1),
    "limit huge": lambda d: d.conf.set("machine.connections_max", 10**9),
    "workers": lambda d: d.conf.set("workers", 100000),
    "log level": lambda d: d.conf.set("log_level", "shout"),
}

# Faults inside another file name that file; all others name the line of the configuration.
ELSEWHERE = {"policy broken": "trust-policy.json", "root broken": "1.root.json", "root altered": "1.root.json",
             "targets broken": "1.targets.json", "targets altered": "1.targets.json", "policy not listed": "trust-policy.json"}


@pytest.mark.parametrize("name", BAD_CONFIGURATIONS)
def test_bad_configuration(domain, name):
    """Exit 78, file and line, for the check and for the start."""
    BAD_CONFIGURATIONS[name](domain)
    done = check_conf(domain.conf.path)
    assert done.returncode == 78, done
    where = ELSEWHERE.get(name)
    if where:
        assert where in done.stderr + done.stdout, done
    else:
        assert re.search(r"salvord\.conf:\d+", done.stderr + done.stdout), done
    started = subprocess.run([program("salvord"), "-c", str(domain.conf.path)], capture_output=True, text=True, timeout=30)
    assert started.returncode == 78, started


def test_an_online_key_to_come(domain):
    """A second online key may be named before a root gives it a role; either of the two may serve."""
    shutil.copy(domain.path / "keys" / "author-1.pem", domain.path / "keys" / "next.pem")
    domain.conf.set("trust.online_key_next", "keys/next.pem")
    assert check_conf(domain.conf.path).returncode == 0
    domain.conf.set("trust.online_key", "keys/next.pem")
    domain.conf.set("trust.online_key_next", "keys/online.pem")
    assert check_conf(domain.conf.path).returncode == 0
    running = Server(domain).start()
    assert running.ops().get("/readyz").json()["publication"]["state"] == "ok"
    running.stop()


def test_other_trust_files_need_a_restart(server):
    """Said by name, each time; what is in force stays."""
    server.domain.set_policy({**server.domain.policy(), "revoked": ["some-id"]}, version=2)
    server.hangup()
    until(lambda: b"reload.done" in server.log, "the reload is done")
    for name in (b"trust.targets (its content)", b"trust.policy (its content)"):
        assert b'reload.needs_restart key="' + name in server.log, server.tail()
    server.restart()
    assert json.loads(server.admin.client.get("/api/v1/trust/policy").body)["revoked"] == ["some-id"]


def test_other_targets_of_the_same_version_are_refused(server):
    """Clients would take them for a forgery, for the version was given away with other content."""
    server.domain.set_policy({**server.domain.policy(), "revoked": ["some-id"]})
    server.hangup()
    until(lambda: b"reload.refused" in server.log, "the reload is refused")
    server.stop()
    done = check_conf(server.domain.conf.path)
    assert done.returncode == 78 and "1.targets.json" in done.stderr and "version" in done.stderr, done
    server.domain.set_policy(server.domain.policy(), version=2)
    assert check_conf(server.domain.conf.path).returncode == 0


def test_an_online_key_for_others_to_read_is_warned_of(domain):
    (domain.path / "keys" / "online.pem").chmod(0o640)
    running = Server(domain).start()
    until(lambda: b"key.readable_by_others" in running.log, "the warning")
    assert b"online.pem" in running.log
    running.stop()


def test_configuration_missing(tmp_path):
    done = check_conf(tmp_path / "none.conf")
    assert done.returncode == 78 and "none.conf" in done.stderr, done


@pytest.mark.parametrize("arguments", [["-x"], [], ["-c"], ["-t"], ["extra"], ["-t", "-c", "x", "--new-ledger"],
                                       ["-t", "-c", "x", "--new-token-key"], ["--new-ledger"]])
def test_usage(arguments):
    done = subprocess.run([program("salvord"), *arguments], capture_output=True, text=True, timeout=10)
    assert done.returncode in (2, 78) and done.stderr, done


def test_second_daemon_on_the_same_state(server):
    """Refused: one ledger, one process."""
    done = subprocess.run([program("salvord"), "-c", str(server.domain.conf.path)], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and (done.stderr or done.stdout), done
    assert server.enroll("m").says(facts={}) == ("none", "no_match")


def test_newer_database_is_refused(domain):
    """A newer schema: refused with the remedy, nothing touched."""
    import sqlite3

    server = Server(domain).start()
    server.stop()
    database = next((domain.path / "state").glob("*.db"), None) or next((domain.path / "state").glob("*.sqlite*"))
    with sqlite3.connect(database) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        assert version >= 1 and db.execute("PRAGMA application_id").fetchone()[0] != 0
        db.execute(f"PRAGMA user_version = {version + 7}")
    db.close()
    done = subprocess.run([program("salvord"), "-c", str(domain.conf.path)], capture_output=True, text=True, timeout=30)
    assert done.returncode not in (0, -11, -6), done
    assert str(version + 7) in done.stderr + done.stdout, done
    with sqlite3.connect(database) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == version + 7
    db.close()


def start_once(domain, *options):
    """What a start says that has to be refused."""
    done = subprocess.run([program("salvord"), "-c", str(domain.conf.path), *options], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    return done.stderr


def start_with(domain, option):
    return Server(domain).start(options=[option])


def test_lost_token_key_is_not_made_anew(domain):
    """Every machine's token hangs on it: the start is refused until the key is back, or a new one is asked for."""
    key = domain.path / "state" / "machine-token.key"
    server = Server(domain).start()
    machine = server.enroll("m1")
    server.stop()
    bytes_before = key.read_bytes()
    assert "--new-token-key is refused" in start_once(domain, "--new-token-key")
    assert key.read_bytes() == bytes_before
    key.unlink()
    said = start_once(domain)
    assert str(key) in said and "is lost" in said and "1 machine" in said and "--new-token-key" in said and "backup" in said
    assert not key.exists()
    key.write_bytes(bytes_before)
    key.chmod(0o600)
    server = Server(domain).start()
    assert machine.try_poll(plane=server.machine_plane()).status == 200
    server.stop()
    key.unlink()
    server = start_with(domain, "--new-token-key")
    assert machine.try_poll(plane=server.machine_plane()).status == 401 and key.read_bytes() != bytes_before
    server.stop()


def test_token_key_of_an_empty_ledger_may_be_lost(domain):
    """A first start that was cut short between the two files is no loss."""
    server = Server(domain).start()
    server.stop()
    (domain.path / "state" / "machine-token.key").unlink()
    Server(domain).start().stop()


@pytest.mark.parametrize("left", ["machine-token.key", "artifacts/a"])
def test_lost_ledger_is_not_begun_anew(domain, left):
    state = domain.path / "state"
    server = Server(domain).start()
    server.stop()
    assert "--new-ledger is refused" in start_once(domain, "--new-ledger")
    (state / "artifacts" / "a").write_bytes(b"x")
    for path in (state / "salvor.db", *state.glob("salvor.db-*"), state / "machine-token.key", state / "artifacts/a"):
        if path != state / left:
            path.unlink(missing_ok=True)
    said = start_once(domain)
    assert str(state / "salvor.db") in said and "is lost" in said and "--new-ledger" in said and "backup" in said
    assert not (state / "salvor.db").exists()
    start_with(domain, "--new-ledger").stop()
    Server(domain).start().stop()


def test_offline_keys_are_warned_of(shared):
    assert re.search(rb"root-1|offline", shared.log), shared.tail()


def test_sigint_ends_cleanly(domain):
    import signal

    server = Server(domain).start()
    server.process.send_signal(signal.SIGINT)
    assert server._ended() == 0


# ---- limits ----

def test_held_limit(domain, refused):
    """Over its maximum the plane answers at once instead of holding."""
    domain.conf.set("machine.held_max", 3)
    server = Server(domain).start()
    try:
        machine = server.enroll("m")
        body = json.dumps(machine.poll_body(facts={})).encode()
        request = (b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=100\r\n"
                   b"Authorization: Bearer " + machine.token.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        socks = []
        for _ in range(3):
            sock = machine.plane.open_raw()
            sock.sendall(request)
            socks.append(sock)
        until(lambda: server.metrics().total("salvor_http_held_requests") >= 3, "three are held")
        reply = machine.plane.raw(request)
        assert reply.status in (200, 503), reply
        if reply.status == 503:
            refused(reply, 503)
        for sock in socks:
            sock.close()
    finally:
        server.stop()


def test_unauthenticated_connections_per_address(domain):
    """Many machines behind one address are normal; many strangers are not."""
    domain.conf.set("machine.unauthenticated_per_address_max", 8)
    server = Server(domain).start()
    try:
        machines = server.fleet(f"m{i}" for i in range(12))
        planes = []
        for machine in machines:
            machine.plane = server.machine_plane()
            planes.append(machine.plane)
            assert machine.says(facts={}) == ("none", "no_match")
        strangers = []
        for _ in range(30):
            sock = socket.create_connection((planes[0].host, planes[0].port), timeout=10)
            sock.settimeout(2)
            strangers.append(sock)
        for machine in machines:
            assert machine.says(facts={}) == ("none", "no_match")

        def closed():
            count = 0
            for sock in strangers:
                sock.settimeout(0.01)
                try:
                    count += sock.recv(1) == b""
                except TimeoutError:
                    pass
                except OSError:
                    count += 1
            return count

        assert until(lambda: closed() >= 30 - 8, "the strangers over the limit are shown the door", 10)
        for sock in strangers:
            sock.close()

        def let_in():
            try:
                return server.machine_plane().get("/tuf/metadata/1.root.json").status == 200
            except OSError:
                return False

        until(let_in, "the next one is let in", 10)
    finally:
        server.stop()


def test_idle_connections_are_closed(domain):
    domain.conf.set("machine.idle_timeout_seconds", 1)
    server = Server(domain).start()
    try:
        client = server.machine_plane()
        with client.open_raw() as sock:
            sock.settimeout(20)
            sock.sendall(b"GET /tuf/metadata/1.root.json HTTP/1.1\r\nHost: loc")
            got = b""
            try:
                while part := sock.recv(65536):
                    got += part
            except TimeoutError:
                raise AssertionError("an idle connection stays open") from None
            except OSError:
                pass
    finally:
        server.stop()


@pytest.mark.tsan
def test_full_queue(domain, refused):
    """Polls are told to come later, in a way that they understand; a halt is never refused."""
    import threading

    domain.conf.set("queue_poll_max", 1)
    domain.conf.set("batch_max", 1)
    server = Server(domain).start()
    try:
        campaign = server.admin.started(c.payload(server.domain))
        facts = {"fault": campaign.id}
        server.make_known([f"known-{i}" for i in range(300)], facts)
        machines = server.fleet(f"m{i}" for i in range(24))
        for machine in machines:
            machine.plane = server.machine_plane()
            machine.take(facts=facts)
        turned_away, others, over = [], [], threading.Event()

        def ask(machine):
            while not over.is_set():
                reply = machine.try_poll(facts=facts)
                (turned_away if reply.status == 503 else others).append(reply)

        threads = [threading.Thread(target=ask, args=(m,)) for m in machines]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(turned_away) >= 3, "some are turned away", 30)
            assert campaign.do("halt").status == 200
        finally:
            over.set()
            for thread in threads:
                thread.join()
        for reply in turned_away:
            refused(reply, 503, "overloaded")
        assert all(reply.status == 200 for reply in others)
        assert machines[0].says(facts=facts) == ("wait", "halted")
        assert len(campaign.offers()) == 24
    finally:
        server.stop()
