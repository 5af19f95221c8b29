# SPDX-License-Identifier: Apache-2.0
"""salvorctl campaign limit and limits: words become limits, and limits words."""

import json

import pytest

from salvor import campaign as c
from salvor.trial import ctl
from test_limits import RINGS, Limited


def test_salvorctl_sets_and_shows(shared, tmp_path):
    limited = Limited(shared, rings=RINGS)
    name, folder = limited.campaign.id, shared.domain.path
    run = lambda *words, **kw: ctl("-C", folder, "campaign", *words, **kw)
    opens = c.utc(3600)
    listed = tmp_path / "machines"
    listed.write_text("# the pilots\nm-1\n\n  m-2\t\r\nm-3 # and one more\n")
    done = run("limit", name, "--in-flight", 50, "--opens", f"second={opens}", "--only-label", "site=a", "--only-label",
               "site=b", "--only-label", "tier=", "--only-machines", listed, "--window", "mon-fri 22:00-04:00",
               "--window", "sat-sun,wed 00:00-24:00", "--window", "09:00-10:00", "--reason", "carefully")
    assert done.returncode == 0, done.stderr
    week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    wanted = {"in_flight_max": 50, "opens": {"second": opens},
              "only": {"labels": {"site": ["a", "b"], "tier": [""]}, "machines": ["m-1", "m-2", "m-3"]},
              "windows": [{"days": week[:5], "from": "22:00", "to": "04:00"},
                          {"days": ["wed", "sat", "sun"], "from": "00:00", "to": "24:00"},
                          {"from": "09:00", "to": "10:00"}]}
    assert limited.now() == wanted
    for shown in (done.stdout, run("limits", name).stdout, run("show", name).stdout):
        for word in ("at most 50", f"second at {opens} at the earliest", "label site is a or b", "3 machines: m-1, m-2, m-3",
                     "mon, tue, wed, thu, fri 22:00-04:00 UTC", "every day 09:00-10:00 UTC"):
            assert word in shown, (word, shown)
    printed = run("limits", name, "--json").stdout
    assert json.loads(printed)["limits"] == wanted
    # Kind by kind, and a grant without a word where it loosens.
    assert run("limit", name, "--drop", "windows", "--drop", "labels", "--in-flight", 60).returncode == 0
    assert limited.now() == {"in_flight_max": 60, "opens": {"second": opens}, "only": {"machines": ["m-1", "m-2", "m-3"]}}
    assert run("limit", name, "--drop", "machines").returncode == 0
    assert limited.now() == {"in_flight_max": 60, "opens": {"second": opens}}
    assert run("limit", name, "--none", "--reason", "all clear").returncode == 0
    assert limited.now() is None
    assert "no limits" in run("limits", name).stdout
    assert run("limit", name, "--file", "-", stdin=printed).returncode == 0
    assert limited.now() == wanted


@pytest.mark.parametrize("words,status,says", [
    (["limit", "FIX"], 2, "no limit was given"),
    (["limit", "FIX", "--none", "--in-flight", "1"], 2, "--none"),
    (["limit", "FIX", "--in-flight", "0"], 2, "--in-flight"),
    (["limit", "FIX", "--opens", "second"], 2, "RING=TIME"),
    (["limit", "FIX", "--opens", "second=2027-01-01T00:00:00Z", "--opens", "second=2028-01-01T00:00:00Z"], 2, "second twice"),
    (["limit", "FIX", "--opens", "second=now"], 1, "/limits/opens/second"),
    (["limit", "FIX", "--only-label", "site"], 2, "NAME=VALUE"),
    (["limit", "FIX", "--window", "someday 10:00-11:00"], 2, "mon-fri 22:00-04:00"),
    (["limit", "FIX", "--window", "10:00"], 2, "mon-fri 22:00-04:00"),
    (["limit", "FIX", "--window", "mon- 10:00-11:00"], 2, "mon-fri 22:00-04:00"),
    (["limit", "FIX", "--window", "10:00-10:00"], 1, "/limits/windows/0/to"),
    (["limit", "FIX", "--drop", "cap"], 2, "in-flight, opens, labels, machines or windows"),
    (["limit", "FIX", "--only-machines", "-"], 2, "names no machine"),
    (["limit", "FIX", "--file", "/nonexistent"], 3, "/nonexistent"),
    (["limit", "none", "--none"], 3, "none"),
    (["limits", "none"], 3, "none"),
])
def test_salvorctl_says_what_is_wrong(shared, words, status, says):
    limited = Limited(shared, rings=RINGS)
    done = ctl("-C", shared.domain.path, "campaign", *[limited.campaign.id if w == "FIX" else w for w in words])
    assert done.returncode == status, (done.stdout, done.stderr)
    assert says in done.stderr, done.stderr
    assert limited.now() is None
