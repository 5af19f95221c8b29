# SPDX-License-Identifier: Apache-2.0
"""The decisions of a journal, each held against the rules: the part of oracle_journal.World that takes them."""

from .oracle import near


class Decisions:
    def on_decision(self, event, campaign):
        d = event["decision"]
        self.must((d["campaign"], d["version"]) == (event["campaign"], event["version"]), "of another campaign")
        self.must(str(d["id"]) and d["at"] == event["at"], "its time")
        getattr(self, f"decide_{d['verdict']}")(d, campaign)

    def same(self, d, due):
        self.must(due, "a decision that is not due")
        e = d["evidence"]
        self.must((e["offered"], e["failed"]) == (due.offered, due.failed), "not the counts of", due)
        self.must(due.kind == "advance" or e["silent"] == due.silent, "not the silent ones of", due)
        self.must(near(e["ln_e"], due.ln_e) and near(e["bound"], due.bound), "not the numbers of", due)
        self.must(e.get("block") == due.block, "not the block of", due)
        self.count("decision " + due.kind + (" by a block" if due.block else ""))

    def decide_hold_cohort(self, d, campaign):
        rollout = campaign.rollout
        self.must(d["by"] == "engine" and d["rule"] == "6.3", "who and why")
        due = campaign.pending or rollout.look()
        self.must(due and due.kind == "hold" and due.cohort == d["cohort"], "due is", due)
        self.same(d, due)
        rollout.hold(d["cohort"])
        campaign.last_hold = d["evidence"]
        campaign.ask = True

    def decide_halt(self, d, campaign):
        campaign.newest_halt = d["id"]
        if d["by"] != "engine" or d.get("rule") == "supersedes":
            campaign.halted_by = "supersedes" if d.get("rule") == "supersedes" else "operator"
            self.count("decision halt by operator")
            return
        self.must(d["rule"] == "6.3", "the rule")
        due = campaign.pending or campaign.rollout.look()
        self.must(due and due.kind == "halt", "due is", due)
        if due.offered == 0 and campaign.last_hold:
            # Nothing is left: the numbers may be those of the hold.
            self.must(d["evidence"] == campaign.last_hold or d["evidence"]["offered"] == 0, "due is", due)
            self.count("decision halt of nothing left")
        else:
            self.same(d, due)
        campaign.halted_by = "engine"
        campaign.ask = False

    def decide_advance(self, d, campaign):
        rollout = campaign.rollout
        rings = [r["name"] for r in rollout.plan["rings"]]
        if d["by"] == "engine":
            self.must(d["rule"] == "6.4", "the rule")
            found = rollout.advances()
            self.must(found, "nothing to advance by")
            fits = [x for x in found if x.offered == d["evidence"]["offered"]] or found[:1]
            self.same(d, fits[0])
            rollout.stage += 1
            rollout.open = max(rollout.open, rollout.stage + 1)
            self.must(d["ring"] in (rings[rollout.stage], rings[rollout.stage - 1]), "the ring")
        else:
            self.must(rollout.plan["manual_advance"], "only a plan of manual_advance is advanced by hand")
            # After a resume of its own halt the stage is behind the rings that are open: which is next is not said.
            rollout.stage += 1
            following = [*rings[rollout.stage:rollout.stage + 1], *rings[rollout.open:rollout.open + 1]]
            self.must(d["ring"] in following, "the ring is none of", following)
            rollout.open = max(rollout.open, rings.index(d["ring"]) + 1)
            self.count("decision advance by operator")
        campaign.pending = None

    def decide_open(self, d, campaign):
        rollout = campaign.rollout
        rings = [r["name"] for r in rollout.plan["rings"]]
        self.must(rollout.open < len(rings) and d["ring"] == rings[rollout.open], "the next ring is another one")
        if d["by"] == "engine":
            plan = rollout.plan
            self.must(rollout.open > 0 and not plan["manual_advance"], "the engine opens no first ring, nor by hand")
            self.must(campaign.state == "active" and not self.kill, "while", campaign.state)
            self.must(rollout.room(campaign.known)[0], "no room under the cap")
            last = max([x.made_at for x in rollout.offers if not x.out] + [campaign.started_ms])
            patient = plan["patience_seconds"] is not None and self.at - last >= plan["patience_seconds"] * 1000 - 20
            self.must(patient or self.all_settled(campaign), "neither patience nor everybody settled")
            self.because(d, campaign)
            self.count("decision open")
        rollout.open += 1

    def all_settled(self, campaign):
        """Every machine that took an offer is settled, and every member (known for certain) of the open rings did."""
        for id in campaign.members:
            m = self.machine(id)
            if self.ring(campaign, m) < campaign.rollout.open and not m.opt_out:
                if not any(x.campaign == campaign.key for x in m.offers):
                    return False
        return not any(x.unsettled and not x.out for x in campaign.rollout.offers)

    def because(self, d, campaign):
        said = d.get("because")
        if said:
            least, most = campaign.rollout.unsettled()
            self.must(least <= said["in_flight"] <= most, "in_flight is", (least, most))
            self.must(campaign.known[0] <= said["known"] <= campaign.known[1] or not said["fleet_counted"],
                      "known is", campaign.known)

    def decide_complete(self, d, campaign):
        rollout = campaign.rollout
        self.must(d["by"] == "engine" and campaign.state in ("active", "completed"), "by and while", campaign.state)
        self.must(rollout.open == len(rollout.plan["rings"]), "the last ring is not open")
        self.must(rollout.unsettled()[0] == 0, "unsettled offers:", rollout.unsettled())
        self.must(self.at - campaign.started_ms >= rollout.plan["quiet_seconds"] * 1000 - 20, "not quiet so long")
        self.because(d, campaign)
        self.count("decision complete")

    def decide_resume(self, d, campaign):
        self.must(d["by"] == "operator", "resumed by", d["by"])
        if "cohort" in d:
            self.must(d["cohort"] in campaign.rollout.held, "not held")
            campaign.rollout.release(d["cohort"])
            self.count("decision release")
        elif d["rule"] == "kill_switch":
            self.must(campaign.state in ("active", "completed"), "it does not run again, it is", campaign.state)
            campaign.killed = False
            self.count("decision resume")
        else:
            self.count("decision resume")

    def by_operator(self, d, campaign):
        self.must(d["by"] == "operator", "by", d["by"])
        self.count(f"decision {d['verdict']}")

    decide_pause = decide_withdraw = by_operator

    def decide_kill(self, d, campaign):
        self.by_operator(d, campaign)
        campaign.killed = True
        self.kill = True

    def decide_expire(self, d, campaign):
        self.must(d["by"] == "engine", "by", d["by"])
        self.count("decision expire")
