# SPDX-License-Identifier: Apache-2.0
"""A daemon whose wall clock is set a day forwards and backwards while it runs: deadlines and soaks do not notice."""

import mmap
import shutil
import struct
import subprocess

import pytest

from salvor import campaign as c
from salvor import wait
from salvor.server import Server
from salvor.wait import stays, until

DAY = 86400
FACTS = {"fault": "play"}

# Adds to the wall clock the seconds that stand in a file; the monotonic one is left alone.
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile const int64_t *shift_seconds;
__attribute__((constructor)) static void begin(void) {
        const char *path = getenv("SALVOR_TEST_CLOCK");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *at = fd < 0 ? MAP_FAILED : mmap(0, sizeof *shift_seconds, PROT_READ, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED)
                shift_seconds = at;
}
int clock_gettime(clockid_t id, struct timespec *now) {
        int failed = (int)syscall(SYS_clock_gettime, id, now); /* a constructor before this one may ask, too */
        if (!failed && id == CLOCK_REALTIME && shift_seconds)
                now->tv_sec += *shift_seconds;
        return failed;
}
"""


class Clock:
    def __init__(self, folder):
        self.library = folder / "shift.so"
        (folder / "shift.c").write_text(SHIM)
        subprocess.run([shutil.which("cc"), "-shared", "-fPIC", "-o", self.library, folder / "shift.c"], check=True)
        self.path = folder / "shift"
        self.path.write_bytes(struct.pack("q", 0))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    def shift(self, seconds):
        self.map[:8] = struct.pack("q", seconds)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    if wait.sanitizer():
        pytest.skip("a sanitizer has to be the first library")
    made = Clock(tmp_path)
    monkeypatch.setenv("LD_PRELOAD", str(made.library))
    monkeypatch.setenv("SALVOR_TEST_CLOCK", str(made.path))
    return made


@pytest.fixture
def server(domain, clock, monkeypatch):
    running = Server(domain).start()
    monkeypatch.delenv("LD_PRELOAD")  # this very process keeps its time
    yield running
    running.stop()


def server_time(server, machine):
    return machine.poll(facts={})["server_time"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [+DAY, -DAY])
def test_a_day_forwards_and_backwards(server, clock, first):
    """A deadline and a soak of six seconds each, and the clock is set three times while they run."""
    server.make_known([f"known-{n}" for n in range(60)], FACTS)
    campaign = server.admin.started(c.payload(
        server.domain, "play", match={"fact": "fault", "eq": "play"}, not_before=c.utc(-2 * DAY - 3600), expires=c.utc(2 * DAY),
        rollout=c.plan(rings=[{"name": "all", "share": 1, "soak_seconds": 6, "growth": 20}], outcome_deadline_seconds=6)))
    machine, soaking = server.fleet(["m", "soaking"])
    offer = machine.take(facts=FACTS)
    applied = soaking.take(facts=FACTS)
    assert soaking.report("applied") == (True, "applied")
    began = server_time(server, soaking)

    def nothing_happened():
        return not [e for e in server.events() if e["type"] in ("failed", "succeeded", "recalled")]

    for shift in (first, -first, 0):
        clock.shift(shift)
        told = server_time(server, soaking)
        if shift:
            assert (told > began) is (shift > 0), (told, began)  # the daemon sees it
        # An operator's certificate may not be valid yet by a clock that goes a day behind: the machines' plane shows it then.
        answer = machine.poll(facts=FACTS)
        if answer["directive"] == "apply":
            assert answer["offer"] == offer
        else:
            assert answer["reason"] == "ring_not_open", answer  # the list has to be signed anew first
    stays(nothing_happened, "neither silent nor soaked", 1.0)
    until(lambda: campaign.offer(applied["offer_id"])["state"] == "succeeded", "soaked after six seconds", 20)
    until(lambda: campaign.offer(offer["offer_id"]).get("cause") == "silent", "silent after six seconds", 20)
    assert not campaign.decisions("expire")


def test_a_boot_after_the_clock_was_set_back(server, clock):
    """Half a minute back: the boot that follows is a new one, and what it reports counts."""
    server.make_known([f"known-{n}" for n in range(60)], FACTS)
    campaign = server.admin.started(c.payload(server.domain, "play", match={"fact": "fault", "eq": "play"}))
    machine = server.enroll("m")
    first = machine.take(facts=FACTS)
    clock.shift(-30)
    second = machine.reboot().take(facts=FACTS)
    assert second["offer_id"] != first["offer_id"] and second["attempt"] == 2
    assert campaign.offer(first["offer_id"])["cause"] == "repolled"
    assert machine.report("applied") == (True, "applied")


def test_an_expiry_is_final(server, clock):
    """The clock runs past the end and is set right again: what has expired stays so."""
    server.make_known([f"known-{n}" for n in range(60)], FACTS)
    campaign = server.admin.started(c.payload(server.domain, "play", match={"fact": "fault", "eq": "play"}, expires=c.utc(3600)))
    machine = server.enroll("m")
    offer = machine.take(facts=FACTS)
    clock.shift(2 * 3600)
    until(lambda: machine.poll(facts=FACTS)["directive"] == "none", "expired", 20)
    clock.shift(0)
    campaign.becomes("expired", 10)
    mine = campaign.offer(offer["offer_id"])
    assert (mine["state"], mine["cause"]) == ("recalled", "expired")
    assert machine.poll(facts=FACTS)["directive"] == "none"
