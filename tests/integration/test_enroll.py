# SPDX-License-Identifier: Apache-2.0
"""Enrollment, machine tokens, client certificates, anonymous polls."""

import ssl

import pytest

from salvor import campaign as c
from salvor import pki
from salvor.machine import Machine, new_boot
from salvor.server import Domain, Server


def machine(server, id=None):
    return Machine(server, id or c.unique("m"), server.machine_plane())


def test_unknown_id(shared):
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    assert m.says(facts={}) == ("none", "no_match")


def test_token_form(shared):
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    head, generation, mac = m.token.split(".")
    assert head == "sal1" and generation == "1" and len(mac) == 43


def test_facts_are_kept(shared):
    m = machine(shared).enroll(shared.enrollment_token(uses=1), {"os": "windows", "n": 5, "b": True})
    assert shared.admin.get(f"/machines/{m.id}")["facts"] == {"os": "windows", "n": 5, "b": True}


def test_uses_are_counted(shared, refused):
    token = shared.enrollment_token(uses=2)
    machine(shared).enroll(token)
    machine(shared).enroll(token)
    refused(machine(shared).try_enroll(token), (401, 403))


def test_refused_enrollment_uses_nothing(shared, refused):
    token = shared.enrollment_token(uses=1)
    refused(machine(shared, ".bad").try_enroll(token), 400)
    used = machine(shared).enroll(shared.enrollment_token(uses=1))
    used.poll(facts={})
    refused(machine(shared, used.id).try_enroll(token), 409)
    machine(shared).enroll(token)


@pytest.mark.parametrize("token", ["", "x", "sals_" + "A" * 43, "sal1.1." + "A" * 43])
def test_wrong_enrollment_token(shared, refused, token):
    refused(machine(shared).try_enroll(token), 401)


def test_lost_answer(shared):
    """Its token was never used: the answer was lost, so it may ask again; the first token is void."""
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    first = m.token
    m.enroll(shared.enrollment_token(uses=1))
    assert m.token != first
    assert m.says(facts={}) == ("none", "no_match")
    m.token = first
    assert m.try_poll(facts={}).status == 401


def test_used_token_closes_the_door(shared, refused):
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    m.poll(facts={})
    first = m.token
    refused(m.try_enroll(shared.enrollment_token(uses=5)), 409)
    assert m.token == first and m.says(facts={}) == ("none", "no_match")


def test_imported_machine_holds_no_token(shared):
    id = c.unique("imported")
    shared.make_known([id], {"os": "x"})
    m = machine(shared, id).enroll(shared.enrollment_token(uses=1))
    assert m.says(facts={}) == ("none", "no_match")


def test_bound_token(shared, refused):
    id = c.unique("bound")
    token = shared.enrollment_token(uses=2, machine_id=id)
    refused(machine(shared).try_enroll(token), (401, 403))
    m = machine(shared, id).enroll(token)
    m.poll(facts={})
    # Bound to it: rotates even though its token was used.
    first = m.token
    m.enroll(token)
    assert m.token != first and m.says(facts={}) == ("none", "no_match")
    m.token = first
    refused(m.try_poll(facts={}), 401)


def test_reenroll(shared, refused):
    """Such a token re-enrolls anybody, so making it takes a grant."""
    body = {"uses": 1, "reenroll": True}
    refused(shared.admin.client.post("/api/v1/enrollment-tokens", body), 403, "elevation-required")
    token = shared.enrollment_token(**body)
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    m.poll(facts={})
    first = m.token
    m.enroll(token)
    assert m.token != first and m.says(facts={}) == ("none", "no_match")


@pytest.mark.parametrize("uses,grant", [(100, False), (101, True)])
def test_many_uses_take_a_grant(shared, refused, uses, grant):
    reply = shared.admin.client.post("/api/v1/enrollment-tokens", {"uses": uses})
    if grant:
        refused(reply, 403, "elevation-required")
    else:
        assert reply.status == 201, reply


def test_expired_token(shared, refused):
    from salvor.wait import until

    token = shared.enrollment_token(uses=100, expires_in_seconds=1)
    until(lambda: machine(shared).try_enroll(token).status in (401, 403), "the token expires", 10, 0.2)


def test_deleted_token(shared, refused):
    reply = shared.admin.act("POST", "/enrollment-tokens", {"uses": 5})
    token = reply.json()
    machine(shared).enroll(token["token"])
    listed = next(t for t in shared.admin.items("/enrollment-tokens?limit=1000") if t["id"] == token["id"])
    assert "token" not in listed, "a secret is shown once"
    assert shared.admin.act("DELETE", f"/enrollment-tokens/{token['id']}").status == 204
    refused(machine(shared).try_enroll(token["token"]), 401)
    refused(shared.admin.act("DELETE", f"/enrollment-tokens/{token['id']}"), 404)


def test_reimaged_is_no_relapse(shared):
    """A new incarnation: what it had applied is gone with the old system, and it may be offered again."""
    campaign = shared.admin.started(c.payload(shared.domain, rollout=c.plan(max_attempts=1)))
    facts = {"fault": campaign.id}
    shared.make_known([f"{campaign.id}-{i}" for i in range(30)], facts)
    id = c.unique("m")
    m = machine(shared, id).enroll(shared.enrollment_token(uses=1))
    offer = m.take(facts=facts)
    m.report("applied")
    m.enroll(shared.enrollment_token(uses=1, machine_id=id, reimaged=True))
    m.reboot()
    again = m.take(facts=facts)
    assert again["offer_id"] != offer["offer_id"]
    states = {o["offer_id"]: (o["state"], o.get("cause")) for o in campaign.offers()}
    assert states[offer["offer_id"]][1] != "relapsed", states


def test_reimaged_recalls_the_open_offer(shared):
    campaign = shared.admin.started(c.payload(shared.domain, rollout=c.plan(max_attempts=1)))
    id = c.unique("m")
    m = machine(shared, id).enroll(shared.enrollment_token(uses=1))
    offer = m.take(facts={"fault": campaign.id})
    m.enroll(shared.enrollment_token(uses=1, machine_id=id, reimaged=True))
    mine = campaign.offer(offer["offer_id"])
    assert (mine["state"], mine["cause"]) == ("recalled", "reimaged")


def test_reenrolled_without_reimaged_keeps_its_past(shared):
    campaign = shared.admin.started(c.payload(shared.domain))
    id = c.unique("m")
    m = machine(shared, id).enroll(shared.enrollment_token(uses=1))
    offer = m.take(facts={"fault": campaign.id})
    m.enroll(shared.enrollment_token(uses=1, machine_id=id))
    assert m.take(facts={"fault": campaign.id}) == offer


def test_deleted_machine_may_enroll_again(shared):
    m = machine(shared).enroll(shared.enrollment_token(uses=1))
    m.poll(facts={})
    old = m.token
    assert shared.admin.act("DELETE", f"/machines/{m.id}").status == 204
    assert m.try_poll(facts={}).status == 401
    m.enroll(shared.enrollment_token(uses=1))
    assert m.says(facts={}) == ("none", "no_match")
    m.token = old
    assert m.try_poll(facts={}).status == 401


# ---- client certificates ----

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pki")


def test_certificate(shared, folder):
    id = c.unique("cert")
    m = Machine(shared, id, shared.machine_plane(*pki.issue(folder, shared.domain.ca_of("machine"), id)))
    campaign = shared.admin.started(c.payload(shared.domain))
    m.take(facts={"fault": campaign.id})
    assert m.report("applied") == (True, "applied")


def test_certificate_with_odd_id(shared, folder):
    """A name with every sign that is allowed."""
    id = "A-b_c.d:9"
    crt, key = pki.issue(folder, shared.domain.ca_of("machine"), id, file="odd")
    assert Machine(shared, id, shared.machine_plane(crt, key)).says(facts={}) == ("none", "no_match")


def bad_certificate(server, folder, kind, id):
    ca = server.domain.ca_of("machine")
    if kind == "other-ca":
        return pki.issue(folder, pki.make_ca(folder, "other-ca"), id, file=f"{kind}-{id}")
    if kind == "ca-of-the-same-name":
        import subprocess

        subject = subprocess.run(["openssl", "x509", "-in", str(ca[0]), "-noout", "-subject", "-nameopt", "RFC2253"],
                                 capture_output=True, text=True, check=True).stdout
        name = subject.split("CN=", 1)[1].split(",")[0].strip()
        other = folder / "same-name"
        other.mkdir(exist_ok=True)
        return pki.issue(folder, pki.make_ca(other, name), id, file=f"{kind}-{id}")
    if kind == "expired":
        return pki.issue(folder, ca, id, expired=True, file=f"{kind}-{id}")
    if kind == "server-use":
        return pki.issue(folder, ca, id, usage="serverAuth", file=f"{kind}-{id}")
    if kind == "operator-ca":
        return pki.issue(folder, server.domain.ca_of("operator"), id, file=f"{kind}-{id}")
    raise AssertionError(kind)


def status_or_refused(client, body):
    """Status of a poll; 401 when TLS itself refuses the certificate."""
    try:
        return client.post("/v1/poll", body).status
    except (ssl.SSLError, ConnectionError):
        return 401


@pytest.mark.parametrize("kind", ["other-ca", "ca-of-the-same-name", "expired", "server-use", "operator-ca"])
def test_bad_certificate(shared, folder, unchanged, kind):
    id = c.unique("bad-cert")
    plane = shared.machine_plane(*bad_certificate(shared, folder, kind, id))
    unchanged()
    body = {"machine_id": id, "boot_id": new_boot(), "reason": "requested", "facts": {}}
    assert status_or_refused(plane, body) == 401


@pytest.mark.parametrize("kind", ["other-ca", "expired"])
def test_token_beside_a_bad_certificate(shared, folder, kind):
    """A bad certificate is never better than none; with a good token it is refused or ignored, never believed."""
    id = c.unique("both")
    m = machine(shared, id).enroll(shared.enrollment_token(uses=1))
    m.plane = shared.machine_plane(*bad_certificate(shared, folder, kind, c.unique("x")))
    try:
        assert m.try_poll(facts={}).status in (200, 401)
    except (ssl.SSLError, ConnectionError):
        pass


def test_machine_certificate_is_no_operator(shared, folder):
    """Each plane trusts only its own CA for clients."""
    crt, key = pki.issue(folder, shared.domain.ca_of("machine"), "admin", file="machine-named-admin")
    try:
        reply = shared.admin_plane(crt, key).get("/api/v1/campaigns")
        assert reply.status == 401, reply
    except (ssl.SSLError, ConnectionError):
        pass


# ---- anonymous ----

@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    domain = Domain(tmp_path_factory.mktemp("anonymous") / "domain")
    domain.conf.set("anonymous_poll", True)
    domain.conf.set("anonymous_offers_max", 3)
    running = Server(domain).start()
    yield running
    running.stop()


def test_anonymous_is_off_by_default(shared, refused):
    refused(machine(shared).try_poll(facts={}), 401)


def test_anonymous_poll(open_door):
    """Campaigns whose last ring is open."""
    rings = [{"name": "first", "share": 0.5}, {"name": "last", "share": 0.5}]
    closed = open_door.admin.started(c.payload(open_door.domain, rollout=c.plan(rings=rings)))
    assert machine(open_door).says(facts={"fault": closed.id}) == ("wait", "ring_not_open")
    campaign = open_door.admin.started(c.payload(open_door.domain))
    open_door.make_known([f"{campaign.id}-{i}" for i in range(50)], {"fault": campaign.id})
    nobody = machine(open_door)
    nobody.take(facts={"fault": campaign.id})
    assert nobody.report("applied") == (True, "applied")
    assert nobody.report("healthy") == (True, "succeeded")


def test_anonymous_cannot_be_a_known_machine(open_door, refused):
    known = open_door.enroll("known-one")
    other = machine(open_door, "known-one")
    refused(other.try_poll(facts={}), 401)
    assert known.says(facts={}) == ("none", "no_match")


def test_anonymous_offers_are_bounded(open_door):
    campaign = open_door.admin.started(c.payload(open_door.domain))
    facts = {"fault": campaign.id}
    open_door.make_known([f"{campaign.id}-{i}" for i in range(100)], facts)
    crowd = [machine(open_door) for _ in range(6)]
    got = [m for m in crowd if m.poll(facts=facts)["directive"] == "apply"]
    assert 1 <= len(got) <= 3
    assert open_door.enroll(c.unique("known")).says(facts=facts) == ("apply", "offered")
    got[0].report("not_applicable")
    assert machine(open_door).says(facts=facts) == ("apply", "offered")
