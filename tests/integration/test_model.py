# SPDX-License-Identifier: Apache-2.0
"""Random sequences of polls, reports and acts against a small model of the states of offers."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from salvor import campaign as c

MACHINES = 3
ATTEMPTS = 2

pytestmark = pytest.mark.tsan


class Model:
    """One campaign, one ring, no timers, no halt by the engine (there are enough silent neighbours)."""

    def __init__(self):
        self.state = "active"
        self.offers = []  # dicts: machine, state, cause, boot, late
        self.boot = [0] * MACHINES
        self.opt_out = [False] * MACHINES

    def mine(self, m):
        return [o for o in self.offers if o["machine"] == m]

    def last(self, m):
        return self.mine(m)[-1] if self.mine(m) else None

    def settle_by_boot(self, m):
        """A poll with boot_failure: what is open from another boot is repolled, what was applied has relapsed."""
        for o in self.mine(m):
            if o["boot"] == self.boot[m]:
                continue
            if o["state"] == "offered":
                o["state"], o["cause"] = "failed", "repolled"
            elif o["state"] in ("applied", "succeeded") and o["applied"]:
                o["state"], o["cause"] = "failed", "relapsed"

    def answer(self, m):
        """-> (directive, reason) or None where the rules name no reason; "new" when an offer is to be made"""
        if self.opt_out[m]:
            return "none", "opted_out"
        last = self.last(m)
        if last and last["state"] == "offered" and self.state == "active":
            return "apply", "offered"
        if last and last["state"] == "applied":
            return ("none", "already_applied") if last["boot"] == self.boot[m] else None
        if self.state == "withdrawn":
            return "none", "no_match"
        if last and last["state"] == "succeeded":
            return "none", "already_succeeded"
        if last and last["state"] == "not_applicable":
            return "none", "not_applicable"
        if any(o["late"] for o in self.mine(m)):
            return None
        used = sum(o["state"] != "recalled" for o in self.mine(m))
        if used >= ATTEMPTS:
            return "none", "attempts_exhausted"
        if last and last["state"] == "failed" and last["cause"] != "silent" and last["boot"] == self.boot[m]:
            return None
        if self.state in ("paused", "halted"):
            return "wait", self.state
        return "new"

    def poll(self, m, reason):
        if reason == "boot_failure":
            self.settle_by_boot(m)
        answer = self.answer(m)
        if answer == "new":
            self.offers.append({"machine": m, "state": "offered", "cause": None, "boot": self.boot[m], "applied": False, "late": False})
            return "apply", "offered"
        if answer == ("apply", "offered"):
            # Repeated in another boot that did not fail: from now on it belongs to that one.
            self.last(m)["boot"] = self.boot[m]
        return answer

    def report(self, o, stage):
        """-> accepted; what another boot says of this offer changes nothing, but for `healthy`"""
        if stage != "healthy" and o["boot"] != self.boot[o["machine"]]:
            return False
        if o["state"] == "offered":
            state = {"applied": "applied", "healthy": "succeeded", "not_applicable": "not_applicable"}.get(stage, "failed")
            o["state"] = state
            o["cause"] = {"failed": "reported", "refused": "refused"}.get(stage)
            o["applied"] = stage in ("applied", "healthy")
            return True
        if o["state"] == "applied" and stage == "healthy":
            o["state"] = "succeeded"
            return True
        if stage in ("applied", "healthy") and (o["state"] == "recalled" or o["cause"] in ("silent", "repolled", "refused")):
            o["late"] = True
        return False

    def act(self, verb):
        table = {("active", "pause"): "paused", ("paused", "resume"): "active", ("active", "halt"): "halted",
                 ("paused", "halt"): "halted", ("halted", "resume"): "active"}
        new = table.get((self.state, verb))
        if new is None:
            return False
        self.state = new
        if new == "halted":
            self.recall(lambda o: True, "halt")
        return True

    def recall(self, whose, cause):
        for o in self.offers:
            if o["state"] == "offered" and whose(o):
                o["state"], o["cause"] = "recalled", cause


STEP = st.one_of(
    st.tuples(st.just("poll"), st.integers(0, MACHINES - 1), st.sampled_from(["boot_failure", "boot_failure", "requested"])),
    st.tuples(st.just("boot"), st.integers(0, MACHINES - 1)),
    st.tuples(st.just("report"), st.integers(0, MACHINES - 1), st.integers(0, 3),
              st.sampled_from(["applied", "applied", "healthy", "failed", "refused", "not_applicable"])),
    st.tuples(st.just("act"), st.sampled_from(["pause", "resume", "halt", "resume"])),
    st.tuples(st.just("opt_out"), st.integers(0, MACHINES - 1), st.booleans()),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
          suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=5, max_size=25))
def test_against_the_model(shared, steps):
    plan = c.plan(max_attempts=ATTEMPTS, halt_error=0.0000001, acceptable_failure=0.3, acceptable_silence=0.3,
                  unacceptable_failure=0.9, in_flight={"initial": 1000, "max": 1000})
    campaign = shared.admin.started(c.payload(shared.domain, rollout=plan))
    facts = {"fault": campaign.id}
    shared.make_known([f"{campaign.id}-k{i}" for i in range(200)], facts)
    machines = shared.fleet(f"{campaign.id}-m{i}" for i in range(MACHINES))
    model = Model()
    ids = []  # offer ids, in the order of model.offers
    try:
        for step in steps:
            kind = step[0]
            if kind == "poll":
                made = len(model.offers)
                expected = model.poll(step[1], step[2])
                answer = machines[step[1]].poll(facts=facts, reason=step[2])
                said = answer["directive"], answer["reason"]
                if expected is None:
                    assert said[0] != "apply", (steps, step, answer)
                else:
                    assert said == expected, (steps, step, expected, answer)
                if len(model.offers) > made:
                    assert answer["offer"]["offer_id"] not in ids, (steps, step)
                    ids.append(answer["offer"]["offer_id"])
                elif said[0] == "apply":
                    index = max(i for i, o in enumerate(model.offers) if o["machine"] == step[1])
                    assert answer["offer"]["offer_id"] == ids[index], (steps, step)
            elif kind == "boot":
                machines[step[1]].reboot()
                model.boot[step[1]] += 1
            elif kind == "report":
                mine = [i for i, o in enumerate(model.offers) if o["machine"] == step[1]]
                if not mine:
                    continue
                index = mine[step[2] % len(mine)]
                accepted = model.report(model.offers[index], step[3])
                assert machines[step[1]].report(step[3], offer=ids[index]) == (accepted, model.offers[index]["state"]), (steps, step)
            elif kind == "act":
                allowed = model.act(step[1])
                more = {}
                if step[1] == "resume" and campaign.decisions("halt"):
                    more = {"acknowledge": campaign.halt_id()}
                reply = campaign.do(step[1], **more)
                assert reply.status == (200 if allowed else 409), (steps, step, reply)
            else:
                was = model.opt_out[step[1]]
                model.opt_out[step[1]] = step[2]
                if step[2] and not was:
                    model.recall(lambda o: o["machine"] == step[1], "opt_out")
                reply = shared.admin.act("PATCH", f"/machines/{machines[step[1]].id}", {"opt_out": step[2]})
                assert reply.status == 200, reply
            seen = {o["offer_id"]: (o["state"], o.get("cause")) for o in campaign.offers()}
            assert seen == {i: (o["state"], o["cause"]) for i, o in zip(ids, model.offers)}, (steps, step)
    finally:
        campaign.do("withdraw")
