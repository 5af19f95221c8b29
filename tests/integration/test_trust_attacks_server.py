# SPDX-License-Identifier: Apache-2.0
"""Attacks on salvord itself and on its signing process: whoever writes its database, its folders and its marks can
make it remove, delay or narrow, and cannot make it list what authors did not sign, nor give away a version twice or a
lower one."""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3

import pytest
from salvor import campaign as c
from salvor import tuf
from salvor.publicfiles import Public, never_back
from salvor.server import Server
from salvor.wait import sanitizer, stays, until

ACTIVE, WITHDRAWN, EXPIRED = 2, 6, 7  # as stored; server/ledger/enums.c pins them


class Store:
    """The files of a daemon that has stopped."""

    def __init__(self, domain):
        self.domain = domain
        self.state = domain.path / "state"

    def sql(self, text, *values):
        with sqlite3.connect(self.state / "salvor.db") as db:
            changed = db.execute(text, values)
            assert changed.rowcount != 0, f"nothing was changed by {text}"
        db.close()

    def rows(self, text, *values):
        with sqlite3.connect(self.state / "salvor.db") as db:
            found = db.execute(text, values).fetchall()
        db.close()
        return found

    def replace(self, id, payload=None, envelope=None, state=ACTIVE):
        """Puts other bytes and another state into a campaign's row, with the digest that belongs to them."""
        row = "(SELECT row FROM campaign WHERE id = ?)"
        if payload is not None:
            digest = hashlib.sha256(tuf.pae(payload)).hexdigest()
            self.sql(f"UPDATE campaign_bytes SET payload = ? WHERE campaign_row = {row}", payload, id)
            self.sql("UPDATE campaign SET digest = ? WHERE id = ?", digest, id)
        if envelope is not None:
            self.sql(f"UPDATE campaign_bytes SET envelope = ? WHERE campaign_row = {row}", envelope, id)
        self.sql("UPDATE campaign SET state = ? WHERE id = ?", state, id)


@pytest.fixture
def scene(domain):
    """A daemon with one campaign in force, stopped again. -> (server, store, what was public)"""
    server = Server(domain).start()
    server.admin.started(c.payload(domain, id="genuine"))
    before = Public(server)
    assert set(before.listed) == {"campaigns/genuine-1.json"}
    yield server, Store(domain), before
    if server.process is not None:
        server.stop()


def refuses_to_start(server, *words):
    """The daemon ends before it serves, and says why."""
    begun = len(server.log)
    server.start(wait=False)
    until(lambda: server.process.poll() is not None, f"it ends: {server.tail()}", 30)
    code = server._ended()
    said = server.log[begun:].decode()
    assert code > 0 and not server.endpoints_file.exists(), (code, said)
    assert all(word in said for word in words), said


def only_genuine(server, before):
    """What is in the list is the genuine campaign, byte for byte, or nothing; for a while, too."""

    def listed():
        now = Public(server)
        never_back(before, now)
        assert set(now.listed) <= set(before.listed), now.listed.keys()
        assert all(now.listed[p] == before.listed[p] for p in now.listed)
        assert now.policy == before.policy
        return True

    stays(listed, "nothing else is listed", 1.5)


# ---- the control ----


def test_what_was_in_force_is_in_force_after_a_restart(scene):
    server, _, before = scene
    server.stop()
    server.start()
    after = Public(server)
    never_back(before, after)
    assert after.listed == before.listed


# ---- the database is forged ----


def stranger_envelope(payload):
    return tuf.dsse_envelope(payload, tuf.generate(2))


@pytest.mark.parametrize("how", ["strangers", "one-author", "online-key", "nobody", "garbage", "signatures-kept"])
def test_an_envelope_that_authors_did_not_sign(scene, how):
    """The row of a campaign in force holds another payload; the genuine one beside it stays in the list."""
    server, store, before = scene
    server.admin.started(c.payload(server.domain, id="victim"))
    before = Public(server)
    genuine = json.loads(before.listed["campaigns/victim-1.json"])
    server.stop()
    payload = json.dumps(c.payload(server.domain, id="victim", match={"fact": "os", "exists": True})).encode()
    author = tuf.Key.load(server.domain.path / "keys/author-1.pem")
    online = tuf.Key.load(server.domain.path / "keys/online.pem")
    envelope = {
        "strangers": lambda: stranger_envelope(payload),
        "one-author": lambda: tuf.dsse_envelope(payload, [author]),
        "online-key": lambda: tuf.dsse_envelope(payload, [online, author]),
        "nobody": lambda: tuf.dsse_envelope(payload, []),
        "garbage": lambda: b"garbage",
        "signatures-kept": lambda: json.dumps({**genuine, "payload": base64.b64encode(payload).decode()}).encode(),
    }[how]()
    store.replace("victim", payload, envelope)
    server.start()
    only_genuine(server, before)
    forged = tuf.sha256(envelope)
    assert server.anonymous.get(f"/tuf/targets/campaigns/{forged}.victim-1.json").status == 404
    assert "campaigns/victim-1.json" not in Public(server).listed
    assert "campaigns/genuine-1.json" in Public(server).listed
    assert b"signature" in server.log or b"envelope" in server.log, server.tail()
    machine = server.enroll("machine-1")
    machine.facts = {"os": "windows"}
    assert machine.poll()["directive"] != "apply"


def test_a_draft_that_is_said_to_be_in_force(scene):
    """A payload of the thief's, in the state of one that was started; no signature is there."""
    server, store, before = scene
    server.admin.create(c.payload(server.domain, id="draft", match={"fact": "os", "exists": True}))
    server.stop()
    store.replace("draft", state=ACTIVE)
    server.start()
    only_genuine(server, before)
    assert "campaigns/genuine-1.json" in Public(server).listed


def test_an_envelope_in_the_row_of_another(scene):
    """The genuine bytes of one campaign under the name of another, whose plan is faster."""
    server, store, before = scene
    server.admin.create(c.payload(server.domain, id="other"))
    server.stop()
    store.replace("other", envelope=before.listed["campaigns/genuine-1.json"])
    server.start()
    only_genuine(server, before)
    assert "campaigns/genuine-1.json" in Public(server).listed


def test_an_expired_campaign_is_said_to_be_in_force(scene):
    server, store, before = scene
    short = server.admin.started(c.payload(server.domain, id="short", expires=c.utc(4)))
    assert "campaigns/short-1.json" in Public(server).listed
    until(lambda: "campaigns/short-1.json" not in Public(server).listed, "it leaves the list by itself", 20)
    assert short.state == "expired"
    before = Public(server)
    server.stop()
    store.replace("short", state=ACTIVE)
    server.start()
    only_genuine(server, before)
    assert "campaigns/genuine-1.json" in Public(server).listed


def test_a_campaign_of_another_trust_domain(scene):
    """Signed by this domain's authors, for another one."""
    server, store, before = scene
    payload = json.dumps(c.payload(server.domain, id="other", trust_domain="b" * 64)).encode()
    authors = [tuf.Key.load(server.domain.path / f"keys/author-{i}.pem") for i in (1, 2)]
    server.admin.create(c.payload(server.domain, id="other"))
    server.stop()
    store.replace("other", payload, tuf.dsse_envelope(payload, authors))
    server.start()
    only_genuine(server, before)
    assert "campaigns/genuine-1.json" in Public(server).listed


# ---- the policy is replaced ----


def own_trust(server, signers):
    """Targets and policy in which the thief is the only author. -> (targets, policy)"""
    repo = tuf.Repository()
    online = tuf.Key.load(server.domain.path / "keys/online.pem")
    repo.keys["campaigns"] = [online]
    repo.policy = repo.make_policy(threshold=1)
    repo.signers["targets"] = signers(repo, online)
    repo.pin["targets"] = 50
    repo.publish()
    return repo, repo.now["targets"][2], repo.policy


@pytest.mark.parametrize("signers", [lambda repo, online: [online], lambda repo, online: repo.keys["targets"][:2]],
                         ids=["online-key", "own-keys"])
@pytest.mark.parametrize("where", ["database", "files"])
def test_a_replaced_policy(scene, where, signers):
    server, store, before = scene
    server.stop()
    repo, targets, policy = own_trust(server, signers)
    payload = json.dumps(c.payload(server.domain, id="genuine", match={"fact": "os", "exists": True})).encode()
    store.replace("genuine", payload, tuf.dsse_envelope(payload, repo.authors[:1]))
    if where == "files":
        (server.domain.path / "1.targets.json").write_bytes(targets)
        (server.domain.path / "trust-policy.json").write_bytes(policy)
    else:
        for name, value in {"trust.domain": server.domain.trust_domain, "trust.roots": "1",
                            "trust.targets": targets.decode(), "trust.policy": policy.decode()}.items():
            store.sql("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)
    refuses_to_start(server, "targets", "needs the signatures of 2 different keys")


def test_a_policy_that_is_not_the_one_that_targets_lists(scene):
    server, store, before = scene
    server.stop()
    path = server.domain.path / "trust-policy.json"
    changed = re.sub(rb'"threshold": ?2', b'"threshold":1', path.read_bytes())
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    refuses_to_start(server, "trust-policy.json", "trust.targets lists another policy")


def offline_targets(domain, version, policy):
    """The next targets, as the owner of the offline keys makes them."""
    signed = json.loads((domain.path / "1.targets.json").read_bytes())["signed"]
    signed |= {"version": version, "expires": c.utc(86400 * 300)}
    signed["targets"] = {tuf.POLICY_PATH: tuf.content_of(policy)}
    return tuf.tuf_file(signed, [tuf.Key.load(domain.path / f"keys/targets-{i}.pem") for i in (1, 2)])


def revoke(server, *ids):
    """A policy that revokes these, handed in as an operator does. -> Reply"""
    policy = json.dumps({**json.loads(Public(server).policy), "revoked": list(ids)}).encode()
    targets = offline_targets(server.domain, Public(server).versions["targets"] + 1, policy)
    return server.admin.elevated("PUT", "/trust/targets", {"targets": targets.decode(), "policy": policy.decode()})


def test_a_revoked_campaign_does_not_come_back_with_the_old_targets(scene):
    """The database forgets the newer targets: the signer's marks do not."""
    server, store, before = scene
    reply = revoke(server, "genuine")
    assert reply.status in (200, 204), reply
    until(lambda: Public(server).versions["targets"] == 2, "the new targets are public")
    assert Public(server).listed == {}
    before = Public(server)
    server.stop()
    assert store.rows("SELECT count(*) FROM setting WHERE name LIKE 'trust.%'")[0][0] > 0
    store.sql("DELETE FROM setting WHERE name LIKE 'trust.%'")
    server.start()

    def nothing_older():
        reply = server.anonymous.get("/tuf/metadata/timestamp.json")
        if reply.status == 404:
            return True
        now = Public(server)
        never_back(before, now)
        return now.listed == {}

    stays(nothing_older, "nothing that was revoked is listed", 2)


# ---- an older database, other folders, other marks ----


def test_a_restored_older_database(scene):
    """The backup is from before a campaign was started and withdrawn: the numbers in the database are those of then,
    and those of the metadata go on."""
    server, store, before = scene
    server.stop()
    kept = {p.name: p.read_bytes() for p in store.state.glob("salvor.db*")}
    server.start()
    second = server.admin.started(c.payload(server.domain, id="second"))
    second.must("withdraw")
    until(lambda: "campaigns/second-1.json" not in Public(server).listed, "it is withdrawn")
    latest = Public(server)
    assert latest.versions["campaigns"] >= before.versions["campaigns"] + 2
    server.stop()
    for path in store.state.glob("salvor.db*"):
        path.unlink()
    for name, data in kept.items():
        (store.state / name).write_bytes(data)
    server.start()
    until(lambda: Public(server).listed, "the list is there")
    after = Public(server)
    never_back(latest, after)
    assert set(after.listed) == {"campaigns/genuine-1.json"}


def test_a_restored_older_state_without_the_marks(scene):
    """All of the state but the signer's folder is from the backup, the public files too: still no lower version."""
    server, store, before = scene
    server.stop()
    backup = store.state.parent / "backup"
    shutil.copytree(store.state, backup, ignore=shutil.ignore_patterns("signer"))
    server.start()
    for name in ("second", "third"):
        server.admin.started(c.payload(server.domain, id=name)).must("withdraw")
    latest = Public(server)
    server.stop()
    signer = store.state.parent / "kept-signer"
    (store.state / "signer").rename(signer)
    shutil.rmtree(store.state)
    backup.rename(store.state)
    signer.rename(store.state / "signer")
    server.start()
    until(lambda: Public(server).listed, "the list is there")
    never_back(latest, Public(server))


@pytest.mark.parametrize("what", ["garbage", "removed", "older", "thief", "flipped", "targets", "timestamp"])
def test_replaced_public_files(scene, what):
    """What lies in state/tuf/ is not believed because it lies there."""
    server, store, first = scene
    server.stop()
    older = store.state.parent / "older"
    shutil.copytree(store.state / "tuf", older)
    server.start()
    server.admin.started(c.payload(server.domain, id="second"))
    before = Public(server)
    server.stop()
    folder = store.state / "tuf" / "metadata"
    if what == "garbage":
        for path in folder.iterdir():
            path.write_bytes(b"garbage")
    elif what == "removed":
        shutil.rmtree(store.state / "tuf")
    elif what == "older":
        shutil.rmtree(store.state / "tuf")
        older.rename(store.state / "tuf")
    elif what == "flipped":
        for path in folder.iterdir():
            data = path.read_bytes()
            path.write_bytes(tuf.flip(data, data.index(b'"expires"') + 14))
    elif what in ("targets", "timestamp"):  # its signatures hold, and it is not, byte for byte, what was given away
        path = next(folder.glob(f"*{what}.json"))
        path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=1).encode())
    else:
        thief = tuf.Repository({"online": tuf.generate(1)})
        thief.list(json.dumps(c.payload(server.domain, id="thiefs")).encode())
        thief.version |= dict.fromkeys(tuf.BELOW_ROOT, 5000)
        thief.publish()
        for path, data in thief.files.items():
            target = store.state / path.removeprefix("/")
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_bytes(data)
    server.start()
    until(lambda: len(Public(server).listed) == 2, "both are listed")
    after = Public(server)
    never_back(before, after)
    assert after.listed == before.listed
    assert server.anonymous.get("/tuf/metadata/1.root.json").body == server.domain.root_bytes
    assert all(after.versions[role] < 5000 for role in after.versions)
    for name in ("5001.targets.json", "5001.snapshot.json", "5001.campaigns.json"):
        assert server.anonymous.get(f"/tuf/metadata/{name}").status == 404, name


def marks(store):
    found = store.state / "signer" / "high-water"
    assert found.exists(), list((store.state / "signer").iterdir())
    return found


def test_lost_marks(scene):
    """The versions go on from the public files."""
    server, store, before = scene
    server.admin.started(c.payload(server.domain, id="second"))
    before = Public(server)
    server.stop()
    shutil.rmtree(store.state / "signer")
    server.start()
    until(lambda: len(Public(server).listed) == 2, "both are listed")
    never_back(before, Public(server))


def test_marks_of_which_one_part_is_damaged(scene):
    """A write that was cut off by a crash spoils one of the two: the other one counts."""
    server, store, before = scene
    path = marks(store)
    server.stop()
    good = path.read_bytes()
    half = len(good) // 2
    for damaged in (b"\xff" * 100 + good[100:], good[:half] + b"\xff" * 100 + good[half + 100:]):
        path.write_bytes(damaged)
        server.start()
        until(lambda: Public(server).listed, "the list is there")
        never_back(before, Public(server))
        before = Public(server)
        server.stop()


@pytest.mark.parametrize("damage", ["emptied", "zeroed", "garbage", "cut"])
def test_damaged_marks(scene, damage):
    """Both parts are unreadable: nobody knows what was given away, so nothing is signed until a person decides. Moved
    away, as the message says, the versions go on from the public files."""
    server, store, before = scene
    path = marks(store)
    server.stop()
    size = path.stat().st_size
    data = {"emptied": b"", "zeroed": bytes(size), "garbage": os.urandom(size), "cut": path.read_bytes()[:40]}[damage]
    path.write_bytes(data)
    refuses_to_start(server, "high-water is damaged")
    path.rename(store.state / "high-water.damaged")
    server.start()
    until(lambda: Public(server).listed, "the list is there")
    never_back(before, Public(server))


# ---- the signing process ----


def signer_pid(server):
    """The child that calls itself salvord: signer."""
    children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for thread in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        children += (thread / "children").read_text().split()
    for pid in children:
        if b"signer" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    raise AssertionError(f"no signer among {children}")


def test_the_signer_is_confined(server):
    """No new privileges, a filter on its system calls, no descriptor but its socket, its marks and the standard ones;
    the daemon has no online key in its memory."""
    pid = signer_pid(server)
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                  if ":\t" in line)
    assert status["NoNewPrivs"] == "1", status
    if not sanitizer():  # whose run-time does what no filter lets pass
        assert status["Seccomp"] == "2", status
    kinds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert sum(k.startswith("socket:") for k in kinds) == 1, kinds
    assert not any("salvor.db" in k or k.endswith(".pem") for k in kinds), kinds
    tcp = pathlib.Path("/proc/net/tcp").read_text() + pathlib.Path("/proc/net/tcp6").read_text()
    sockets = {k[8:-1] for k in kinds if k.startswith("socket:")}
    assert not any(line.split()[9] in sockets for line in tcp.splitlines()[1:]), "the signer holds a TCP socket"


def test_a_signer_that_was_killed(server):
    """It is started again, nothing is lost, and no version goes down; the halt of a campaign did not wait for it."""
    campaign = server.admin.started(c.payload(server.domain, id="genuine"))
    before = Public(server)
    first = signer_pid(server)
    os.kill(first, signal.SIGKILL)
    campaign.must("halt")
    digest = tuf.sha256(before.listed["campaigns/genuine-1.json"])
    assert server.anonymous.get(f"/tuf/targets/campaigns/{digest}.genuine-1.json").status == 404
    until(lambda: Public(server).listed == {}, "the list is without it", 30)
    never_back(before, Public(server))
    assert signer_pid(server) != first


def test_a_stopped_signer_holds_up_no_halt(server):
    """It does not answer: the halt is answered, the target is gone; the list follows when the signer is replaced."""
    campaign = server.admin.started(c.payload(server.domain, id="genuine"))
    before = Public(server)
    pid = signer_pid(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        campaign.must("halt")
        digest = tuf.sha256(before.listed["campaigns/genuine-1.json"])
        assert server.anonymous.get(f"/tuf/targets/campaigns/{digest}.genuine-1.json").status == 404
        until(lambda: Public(server).listed == {}, "the list is without it", 30)
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    never_back(before, Public(server))


def test_nobody_can_start_what_authors_did_not_sign(server):
    """The last word before the signer: not a draft, not one signature, not strangers', whoever asks."""
    campaign = server.admin.create(c.payload(server.domain, id="half"))
    assert campaign.do("start").status == 409
    assert campaign.sign(server.domain.key("author-1")).status in (200, 201)
    assert campaign.sign(server.domain.key("online")).status in (400, 403)
    assert campaign.do("start").status == 409
    assert Public(server).listed == {}
