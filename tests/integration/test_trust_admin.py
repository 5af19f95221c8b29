# SPDX-License-Identifier: Apache-2.0
"""New root, targets and policy handed in to a running server: taken as a client would take them, or refused with the
reason; published at once, kept over restarts, told in GET /trust, /readyz, metrics and the log."""

import json
import shutil

import pytest

from salvor import campaign as c
from salvor import keys, pki, schema, tuf
from salvor.offline import DAY, Offline, put_root, put_targets
from salvor.publicfiles import Public
from salvor.server import Server
from salvor.wait import until


def trust(server):
    return server.admin.get("/trust")


@pytest.fixture
def offline(server):
    return Offline(server.domain)


@pytest.fixture(scope="module")
def holders(shared):
    return Offline(shared.domain)


# ---- what is taken ----


def test_trust_is_told(server):
    told = trust(server)
    policy = server.domain.policy()
    assert told["trust_domain"] == server.domain.trust_domain
    assert {role: one["version"] for role, one in told["roles"].items()} == dict.fromkeys(
        ("root", "targets", "snapshot", "timestamp", "campaigns"), 1)
    root = json.loads(server.domain.root_bytes)["signed"]
    for role in ("root", "targets", "snapshot", "timestamp"):
        assert told["roles"][role]["keyids"] == root["roles"][role]["keyids"]
        assert told["roles"][role]["threshold"] == root["roles"][role]["threshold"]
    assert told["roles"]["root"]["sha256"] == server.domain.trust_domain
    assert [a["name"] for a in told["policy"]["authors"]] == [a["name"] for a in policy["authors"]]
    assert told["policy"]["sha256"] == tuf.sha256(server.domain.policy_path.read_bytes())
    assert told["publication"]["published"] and told["publication"]["failing_since"] is None
    assert told["not_allowed"] == [] and told["warnings"] == []


def test_new_targets_are_published_at_once(server, offline):
    """A revoked author: the answer says that it is public, and it is."""
    policy = offline.next_policy(without=["author-3"])
    targets, text = offline.next_targets(policy)
    reply = put_targets(server.admin, targets, text)
    assert reply.status == 200, reply
    told = reply.json()
    public = Public(server)
    assert public.policy == text.encode() and public.signed["targets"]["version"] == 2
    assert {role: one["version"] for role, one in told["roles"].items()} == public.versions
    assert [a["name"] for a in told["policy"]["authors"]] == ["author-1", "author-2"]
    assert server.admin.client.get("/api/v1/trust/policy").body == text.encode()
    event = server.events()[-1]
    assert (event["type"], event["act"]) == ("admin", "trust.targets.put")
    assert event["targets"]["version"] == 2 and event["targets"]["sha256"] == tuf.sha256(targets.encode())
    assert event["policy_sha256"] == tuf.sha256(text.encode())
    # The author who is none any more signs nothing here.
    campaign = server.admin.create(c.payload(server.domain))
    assert campaign.sign(server.domain.key("author-3")).status in (400, 403)
    assert campaign.sign(server.domain.key("author-1")).status == 201


def test_everything_is_there_after_a_restart(server, offline):
    """Crash included: what was answered is on the disk."""
    targets, text = offline.next_targets(offline.next_policy(revoked=["never"]))
    assert put_targets(server.admin, targets, text).status == 200
    root = offline.next_root()
    assert put_root(server.admin, root).status == 200
    server.kill()
    server.start()
    public = Public(server)
    assert public.files["/tuf/metadata/2.root.json"] == root.encode()
    assert public.policy == text.encode() and public.versions["targets"] == 2
    told = trust(server)
    assert told["roles"]["root"]["version"] == 2 and told["roles"]["targets"]["version"] == 2


def test_a_poll_brings_the_new_root_along(server, offline):
    machine = server.enroll("m-1")
    have = {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1, "campaigns": 1, "policy": ""}
    assert "2.root.json" not in machine.poll(have=have).get("metadata", {})
    root = offline.next_root()
    assert put_root(server.admin, root).status == 200
    assert machine.poll(have=have)["metadata"]["2.root.json"] == root
    have["root"] = 2
    assert "2.root.json" not in machine.poll(have=have).get("metadata", {})


def test_the_online_key_is_rotated(domain):
    """The next key is configured beside the old one; root 2 and targets 2 name it; the server goes on with it."""
    key = tuf.Key.generate()
    path = domain.path / "keys" / "online-2.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    domain.conf.set("trust.online_key_next", "keys/online-2.pem")
    server = Server(domain).start()
    offline = Offline(domain)
    machine = server.enroll("m-1")
    campaign = server.admin.started(c.payload(domain))

    def delegate(signed):
        signed["delegations"]["keys"] = {key.id: key.object}
        signed["delegations"]["roles"][0]["keyids"] = [key.id]

    def online(signed):
        for role in ("snapshot", "timestamp"):
            offline.with_keys(role, [key])(signed)

    targets, policy = offline.next_targets(change=delegate)
    reply = put_root(server.admin, offline.next_root(change=online), targets, policy)
    assert reply.status == 200, reply
    told = reply.json()
    assert all(told["roles"][role]["keyids"] == [key.id] for role in ("snapshot", "timestamp", "campaigns")), told
    public = Public(server)
    assert public.versions["root"] == 2 and len(public.listed) == 1
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")
    # The old one may go.
    server.stop()
    domain.conf.set("trust.online_key", "keys/online-2.pem")
    text = domain.conf.path.read_text()
    domain.conf.path.write_text(text.replace('online_key_next = "keys/online-2.pem"\n', ""))
    (domain.path / "keys" / "online.pem").unlink()
    server.start()
    other = server.admin.started(c.payload(domain))
    assert f"campaigns/{other.id}-1.json" in Public(server).listed
    server.stop()
    # The configured files are those of the beginning, and the public copies of what came since may get lost.
    shutil.rmtree(domain.path / "state" / "tuf")
    server.start()
    public = Public(server)
    assert public.versions["root"] == 2 and len(public.listed) == 2
    server.stop()
    # The configuration may follow, too.
    (domain.path / "2.targets.json").write_text(targets)
    (domain.path / "2.policy.json").write_text(policy)
    domain.conf.set("trust.targets", "2.targets.json")
    domain.conf.set("trust.policy", "2.policy.json")
    server.start()
    assert Public(server).versions == public.versions
    server.stop()


def test_root_with_new_targets_keys(server, offline):
    """The targets in force would be nobody's, so the root comes with new ones."""
    fresh = tuf.generate(2)
    root = offline.next_root(change=offline.with_keys("targets", fresh, 2))
    reply = put_root(server.admin, root)
    assert reply.status == 400 and reply.slug == "untrusted" and "do not hold" in reply.json()["detail"], reply
    targets, policy = offline.next_targets(signers=fresh)
    reply = put_root(server.admin, root, targets, policy)
    assert reply.status == 200, reply
    assert Public(server).versions["targets"] == 2
    # From here on the old keys sign nothing.
    offline.took_root(root)
    offline.took(targets)
    reply = put_targets(server.admin, *offline.next_targets())
    assert reply.status == 400 and reply.slug == "untrusted", reply
    reply = put_targets(server.admin, *offline.next_targets(signers=fresh))
    assert reply.status == 200, reply


def test_a_root_that_names_keys_which_are_not_here(server, offline):
    """A client would take it; but the server could publish nothing from then on, so it says what has to come first."""
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m-1")
    before = Public(server)
    key = tuf.Key.generate()

    def online(signed):
        for role in ("snapshot", "timestamp"):
            offline.with_keys(role, [key])(signed)

    def delegate(signed):
        signed["delegations"]["keys"] = {key.id: key.object}
        signed["delegations"]["roles"][0]["keyids"] = [key.id]

    root = offline.next_root(change=online)
    reply = put_root(server.admin, root)
    assert reply.status == 409 and "0 of them" in reply.json()["detail"], reply
    assert "online_key_next" in json.dumps(reply.json()), reply
    reply = put_targets(server.admin, *offline.next_targets(change=delegate))
    assert reply.status == 409 and "campaigns" in reply.json()["detail"], reply
    assert Public(server).files == before.files and trust(server)["warnings"] == []
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")
    server.stop()
    add_next_key(server.domain, key)
    server.start()
    assert put_root(server.admin, root).status == 200
    public = Public(server)
    assert public.versions["root"] == 2 and len(public.listed) == 1
    assert trust(server)["warnings"] == []


def add_next_key(domain, key, name="online_key_next"):
    path = domain.path / "keys" / "online-2.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    domain.conf.set(f"trust.{name}", "keys/online-2.pem")


def test_an_online_key_that_was_lost_is_replaced(server, offline):
    """The server starts without a key that the roles know, says so, halts what is to be halted, and takes a root that
    names the key it has."""
    campaign = server.admin.started(c.payload(server.domain))
    before = Public(server)
    server.stop()
    (server.domain.path / "keys" / "online.pem").unlink()
    key = tuf.Key.generate()
    add_next_key(server.domain, key, "online_key")
    server.start()
    assert b"key.of_no_role" in server.log
    assert server.ops().get("/readyz").json()["publication"]["state"] == "failing"
    assert "configure the online keys" in trust(server)["publication"]["detail"]
    assert Public(server).files == before.files
    assert server.admin.act("POST", f"{campaign.path}/halt", {"reason": "a test"}).status == 200
    change = offline.with_keys
    root = offline.next_root(change=lambda signed: [change(role, [key])(signed) for role in ("snapshot", "timestamp")])

    def delegate(signed):
        signed["delegations"]["keys"] = {key.id: key.object}
        signed["delegations"]["roles"][0]["keyids"] = [key.id]

    assert put_root(server.admin, root, *offline.next_targets(change=delegate)).status == 200
    public = Public(server)
    assert public.versions["root"] == 2 and public.listed == {} and trust(server)["warnings"] == []
    server.restart()
    assert Public(server).versions == public.versions


def test_lost_marks_do_not_bring_versions_down(server):
    """The ledger is whole, so this server has published before: what it signs now is above all of it."""
    server.admin.started(c.payload(server.domain))
    before = Public(server)
    server.stop()
    shutil.rmtree(server.domain.path / "state" / "signer")
    shutil.rmtree(server.domain.path / "state" / "tuf")
    server.start()
    after = Public(server)
    assert b"publication.marks_lost" in server.log
    for role in ("timestamp", "snapshot", "campaigns"):
        assert after.versions[role] > max(before.versions[role], 3_000_000), after.versions
    assert after.listed == before.listed


def test_the_configured_targets_are_of_a_root_between(server, offline):
    """Brought up to date once, then the keys of targets changed again: the server starts with what was handed in."""
    domain = server.domain
    for _ in range(2):
        fresh = tuf.generate(2)
        root = offline.next_root(change=offline.with_keys("targets", fresh, 2))
        targets, policy = offline.next_targets(signers=fresh)
        assert put_root(server.admin, root, targets, policy).status == 200
        offline.took_root(root)
        offline.took(targets)
        if not (domain.path / "2.targets.json").exists():
            (domain.path / "2.targets.json").write_text(targets)
            (domain.path / "2.policy.json").write_text(policy)
    server.stop()
    domain.conf.set("trust.targets", "2.targets.json")
    domain.conf.set("trust.policy", "2.policy.json")
    server.start()
    assert Public(server).versions["targets"] == 3
    server.stop()
    # Without the public copies only the ledger knows whose keys signed the configured file.
    shutil.rmtree(domain.path / "state" / "tuf")
    server.start()
    assert Public(server).versions["targets"] == 3


def test_targets_far_above_the_configured_ones(domain):
    """Of years of targets the public directory has the last two: the online keys are those of the newest."""
    key = tuf.Key.generate()
    path = domain.path / "keys" / "online-2.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    domain.conf.set("trust.online_key_next", "keys/online-2.pem")
    server = Server(domain).start()
    offline = Offline(domain)

    def delegate(signed):
        signed["delegations"]["keys"] = {key.id: key.object}
        signed["delegations"]["roles"][0]["keyids"] = [key.id]

    def online(signed):
        for role in ("snapshot", "timestamp"):
            offline.with_keys(role, [key])(signed)

    targets, policy = offline.next_targets(version=200, change=delegate)
    assert put_root(server.admin, offline.next_root(change=online), targets, policy).status == 200
    server.stop()
    domain.conf.set("trust.online_key", "keys/online-2.pem")
    text = domain.conf.path.read_text()
    domain.conf.path.write_text(text.replace('online_key_next = "keys/online-2.pem"\n', ""))
    server.start()
    assert Public(server).versions["targets"] == 200
    server.stop()


# ---- what is refused ----


def refuse(refused, shared, reply, status, slug, pointer, words):
    refused(reply, status, slug, pointer)
    assert words in reply.json()["detail"], reply


def targets_cases(offline):
    """name -> (targets, policy), status, slug, pointer, words"""
    good = offline.next_targets()
    other_policy = json.dumps(offline.next_policy(revoked=["another"]))
    online = tuf.Key.load(offline.domain.path / "keys" / "online.pem")
    authors = offline.keys("author")

    def bent(change):
        return offline.next_targets(change=change)

    def lists_more(signed):
        signed["targets"]["policy/second.json"] = tuf.content_of(b"{}")

    def open_delegation(signed):
        signed["delegations"]["roles"][0]["paths"] = ["*"]

    def as_snapshot(signed):
        signed["_type"] = "snapshot"

    return {
        "same version": (offline.next_targets(version=1), 409, "conflict", "/targets/signed/version", "version 1"),
        "one signature": (offline.next_targets(signers=offline.keys("targets", 1)), 400, "untrusted", "/targets", "there are 1"),
        "one key twice": (offline.next_targets(signers=offline.keys("targets", 1) * 2), 400, None, "/targets", ""),
        "unsigned": (offline.next_targets(signers=[]), 400, "untrusted", "/targets", "there are 0"),
        "online key": (offline.next_targets(signers=[online]), 400, "untrusted", "/targets", "there are 0"),
        "author keys": (offline.next_targets(signers=authors), 400, "untrusted", "/targets", "there are 0"),
        "root keys": (offline.next_targets(signers=offline.keys("root")), 400, "untrusted", "/targets", "there are 0"),
        "other policy": ((good[0], other_policy), 400, "untrusted", "/policy", "policy"),
        "flipped": ((good[0][:-40] + ("0" if good[0][-40] != "0" else "1") + good[0][-39:], good[1]), 400, None, "/targets", ""),
        "expired": (offline.next_targets(days=-1), 409, "refused", "/targets/signed/expires", "expired"),
        "not JSON": (("{", good[1]), 400, "malformed", "/targets", ""),
        "duplicate key": (('{"signed":{},"signed":{},"signatures":[]}', good[1]), 400, "malformed", "/targets", ""),
        "another file": ((offline.next_root(), good[1]), 400, "invalid", "/targets/signed/_type", ""),
        "wrong type": (bent(as_snapshot), 400, "invalid", "/targets/signed/_type", ""),
        "lists more": (bent(lists_more), 403, "forbidden", "/targets/signed/targets", "lists nothing but"),
        "delegates all": (bent(open_delegation), 403, "forbidden", "/targets/signed/delegations", "may be delegated"),
        "policy is none": (offline.next_targets({"schema": "salvor.policy/1"}), 400, "invalid", "/policy", "policy"),
        "too long": ((good[0] + " " * 600000, good[1]), 413, "too-large", "/targets", "524288"),
    }


TARGETS_CASES = ["same version", "one signature", "one key twice", "unsigned", "online key", "author keys", "root keys",
                 "other policy", "flipped", "expired", "not JSON", "duplicate key", "another file", "wrong type", "lists more",
                 "delegates all", "policy is none", "too long"]


@pytest.mark.parametrize("name", TARGETS_CASES)
def test_targets_are_refused(shared, holders, refused, name):
    (targets, policy), *reason = targets_cases(holders)[name]
    before = trust(shared)
    refuse(refused, shared, put_targets(shared.admin, targets, policy), *reason)
    assert trust(shared) == before, "what was refused has changed something"


def test_every_case_is_tried(shared, holders):
    assert sorted(targets_cases(holders)) == sorted(TARGETS_CASES)
    assert sorted(root_cases(holders)) == sorted(ROOT_CASES)


def root_cases(offline):
    """name -> text, status, slug, pointer, words"""
    stranger = tuf.generate(2)
    new_keys = offline.with_keys("root", stranger, 2)

    def inconsistent(signed):
        signed["consistent_snapshot"] = False

    def no_threshold(signed):
        signed["roles"]["timestamp"]["threshold"] = 0

    def other_spec(signed):
        signed["spec_version"] = "2.0.0"

    return {
        "same version": (offline.next_root(version=1), 409, "conflict", "/signed/version", "the next one has 2"),
        "skipped version": (offline.next_root(version=3), 409, "conflict", "/signed/version", "the next one has 2"),
        "old keys only": (offline.next_root(change=new_keys), 400, "untrusted", "", "not signed by its own keys"),
        "new keys only": (offline.next_root(change=new_keys, signers=stranger), 400, "untrusted", "",
                          "not signed by the keys of root version 1"),
        "one signature": (offline.next_root(signers=offline.keys("root", 1)), 400, "untrusted", "", "root version 1"),
        "targets keys": (offline.next_root(signers=offline.keys("targets")), 400, "untrusted", "", "root version 1"),
        "expired": (offline.next_root(days=-1), 409, "refused", "/signed/expires", "expired"),
        "inconsistent": (offline.next_root(change=inconsistent), 400, "invalid", "/signed/consistent_snapshot", "must be true"),
        "threshold 0": (offline.next_root(change=no_threshold), 400, "invalid", "/signed/roles/timestamp/threshold", ""),
        "other spec": (offline.next_root(change=other_spec), 400, "invalid", "/signed/spec_version", ""),
        "targets file": (offline.next_targets()[0], 400, "invalid", "/signed/_type", ""),
        "no signatures": ('{"signed":{}}', 400, "invalid", "", ""),
        "not JSON": ("{", 400, "malformed", "", ""),
        "trailing": (offline.next_root() + "{}", 400, "malformed", "", ""),
    }


ROOT_CASES = ["same version", "skipped version", "old keys only", "new keys only", "one signature", "targets keys", "expired",
              "inconsistent", "threshold 0", "other spec", "targets file", "no signatures", "not JSON", "trailing"]


@pytest.mark.parametrize("name", ROOT_CASES)
def test_a_root_is_refused(shared, holders, refused, name):
    text, *reason = root_cases(holders)[name]
    before = trust(shared)
    refuse(refused, shared, put_root(shared.admin, text), *reason)
    assert trust(shared) == before


@pytest.mark.parametrize("path,body,pointer", [
    ("/trust/targets", {"targets": "{}"}, "/policy"),
    ("/trust/targets", {"policy": "{}"}, "/targets"),
    ("/trust/targets", {"targets": {}, "policy": "{}"}, "/targets"),
    ("/trust/targets", {"targets": "", "policy": "{}"}, "/targets"),
    ("/trust/targets", {"targets": "{}", "policy": "{}", "root": "{}"}, "/root"),
    ("/trust/root", {}, "/root"),
    ("/trust/root", {"root": 1}, "/root"),
    ("/trust/root", {"root": "{}", "policy": "{}"}, "/targets"),
    ("/trust/root", {"root": "{}", "targets": "{}", "policy": "{}", "x": 1}, "/x"),
])
def test_bodies_of_another_form(shared, refused, path, body, pointer):
    refused(shared.admin.elevated("PUT", path, body), 400, None, pointer)


def test_limits_and_types(shared, refused, holders):
    big = {"targets": "x" * (1024 * 1024), "policy": "{}"}
    refused(shared.admin.client.put("/api/v1/trust/targets", big), 413)
    reply = shared.admin.client.request("PUT", "/api/v1/trust/root", holders.next_root().encode(), content_type="text/plain")
    refused(reply, 415)


def test_it_takes_a_grant(shared, refused, holders):
    targets, policy = holders.next_targets()
    body = {"targets": targets, "policy": policy}
    refused(shared.admin.client.put("/api/v1/trust/targets", body), 403, "elevation-required")
    refused(shared.admin.client.put("/api/v1/trust/root", json.loads(holders.next_root())), 403, "elevation-required")
    # A grant is for these very bytes.
    header = shared.admin.grant("PUT", "/api/v1/trust/targets", b"other")
    refused(shared.admin.client.request("PUT", "/api/v1/trust/targets", json.dumps(body).encode(),
                                        headers={"Salvor-Elevation": header}), 403, "elevation-required")


@pytest.mark.parametrize("role", ["viewer", "author", "operator"])
def test_it_takes_the_role_security(domain, refused, tmp_path, role):
    certificate, key = pki.issue(tmp_path, domain.ca_of("operator"), f"someone-{role}")
    domain.conf.operator("someone", certificate, role)
    server = Server(domain).start()
    someone = server.operator(certificate, key)
    assert someone.client.get("/api/v1/trust").status == 200
    offline = Offline(domain)
    targets, policy = offline.next_targets()
    reply = someone.client.put("/api/v1/trust/targets", {"targets": targets, "policy": policy})
    refused(reply, 403, "forbidden")
    refused(someone.client.put("/api/v1/trust/root", json.loads(offline.next_root())), 403, "forbidden")
    server.stop()


# ---- campaigns that the policy does not allow any more ----


def test_a_revoked_campaign_is_offered_no_more(server, offline, refused):
    machine = server.enroll("m-1")
    campaign, other = (server.admin.started(c.payload(server.domain)) for _ in range(2))
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")
    targets, text = offline.next_targets(offline.next_policy(revoked=[campaign.id]))
    told = put_targets(server.admin, targets, text).json()
    assert [(x["id"], x["state"]) for x in told["not_allowed"]] == [(campaign.id, "active")]
    assert any(campaign.id in text for text in told["warnings"])
    assert sorted(Public(server).listed) == [f"campaigns/{other.id}-1.json"]
    assert machine.says(facts={"fault": campaign.id})[0] == "wait"
    assert "revokes" in campaign.get()["not_allowed"]
    explained = server.admin.get("/machines/m-1/explain")["campaigns"]
    assert [x["campaign"] for x in explained if "not_allowed" in x] == [campaign.id]
    until(lambda: b"campaign.not_allowed" in server.log, "the log says so")
    campaign.must("pause")
    refused(campaign.do("resume"), 409, "conflict")
    server.restart()
    campaign.admin = server.admin
    machine.plane = server.machine_plane()
    assert [x["id"] for x in trust(server)["not_allowed"]] == [campaign.id]
    assert any(campaign.id in text for text in server.ops().get("/readyz").json()["warnings"])
    # And back again, by another policy.
    offline.took(targets)
    assert put_targets(server.admin, *offline.next_targets(offline.next_policy())).status == 200
    assert trust(server)["not_allowed"] == []
    campaign.must("resume")
    assert machine.says(facts={"fault": campaign.id}) == ("apply", "offered")


def test_a_campaign_loses_its_authors(server, offline):
    """2 of 3 have to sign, 2 signed, and one of the two is an author no more."""
    campaign = server.admin.started(c.payload(server.domain))
    targets, text = offline.next_targets(offline.next_policy(without=["author-1"]))
    told = put_targets(server.admin, targets, text).json()
    assert [x["id"] for x in told["not_allowed"]] == [campaign.id]
    assert Public(server).listed == {}


# ---- expiry ----


def expiries(server):
    return {k.split('"')[1]: v for k, v in server.metrics().values.items() if k.startswith("salvor_trust_expires_seconds")}


def test_metrics_tell_when_what_expires(server):
    left = expiries(server)
    for role, days in (("root", 1095), ("targets", 365), ("snapshot", 7), ("timestamp", 1), ("campaigns", 7)):
        assert (days - 1) * DAY < left[role] <= days * DAY, (role, left)


@pytest.mark.parametrize("days,warned", [(44, True), (47, False)])
def test_expiry_is_told_ahead(server, offline, days, warned):
    root = offline.next_root(days=days)
    targets, policy = offline.next_targets(days=days)
    assert put_targets(server.admin, targets, policy).status == 200
    assert put_root(server.admin, root).status == 200
    for warnings in (trust(server)["warnings"], server.ops().get("/readyz").json()["warnings"]):
        assert len(warnings) == (2 if warned else 0), warnings
        assert not warned or (f"root version 2 expires in {days - 1} days" in warnings[0] and "trust draft root" in warnings[0])
    assert abs(expiries(server)["targets"] - days * DAY) < 600
    if warned:
        until(lambda: server.log.count(b"trust.expires") >= 3, "said after each change")
        server.restart()
        until(lambda: server.log.count(b"trust.expires") >= 5, "said at a start, for each file")
    else:
        assert b"trust.expires" not in server.log


@pytest.mark.parametrize("name", ("é" * 120, "x" + "é" * 120), ids=("even", "odd"))
def test_a_warning_is_whole_whatever_the_names(domain, name):
    """No text is cut within a character: JSON takes none like that, and the warning would be gone."""
    place = domain.path / name
    place.write_text("no folder")
    domain.conf.set("trust.public_dir", str(place))
    server = Server(domain).start()
    told = trust(server)
    detail = told["publication"]["detail"]
    assert len(detail) > 220 and any(w.endswith(detail) for w in told["warnings"]), told["warnings"]
    assert server.ops().get("/readyz").json()["warnings"] == told["warnings"]
    server.stop()


def test_it_serves_with_an_expired_targets_file(domain):
    """A server that is started too late goes on, and says what is wrong."""
    offline = Offline(domain)
    targets, policy = offline.next_targets(days=-1)
    domain.targets_path.write_text(targets)
    domain.policy_path.write_text(policy)
    server = Server(domain).start()
    warnings = trust(server)["warnings"]
    assert any("targets version 2 expired" in w for w in warnings), warnings
    assert expiries(server)["targets"] < 0
    assert b"trust.expired" in server.log
    server.stop()


# ---- keys that are online and offline at once ----


def usurping(offline, role):
    """A change of root that gives the online key an offline role."""
    online = tuf.Key.load(offline.domain.path / "keys" / "online.pem")
    return online, offline.with_keys(role, [online])


def with_author(offline, name, key, **more):
    """The next policy, in which this key alone may sign everything."""
    policy = offline.next_policy(**more)
    policy["authors"].append(tuf.author_entry(name, key))
    for one in policy["classes"]:
        one["authors"].append(name)
        one["threshold"] = 1
    return policy


@pytest.mark.parametrize("role", ["root", "targets"])
def test_an_online_key_gets_no_offline_role(shared, holders, refused, role):
    online, change = usurping(holders, role)
    before = trust(shared)
    signers = holders.keys("root") + [online]
    targets = holders.next_targets(signers=[online]) if role == "targets" else ()
    reply = put_root(shared.admin, holders.next_root(change=change, signers=signers), *targets)
    at = ("/root" if targets else "") + f"/signed/roles/{role}"
    refuse(refused, shared, reply, 400, "invalid", at, f"is online (timestamp, snapshot, campaigns) and cannot be a key of {role} too")
    assert online.id in reply.json()["detail"] and trust(shared) == before


def test_an_online_key_is_no_author(shared, holders, refused):
    online = tuf.Key.load(holders.domain.path / "keys" / "online.pem")
    before = trust(shared)
    reply = put_targets(shared.admin, *holders.next_targets(with_author(holders, "evil", online)))
    refuse(refused, shared, reply, 400, "invalid", "/policy/authors/3", f'the key {online.id} is online')
    assert 'cannot be the author "evil" too' in reply.json()["detail"] and trust(shared) == before


def test_a_server_begins_with_such_a_key_and_says_so(domain):
    """A start is not refused for it, nor is what revokes; the log, /readyz and GET /trust (so salvorctl status) say it."""
    offline = Offline(domain)
    online = tuf.Key.load(domain.path / "keys" / "online.pem")
    targets, policy = offline.next_targets(with_author(offline, "evil", online))
    (domain.path / "2.targets.json").write_text(targets)
    (domain.path / "2.policy.json").write_text(policy)
    domain.conf.set("trust.targets", "2.targets.json")
    domain.conf.set("trust.policy", "2.policy.json")
    server = Server(domain).start()
    warning, = trust(server)["warnings"]
    assert f'{online.id} is online (timestamp, snapshot, campaigns) and cannot be the author "evil" too' in warning, warning
    until(lambda: b"trust.key_online" in server.log, "the log says so")
    assert server.ops().get("/readyz").json()["warnings"] == [warning]
    offline.took(targets, policy)
    targets, policy = offline.next_targets(offline.next_policy(revoked=["gone"]))
    assert put_targets(server.admin, targets, policy).status == 200
    assert trust(server)["warnings"] == [warning]
    offline.took(targets, policy)
    assert put_targets(server.admin, *offline.next_targets(offline.next_policy(without=["evil"]))).status == 200
    assert trust(server)["warnings"] == []
    server.stop()


def test_the_answer_is_as_published(shared):
    """Against the schema, each time."""
    schema.check_inline({"$ref": "#/components/schemas/Trust"}, trust(shared))


def test_a_damaged_ledger_does_not_start(server, offline):
    """What the ledger holds is believed as far as it verifies, and the message names it."""
    import sqlite3

    targets, policy = offline.next_targets()
    assert put_targets(server.admin, targets, policy).status == 200
    server.stop()
    with sqlite3.connect(server.domain.path / "state" / "salvor.db") as db:
        db.execute("UPDATE setting SET value = replace(value, '\"version\":2', '\"version\":9') WHERE name = 'trust.targets'")
    server.start(wait=False)
    assert server.process.wait(timeout=30) != 0
    server._ended()
    assert b"trust.targets" in server.log
