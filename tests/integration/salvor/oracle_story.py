# SPDX-License-Identifier: Apache-2.0
"""Random stories, played against a real daemon: each answer is held against oracle_poll.py, each line of the journal
against oracle_journal.py. A story is a function of its seed; what fails tells the seed and the last steps."""

import random
import time

from . import campaign as c
from .oracle_journal import Disagreement
from .oracle_poll import ANY, answers, cohorts_of, note_report, report_answers, settlements

LATE_MS = 4000  # a deadline may be noticed so much later


def wall():
    return round(time.time() * 1000)


class Told(AssertionError):
    """A disagreement, with the story of it."""


class Player:
    """A machine of a story."""

    def __init__(self, wire, facts):
        self.wire = wire
        self.facts = facts
        self.offer = None      # id of the newest offer it was sent
        self.old = []          # ids of all of them
        self.can = random.choice((None, None, ["healthy"]))


class Story:
    def __init__(self, server, world, seed, size=None):
        self.server, self.world, self.seed = server, world, seed
        self.rnd = random.Random(seed)
        self.fault = f"s{seed}"
        self.trace = []
        self.campaigns = {}    # key -> salvor.admin.Campaign
        self.polls = self.reports = self.acts = self.stale = 0
        self.size = size or self.rnd.choice((3, 6, 12, 12, 30, 70, 130))
        self.said = {}         # reason -> how often
        self.waited = {}       # key -> when a matching machine was last told to wait

    def tell(self, *words):
        self.trace.append(" ".join(map(str, words)))

    def must(self, condition, what, *more):
        if not condition:
            raise Disagreement(" ".join(map(str, (what, *more))))

    # ---- the scene ----

    def plan(self):
        """Small errors and few machines decide often; a plan of the large stories lets many out first."""
        rnd = self.rnd
        count = rnd.choice((1, 2, 2, 3))
        shares = [1.0] if count == 1 else [0.5, 0.5] if count == 2 else [0.5, 0.25, 0.25]
        growth = (0, 0.5, 1, 2, 6, 20) if self.size < 30 else (2, 6, 20)
        rings = [{"name": name, "share": share, "soak_seconds": rnd.choice((0, 0, 1, 3600, 3600)),
                  "growth": rnd.choice(growth)} for name, share in zip(("one", "two", "three"), shares)]
        fail = rnd.choice((0.02, 0.05, 0.1, 0.2))
        return {
            "rings": rings,
            "in_flight": {"initial": rnd.choice((1, 2, 5, 5, 10, 100)), "max": rnd.choice((100, 10**6))},
            "acceptable_failure": fail, "acceptable_silence": rnd.choice((0.05, 0.1, 0.2)), "unacceptable_failure": 0.5,
            "halt_error": rnd.choice((0.01, 0.05, 0.2, 0.5)), "advance_error": rnd.choice((0.05, 0.2, 0.5)),
            "outcome_deadline_seconds": rnd.choice((3600, 3600, 3600, 1, 2)),
            "relapse_window_seconds": rnd.choice((86400, 86400, 0, 2)),
            "max_attempts": rnd.choice((1, 2, 2, 4)), "patience_seconds": rnd.choice((None, None, 1, 2, 600)),
            "quiet_seconds": rnd.choice((3600, 3600, 3600, 1)), "manual_advance": rnd.random() < 0.15,
            "cohorts": rnd.choice(([], ["model"], ["model", "os_version"])),
        }

    def payload(self, **changes):
        rnd = self.rnd
        number = len(self.campaigns)
        match = rnd.choice(({"fact": "fault", "eq": self.fault},
                            {"all": [{"fact": "fault", "eq": self.fault}, {"not": {"fact": "model", "eq": "C"}}]},
                            {"any": [{"fact": "fault", "eq": self.fault}, {"fact": "fault", "eq": "no-such"}]}))
        more = {"priority": rnd.choice((0, 0, 1, 5)), "match": match, "rollout": self.plan()}
        others = [key[0] for key in self.campaigns]
        if others and rnd.random() < 0.15:
            more["supersedes"] = [rnd.choice(others)]
        elif others and rnd.random() < 0.15:
            more["undoes"] = rnd.choice(others)
        if rnd.random() < 0.12:
            more["drill"] = True
        if rnd.random() < 0.08:
            more["not_before"] = c.utc(2)
        if rnd.random() < 0.08:
            more["expires"] = c.utc(5)
        more.update(changes)
        return c.payload(self.server.domain, f"{self.fault}-{'abcdefgh'[number % 8]}", **more)

    def scene(self):
        rnd = self.rnd
        facts = [{"fault": self.fault, "model": rnd.choice("AAB"), "os_version": rnd.choice(("10.0", "11.0"))}
                 for _ in range(self.size)]
        for each in facts:
            if rnd.random() < 0.1:
                each.pop("model")
        known = [f"{self.fault}-k{i}" for i in range(rnd.choice((0, 0, 7, 40, 120)))]
        if known:
            self.server.make_known(known, {"fault": self.fault})
        self.known = set(known)
        token, plane = self.server.enrollment_token(uses=self.size), self.server.machine_plane()
        self.players = [Player(self.server.enroll(f"{self.fault}-m{i}", token, f, plane), f)
                        for i, f in enumerate(facts)]
        for player in self.players:
            player.can = rnd.choice((None, None, ["healthy"]))
        self.bad = {"A": rnd.choice((0, 0.1, 0.9)), "B": rnd.choice((0, 0.1, 0.5)), None: rnd.choice((0, 0.3))}
        self.quiet_share = rnd.choice((0, 0, 0.1, 0.5))
        if rnd.random() < 0.3:
            self.bad = dict.fromkeys(self.bad, 0)
        self.turn = rnd.randint(0, 5 * self.size) if rnd.random() < 0.4 else None  # from then on all is bad

    def start(self):
        """Another campaign; what stands in its way is predicted."""
        value = self.payload()
        key = (value["id"], value["version"])
        if key in self.world.payloads:
            value["version"] = 1 + max(v for i, v in self.world.payloads if i == value["id"])
            key = (value["id"], value["version"])
        self.world.payloads[key] = value
        campaign = self.server.admin.ready(value)
        self.sync()
        blocked = [x for x in self.live() if value["id"] in x.payload.get("supersedes", ())
                   and x.id != value["id"]]
        reply = campaign.do("start")
        self.tell("start", key, {k: value.get(k) for k in ("priority", "drill", "supersedes", "undoes")}, reply.status)
        self.sync()
        if reply.status == 409 and any(x.payload.get("undoes") == value["id"] for x in self.live()):
            return  # undone by a live one: whether that stands in its way is not said
        if blocked:
            self.must(reply.status == 409 and any(x.id in reply.body.decode() for x in blocked), "superseded:", reply)
            return
        self.must(reply.status == 200, "start:", reply)
        self.acts += 1
        self.campaigns[key] = campaign
        self.known_of(key)
        for other in self.live():
            if other.key != key and other.id in (*value.get("supersedes", ()), value.get("undoes")):
                self.must(other.state == "halted", other.key, "is not halted by", key)
            self.must(other.key == key or other.id != value["id"], "another live version of", key)

    def live(self):
        return [x for key, x in self.world.campaigns.items() if key in self.campaigns and x.live]

    def known_of(self, key):
        """How many are known: surely those that were imported, once they are counted; at most all there ever were."""
        model = self.world.campaigns[key]
        model.known = (0, len(self.known) + 2 * len(self.players))
        if self.known and not model.payload.get("undoes"):
            model.members = self.known
            for _ in range(100):
                seen = self.campaigns[key].get()
                if seen["counted"]:
                    break
                time.sleep(0.02)
            self.must(seen["counted"], "the fleet is not counted for", key)
            model.known = (len(self.known), model.known[1])

    # ---- the journal ----

    def sync(self, own=None):
        """Takes over what the journal tells. own: called before and after each line."""
        events = self.server.events(self.world.seq)
        for event in events:
            self.tell("   ", event["seq"], event["type"], event.get("machine_id", ""), event.get("offer_id", ""),
                      event.get("cause", ""), event.get("state", ""), self.short(event.get("decision")))
            if own:
                own(event, False)
            self.world.apply(event)
            if own:
                own(event, True)
        for event in events:
            d = event.get("decision", {})
            if d.get("verdict") == "complete" and (d["campaign"], d["version"]) in self.waited:
                model = self.world.campaigns[d["campaign"], d["version"]]
                quiet = self.world.at - self.waited[d["campaign"], d["version"]]
                self.must(quiet >= model.plan["quiet_seconds"] * 1000 - 500, "completed while one waits", d)
        return events

    @staticmethod
    def short(d):
        return "" if not d else f"{d['verdict']} by {d['by']} {d.get('cohort', '')} {d.get('evidence', '')}"

    def overdue(self):
        """No deadline and no soak passes unseen."""
        now = wall()
        for model in self.live():
            if self.world.kill or model.state == "paused":
                continue
            for x in model.rollout.offers:
                if x.recalling or x.gone or not x.unsettled:
                    continue
                since = max([x.applied_at or x.made_at, *self.world.stops[-1:]])
                soak = model.plan["rings"][x.stage]["soak_seconds"]
                deadline = model.plan["outcome_deadline_seconds"]
                limit = soak if x.state == "applied" and x.healthy_only is False else deadline
                self.must(now - since <= limit * 1000 + LATE_MS, x.state, "is overdue:", x)

    # ---- a poll ----

    def explain(self, player, said):
        """Operators are told what the machine was just told; unless something happened in between."""
        seq, now = self.world.seq, wall()
        told = self.server.admin.get(f"/machines/{player.wire.id}/explain")
        self.sync()
        self.tell("explain", player.wire.id, told["directive"], told["reason"])
        m = self.world.machine(player.wire.id)
        body = {"boot_id": player.wire.boot, "reason": "boot_failure", "facts": player.facts}
        right = {x[:2] for x in answers(self.world, m, body, now)} | {(said["directive"], said["reason"])}
        self.must((told["directive"], told["reason"]) in right or self.world.seq != seq or ANY in right,
                  "explained are", right, "and it says", told["directive"], told["reason"], told["campaigns"])

    def poll(self, player, reason="boot_failure", more=(), tries=6):
        facts = {**player.facts, **dict(more)}
        world, m = self.world, self.world.machine(player.wire.id)
        self.sync()
        body = {"boot_id": player.wire.boot, "reason": reason, "facts": facts}
        for _ in range(tries):
            now = wall()
            expected = settlements(world, m, body, now)
            points = [answers(world, m, body, now)]
            self.tell("poll", m.id, body, "expects", points[0], expected)
            settled, made, touched = {}, [], set()

            def own(event, after):
                if not after:
                    if event["type"] == "offer":
                        self.must(event["machine_id"] == m.id, "an offer to nobody who asked")
                        made.append((event["offer_id"], (event["campaign"], event["version"])))
                        want = set(cohorts_of(world.campaigns[made[0][1]].plan, facts))
                        self.must(set(event.get("cohorts", ())) == want, "cohorts are", want)
                    return
                if event["type"] == "offer":
                    offer = world.offers[event["offer_id"]]
                    offer.boots, offer.healthy_only = {body["boot_id"]}, player.can is not None
                    return
                if event.get("machine_id") == m.id and "offer_id" in event:
                    touched.add(event["offer_id"])
                    if event.get("cause") in ("repolled", "relapsed"):
                        settled[event["offer_id"]] = event["cause"]
                if not made:
                    points.append(answers(world, m, body, now))

            known = set(world.offers)
            can = {"can": player.can} if player.can else {}
            said = player.wire.poll(reason=reason, facts=facts, **can)
            offer_id = said.get("offer", {}).get("offer_id")
            self.tell("    says", said["directive"], said["reason"], offer_id or "")
            self.sync(own)
            self.polls += 1
            for id, (cause, sure) in expected.items():
                self.must(settled.get(id) == cause or not sure or id in touched, "not settled:", id, cause)
            for id, cause in settled.items():
                self.must(expected.get(id, (None,))[0] == cause, "settled:", id, cause)
            what = ("new", dict(made).get(offer_id)) if offer_id else None
            if offer_id in known:
                what = ("repeat", offer_id)
            answer = (said["directive"], said["reason"], what)
            self.must(len(made) <= 1 and (not made or made[0][0] == offer_id), "made", made, "and said", answer)
            right = any(answer in p or (ANY in p and said["directive"] != "apply") for p in points)
            if right or said["directive"] == "apply":
                break
            # A worker's snapshot may be a moment behind; an offer that is due comes at once, then.
            self.must(all(x[0] == "apply" for x in points[-1]), "right are", points, "and it says", answer)
            self.stale += 1
            time.sleep(0.05)
        self.must(right, "right are", points, "and it says", answer)
        self.after_poll(player, m, body, said, offer_id)
        self.said[said["reason"]] = self.said.get(said["reason"], 0) + 1
        return said

    def after_poll(self, player, m, body, said, offer_id):
        settles = body["reason"] == "boot_failure" and not body["facts"].get("volume_locked")
        for x in m.offers:
            if x.id == offer_id:
                x.boots.add(body["boot_id"])
            elif not settles and body["boot_id"] not in x.boots:
                x.seen.add(body["boot_id"])
        if offer_id:
            player.offer = offer_id
            if offer_id not in player.old:
                player.old.append(offer_id)
        elif said["directive"] == "wait":
            for model in self.live():
                if said["reason"] in ("ring_not_open", "in_flight_cap") and len(self.live()) == 1:
                    self.waited[model.key] = wall()

    # ---- a report ----

    def report(self, player, stage, offer_id=None, boot=None):
        offer_id, boot = offer_id or player.offer, boot or player.wire.boot
        if offer_id is None:
            return
        self.sync()
        world, x = self.world, self.world.offers[offer_id]
        plan, now = world.campaigns[x.campaign].plan, world.machine(x.machine).incarnation
        points = [report_answers(x, stage, boot, plan, now)]
        self.tell("report", player.wire.id, offer_id, stage, boot, "expects", points[0])
        if stage == "healthy":
            world.healthy.add(offer_id)
        before = x.standing
        reply = player.wire.try_report(stage, offer=offer_id, boot=boot)
        got = None
        if reply.status != 404:
            self.must(reply.status == 200, "a report:", reply)
            got = (reply.json()["accepted"], reply.json()["state"])
        self.tell("    says", got)
        mine = []

        def own(event, after):
            if event.get("offer_id") == offer_id and event["type"] != "report":
                mine.append(event["type"])
            if after and not mine:
                points.append(report_answers(x, stage, boot, plan, now))
            elif not mine and not after:
                points.append(report_answers(x, stage, boot, plan, now))
            elif after and mine and x.standing != before:
                points.append({(False, x.standing)} if x.cause == "silent" else set())

        self.sync(own)
        self.reports += 1
        self.must(any(got in p for p in points), "right are", points, "and it says", got)
        if got and got[0]:
            self.must(mine, "accepted, and the journal tells nothing")
        elif got:
            note_report(x, stage, boot)
