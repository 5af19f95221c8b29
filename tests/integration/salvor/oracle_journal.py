# SPDX-License-Identifier: Apache-2.0
"""Replays a journal (GET /api/v1/export/events) with the model of oracle.py and holds every line against the rules.

A decision of the halt rule or of the advance is due from the event that causes it on: no other event of that campaign
may come before it. What a journal does not say (which machines were enrolled anew, which reported `healthy`, how many
are known) the caller tells; where nobody tells, both is taken.

    python3 -m salvor.oracle_journal FILE     checks a journal whose starts carry their plan
"""

import datetime
import hashlib
import json
import sys
from dataclasses import dataclass, field
from fractions import Fraction

from .oracle import DEFAULT_PLAN, Offer, Rollout
from .oracle_decisions import Decisions

LIVE = ("active", "paused", "halted", "completed")

# Events of an offer: type -> states it may come from, and the causes it may have.
STEPS = {
    "applied": (("offered",), (None,)),
    "succeeded": (("offered", "applied"), (None,)),
    "not_applicable": (("offered",), (None,)),
    "recalled": (("offered",), ("halt", "withdrawn", "expired", "superseded", "opt_out", "deleted", "reimaged")),
}
FAILURES = {"reported": ("offered",), "refused": ("offered",), "repolled": ("offered",),
            "silent": ("offered", "applied"), "relapsed": ("applied", "succeeded")}

STATES = {  # state -> the states it may come from
    "ready": (None, "draft"), "draft": (None, "ready"), "active": ("ready", "paused", "halted"),
    "paused": ("active", "completed"), "halted": ("active", "paused", "completed"), "completed": ("active",),
    "withdrawn": LIVE, "expired": LIVE,
}


BESIDE = {"paused": "pause", "halted": "halt", "active": "resume", "completed": "complete", "withdrawn": "withdraw",
          "expired": "expire"}


class Disagreement(AssertionError):
    pass


def millis(text):
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(when.timestamp() * 1000)


def ring_of(campaign, machine, shares):
    """Contract 3, in exact arithmetic of the shares as they are read."""
    u = Fraction(int.from_bytes(hashlib.sha256(f"{campaign}:{machine}".encode()).digest()[:8], "big"), 2**64)
    total = Fraction(0)
    for index, share in enumerate(shares):
        total += Fraction(share)
        if u < total:
            return index
    return len(shares) - 1


@dataclass
class Mach:
    id: str
    pin: object = None
    opt_out: bool = False
    incarnation: int = 1
    offers: list = field(default_factory=list)  # of every campaign, gone ones too


@dataclass
class Campaign:
    id: str
    version: int
    payload: dict
    state: object = None
    rollout: object = None
    started: int = 0            # rank: order of the starts
    started_ms: int = 0
    halted_by: object = None    # of the newest halt decision: engine, operator, supersedes
    newest_halt: object = None
    pending: object = None      # Verdict that must come next
    last_hold: object = None    # evidence
    killed: bool = False        # by the kill switch, and no decision let it run again since
    owes: object = None         # verdict of the decision that must stand beside the change of state
    ask: bool = False           # F or Z rose or S fell, or a cohort was held: the halt rule is to be asked
    known: tuple = (0, 10**9)   # machines that are known and match: at least, at most
    members: set = field(default_factory=set)  # ids of such as match for certain and are in no cohort

    @property
    def key(self):
        return self.id, self.version

    @property
    def plan(self):
        return self.rollout.plan

    @property
    def live(self):
        return self.state in LIVE


def whole_plan(plan):
    full = {**DEFAULT_PLAN, **(plan or {})}
    full["rings"] = [{"soak_seconds": 0, "growth": 1, **ring} for ring in full["rings"]]
    full["in_flight"] = {**DEFAULT_PLAN["in_flight"], **full["in_flight"]}
    return full


class World(Decisions):
    """All that a journal tells, event by event. apply() raises Disagreement."""

    def __init__(self, payloads=None):
        self.campaigns = {}
        self.payloads = payloads if payloads is not None else {}
        self.machines = {}
        self.offers = {}
        self.kill = False
        self.engaged = False      # the same, as the last act left it: its decisions stand before it
        self.seq = 0
        self.at = 0
        self.healthy = set()      # offers that were said to be healthy; None: nobody knows
        self.counts = {}          # what was checked
        self.starts = 0
        self.stops = []           # when served time stood still somewhere: a pause, the kill switch, a restart

    def stood_still(self, offer):
        """Whether served time may have stood still since the offer was applied."""
        return any(at >= offer.applied_at for at in self.stops)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def machine(self, id):
        return self.machines.setdefault(id, Mach(id))

    def must(self, condition, what, *more):
        if not condition:
            raise Disagreement(f"journal {self.seq}: {what} {' '.join(map(str, more))}\n{json.dumps(self.event)}")

    # ---- what a journal does not tell ----

    def reimaged(self, id):
        m = self.machine(id)
        m.incarnation += 1

    def deleted(self, id):
        """Its past is gone; what of it counts against the same id later the rules leave open."""
        m = self.machine(id)
        for x in m.offers:
            x.gone = True
        self.machines[id] = Mach(id, incarnation=m.incarnation, offers=m.offers)

    # ---- events ----

    def apply(self, event):
        self.event = event
        self.must(event["seq"] == self.seq + 1, "a gap behind", self.seq)
        self.seq = event["seq"]
        self.at = millis(event["at"])
        kind = event["type"]
        self.count(kind)
        campaign = self.campaigns.get((event["campaign"], event["version"])) if event["campaign"] else None
        if kind in ("offer", *STEPS, "failed") and campaign:
            self.must(not (campaign.pending and campaign.pending.kind in ("hold", "halt") and kind != "recalled"),
                      "due and not there:", campaign.pending)
            if kind != "recalled":
                self.no_advance_due(campaign)
        if campaign and campaign.owes and kind not in ("recalled", "admin"):
            beside = kind == "decision" and event["decision"]["verdict"] == campaign.owes
            self.must(beside, "not beside its state:", campaign.owes)
            campaign.owes = None
        getattr(self, f"on_{kind}", self.on_offer_event)(event, campaign)
        if campaign and kind not in ("admin", "report", "recalled"):
            self.look(campaign)

    def no_advance_due(self, campaign):
        self.must(not campaign.pending, "due and not there:", campaign.pending)

    def look(self, campaign):
        """What is due now."""
        rollout = campaign.rollout
        campaign.pending = None
        if not rollout or rollout.drill or campaign.state not in ("active", "paused", "completed"):
            return
        if campaign.ask:
            campaign.pending = rollout.look()
            if campaign.pending:
                return
            campaign.ask = False
        if campaign.state in ("active", "completed") and not self.kill:
            found = rollout.advances()
            campaign.pending = found[-1] if found else None

    def end(self):
        for campaign in self.campaigns.values():
            self.must(not campaign.owes, f"{campaign.key}: a state without its decision:", campaign.owes)
            self.must(not campaign.pending, f"{campaign.key}: due at the end and not there:", campaign.pending)

    def on_report(self, event, campaign):
        pass

    def on_admin(self, event, campaign):
        act = event.get("act", "")
        if act.startswith("kill_switch."):
            self.kill = act.endswith(".on")
            self.stops.append(self.at)
            self.switch()
        elif act == "machine.change":
            m = self.machine(event["machine_id"])
            change = event["change"]
            m.pin = change.get("pin", m.pin)
            m.opt_out = change.get("opt_out", m.opt_out)
        elif act == "machine.delete":
            self.deleted(event["machine_id"])

    def switch(self):
        """Every campaign that the kill switch stops, or lets run again, has its decision before the act."""
        for each in self.campaigns.values():
            if self.kill and not self.engaged:
                self.must(each.killed or not each.live, "no decision tells of the kill switch:", each.key)
            if not self.kill:
                self.must(not each.killed or each.state not in ("active", "completed"), "it runs again:", each.key)
                each.killed = False
                if not each.pending:
                    self.look(each)
        self.engaged = self.kill

    # -- offers --

    def on_offer(self, event, campaign):
        self.must(campaign and campaign.rollout, "an offer of a campaign that never began")
        rollout, m = campaign.rollout, self.machine(event["machine_id"])
        rings = [r["name"] for r in rollout.plan["rings"]]
        self.must(campaign.state in ("active", "completed"), "an offer while", campaign.state)
        self.must(not self.kill, "an offer under the kill switch")
        self.must(not m.opt_out, "an offer to a machine that is opted out")
        ring = rings.index(event["ring"])
        self.must(ring == self.ring(campaign, m), "the machine is of ring", self.ring(campaign, m))
        self.must(ring < rollout.open, "ring", ring, "is not open")
        cohorts = tuple(event.get("cohorts", ()))
        self.must(not rollout.held.intersection(cohorts), "of a cohort that is held")
        for value in cohorts:
            self.must(value.split("=")[0] in rollout.plan["cohorts"], "no cohort of the plan:", value)
        may, _ = rollout.room(campaign.known)
        self.must(may, "above the cap:", rollout.unsettled(), rollout.excess(), rollout.cap(campaign.known[1]))
        other = [x.id for x in m.offers if x.unsettled and not x.gone and x.incarnation == m.incarnation]
        self.must(not other, "unsettled offers of the same machine:", other)
        self.must(event["offer_id"] not in self.offers, "an offer_id twice")
        past = [x for x in m.offers if x.campaign == campaign.key]
        mine = [x for x in past if not x.gone and x.incarnation == m.incarnation]
        self.must(not any(x.succeeded or x.state == "not_applicable" for x in mine), "succeeded, or not applicable")
        self.must(not any(x.late == "yes" for x in mine), "it told late that it is applied")
        used = sum(x.standing != "recalled" for x in mine)
        self.must(used < rollout.plan["max_attempts"], "attempts are used up:", used)
        allowed = {used + 1, len(mine) + 1, sum(x.state != "recalled" for x in past) + 1, len(past) + 1}
        self.must(event["attempt"] in allowed, "attempt is none of", allowed)
        self.numbers(event, campaign, m, past)
        offer = Offer(event["offer_id"], campaign.key, m.id, ring, rollout.stage, event["attempt"], event["counted"],
                      event.get("i", -1), event.get("o", -1), rollout.period, cohorts, self.at,
                      incarnation=m.incarnation)
        rollout.add(offer)
        m.offers.append(offer)
        self.offers[offer.id] = offer

    def numbers(self, event, campaign, m, past):
        """counted, i, o, stage and period"""
        rollout = campaign.rollout
        rings = [r["name"] for r in rollout.plan["rings"]]
        self.must(event["stage"] == rings[rollout.stage], "the stage is", rings[rollout.stage])
        self.must(event["period"] == rollout.period, "the period is", rollout.period)
        before = [x for x in past if x.incarnation == m.incarnation]
        first = not any(x.counted and x.period == rollout.period for x in before)
        if not any(x.gone for x in before) and not rollout.drill:
            # In a later counting period a machine's next offer is its first one again: "per counting period".
            self.must(event["counted"] == first, "counted is", first)
        if event["counted"]:
            i = 1 + max((x.i for x in rollout.offers if x.counted and x.period == rollout.period), default=-1)
            o = 1 + max((x.o for x in rollout.of_stage(rollout.stage)), default=0)
            self.must((event["i"], event["o"]) == (i, o), "i, o are", i, o)
            self.count("numbers")

    def ring(self, campaign, m):
        rings = [r["name"] for r in campaign.plan["rings"]]
        if m.pin is not None:
            return rings.index(m.pin) if m.pin in rings else len(rings) - 1
        return ring_of(campaign.id, m.id, [r["share"] for r in campaign.plan["rings"]])

    def on_offer_event(self, event, campaign):
        offer = self.offers.get(event["offer_id"])
        if offer is None and event.get("offline"):
            return
        kind, cause = event["type"], event.get("cause")
        self.must(offer and offer.campaign == campaign.key and offer.machine == event["machine_id"], "of no offer")
        if kind == "failed":
            self.must(cause in FAILURES, "no cause of a failure")
            self.must(offer.state in FAILURES[cause], "from", offer.state)
        else:
            self.must(offer.state in STEPS[kind][0] and cause in STEPS[kind][1], "from", offer.state)
        self.must(kind == "recalled" or not offer.recalling, "it is recalled")
        self.in_time(kind, cause, offer, campaign)
        if kind == "applied" or (kind == "succeeded" and offer.applied_at is None):
            offer.applied_at = self.at
            offer.never_applied = kind == "succeeded"
        if kind == "failed" and cause == "relapsed":
            self.must(offer.incarnation == self.machine(offer.machine).incarnation or offer.gone,
                      "a machine of another incarnation is no relapse")
        before = (offer.failed, offer.silent, offer.state == "not_applicable")
        offer.state, offer.cause = kind, cause
        if offer.counted and offer.period == campaign.rollout.period and not offer.out:
            campaign.ask |= before != (offer.failed, offer.silent, kind == "not_applicable")

    def in_time(self, kind, cause, offer, campaign):
        """Served time is never more than what passed on the clock."""
        plan, slack = campaign.plan, 20
        if cause == "silent":
            since = offer.made_at if offer.state == "offered" else offer.applied_at
            self.must(self.at - offer.made_at >= plan["outcome_deadline_seconds"] * 1000 - slack, "silent too early")
            self.must(since is not None and (offer.state == "offered" or offer.healthy_only is not False),
                      "applied falls silent only where healthy was promised")
        if kind == "succeeded" and self.healthy is not None and offer.id not in self.healthy:
            self.must(offer.state == "applied", "nobody said healthy, and it is not applied")
            soak = plan["rings"][offer.stage]["soak_seconds"] * 1000
            self.must(self.at - offer.applied_at >= soak - slack, "succeeded before its soak")
            self.must(offer.healthy_only is not True, "it settles only by healthy")

    # -- states --

    def on_state(self, event, campaign):
        key = (event["campaign"], event["version"])
        state = event["state"]
        if campaign is None:
            campaign = self.campaigns[key] = Campaign(*key, payload=None)
        was = campaign.state
        self.must(was in STATES[state] or (state == "active" and was == "completed"), "from", was)
        if state == "active" and was == "ready":
            payload = self.payloads.get(key) or {}
            campaign.payload = payload
            plan = whole_plan(payload.get("rollout") if payload else event.get("plan"))
            if "plan" in event:
                self.must(same_plan(plan, event["plan"]), "the plan of the start is another one:", plan)
            campaign.rollout = Rollout(plan, drill=payload.get("drill", event.get("drill", False)))
            self.starts += 1
            campaign.started, campaign.started_ms = self.starts, self.at
        if state in ("halted", "withdrawn", "expired") and campaign.rollout:
            for x in campaign.rollout.offers:
                x.recalling |= x.state == "offered"
        if was == "halted" and state == "active" and campaign.halted_by == "engine":
            campaign.rollout.begin_period()
            campaign.ask = False
        campaign.owes = BESIDE.get(state) if was != "ready" else None
        if "paused" in (state, was):
            self.stops.append(self.at)
        campaign.state = state


def same_plan(a, b):
    """Numbers compare as numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_plan(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_plan, a, b))
    return a == b


def replay(events, payloads=None, marks=None, healthy=None):
    """Replays a whole journal. marks: {seq: [functions of the world]}, called behind that entry. -> World"""
    world = World(payloads)
    world.healthy = healthy
    for event in events:
        world.apply(event)
        for mark in (marks or {}).get(event["seq"], ()):
            mark(world)
    world.end()
    return world


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as lines:
        print(replay([json.loads(line) for line in lines if line.strip()]).counts)
