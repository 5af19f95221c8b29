# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for a time."""

import os
import pathlib
import re
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / os.environ.get("SALVOR_BUILD", "build/release")  # an absolute path stays what it is


def sanitizer():
    """The sanitizers of the build, "" for none."""
    try:
        found = re.search(r"^SALVOR_SANITIZE:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else ""


# A sanitizer build is several times slower; deadlines grow with this factor.
SLOWER = float(os.environ.get("SALVOR_SLOWER") or (5 if sanitizer() else 1))


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
