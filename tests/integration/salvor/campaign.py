# SPDX-License-Identifier: Apache-2.0
"""Payloads. Plans are made to be quick and to decide only what a test is about."""

import copy
import itertools
import json
from datetime import datetime, timedelta, timezone

_number = itertools.count(1)


def utc(seconds=0):
    """RFC 3339, so many seconds from now."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def unique(prefix="fix"):
    return f"{prefix}-{next(_number)}"


def plan(**changes):
    """One ring for everybody, no timers that could fire by themselves, no cohorts, no quick completion."""
    base = {
        "rings": [{"name": "all", "share": 1, "soak_seconds": 3600, "growth": 20}],
        "in_flight": {"initial": 1000, "max": 1000000},
        "outcome_deadline_seconds": 3600,
        "relapse_window_seconds": 86400,
        "max_attempts": 2,
        "patience_seconds": None,
        "quiet_seconds": 3600,
        "cohorts": [],
    }
    base.update(changes)
    return base


def payload(domain, id=None, **changes):
    """A complete valid payload; a change to None takes the member out."""
    id = id or unique()
    value = {
        "schema": "salvor.campaign/1",
        "id": id,
        "version": 1,
        "trust_domain": domain.trust_domain,
        "title": f"Test campaign {id}",
        "not_before": utc(-3600),
        "expires": utc(86400),
        "match": {"fact": "fault", "eq": id},
        "actions": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys"}],
        "verify": [{"kind": "path_absent", "path": "${SYSTEM}/drivers/bad.sys"}],
        "rollout": plan(),
    }
    for key, change in changes.items():
        if change is None:
            value.pop(key, None)
        else:
            value[key] = change
    return value


def put_at(value, pointer, new):
    """A copy with the value at an RFC 6901 pointer replaced (or added)."""
    value = copy.deepcopy(value)
    *way, last = pointer.lstrip("/").split("/")
    at = value
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if isinstance(at, list):
        if last == "-":
            at.append(new)
        else:
            at[int(last)] = new
    else:
        at[last] = new
    return value


def drop_at(value, pointer):
    value = copy.deepcopy(value)
    *way, last = pointer.lstrip("/").split("/")
    at = value
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    del at[int(last) if isinstance(at, list) else last]
    return value


def dumps(value):
    return json.dumps(value).encode()
