# SPDX-License-Identifier: Apache-2.0
"""Random stories against a real daemon, held against an independent model of the rules (salvor/oracle*.py).

    SALVOR_ORACLE_SECONDS   how long to tell stories (60)
    SALVOR_ORACLE_SEED      the first story's seed (by default one that changes with nothing)
    SALVOR_ORACLE_STORIES   tell exactly so many
"""

import copy
import json
import os
import subprocess
import time

import pytest

from salvor.oracle_acts import Tale
from salvor.oracle_journal import Disagreement, World, replay
from salvor.server import program

SECONDS = float(os.environ.get("SALVOR_ORACLE_SECONDS", "60"))
SEED = int(os.environ.get("SALVOR_ORACLE_SEED", "1"))
STORIES = int(os.environ.get("SALVOR_ORACLE_STORIES", "0"))


@pytest.mark.slow
def test_stories(server, capsys, tmp_path):
    world, marks, told = World(), {}, []
    end = time.monotonic() + SECONDS
    seed = SEED
    try:
        while (len(told) < STORIES) if STORIES else (time.monotonic() < end):
            story = Tale(server, world, seed)
            told.append(story)
            story.run(marks)
            seed += 1
        # The same journal, read again as a whole, and by the product's own replay.
        events = server.events()
        again = replay(events, world.payloads, marks, world.healthy)
        assert again.counts == world.counts
        file = tmp_path / "events.ndjson"
        file.write_text("".join(json.dumps(e) + "\n" for e in events))
        done = subprocess.run([program("salvorctl"), "journal", "replay", str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    finally:
        with capsys.disabled():
            print(f"\noracle: seeds {SEED}..{seed}, {len(told)} stories, {sum(s.polls for s in told)} polls, "
                  f"{sum(s.reports for s in told)} reports, {sum(s.acts for s in told)} acts, "
                  f"{sum(s.stale for s in told)} polls asked again, journal {world.seq}: "
                  + ", ".join(f"{k} {v}" for k, v in sorted(world.counts.items()) if k.startswith(("deci", "offer"))))


# ---- the checker itself: a journal that is bent in one place ----

def agrees(events, world, marks):
    """Whether such a journal is taken, numbered anew, so that nothing but the bend is wrong."""
    moved = {}
    for seq, event in enumerate(events, 1):
        moved.setdefault(seq, []).extend(marks.get(event["seq"], ()))
    try:
        replay([{**event, "seq": seq} for seq, event in enumerate(events, 1)], world.payloads, moved)
    except Disagreement:
        return False
    return True


def verdicts(events, *kinds):
    return [n for n, e in enumerate(events) if e["type"] == "decision" and e["decision"]["by"] == "engine"
            and e["decision"]["rule"] == "6.3" and e["decision"]["verdict"] in kinds]


def without(events, n):
    return events[:n] + events[n + 1:]


def changed(events, n, **changes):
    event = {**copy.deepcopy(events[n]), **changes}
    return events[:n] + [event] + events[n + 1:]


def evidence(events, n, **changes):
    decision = copy.deepcopy(events[n]["decision"])
    for name, step in changes.items():
        decision["evidence"][name] += step
    return changed(events, n, decision=decision)


def cause_of(events, n):
    """The event that a decision rests on."""
    return next(i for i in range(n - 1, -1, -1) if events[i]["type"] in ("failed", "not_applicable"))


def too_early(events, n):
    cause = cause_of(events, n)
    return events[:cause] + [events[n], *events[cause:n]] + events[n + 1:]


def test_a_bent_journal_is_seen(server):
    world, marks = World(), {}
    for seed in (7, 8, 11, 13):
        Tale(server, world, seed, size=40).run(marks)
    events = server.events()

    def seen(bent):
        return not agrees(bent, world, marks)

    assert agrees(events, world, marks)
    decided = verdicts(events, "hold_cohort", "halt")
    offers = [n for n, e in enumerate(events) if e["type"] == "offer" and e["counted"]]
    assert len(decided) >= 3 and len(offers) >= 20, "too little was decided: other seeds are needed"
    for n in decided[:12]:
        if events[n]["decision"]["evidence"] == events[n - 1].get("decision", {}).get("evidence"):
            continue  # a halt of nothing left
        for name, step in (("failed", 1), ("offered", 1), ("silent", 1), ("ln_e", 1e-7), ("bound", -1e-7)):
            assert seen(evidence(events, n, **{name: step})), (name, events[n])
        assert seen(without(events, n)), events[n]
        assert seen(too_early(events, n)), events[n]
        assert seen(without(events, cause_of(events, n))), events[n]
    for n in offers[:12]:
        assert seen(changed(events, n, i=events[n]["i"] + 1))
        assert seen(changed(events, n, o=events[n]["o"] + 1))
        assert seen(changed(events, n, counted=False))
        assert seen(events[:n + 1] + [{**events[n], "offer_id": "o0", "attempt": 2}] + events[n + 1:]), events[n]
