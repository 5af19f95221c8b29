# SPDX-License-Identifier: Apache-2.0
"""Prefer: wait (RFC 7240): held polls, and how the daemon ends."""

import socket
import threading
import time

import pytest

from salvor import campaign as c
from salvor.machine import Machine
from salvor.wait import stays, until

pytestmark = pytest.mark.tsan


class Held:
    """A poll in a thread of its own."""

    def __init__(self, server, machine, wait=60, facts=None, prefer=None):
        self.machine = Machine(server, machine.id, server.machine_plane())
        self.machine.token, self.machine.boot = machine.token, machine.boot
        self.reply = None
        self.error = None
        self.begun = time.monotonic()
        self.took = None
        self.prefer = prefer or f"wait={wait}"
        self.thread = threading.Thread(target=self._run, args=(facts or {},), daemon=True)
        self.thread.start()

    def _run(self, facts):
        try:
            self.reply = self.machine.try_poll(facts=facts, headers={"Prefer": self.prefer})
        except Exception as error:
            self.error = error
        self.took = time.monotonic() - self.begun

    @property
    def waiting(self):
        return self.thread.is_alive()

    def answer(self, seconds=15):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "still held"
        assert self.error is None, self.error
        assert self.reply.status == 200, self.reply
        return self.reply.json()


def held_count(server):
    """Polls that the server holds now."""
    values = server.metrics().values
    return values.get('salvor_http_held_requests{plane="machine"}', values.get("salvor_http_held_requests"))


def wait_held(server, count):
    until(lambda: held_count(server) >= count, f"{count} polls are held")


def test_held_until_the_offer(server):
    """Answered when an offer has been committed for it, long before its time is over."""
    machine = server.enroll("m")
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    poll = Held(server, machine, 60, {"os": "x"})
    wait_held(server, 1)
    assert poll.waiting
    campaign.start()
    answer = poll.answer()
    assert answer["directive"] == "apply" and answer["offer"]["campaign"] == campaign.id
    assert poll.reply.headers["Preference-Applied"] == "wait=60"
    assert poll.took < 30
    assert campaign.offer(answer["offer"]["offer_id"])["state"] == "offered"


def jobs(server):
    return server.metrics().total("salvor_ledger_jobs_total")


def boots_known(server, machines):
    return all(server.admin.client.get(f"/api/v1/machines/{m.id}").json().get("boot_id") == m.boot for m in machines)


def test_a_held_poll_of_a_boot_that_is_over(server):
    """Switched off and on again while its poll was held: the new boot is offered the fix, the old one nothing, and it does
    not ask the ledger over and over for the slot that is free."""
    machine = server.enroll("m")
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    old = Held(server, machine, 60, {"os": "x"})
    wait_held(server, 1)
    until(lambda: boots_known(server, [machine]), "the old boot is known")
    machine.reboot()
    assert machine.says(facts={"os": "x"}) == ("none", "no_match")
    until(lambda: boots_known(server, [machine]), "the new boot is known")
    campaign.start()
    assert old.answer()["directive"] == "wait"
    before = jobs(server)
    stays(lambda: jobs(server) - before < 60, "the ledger is left alone", 1)
    assert campaign.offers() == []
    assert machine.poll(facts={"os": "x"})["directive"] == "apply"
    assert [o["boot_id"] for o in campaign.offers()] == [machine.boot]


def test_held_until_its_time_is_over(server):
    machine = server.enroll("m")
    poll = Held(server, machine, 2)
    answer = poll.answer()
    assert (answer["directive"], answer["reason"]) == ("none", "no_match")
    assert 1.5 < poll.took < 8
    assert poll.reply.headers["Preference-Applied"] == "wait=2"


def test_answer_of_then(server):
    """After N seconds: what would be said then, not what would have been said first."""
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    campaign.must("pause")
    machine = server.enroll("m")
    poll = Held(server, machine, 3, {"os": "x"})
    wait_held(server, 1)
    campaign.must("halt")
    answer = poll.answer()
    assert (answer["directive"], answer["reason"]) == ("wait", "halted")
    assert poll.took > 2


@pytest.mark.parametrize("prefer", ["wait=0", "", "respond-async", "wait", "wait=x", "wait=-1"])
def test_no_wait(server, prefer):
    machine = server.enroll("m")
    begun = time.monotonic()
    reply = machine.try_poll(facts={}, headers={"Prefer": prefer})
    assert reply.status in (200, 400) and time.monotonic() - begun < 5
    assert reply.status == 200 or prefer not in ("", "respond-async", "wait=0"), reply


def test_other_preferences_beside(server):
    machine = server.enroll("m")
    answer = Held(server, machine, prefer="respond-async, wait=1; foo=bar").answer()
    assert answer["reason"] == "no_match"


def test_offers_are_not_held(server):
    campaign = server.admin.started(c.payload(server.domain))
    machine = server.enroll("m")
    poll = Held(server, machine, 60, {"fault": campaign.id})
    assert poll.answer()["directive"] == "apply" and poll.took < 10


def test_room_wakes_a_held_poll(server):
    """In-flight cap: the next machine is offered as soon as there is room, without asking again."""
    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(in_flight={"initial": 1, "max": 1})))
    facts = {"fault": campaign.id}
    first, second = server.fleet(["first", "second"])
    first.take(facts=facts)
    poll = Held(server, second, 60, facts)
    wait_held(server, 1)
    assert poll.waiting
    first.report("healthy")
    answer = poll.answer()
    assert answer["directive"] == "apply" and poll.took < 30


def test_opening_ring_wakes_a_held_poll(server):
    rings = [{"name": "first", "share": 0.5, "soak_seconds": 3600}, {"name": "second", "share": 0.5, "soak_seconds": 3600}]
    server.make_known(["known-1"], {"fault": "x"}, pin="first")
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "fault", "eq": "x"},
                                              rollout=c.plan(rings=rings, patience_seconds=2)))
    machine = server.enroll("second")
    server.admin.act("PATCH", "/machines/second", {"pin": "second"})
    poll = Held(server, machine, 60, {"fault": "x"})
    answer = poll.answer(30)
    assert answer["directive"] == "apply" and answer["offer"]["campaign"] == campaign.id


def test_many_held_none_is_offered_twice(server):
    """Room for a few: exactly so many are answered, each with an offer of its own; the others stay."""
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"},
                                            rollout=c.plan(in_flight={"initial": 5, "max": 5})))
    server.make_known([f"known-{i}" for i in range(60)], {"os": "x"})
    machines = server.fleet(f"m{i}" for i in range(40))
    polls = [Held(server, m, 60, {"os": "x"}) for m in machines]
    wait_held(server, 40)
    campaign.start()
    until(lambda: sum(not p.waiting for p in polls) >= 5, "five are answered", 20)
    assert len(campaign.offers("offered")) == 5
    answered = [p for p in polls if not p.waiting]
    assert len(answered) == 5
    assert len({p.answer()["offer"]["offer_id"] for p in answered}) == 5
    # Each success makes room for others, until all are served.
    for poll in answered:
        poll.machine.offer = poll.answer()["offer"]
        poll.machine.report("healthy")
    until(lambda: sum(not p.waiting for p in polls) == 10, "five more are answered", 20)
    assert len(campaign.offers()) == 10
    campaign.must("withdraw")
    server.terminate()
    for poll in polls:
        poll.answer()


def test_client_gone(server):
    """A client that hangs up is let go, and no offer is made for it."""
    machine = server.enroll("m")
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    import json

    body = json.dumps(machine.poll_body(facts={"os": "x"})).encode()
    socks = []
    for _ in range(20):
        sock = machine.plane.open_raw()
        sock.sendall(b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=120\r\n"
                     b"Authorization: Bearer " + machine.token.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        socks.append(sock)
    wait_held(server, 20)
    for i, sock in enumerate(socks):
        if i % 2:
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
    until(lambda: held_count(server) == 0, "nobody is held any more", 20)
    campaign.start()
    assert campaign.offers() == []
    assert machine.says(facts={"os": "x"}) == ("apply", "offered")


def test_wait_is_at_most_300(server):
    """More is allowed to be asked; what is granted is said."""
    machine = server.enroll("m")
    campaign = server.admin.ready(c.payload(server.domain, match={"fact": "os", "eq": "x"}))
    poll = Held(server, machine, 100000, {"os": "x"})
    wait_held(server, 1)
    campaign.start()
    poll.answer()
    assert poll.reply.headers["Preference-Applied"] == "wait=300"


# ---- the end ----

def test_drain_answers_everybody(server):
    """SIGTERM: not ready first, every held poll is answered, exit 0 (the fixture sees to the code)."""
    machines = server.fleet(f"m{i}" for i in range(30))
    polls = [Held(server, m, 300) for m in machines]
    wait_held(server, 30)
    server.terminate()
    for poll in polls:
        answer = poll.answer(20)
        assert answer["reason"] == "no_match"
    server.process.wait(20)


def test_not_ready_while_draining(server, refused):
    """The ops plane tells it while the last requests are served."""
    machine = server.enroll("m")
    seen = []
    ops = server.ops()
    assert ops.get("/readyz").status == 200
    poll = Held(server, machine, 300)
    wait_held(server, 1)
    # A request that has begun and whose body is on its way must be finished.
    sock = machine.plane.open_raw()
    import json

    body = json.dumps(machine.poll_body(facts={})).encode()
    sock.sendall(b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 b"Authorization: Bearer " + machine.token.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:10])
    server.terminate()
    got = b""
    try:
        def not_ready():
            try:
                reply = ops.get("/readyz")
                seen.append(reply.status)
                if reply.status == 503:
                    refused(reply, 503)
            except OSError:
                return True
            return seen[-1] == 503

        until(not_ready, "/readyz says 503", 10, 0.005)
        poll.answer()
        sock.sendall(body[10:])
        sock.settimeout(10)
        got = sock.recv(65536)
    finally:
        sock.close()
    server.process.wait(30)
    assert 503 in seen, seen
    assert got.startswith(b"HTTP/1.1 200"), got[:200]
