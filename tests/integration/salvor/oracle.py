# SPDX-License-Identifier: Apache-2.0
"""An independent model of the rollout: plan, offers, halt rule, advance and pace of one campaign.

Written from the published rules only (docs/rollout.md quotes them), on purpose straightforward and slow: every sum is
made anew from the list of offers each time it is asked for. oracle_journal.py replays a journal with it, oracle_poll.py
says what a poll or a report is answered. Where the rules leave something open the model takes both, and says so.
"""

import functools
import math
from dataclasses import dataclass, field
from decimal import Decimal, getcontext

TOLERANCE = 1e-9
COHORT_VALUES = 1000

DEFAULT_PLAN = {
    "rings": [{"name": "canary", "share": 0.01, "soak_seconds": 1800, "growth": 2},
              {"name": "early", "share": 0.10, "soak_seconds": 600, "growth": 6},
              {"name": "broad", "share": 0.89, "soak_seconds": 0, "growth": 20}],
    "in_flight": {"initial": 5, "max": 1000000},
    "acceptable_failure": 0.05, "unacceptable_failure": 0.20, "acceptable_silence": 0.10,
    "halt_error": 0.01, "advance_error": 0.05,
    "outcome_deadline_seconds": 3600, "relapse_window_seconds": 86400, "max_attempts": 2, "patience_seconds": 600,
    "quiet_seconds": 120, "manual_advance": False, "cohorts": ["model", "os_version"],
}


def near(a, b):
    """Equal numbers, within what a journal may be off."""
    return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


# ---- the statistics ----

def _ln_mean_exp(terms):
    top = max(terms)
    return top + math.log(math.fsum(math.exp(t - top) for t in terms) / len(terms))


@functools.lru_cache(maxsize=1 << 16)
def ln_w(p0, s, f):
    p = [p0 + (1 - p0) * (k - 0.5) / 16 for k in range(1, 17)]
    return _ln_mean_exp([f * math.log(x / p0) + (s - f) * math.log((1 - x) / (1 - p0)) for x in p])


@functools.lru_cache(maxsize=1 << 16)
def ln_v(p1, s, f):
    p = [p1 * (k - 0.5) / 8 for k in range(1, 9)]
    return _ln_mean_exp([f * math.log(x / p1) + (s - f) * math.log((1 - x) / (1 - p1)) for x in p])


def exact_ln_w(p0, s, f):
    """The same in 50 decimal digits."""
    getcontext().prec = 50
    p0, sixteen = Decimal(repr(p0)), Decimal(16)
    p = [p0 + (1 - p0) * (Decimal(k) - Decimal("0.5")) / sixteen for k in range(1, 17)]
    terms = [f * (x / p0).ln() + (s - f) * ((1 - x) / (1 - p0)).ln() for x in p]
    top = max(terms)
    return top + (sum((t - top).exp() for t in terms) / sixteen).ln()


def exact_ln_v(p1, s, f):
    getcontext().prec = 50
    p1 = Decimal(repr(p1))
    p = [p1 * (Decimal(k) - Decimal("0.5")) / 8 for k in range(1, 9)]
    terms = [f * (x / p1).ln() + (s - f) * ((1 - x) / (1 - p1)).ln() for x in p]
    top = max(terms)
    return top + (sum((t - top).exp() for t in terms) / 8).ln()


def exact_ln_e(s, f, z, failure=0.05, silence=0.10):
    a, b = exact_ln_w(failure, s, f), exact_ln_w(silence, s, z)
    top = max(a, b)
    return top + (((a - top).exp() + (b - top).exp()) / 2).ln()


def prefixes(made):
    """L = 1, 2, 3, 4, 6, 8, 12, … (2^k and 3*2^k), not above the offers made."""
    found = {n * 2**k for k in range(made.bit_length() + 1) for n in (1, 3)}
    return sorted(n for n in found if n <= made)


# ---- one campaign ----

@dataclass
class Offer:
    id: str
    campaign: tuple
    machine: str
    ring: int
    stage: int
    attempt: int
    counted: bool
    i: int
    o: int
    period: int
    cohorts: tuple
    made_at: int
    incarnation: int = 1
    state: str = "offered"
    cause: object = None
    applied_at: object = None
    never_applied: bool = False  # `healthy` came first: from when its relapse window counts, the rules leave open
    out: bool = False          # of a cohort that was held: it has left every sum, a later attempt too
    freed: bool = False        # that cohort was released since
    late: str = "no"           # applied after it had settled: "no", "yes", "maybe" where the rules leave it open
    healthy_only: object = None   # the poll could `healthy`: True, False, None unknown
    gone: bool = False         # of a machine that was deleted
    recalling: bool = False    # its campaign was halted or ended: recalled from then on, its line may come later
    boots: set = field(default_factory=set)       # boots that it may belong to; more than one: the rules leave it open
    seen: set = field(default_factory=set)        # further boots in which its machine polled without having failed

    @property
    def unsettled(self):
        return self.state in ("offered", "applied") and not self.recalling

    @property
    def standing(self):
        return "recalled" if self.recalling and self.state == "offered" else self.state

    @property
    def succeeded(self):
        return self.state == "succeeded"

    @property
    def failed(self):
        return self.state == "failed" and self.cause in ("reported", "relapsed")

    @property
    def silent(self):
        return self.state == "failed" and self.cause in ("silent", "repolled", "refused")


@dataclass
class Verdict:
    """What the halt rule or the advance says: kind hold, halt or advance."""
    kind: str
    offered: int = 0
    failed: int = 0
    silent: int = 0
    ln_e: float = 0.0
    bound: float = 0.0
    cohort: object = None
    block: object = None


@dataclass
class Rollout:
    """The counts of one campaign; changed by oracle_journal.py as the journal tells."""
    plan: dict
    drill: bool = False
    offers: list = field(default_factory=list)
    k: int = 0            # resumes of halts by the engine
    period: int = 1       # counting period
    stage: int = 0
    open: int = 0         # rings that are open: the first so many
    cohort_j: dict = field(default_factory=dict)     # value -> j
    cohort_from: dict = field(default_factory=dict)  # value -> index of the first offer that counts for it
    held: set = field(default_factory=set)
    next_j: int = 1
    maybe_held: set = field(default_factory=set)     # held before a resume of the campaign's own halt

    # -- what counts --

    def counted(self):
        return [x for x in self.offers if x.counted and x.period == self.period and not x.out]

    @staticmethod
    def sums(offers):
        """S, F, Z"""
        return (sum(x.state != "not_applicable" for x in offers), sum(x.failed for x in offers),
                sum(x.silent for x in offers))

    def ln_e(self, s, f, z):
        a, b = ln_w(self.plan["acceptable_failure"], s, f), ln_w(self.plan["acceptable_silence"], s, z)
        return _ln_mean_exp([a, b])

    @property
    def error(self):
        return self.plan["halt_error"] / 2**self.k

    @property
    def c(self):
        return 0.5 if self.plan["cohorts"] else 1.0

    def bound_all(self):
        return math.log(2 / (self.c * self.error))

    def bound_block(self, level, block):
        return math.log(2 * (level + 1) * (level + 2) * block * (block + 1) / (self.c * self.error))

    def bound_cohort(self, j):
        return math.log(math.pi**2 * j**2 / (3 * self.error))

    # -- 6.3 --

    def cohort_sums(self, value):
        since = [x for x in self.offers[self.cohort_from.get(value, 0):] if value in x.cohorts]
        return self.sums([x for x in since if x.counted and x.period == self.period and not x.out])

    def look(self):
        """What the halt rule says now: a Verdict, or None."""
        found = []
        for value, j in self.cohort_j.items():
            if value not in self.held:
                s, f, z = self.cohort_sums(value)
                e, bound = self.ln_e(s, f, z), self.bound_cohort(j)
                if e >= bound:
                    found.append((-e, j, Verdict("hold", s, f, z, e, bound, cohort=value)))
        if found:
            return min(found, key=lambda x: x[:2])[2]
        counted = self.counted()
        s, f, z = self.sums(counted)
        e = self.ln_e(s, f, z)
        if e >= self.bound_all():
            return Verdict("halt", s, f, z, e, self.bound_all())
        if not counted and any(x.out and x.counted and x.period == self.period for x in self.offers):
            return Verdict("halt", s, f, z, e, self.bound_all())
        for level, block in self.blocks():
            verdict = self.look_at_block(level, block)
            if verdict:
                return verdict
        return None

    def blocks(self):
        """Every (level, number) that holds a counted offer, number >= 1."""
        top = max((x.i for x in self.counted()), default=-1)
        level, found = 0, []
        while 32 * 4**level <= top:
            found += [(level, b) for b in range(1, top // (32 * 4**level) + 1)]
            level += 1
        return found

    def look_at_block(self, level, block):
        size = 32 * 4**level
        s, f, z = self.sums([x for x in self.counted() if block * size <= x.i < (block + 1) * size])
        e, bound = self.ln_e(s, f, z), self.bound_block(level, block)
        return Verdict("halt", s, f, z, e, bound, block=[level, block]) if e >= bound else None

    # -- 6.4 --

    def of_stage(self, stage):
        return [x for x in self.offers if x.counted and x.period == self.period and x.stage == stage]

    def prefix(self, stage, n):
        """s_n, f_n"""
        first = [x for x in self.of_stage(stage) if x.o <= n and not x.out and x.state != "not_applicable"]
        return len(first), sum(not x.succeeded for x in first)

    def advances(self):
        """Every n at which the next stage begins; [] at none. Which of several is quoted, the rules leave open."""
        if self.plan["manual_advance"] or self.stage + 1 >= len(self.plan["rings"]):
            return []
        bound = math.log(1 / self.plan["advance_error"])
        found = []
        for n in prefixes(len(self.of_stage(self.stage))):
            s, f = self.prefix(self.stage, n)
            v = ln_v(self.plan["unacceptable_failure"], s, f)
            if v >= bound:
                found.append(Verdict("advance", n, f, 0, v, bound))
        return found

    # -- 6.5 --

    def gain(self, stage):
        """G: settled successes among the first n, for the largest n whose rate is fine."""
        good = [n for n in prefixes(len(self.of_stage(stage)))
                if self.prefix(stage, n)[1] <= self.plan["unacceptable_failure"] * self.prefix(stage, n)[0]]
        if not good:
            return 0
        s, f = self.prefix(stage, good[-1])
        return s - f

    def cap(self, known):
        tenth = max(1, known // 10)
        initial = min(self.plan["in_flight"]["initial"], tenth)
        grown = sum(ring["growth"] * self.gain(i) for i, ring in enumerate(self.plan["rings"]))
        return min(self.plan["in_flight"]["max"], initial + grown)

    def excess(self):
        s, f, z = self.sums(self.counted())
        return max(0.0, f + z - (self.plan["acceptable_failure"] + self.plan["acceptable_silence"]) * s)

    def unsettled(self):
        """At least and at most. Offers of a held cohort leave every sum, those of later attempts too; whether they come
        back with a release or in a new counting period, and whether those of a deleted machine that were applied still
        count, the rules leave open."""
        waiting = [x for x in self.offers if x.unsettled]
        surely_out = [x for x in waiting if x.out and x.period == self.period and not x.freed]
        return sum(not (x.out or x.gone) for x in waiting), len(waiting) - len(surely_out)

    def room(self, known):
        """(may an offer be made, must there be room) for so many known machines at least and at most."""
        least, most = self.unsettled()
        may = least + self.excess() < self.cap(known[1]) + TOLERANCE or least == 0
        must = most + self.excess() < self.cap(known[0]) - TOLERANCE or most == 0
        return may, must

    # -- changes --

    def add(self, offer):
        self.offers.append(offer)
        self.maybe_held.difference_update(offer.cohorts)
        if offer.counted:
            for value in offer.cohorts:
                if value not in self.cohort_j and len(self.cohort_j) < COHORT_VALUES:
                    self.cohort_j[value] = self.next_j
                    self.next_j += 1

    def hold(self, value):
        self.held.add(value)
        for x in self.offers:
            if value in x.cohorts:
                x.out = True

    def release(self, value):
        """It takes the next free j, sums from zero."""
        self.held.discard(value)
        self.maybe_held.discard(value)
        self.cohort_j[value] = self.next_j
        self.next_j += 1
        self.cohort_from[value] = len(self.offers)
        for x in self.offers:
            x.freed |= x.out and value in x.cohorts

    def begin_period(self):
        """A resume of a halt by the engine. Whether a cohort that was held stays held, or counts anew like all else, is
        not said: both is taken, until an offer to it shows that it is not."""
        self.maybe_held |= self.held
        self.held = set()
        self.k += 1
        self.period += 1
        self.stage = 0
        self.cohort_j = {}
        self.cohort_from = {}
        self.next_j = 1
