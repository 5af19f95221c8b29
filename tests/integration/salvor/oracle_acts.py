# SPDX-License-Identifier: Apache-2.0
"""What operators and time do in the stories of oracle_story.py, and the telling of one whole story."""

import time

from .machine import new_boot
from .oracle_story import Story, Told

ALLOWED = {"pause": ("active", "completed"), "halt": ("active", "paused", "completed"),
           "resume": ("paused", "halted"), "withdraw": ("active", "paused", "halted", "completed")}


STAGES = ["applied", "healthy", "failed", "refused", "not_applicable"]
TIRED = {"kill_switch": 1, "paused": 1, "halted": 0.5, "in_flight_cap": 0.3}  # a wave ends at such an answer


class Tale(Story):
    # ---- what happens ----

    def outcome(self, player):
        """Reports as such a machine would."""
        rnd = self.rnd
        if rnd.random() < self.quiet_share * 0.5:
            return
        if rnd.random() < self.bad[player.facts.get("model") if player.facts.get("model") != "C" else None]:
            self.report(player, rnd.choice(("failed", "failed", "failed", "refused")))
        elif rnd.random() < 0.06:
            self.report(player, "not_applicable")
        else:
            self.report(player, rnd.choice(("applied", "healthy")))

    def step(self):
        rnd = self.rnd
        player = rnd.choice(self.players)
        what = rnd.random()
        if rnd.random() < 0.3:
            self.go_on()
        if self.turn is not None and self.polls >= self.turn:
            self.bad, self.turn = dict.fromkeys(self.bad, 0.9), None
        if what < 0.08:
            self.wave()
        elif what < 0.55:
            if player.wire.token is None:
                return
            if rnd.random() < 0.25:
                player.wire.boot = new_boot()
            reason = rnd.choices(("boot_failure", "requested", "drill"), (85, 10, 5))[0]
            locked = {"volume_locked": True} if rnd.random() < 0.03 else {}
            said = self.poll(player, reason, locked)
            if rnd.random() < 0.1 and not locked and reason == "boot_failure":
                self.explain(player, said)
            if said["directive"] == "apply" and rnd.random() < 0.8:
                self.outcome(player)
        elif what < 0.85:
            self.step_report(player)
        elif what < 0.87:
            time.sleep(rnd.choice((0.05, 0.2, 1.1)))
            self.sync()
            self.overdue()
        else:
            self.step_act(player)

    def go_on(self):
        """Not much happens while nothing may be offered."""
        self.sync()
        if self.world.kill:
            self.kill(None)
        elif not self.live() and self.rnd.random() < 0.5:
            self.start()
        elif not any(x.state in ("active", "completed") for x in self.live()):
            self.life("resume")

    def wave(self):
        """Many ask and tell, one after the other."""
        for player in self.rnd.sample(self.players, self.rnd.randint(1, len(self.players))):
            if self.rnd.random() < 0.15:
                player.wire.boot = new_boot()
            said = self.poll(player)
            if said["directive"] == "apply" and self.rnd.random() < 0.9:
                self.outcome(player)
            elif self.rnd.random() < TIRED.get(said["reason"], 0):
                break

    def step_report(self, player):
        rnd = self.rnd
        if player.wire.token is None or not player.old:
            return
        kind = rnd.random()
        if kind < 0.6:
            self.outcome(player)
        elif kind < 0.8:
            self.report(player, rnd.choice(STAGES), rnd.choice(player.old))
        elif kind < 0.9:
            self.report(player, rnd.choice(STAGES), rnd.choice(player.old), new_boot())
        else:
            other = rnd.choice(self.players)
            if other is not player and other.old and player.wire.token:
                reply = player.wire.try_report("failed", offer=other.old[-1])
                self.must(reply.status == 404, "a report for another machine's offer:", reply)

    def step_act(self, player):
        rnd = self.rnd
        act = rnd.choices(("pause", "resume", "halt", "withdraw", "advance", "release", "kill", "opt_out", "pin",
                           "delete", "reimage", "launch", "restart"),
                          (10, 34, 3, 1, 8, 14, 5, 8, 4, 3, 4, 5, 1))[0]
        self.sync()
        getattr(self, act if hasattr(self, act) else "life")(*([player] if act in PERSONAL else [act]))
        self.acts += 1

    def some(self, *states):
        found = [x for x in self.live() if not states or x.state in states]
        return self.rnd.choice(found) if found else None

    def superseded(self, model):
        return [x for x in self.live() if x is not model and model.id in x.payload.get("supersedes", ())]

    def launch(self, _):
        self.start()

    # ---- life cycle ----

    def life(self, verb):
        model = self.some(*(ALLOWED[verb] if self.rnd.random() < 0.9 else ()))
        if model is None:
            return
        campaign, more = self.campaigns[model.key], {}
        right = {200} if model.state in ALLOWED[verb] else {409}
        if verb == "resume" and model.state == "halted":
            right, more = self.resumption(model)
        reply = campaign.do(verb, **more)
        self.tell(verb, model.key, more, "from", model.state, reply.status)
        if reply.status == 409 and model.state == "halted" and 200 in right and not more:
            named = str(model.newest_halt) in reply.body.decode()
            self.must(reply.slug == "acknowledge-required" and named, verb, reply)
            reply = campaign.do(verb, acknowledge=model.newest_halt)
            self.tell(verb, model.key, "acknowledged", reply.status)
        self.must(reply.status in right, verb, model.key, "while", model.state, "takes", right, "and got", reply)
        before = model.state
        self.sync()
        if reply.status == 200:
            to = {"pause": "paused", "halt": "halted", "resume": "active", "withdraw": "withdrawn"}[verb]
            self.must(model.state in (to, *(("completed", "halted") if to in ("active", "paused") else ())),
                      verb, "made it", model.state)
        else:
            still = (before, "completed", "halted", "expired")
            self.must(model.state in still, verb, "was refused, and made it", model.state)

    def resumption(self, model):
        if any(x.state != "expired" for x in self.superseded(model)):
            return {409}, {"acknowledge": model.newest_halt}
        undone = [x for x in self.live() if x.payload.get("undoes") == model.id]
        right = {200, 409} if undone else {200}
        if model.halted_by == "engine" and self.rnd.random() < 0.3:
            wrong = self.rnd.choice(({}, {"acknowledge": "d1"}))
            reply = self.campaigns[model.key].do("resume", **wrong)
            self.tell("resume", model.key, wrong, reply.status)
            if not undone:
                self.must(reply.status == 409 and reply.slug == "acknowledge-required"
                          and str(model.newest_halt) in reply.body.decode(), "resume without the newest halt:", reply)
        return right, {"acknowledge": model.newest_halt}

    def advance(self, _):
        model = self.some()
        if model is None:
            return
        newest = self.campaigns[model.key].decisions()[-1]["id"]
        reply = self.campaigns[model.key].do("advance", acknowledge=newest)
        self.tell("advance", model.key, model.state, reply.status)
        rollout, rings = model.rollout, len(model.plan["rings"])
        can = model.plan["manual_advance"] and rollout.open < rings
        right = {409} if not can else {200} if model.state == "active" else {200, 409}
        if model.plan["manual_advance"] and rollout.stage + 1 < rollout.open:
            right = {200, 409}  # the stage began anew behind rings that are open
        self.must(reply.status in right, "advance takes", right, "and got", reply)
        before = (rollout.open, rollout.stage)
        self.sync()
        if model.plan["manual_advance"]:
            self.must((before != (rollout.open, rollout.stage)) == (reply.status == 200), "stage and rings are", before)

    def release(self, _):
        found = [(x, value) for x in self.live() for value in sorted(x.rollout.held)]
        if not found:
            return self.life("resume")
        model, value = self.rnd.choice(found)
        reply = self.campaigns[model.key].do("resume", cohort=value)
        self.tell("release", model.key, value, model.state, reply.status)
        self.must(reply.status == 200 or model.state != "active", "release:", reply)
        self.sync()
        self.must(reply.status != 200 or value not in model.rollout.held, "released, and the journal tells nothing")
        return None

    def kill(self, _):
        engaged = not self.world.kill
        self.server.admin.kill_switch(engaged)
        self.tell("kill switch", engaged)
        self.sync()
        self.must(self.world.kill == engaged, "the journal does not tell of the kill switch")

    # ---- machines ----

    def opt_out(self, player):
        if player.wire.token is None:
            return
        m = self.world.machine(player.wire.id)
        self.change(m, {"opt_out": not m.opt_out})

    def pin(self, player):
        if player.wire.token is not None:
            self.change(self.world.machine(player.wire.id),
                        {"pin": self.rnd.choice((None, "one", "two", "three", "nowhere"))})

    def change(self, m, change):
        reply = self.server.admin.act("PATCH", f"/machines/{m.id}", change)
        self.tell("change", m.id, change, reply.status)
        self.must(reply.status == 200, "change", m.id, change, reply)
        open = [x for x in m.offers if x.standing == "offered" and not x.gone]
        self.sync()
        if change.get("opt_out"):
            self.must(all(x.state == "recalled" for x in open), "opted out, and not recalled:", open)

    def delete(self, player):
        if player.wire.token is None:
            return
        m = self.world.machine(player.wire.id)
        open = [x for x in m.offers if x.standing == "offered" and not x.gone]
        reply = self.server.admin.act("DELETE", f"/machines/{m.id}")
        self.tell("delete", m.id, reply.status)
        self.must(reply.status == 204, "delete", reply)
        self.sync()
        self.must(all(x.state == "recalled" and x.cause == "deleted" for x in open), "deleted, and not recalled:", open)
        reply = player.wire.try_poll(facts=player.facts)
        self.must(reply.status == 401, "a poll of a machine that was deleted:", reply)
        player.wire.enroll(self.server.enrollment_token(uses=1))
        player.offer = None
        self.sync()

    def reimage(self, player):
        if player.wire.token is None:
            return
        m = self.world.machine(player.wire.id)
        reimaged = self.rnd.random() < 0.7
        open = [x for x in m.offers if x.standing == "offered" and not x.gone]
        token = self.server.enrollment_token(uses=1, machine_id=m.id, reimaged=reimaged)
        self.sync()
        player.wire.enroll(token)
        player.wire.boot = new_boot()
        self.tell("enroll again", m.id, "reimaged" if reimaged else "")
        self.sync()
        if reimaged:
            self.mark(m.id)
            recalled = all(x.state == "recalled" and x.cause == "reimaged" for x in open)
            self.must(recalled, "re-imaged, not recalled:", open)
        else:
            kept = all(x.standing == "offered" or x.cause == "silent" for x in open)
            self.must(kept, "enrolled again, and settled:", open)

    def mark(self, id):
        self.world.reimaged(id)
        self.marks.setdefault(self.world.seq, []).append(lambda world: world.reimaged(id))

    # ---- the daemon ----

    def restart(self, _):
        self.tell("restart")
        kill = self.rnd.random() < 0.5
        self.world.stops.append(self.world.at)
        if kill:
            self.server.kill()
            self.server.start()
        else:
            self.server.restart()
        plane = self.server.machine_plane()
        for player in self.players:
            player.wire.plane = plane
        for campaign in self.campaigns.values():
            campaign.admin = self.server.admin
        self.world.stops.append(round(time.time() * 1000))
        self.sync()
        for model in self.live():
            before, now = model.state, self.campaigns[model.key].state
            self.sync()  # it may have ended in between
            self.must(now in (before, model.state), "after a restart", model.key, "is", now, "and was", before)
            self.known_of(model.key)

    # ---- a whole story ----

    def run(self, marks, steps=None):
        """marks: {seq: [functions of a World]}: what the journal does not tell."""
        self.marks = marks
        try:
            self.tell("story", self.seed, "machines", self.size)
            self.scene()
            self.start()
            for _ in range(self.rnd.choice((0, 0, 1, 2))):
                self.start()
            for key, value in self.world.payloads.items():
                if key in self.campaigns:
                    self.tell(key, value["rollout"])
            for _ in range(steps or 20 + 5 * self.size):
                self.step()
            self.end()
        except AssertionError as bad:
            recent = "\n".join(self.trace[:12] + ["…"] + self.trace[-60:])
            raise Told(f"seed {self.seed}, after {len(self.trace)} lines\n{recent}\n\nDISAGREES: {bad}") from bad
        return self

    def end(self):
        """What operators are shown agrees with the model; then nothing of it is left to run."""
        if self.world.kill:
            self.kill(None)
        self.sync()
        self.overdue()
        for model in self.live():
            self.shown(model)
        for model in self.live():
            reply = self.campaigns[model.key].do("withdraw")
            self.must(reply.status == 200 or model.state != "active", "withdraw:", reply)
        self.sync()
        for key in self.campaigns:
            state = self.world.campaigns[key].state
            self.must(state in ("withdrawn", "expired"), key, "is", state)

    def shown(self, model):
        """The list of offers, and the numbers beside the campaign."""
        campaign, rollout = self.campaigns[model.key], model.rollout
        shown = {o["offer_id"]: (o["state"], o.get("cause"), o.get("counted", True)) for o in campaign.offers()}
        seen = campaign.get()
        before = self.world.seq
        self.sync()
        if self.world.seq != before or any(x.recalling for x in rollout.offers):
            return  # time went on in between
        told = {x.id: (x.state, x.cause, x.counted) for x in rollout.offers}
        gone = {x.id for x in rollout.offers if x.gone}
        for id in told.keys() - gone:
            self.must(shown.get(id) == told[id], "offer", id, "is shown as", shown.get(id), "and is", told[id])
        self.must(seen["halts_resumed"] == rollout.k, "halts resumed are", rollout.k)
        self.must(seen["stage"] == rollout.plan["rings"][rollout.stage]["name"], "the stage is", rollout.stage)
        self.must([r["open"] for r in seen["rings"]] == [i < rollout.open for i in range(len(seen["rings"]))], "rings")
        if not rollout.drill:
            s, f, z = rollout.sums(rollout.counted())
            e = seen["evidence"]
            self.must((e["offered"], e["failed"], e["silent"]) == (s, f, z), "evidence is", (s, f, z), "and shown", e)
            least, most = rollout.cap(model.known[0]), rollout.cap(model.known[1])
            self.must(not seen["counted"] or least - 1e-9 <= seen["cap"] <= most + 1e-9,
                      "the cap is", (least, most), "and shown", seen["cap"])


PERSONAL = ("opt_out", "pin", "delete", "reimage")
