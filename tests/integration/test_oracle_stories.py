# SPDX-License-Identifier: Apache-2.0
"""Random stories against a real daemon, held against an independent model of the rules (salvor/oracle*.py).

    SALVOR_ORACLE_SECONDS   how long to tell stories (60)
    SALVOR_ORACLE_SEED      the first story's seed (by default one that changes with nothing)
    SALVOR_ORACLE_STORIES   tell exactly so many
"""

import os
import time

import pytest

from salvor.oracle_acts import Tale
from salvor.oracle_journal import World, replay

SECONDS = float(os.environ.get("SALVOR_ORACLE_SECONDS", "60"))
SEED = int(os.environ.get("SALVOR_ORACLE_SEED", "1"))
STORIES = int(os.environ.get("SALVOR_ORACLE_STORIES", "0"))


@pytest.mark.slow
def test_stories(server, capsys):
    world, marks, told = World(), {}, []
    end = time.monotonic() + SECONDS
    seed = SEED
    try:
        while (len(told) < STORIES) if STORIES else (time.monotonic() < end):
            story = Tale(server, world, seed)
            told.append(story)
            story.run(marks)
            seed += 1
        # The same journal, read again as a whole.
        again = replay(server.events(), world.payloads, marks, world.healthy)
        assert again.counts == world.counts
    finally:
        with capsys.disabled():
            print(f"\noracle: seeds {SEED}..{seed}, {len(told)} stories, {sum(s.polls for s in told)} polls, "
                  f"{sum(s.reports for s in told)} reports, {sum(s.acts for s in told)} acts, "
                  f"{sum(s.stale for s in told)} polls asked again, journal {world.seq}: "
                  + ", ".join(f"{k} {v}" for k, v in sorted(world.counts.items()) if k.startswith(("decision", "offer"))))
