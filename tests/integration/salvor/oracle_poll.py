# SPDX-License-Identifier: Apache-2.0
"""What a poll or a report is answered, from the published rules and a World (oracle_journal.py).

An answer is (directive, reason, what): what is ("repeat", offer_id), ("new", (id, version)) or None. Where the rules
are silent several are right; ANY stands for every answer that offers nothing.
"""

from .oracle_journal import LIVE, millis

ANY = ("any",)
NEAR_MS = 1200  # `not_before`, `expires` and short windows: so near to them both is right


# ---- match ----

def _text(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value).lower()


def _dotted(value):
    parts = _text(value).split(".")
    return [int(p) for p in parts] if all(p.isdigit() for p in parts) else None


def _compare(op, a, b):
    a, b = _dotted(a), _dotted(b)
    if a is None or b is None:
        return False
    size = max(len(a), len(b))
    a, b = a + [0] * (size - len(a)), b + [0] * (size - len(b))
    return {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[op]


def matches(selector, facts):
    if "all" in selector:
        return all(matches(s, facts) for s in selector["all"])
    if "any" in selector:
        return any(matches(s, facts) for s in selector["any"])
    if "not" in selector:
        return not matches(selector["not"], facts)
    op = next(k for k in selector if k != "fact")
    want, there = selector[op], selector["fact"] in facts
    if op == "exists":
        return there == want
    if not there:
        return op == "ne"
    have = facts[selector["fact"]]
    if op in ("lt", "le", "gt", "ge"):
        return _compare(op, have, want)
    if op == "in":
        return _text(have) in [_text(v) for v in want]
    if op == "prefix":
        return _text(have).startswith(_text(want))
    return (_text(have) == _text(want)) == (op == "eq")


def cohorts_of(plan, facts):
    return [f"{name}={facts[name]}" for name in plan["cohorts"] if name in facts]


# ---- polls ----

def mine(m, key):
    """Offers of this machine as it is now."""
    return [x for x in m.offers if x.campaign == key and not x.gone and x.incarnation == m.incarnation]


def settlements(world, m, body, now):
    """What a poll with boot_failure settles before it is answered: {offer_id: (cause, sure)}"""
    found = {}
    if body["reason"] != "boot_failure" or body["facts"].get("volume_locked") is True:
        return found
    for x in m.offers:
        if x.incarnation != m.incarnation or x.boots == {body["boot_id"]}:
            continue
        campaign = world.campaigns[x.campaign]
        # Open: a boot that was seen before, drills, what was before a deletion, a window that never began by `applied`.
        sure = not (body["boot_id"] in x.boots | x.seen or campaign.rollout.drill or x.gone or x.never_applied)
        if x.standing == "offered":
            found[x.id] = ("repolled", sure)
        elif x.standing in ("applied", "succeeded") and x.applied_at is not None:
            window = campaign.plan["relapse_window_seconds"] * 1000
            passed = now - x.applied_at
            if passed + NEAR_MS <= window:
                found[x.id] = ("relapsed", sure)
            elif passed <= window + NEAR_MS or world.stood_still(x):
                found[x.id] = ("relapsed", False)
    return found


def touched(world, m, id):
    """Whom `undoes` reaches: True, False, None where the rules leave it open."""
    answer = False
    for x in m.offers:
        if x.campaign[0] != id:
            continue
        if x.standing in ("applied", "succeeded") or x.cause in ("relapsed", "silent", "repolled"):
            if not x.gone and x.incarnation == m.incarnation:
                return True
            answer = None
        if x.late != "no":
            answer = None
    return answer


def live_matches(world, m, body):
    """[(campaign, sure)] by rank"""
    found = []
    for c in world.campaigns.values():
        if c.state not in LIVE or not matches(c.payload["match"], body["facts"]):
            continue
        if c.rollout.drill != (body["reason"] == "drill"):
            continue
        undoes = c.payload.get("undoes")
        reach = touched(world, m, undoes) if undoes else True
        if reach is not False:
            found.append((c, reach is True))
    return sorted(found, key=lambda x: (-x[0].payload.get("priority", 0), x[0].started))


def answers(world, m, body, now):
    """Every right answer to a poll, once it has settled what it settles."""
    if world.kill:
        return {("wait", "kill_switch", None)}
    if m.opt_out:
        return {("none", "opted_out", None)}
    right = set()
    unsettled = [x for x in m.offers if x.unsettled]
    certain = [x for x in unsettled if not x.gone and x.incarnation == m.incarnation]
    found = live_matches(world, m, body)
    for x in certain:
        if x.state == "offered":
            c = world.campaigns[x.campaign]
            if c.state == "paused":
                # Not repeated; with no other campaign that matches the reason can only be this.
                return {("wait", "paused", None)} if [f[0] for f in found] == [c] else {ANY}
            right.add(("apply", "offered", ("repeat", x.id)))
            if c.rollout.drill != (body["reason"] == "drill"):
                right.add(ANY)
            if x.out or c.rollout.held.intersection(cohorts_of(c.plan, body["facts"])):
                right.add(("wait", "halted", None))  # nothing of a held cohort is repeated (docs/rollout.md)
            return right
    for x in certain:
        if x.boots == {body["boot_id"]}:
            return {("none", "already_applied", None)}
        return {ANY}
    if unsettled:
        right.add(ANY)
    first = True
    for c, sure in found:
        may, must, reasons = can_offer(world, m, body, c, now)
        if may:
            right.add(("apply", "offered", ("new", c.key)))
        if must and sure and not unsettled:
            return right
        if first:
            right |= reasons
            first = first and not sure
    if not any(sure for _, sure in found):
        right.add(("none", "no_match", None))
        ended = [c for c in world.campaigns.values() if c.state == "expired"]
        if any(matches(c.payload["match"], body["facts"]) for c in ended):
            right.add(("none", "expired", None))
    return right


def can_offer(world, m, body, c, now):
    """(may be offered now, must be offered unless a higher one is, reasons that hold)"""
    reasons, may, must = set(), True, True
    past = mine(m, c.key)
    if any(x.gone or x.incarnation != m.incarnation for x in m.offers if x.campaign == c.key):
        # Deleted or re-imaged since: how much of the past counts is open, but for a re-imaged one's relapse.
        must = False
        reasons.add(ANY)

    def no(*reason):
        nonlocal may, must
        may = must = False
        reasons.add(reason if reason == ANY else (*reason, None))

    if any(x.standing == "succeeded" for x in past):
        no("none", "already_succeeded")
    if any(x.standing == "not_applicable" for x in past):
        no("none", "not_applicable")
    if sum(x.standing != "recalled" for x in past) >= c.plan["max_attempts"]:
        no("none", "attempts_exhausted")
    if any(x.late == "yes" for x in past):
        no(*ANY)
    elif any(x.late == "maybe" for x in past):
        must = False
        reasons.add(ANY)
    again = [x for x in past if x.standing == "failed" and x.cause != "silent" and body["boot_id"] in x.boots | x.seen]
    if again:
        # Not in the boot in which it failed. After a recall in between, or in a boot that was seen, both is right.
        must = False
        reasons.add(ANY)
        if past[-1] in again and past[-1].boots == {body["boot_id"]}:
            may = False
    if c.state in ("paused", "halted"):
        no("wait", c.state)
    before, after = millis(c.payload["not_before"]) - now, millis(c.payload["expires"]) - now
    if before > -NEAR_MS:
        must = False
        reasons.add(("wait", "not_yet_valid", None))
        may &= before < NEAR_MS
    if after < NEAR_MS:
        must = False
        reasons |= {("none", "expired", None), ("none", "no_match", None)}
        may &= after > -NEAR_MS
    if c.rollout.held.intersection(cohorts_of(c.plan, body["facts"])):
        no("wait", "halted")
    elif c.rollout.maybe_held.intersection(cohorts_of(c.plan, body["facts"])):
        must = False
        reasons.add(("wait", "halted", None))
    if world.ring(c, m) >= c.rollout.open:
        no("wait", "ring_not_open")
    room = c.rollout.room(c.known)
    if not room[1]:
        must = False
        reasons.add(("wait", "in_flight_cap", None))
        may &= room[0]
    return may, must, reasons


# ---- reports ----

def report_answers(x, stage, boot, plan, incarnation):
    """Every right (accepted, state); None: 404. What a deleted or re-imaged machine says of its past is left open."""
    if x.gone or x.incarnation != incarnation:
        return {None, *((a, s) for a in (True, False) for s in (x.standing, "applied", "succeeded", "failed",
                                                                "not_applicable", "recalled"))}
    same = boot in x.boots
    if x.standing == "offered":
        if stage == "healthy":
            return {(True, "succeeded")}
        new = {"applied": "applied", "not_applicable": "not_applicable"}.get(stage, "failed")
        right = {(True, new)} if same else {(False, "offered")}
        if len(x.boots) > 1:
            right.add((False, "offered"))
        if new == "applied" and same and plan["rings"][x.stage]["soak_seconds"] == 0:
            right.add((True, "succeeded"))
        return right
    if x.standing == "applied" and stage == "healthy":
        return {(True, "succeeded")}
    return {(False, x.standing)}


def note_report(x, stage, boot):
    """What a report that was not accepted leaves behind: a late `applied` prevents a second offer."""
    if x.standing in ("offered", "applied", "succeeded", "not_applicable"):
        return
    if stage == "applied" and (x.applied_at is not None or x.cause == "relapsed"):
        if x.cause == "silent":
            x.late = "maybe"
        return  # only said again
    if stage == "applied" and boot in x.boots:
        x.late = "yes"
    elif stage in ("applied", "healthy") and x.late == "no":
        x.late = "maybe"
