# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment: nothing acknowledged is lost, nobody is offered twice, nothing halted goes on."""

import random
import threading

import pytest

from salvor import campaign as c
from salvor.machine import Machine
from salvor.wait import until

ROUNDS = 6

pytestmark = pytest.mark.tsan


class Acknowledged:
    """What the server has answered for, by machine."""

    def __init__(self):
        self.lock = threading.Lock()
        self.offers = {}  # machine id -> offer_id, newest
        self.all_offers = {}  # machine id -> every offer_id
        self.reports = {}  # offer_id -> state
        self.tokens = {}  # machine id -> token
        self.boots = {}  # machine id -> boot_id

    def offered(self, machine, offer_id):
        with self.lock:
            known = self.all_offers.setdefault(machine, [])
            if offer_id not in known:
                known.append(offer_id)

    def reported(self, offer_id, state):
        with self.lock:
            self.reports[offer_id] = state


def busy(server, token, names, facts, book, stop, kinds):
    """One client thread: machines enroll, poll and report until the server is gone."""
    plane = server.machine_plane()
    rng = random.Random(names[0])
    try:
        for name in names:
            if stop.is_set():
                return
            machine = Machine(server, name, plane)
            machine.token = book.tokens.get(name)
            machine.boot = book.boots.setdefault(name, machine.boot)
            if not machine.token:
                machine.enroll(token)
                book.tokens[name] = machine.token
            answer = machine.poll(facts=facts)
            if answer["directive"] != "apply":
                continue
            book.offered(name, answer["offer"]["offer_id"])
            stage = rng.choice(kinds)
            if stage:
                accepted, state = machine.report(stage)
                book.reported(answer["offer"]["offer_id"], state)
    except Exception:
        if not stop.is_set():
            raise


def check(server, campaign, book):
    """Everything that was answered for is there."""
    offers = {o["offer_id"]: o for o in campaign.offers()}
    by_machine = {}
    for offer in offers.values():
        by_machine.setdefault(offer["machine_id"], []).append(offer)
    for machine, known in book.all_offers.items():
        for offer_id in known:
            assert offer_id in offers, f"{machine}: the offer {offer_id} is lost"
            assert offers[offer_id]["machine_id"] == machine
    for machine, mine in by_machine.items():
        unsettled = [o for o in mine if o["state"] in ("offered", "applied")]
        assert len(unsettled) <= 1, f"{machine} was offered twice: {mine}"
        assert len(mine) == 1, f"{machine} was offered twice: {mine}"
    for offer_id, state in book.reports.items():
        now = offers[offer_id]["state"]
        assert now == state or (state, now) == ("applied", "succeeded"), f"{offer_id} was {state} and is {now}"
    server.events()  # fails on a gap


@pytest.mark.slow
def test_kill_in_the_middle(server):
    rng = random.Random(20240719)
    campaign = server.admin.started(c.payload(server.domain, rollout=c.plan(in_flight={"initial": 1000, "max": 10**6})))
    facts = {"fault": campaign.id}
    server.make_known([f"known-{i}" for i in range(1000)], facts)
    book = Acknowledged()
    for round in range(ROUNDS):
        token = server.enrollment_token(uses=100)
        stop = threading.Event()
        threads = []
        for t in range(4):
            names = [f"r{round}-t{t}-{i}" for i in range(25)]
            # Machines of earlier rounds ask again: what they hold must be repeated.
            names += rng.sample(sorted(book.all_offers), min(10, len(book.all_offers)))
            threads.append(threading.Thread(target=busy, args=(server, token, names, facts, book, stop,
                                                               ["applied", "healthy", None, None])))
        seen = len(book.all_offers)
        for thread in threads:
            thread.start()
        wanted = seen + rng.randrange(1, 70)
        until(lambda: len(book.all_offers) >= wanted or not any(t.is_alive() for t in threads), "some offers are out", 60, 0.002)
        stop.set()
        server.kill()
        for thread in threads:
            thread.join()
        server.start()
        campaign.admin = server.admin
        check(server, campaign, book)
        # Unsettled offers are repeated, the same ones.
        plane = server.machine_plane()
        open_ones = {o["machine_id"]: o["offer_id"] for o in campaign.offers("offered")}
        for name in rng.sample(sorted(open_ones), min(10, len(open_ones))):
            if name not in book.tokens:
                continue
            machine = Machine(server, name, plane)
            machine.token, machine.boot = book.tokens[name], book.boots[name]
            answer = machine.poll(facts=facts)
            assert answer["directive"] == "apply" and answer["offer"]["offer_id"] == open_ones[name], answer
    assert campaign.state == "active"


@pytest.mark.slow
@pytest.mark.parametrize("act,state", [("halt", "halted"), ("pause", "paused"), ("withdraw", "withdrawn")])
def test_acknowledged_act_survives(server, act, state):
    """The kill comes right behind the answer."""
    facts = {"fault": "storm"}
    server.make_known([f"known-{i}" for i in range(500)], facts)
    campaign = server.admin.started(c.payload(server.domain, match={"fact": "fault", "eq": "storm"}))
    stop = threading.Event()
    book = Acknowledged()
    token = server.enrollment_token(uses=100)
    threads = [threading.Thread(target=busy, args=(server, token, [f"t{t}-{i}" for i in range(40)], facts, book, stop, [None]))
               for t in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(book.all_offers) >= 5, "some offers are out", 30, 0.002)
    header = server.admin.grant("POST", f"/api/v1{campaign.path}/{act}", b'{"reason": "now"}')
    reply = server.admin.client.post(f"/api/v1{campaign.path}/{act}", b'{"reason": "now"}', headers={"Salvor-Elevation": header})
    stop.set()
    server.kill()
    assert reply.status == 200, reply
    for thread in threads:
        thread.join()
    server.start()
    campaign.admin = server.admin
    assert campaign.state == state
    late = server.enroll("late")
    answer = late.poll(facts=facts)
    assert answer["directive"] != "apply"
    # Nothing was offered behind the act in the journal.
    events = [e for e in server.events() if e.get("campaign") == campaign.id]
    at = max(e["seq"] for e in events if e["type"] in ("state", "decision"))
    assert not [e for e in events if e["type"] == "offer" and e["seq"] > at]
    check(server, campaign, book)


@pytest.mark.slow
def test_kill_switch_survives(server):
    server.admin.started(c.payload(server.domain, match={"fact": "os", "exists": True}))
    reply = server.admin.client.put("/api/v1/kill-switch", {"engaged": True, "reason": "now"})
    server.kill()
    assert reply.status == 200, reply
    server.start()
    assert server.admin.get("/kill-switch")["engaged"] is True
    assert server.enroll("m").says(facts={"os": "x"}) == ("wait", "kill_switch")


@pytest.mark.slow
def test_halt_by_the_engine_survives(server):
    campaign = server.admin.started(c.payload(server.domain))
    facts = {"fault": campaign.id}
    server.make_known([f"known-{i}" for i in range(100)], facts)
    machines = server.fleet(f"m{i}" for i in range(6))
    for machine in machines[:5]:
        machine.take(facts=facts)
    for machine in machines[:4]:
        machine.report("failed")
    server.kill()
    server.start()
    campaign.admin = server.admin
    assert campaign.state == "halted"
    machines[5].plane = server.machine_plane()
    assert machines[5].says(facts=facts) == ("wait", "halted")
    assert campaign.do("resume").slug == "acknowledge-required"


@pytest.mark.slow
def test_tokens_and_enrollments_survive(server):
    token = server.enrollment_token(uses=3)
    machine = server.enroll("m1", token)
    server.kill()
    server.start()
    machine.plane = server.machine_plane()
    assert machine.poll(facts={})["directive"] == "none"
    server.enroll("m2", token)
    server.enroll("m3", token)
    assert Machine(server, "m4", server.machine_plane()).try_enroll(token).status in (401, 403, 409)


@pytest.mark.slow
def test_grant_is_used_once_across_a_crash(server, refused):
    campaign = server.admin.ready(c.payload(server.domain))
    path, body = f"/api/v1{campaign.path}/start", b'{"reason": "go"}'
    header = {"Salvor-Elevation": server.admin.grant("POST", path, body)}
    assert server.admin.client.post(path, body, headers=header).status == 200
    server.kill()
    server.start()
    campaign.admin = server.admin
    assert campaign.state == "active"
    refused(server.admin.client.post(path, body, headers=header), 403)
