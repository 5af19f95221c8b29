# SPDX-License-Identifier: Apache-2.0
"""Operators: certificates, roles by table, and elevation: each elevated act needs a grant for exactly that request."""

import hashlib
import json
import ssl
import threading

import pytest

from salvor import campaign as c
from salvor import keys, pki, schema
from salvor.server import Domain, Server

API = "/api/v1"
ROLES = ["viewer", "author", "operator", "security"]


@pytest.fixture(scope="module")
def staffed(tmp_path_factory):
    """A daemon with one operator of each role -> server with .staff"""
    folder = tmp_path_factory.mktemp("staffed")
    domain = Domain(folder / "domain")
    certificates = {}
    for role in ROLES:
        certificates[role] = pki.issue(folder, domain.ca_of("operator"), f"the-{role}")
        domain.conf.operator(f"the-{role}", certificates[role][0], role)
    stranger = pki.issue(folder, domain.ca_of("operator"), "stranger")
    same_name = pki.issue(folder, domain.ca_of("operator"), "the-security", file="same-name")
    expired = pki.issue(folder, domain.ca_of("operator"), "expired", expired=True)
    domain.conf.operator("expired", expired[0], "security")
    running = Server(domain).start()
    running.staff = {role: running.operator(*certificates[role]) for role in ROLES}
    running.stranger, running.same_name, running.expired = stranger, same_name, expired
    yield running
    running.stop()


def unauthorized(server, certificate=None, key=None, allowed=(401,)):
    """A certificate of the CA that is no operator's may be told 403: it is valid, and allowed nothing."""
    try:
        reply = server.admin_plane(certificate, key).get(API + "/campaigns")
    except (ssl.SSLError, ConnectionError):
        return True
    assert reply.status in allowed and schema.valid("problem", reply.json()), reply
    return True


def test_no_certificate(staffed):
    assert unauthorized(staffed)


def test_certificate_of_the_ca_that_is_nobody(staffed):
    assert unauthorized(staffed, *staffed.stranger, allowed=(401, 403))


def test_another_certificate_of_the_same_name(staffed):
    """The certificate itself is configured, not its name."""
    assert unauthorized(staffed, *staffed.same_name, allowed=(401, 403))


def test_expired_certificate(staffed):
    assert unauthorized(staffed, *staffed.expired)


def test_other_ca(staffed, tmp_path):
    assert unauthorized(staffed, *pki.issue(tmp_path, pki.make_ca(tmp_path, "other"), "the-security"))


@pytest.mark.parametrize("method,path", [("GET", "/campaigns"), ("POST", "/campaigns"), ("PUT", "/kill-switch"), ("GET", "/export"),
                                         ("POST", "/elevations"), ("GET", "/machines"), ("POST", "/enrollment-tokens"),
                                         ("GET", "/nothing")])
def test_everything_asks_for_a_credential(staffed, refused, method, path):
    body = None if method == "GET" else {"engaged": True, "reason": "x"}
    reply = staffed.admin_plane().request(method, API + path, body)
    refused(reply, 401 if path != "/nothing" else (401, 404))


# ---- roles ----

def acts(server):
    """(name, method, path, body, the least role, elevated): what each role may do. Bodies are good in form."""
    draft = server.admin.create(c.payload(server.domain))
    active = server.admin.started(c.payload(server.domain))
    machine = server.enroll(c.unique("m"))
    data = b"hello" + draft.id.encode()
    sha = hashlib.sha256(data).hexdigest()
    reason = {"reason": "test"}
    v = c.payload(server.domain)
    return [
        ("list campaigns", "GET", "/campaigns", None, "viewer", False),
        ("campaign", "GET", active.path, None, "viewer", False),
        ("payload", "GET", active.path + "/payload", None, "viewer", False),
        ("envelope", "GET", active.path + "/envelope", None, "viewer", False),
        ("preview", "GET", active.path + "/preview", None, "viewer", False),
        ("decisions", "GET", active.path + "/decisions", None, "viewer", False),
        ("offers", "GET", active.path + "/offers", None, "viewer", False),
        ("machines", "GET", "/machines", None, "viewer", False),
        ("machine", "GET", f"/machines/{machine.id}", None, "viewer", False),
        ("explain", "GET", f"/machines/{machine.id}/explain", None, "viewer", False),
        ("rings", "GET", "/rings", None, "viewer", False),
        ("kill switch", "GET", "/kill-switch", None, "viewer", False),
        ("export", "GET", "/export", None, "viewer", False),
        ("events", "GET", "/export/events", None, "viewer", False),
        ("tokens", "GET", "/enrollment-tokens", None, "operator", False),
        ("operators", "GET", "/operators", None, "security", False),
        ("policy", "GET", "/trust/policy", None, "viewer", False),
        ("artifacts", "GET", "/artifacts", None, "viewer", False),
        ("create", "POST", "/campaigns", v, "author", False),
        ("replace", "PUT", draft.path, json.loads(draft.payload), "author", False),
        ("sign", "POST", draft.path + "/signatures", keys.signature(server.domain.key("author-1"), draft.payload), "author", False),
        ("artifact", "PUT", f"/artifacts/{sha}", data, "author", False),
        ("drop artifact", "DELETE", f"/artifacts/{sha}", None, "author", False),
        ("drop draft", "DELETE", draft.path, None, "author", False),
        ("pause", "POST", active.path + "/pause", reason, "author", False),
        ("kill switch on", "PUT", "/kill-switch", {"engaged": True, "reason": "test"}, "author", False),
        ("kill switch off", "PUT", "/kill-switch", {"engaged": False, "reason": "test"}, "security", True),
        ("resume", "POST", active.path + "/resume", reason, "operator", True),
        ("halt", "POST", active.path + "/halt", reason, "author", False),
        ("withdraw", "POST", active.path + "/withdraw", reason, "operator", True),
        ("pin", "PATCH", f"/machines/{machine.id}", {"pin": "canary"}, "operator", False),
        ("import", "POST", "/machines/import", b'{"machine_id": "imported-by-role"}\n', "operator", False),
        ("delete machine", "DELETE", f"/machines/{machine.id}", None, "operator", False),
        ("set rings", "PUT", "/rings", server.admin.get("/rings"), "operator", False),
        ("token", "POST", "/enrollment-tokens", {"uses": 1}, "operator", False),
    ]


def types(name):
    return {"artifact": "application/octet-stream", "import": "application/x-ndjson"}.get(name)


ACTS = ["list campaigns", "campaign", "payload", "envelope", "preview", "decisions", "offers", "machines", "machine", "explain",
        "rings", "kill switch", "export", "events", "tokens", "operators", "policy", "artifacts", "create", "replace", "sign", "artifact", "drop artifact",
        "drop draft", "pause", "kill switch on", "kill switch off", "resume", "halt", "withdraw", "pin", "import",
        "delete machine", "set rings", "token"]


@pytest.mark.parametrize("role", ROLES[:-1])
def test_what_a_role_may_not(staffed, refused, role):
    """Deny by default, and a denied act leaves no trace."""
    staffed.admin.kill_switch(False)
    table = acts(staffed)
    assert [a[0] for a in table] == ACTS
    client = staffed.staff[role].client
    before = staffed.seq()
    for name, method, path, body, least, _ in table:
        if ROLES.index(role) < ROLES.index(least):
            reply = client.request(method, API + path, body, content_type=types(name))
            assert reply.status == 403, (role, name, reply)
            refused(reply, 403, "forbidden")
    assert staffed.seq() == before


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may(staffed, role):
    staffed.admin.kill_switch(False)
    who = staffed.staff[role]
    for name, method, path, body, least, elevated in acts(staffed):
        if ROLES.index(role) < ROLES.index(least):
            continue
        if name == "drop draft":
            body = None
        if elevated:
            reply = who.elevated(method, path, body)
        else:
            reply = who.client.request(method, API + path, body, content_type=types(name))
        if role == "author" and name in ("resume",):
            continue
        # A kill switch that this role may not take off, or an act whose scene another act has taken away, may conflict.
        assert reply.status < 300 or reply.status == 409 and name in ("resume", "halt", "withdraw"), (role, name, reply)
    staffed.admin.kill_switch(False)


def test_openapi_tells_the_same_roles(staffed):
    """x-salvor-role and x-salvor-elevation of the published reference agree with this table."""
    import re

    paths = schema.openapi()["paths"]
    for name, method, path, _, least, elevated in acts(staffed):
        found = [p for p in paths if re.fullmatch(re.sub(r"\{[a-z_0-9]+\}", "[^/]+", p), API + path)]
        found.sort(key=lambda p: p.count("{"))
        operation = paths[found[0]][method.lower()]
        if not name.startswith("kill switch o"):
            assert operation["x-salvor-role"] == least, (name, operation["x-salvor-role"])
        assert (operation.get("x-salvor-elevation") in ("always", "conditional")) >= elevated, name


# ---- elevation ----

ELEVATED = [("start", "ready"), ("resume", "paused"), ("withdraw", "active"), ("advance", "active")]


def scene(server, state):
    plan = c.plan(manual_advance=True, rings=[{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}])
    campaign = server.admin.ready(c.payload(server.domain, rollout=plan))
    if state != "ready":
        campaign.start()
    if state == "paused":
        campaign.must("pause")
    return campaign


BODY = b'{"reason": "test"}'


def send(who, campaign, verb, header=None, body=BODY):
    return who.client.post(f"{API}{campaign.path}/{verb}", body, headers={"Salvor-Elevation": header} if header else {})


@pytest.mark.parametrize("verb,state", ELEVATED)
def test_elevation_required(staffed, unchanged_staffed, refused, verb, state):
    campaign = scene(staffed, state)
    before = campaign.state
    unchanged_staffed()
    refused(send(staffed.admin, campaign, verb), 403, "elevation-required")
    assert campaign.state == before


@pytest.fixture
def unchanged_staffed(staffed):
    seen = []
    yield lambda: seen.append(staffed.seq())
    assert not seen or staffed.seq() == seen[0]


def path_of(campaign, verb):
    return f"{API}{campaign.path}/{verb}"


def test_grant_answer(staffed):
    from datetime import datetime, timezone

    reply = staffed.admin.ask_grant("POST", "/api/v1/campaigns/x/1/start", BODY)
    assert reply.status == 201, reply
    answer = reply.json()
    assert set(answer) >= {"id", "challenge", "expires"}
    left = datetime.fromisoformat(answer["expires"].replace("Z", "+00:00")) - datetime.now(timezone.utc)
    assert 0 < left.total_seconds() <= 300.5
    other = staffed.admin.ask_grant("POST", "/api/v1/campaigns/x/1/start", BODY).json()
    assert other["id"] != answer["id"] and other["challenge"] != answer["challenge"]


WRONG = ["other-body", "other-path", "other-method", "other-operator", "other-key", "plain-challenge", "flipped", "empty-proof",
         "unknown-id", "no-dot", "garbage", "empty", "padding", "proof-of-another", "without-prefix"]


@pytest.mark.parametrize("how", WRONG)
def test_wrong_grant(staffed, unchanged_staffed, refused, how):
    """403 and nothing has happened."""
    admin, campaign = staffed.admin, scene(staffed, "ready")
    path = path_of(campaign, "start")
    ask = {"other-body": ("POST", path, b'{"reason": "another"}'), "other-path": ("POST", path_of(campaign, "withdraw"), BODY),
           "other-method": ("PUT", path, BODY)}.get(how, ("POST", path, BODY))
    who = staffed.staff["operator"] if how == "other-operator" else admin
    answer = who.ask_grant(*ask).json()
    proof = keys.elevation_proof(who.key, answer["challenge"])
    if how == "other-key":
        proof = keys.elevation_proof(staffed.staff["security"].key, answer["challenge"])
    elif how == "plain-challenge":
        proof = keys.b64url(keys.sign(admin.key, answer["challenge"].encode()))
    elif how == "without-prefix":
        proof = keys.b64url(keys.sign(admin.key, b"\0" + answer["challenge"].encode()))
    elif how == "proof-of-another":
        proof = keys.elevation_proof(admin.key, admin.ask_grant(*ask).json()["challenge"])
    elif how == "flipped":
        proof = proof[:20] + ("A" if proof[20] != "A" else "B") + proof[21:]
    elif how == "empty-proof":
        proof = ""
    elif how == "padding":
        proof += "=="
    header = {"unknown-id": f"nobody.{proof}", "no-dot": answer["id"], "garbage": "x.y.z", "empty": " "}.get(
        how, f"{answer['id']}.{proof}")
    unchanged_staffed()
    refused(send(admin, campaign, "start", header), (400, 403))
    assert campaign.state == "ready"


def test_grant_works_once(staffed, refused):
    """Consumed by the act."""
    admin, campaign = staffed.admin, scene(staffed, "active")
    campaign.must("pause")
    header = admin.grant("POST", path_of(campaign, "resume"), BODY)
    assert send(admin, campaign, "resume", header).status == 200
    campaign.must("pause")
    refused(send(admin, campaign, "resume", header), 403)
    assert campaign.state == "paused"


def test_grant_is_consumed_by_a_failing_act(staffed, refused):
    """Whether it succeeds or not."""
    admin = staffed.admin
    campaign = admin.create(c.payload(staffed.domain))
    header = admin.grant("POST", path_of(campaign, "start"), BODY)
    refused(send(admin, campaign, "start", header), 409)
    for key in staffed.domain.authors():
        campaign.sign(key)
    assert campaign.state == "ready"
    refused(send(admin, campaign, "start", header), 403)
    assert campaign.state == "ready"


def test_a_grant_is_gone_once_it_was_shown(staffed, refused):
    """An act that needs none uses it up too: it must not undo, later, what was tightened since."""
    admin, campaign = staffed.admin, scene(staffed, "active")
    path = path_of(campaign, "limits")

    def body(most):
        return json.dumps({"reason": "test", "limits": {"in_flight_max": most}}).encode()

    def put(most, header=None):
        return admin.client.put(path, body(most), headers={"Salvor-Elevation": header} if header else {})

    header = admin.grant("PUT", path, body(50))
    assert put(50, header).status == 200
    assert put(5).status == 200
    refused(put(50, header), 403, "elevation-required")
    for _ in range(20):
        header = admin.grant("POST", path_of(campaign, "pause"), BODY)
        assert send(admin, campaign, "pause", header).status in (200, 409)
    campaign.must("resume")


@pytest.mark.tsan
def test_two_at_once_with_one_grant(staffed):
    """Exactly one wins."""
    for _ in range(5):
        campaign = scene(staffed, "active")
        campaign.must("pause")
        header = staffed.admin.grant("POST", path_of(campaign, "resume"), BODY)
        replies = []
        clients = [staffed.operator(staffed.domain.admin_certificate, staffed.domain.admin_key) for _ in range(6)]
        for who in clients:
            who.client.get(API + "/kill-switch")
        gate = threading.Barrier(len(clients))

        def run(who):
            gate.wait()
            replies.append(send(who, campaign, "resume", header).status)

        threads = [threading.Thread(target=run, args=(who,)) for who in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(replies).count(200) == 1 and all(s in (200, 403, 409) for s in replies), replies
        assert len(campaign.decisions("resume")) == 1


def test_role_is_asked_before_the_grant(staffed, refused):
    campaign = scene(staffed, "ready")
    for role in ("viewer", "author"):
        who = staffed.staff[role]
        reply = who.ask_grant("POST", path_of(campaign, "start"), BODY)
        if reply.status == 201:
            answer = reply.json()
            header = f"{answer['id']}.{keys.elevation_proof(who.key, answer['challenge'])}"
            refused(send(who, campaign, "start", header), 403, "forbidden")
        else:
            refused(reply, 403)
    assert campaign.state == "ready"


def test_open_grants_are_bounded(staffed, refused):
    """Of one operator; those of others still work."""
    who = staffed.staff["security"]
    replies = [who.ask_grant("POST", "/api/v1/campaigns/x/1/start", BODY) for _ in range(100)]
    kinds = {r.status for r in replies}
    assert kinds <= {201, 429, 409}, kinds
    assert 201 in kinds and len(kinds) == 2, "grants without end"
    assert staffed.staff["operator"].ask_grant("POST", "/api/v1/campaigns/x/1/start", BODY).status == 201


def test_kill_switch_off_needs_a_grant(staffed, refused):
    body = {"engaged": True, "reason": "test"}
    assert staffed.staff["author"].client.put(API + "/kill-switch", body).status == 200
    off = {"engaged": False, "reason": "test"}
    refused(staffed.admin.client.put(API + "/kill-switch", off), 403, "elevation-required")
    assert staffed.admin.get("/kill-switch")["engaged"] is True
    assert staffed.admin.elevated("PUT", "/kill-switch", off).status == 200
    assert staffed.admin.get("/kill-switch")["engaged"] is False


def test_elevation_header_on_other_acts_is_harmless(staffed):
    campaign = scene(staffed, "active")
    reply = send(staffed.admin, campaign, "pause", "x.y")
    assert reply.status in (200, 400, 403)
