# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for a time."""

import os
import time

# A sanitizer build is several times slower; deadlines grow with this factor.
SLOWER = float(os.environ.get("SALVOR_SLOWER", "1"))


def until(condition, what, seconds=10.0, every=0.02):
    """Calls condition() until it gives something true, and returns that."""
    end = time.monotonic() + seconds * SLOWER
    last = None
    while True:
        last = condition()
        if last:
            return last
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds * SLOWER:.0f} s still not so: {what} (last: {last!r})")
        time.sleep(every)


def stays(condition, what, seconds, every=0.05):
    """Looks again and again for so long that condition() holds: the only way to see that something does not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = condition()
        assert seen, f"no longer so: {what} (now: {seen!r})"
        time.sleep(every)
