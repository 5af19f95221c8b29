# SPDX-License-Identifier: Apache-2.0
"""salvor-fleet simulate: the rollout in simulated time, without a server."""

import csv
import json
import shutil
import subprocess

import pytest

from salvor.server import program

FLEET = str(program("salvor-fleet"))
CTL = str(program("salvorctl"))
PLOTS = shutil.which("gnuplot") is not None


def simulate(*words, code=0):
    done = subprocess.run([FLEET, "simulate", *map(str, words)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The whole table with few runs, once for all tests."""
    folder = tmp_path_factory.mktemp("table")
    done = subprocess.run([FLEET, "simulate", "--table", "--runs", "60", "--json", "--csv", str(folder / "table.csv")],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout), folder / "table.csv"


# What holds with a margin for 60 runs: (row, bound of Salvor's value). Medians lie well below what has to be reached.
MARGINS = {"good": 0.05, "acceptable": 0.05, "fail90": 8, "silent90": 8, "fail30": 35, "silent30": 110, "late90": 170,
           "relapse50": 15, "million": 4.0}


def test_table_has_ten_rows_and_reaches_its_bounds(table):
    document, _ = table
    assert document["schema"] == "salvor.simulation-table/1"
    rows = {row["name"]: row for row in document["rows"]}
    assert len(rows) == 10
    for name, bound in MARGINS.items():
        assert rows[name]["policies"]["salvor"]["value"] <= bound, rows[name]
    assert rows["cohort"]["policies"]["salvor"]["value"] >= 0.95
    assert document["reached"] == all(row["reached"] for row in document["rows"])


def test_table_shows_where_the_rules_of_peers_fall_short(table):
    document, _ = table
    rows = {row["name"]: row["policies"] for row in document["rows"]}
    assert rows["good"]["aws"]["value"] > 0.2  # a good fix is stopped by chance
    assert rows["acceptable"]["hawkbit"]["value"] > 0.2
    assert rows["silent90"]["hawkbit"]["value"] == 5000 and rows["silent90"]["hawkbit"]["halted"] == 0
    assert rows["silent90"]["aws"]["value"] == 5000  # all were offered it before the first one timed out
    for name in ("fail90", "fail30", "late90", "relapse50"):
        best = min(cell["value"] for policy, cell in rows[name].items() if policy != "salvor")
        assert rows[name]["salvor"]["value"] < best, rows[name]
    assert rows["million"]["mender"]["value"] > 100  # phases by the clock


def test_table_as_csv(table):
    _, path = table
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 50
    assert {row["policy"] for row in rows} == {"salvor", "hawkbit", "aws", "mender", "lvfs"}
    assert all(float(row["value"]) >= 0 for row in rows)


def test_one_case_as_json_and_csv(tmp_path):
    path = tmp_path / "runs.csv"
    words = ["--machines", 800, "--polls-per-minute", 400, "--fail-share", 0.3, "--runs", 20, "--seed", 7,
             "--policy", "salvor,lvfs", "--json", "--csv", path]
    document = json.loads(simulate(*words).stdout)
    assert document["schema"] == "salvor.simulation/1" and not document["good"]
    assert list(document["policies"]) == ["salvor", "lvfs"]
    for summary in document["policies"].values():
        assert summary["runs"] == 20 and summary["halted"] == 20
        low, high = summary["halted_share_95"]
        assert 0 < low < summary["halted_share"] <= high <= 1
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 40
    exposed = sorted(int(row["exposed"]) for row in rows if row["policy"] == "salvor")
    assert document["policies"]["salvor"]["exposed"]["median"] == (exposed[9] + exposed[10]) / 2
    first = path.read_bytes()
    assert json.loads(simulate(*words, "--threads", 1).stdout) == document
    assert path.read_bytes() == first


def test_an_author_tries_a_plan(tmp_path):
    plan = {"rings": [{"name": "few", "share": 0.1, "soak_seconds": 60, "growth": 4},
                      {"name": "all", "share": 0.9, "growth": 30}], "cohorts": []}
    bare = tmp_path / "plan.json"
    bare.write_text(json.dumps(plan))
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({"id": "fix", "title": "a fix", "actions": [], "rollout": plan}))
    unready = tmp_path / "unready.json"  # neither match nor actions yet
    unready.write_text(json.dumps({"schema": "salvor.campaign/1", "id": "fix", "rollout": plan}))
    words = ["--runs", 5, "--machines", 500, "--polls-per-minute", 500, "--json"]
    one, two, three = (json.loads(simulate("--plan", path, *words).stdout) for path in (bare, payload, unready))
    assert one == two == three
    assert [ring["name"] for ring in one["plan"]["rings"]] == ["few", "all"]
    assert one["policies"]["salvor"]["completed"] == 5


@pytest.mark.parametrize("words", [
    ["--fail-share", 0.02, "--silent-share", 0.05, "--cycle-share", 0.02, "--relapse-share", 0.01, "--late-share", 0.01],
    ["--fail-share", 0.5],
    ["--silent-share", 0.6],
    ["--bad-cohort-fail", 1, "--fail-share", 0.01, "--healthy"],
    ["--polls-per-minute", 0, "--fail-share", 0.02],
], ids=["mixed", "halted", "silent", "cohort", "waiting"])
def test_journal_is_replayed_and_agrees(tmp_path, words):
    path = tmp_path / "journal.ndjson"
    simulate("--machines", 3000, "--polls-per-minute", 1000, *words, "--runs", 1, "--journal", path)
    seqs = [json.loads(line)["seq"] for line in path.open()]
    assert seqs == list(range(1, len(seqs) + 1))
    done = subprocess.run([CTL, "journal", "replay", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_journal_of_more_days_than_a_month(tmp_path):
    plan, path = tmp_path / "plan.json", tmp_path / "journal.ndjson"
    plan.write_text(json.dumps({"quiet_seconds": 30 * 86400}))
    simulate("--plan", plan, "--machines", 500, "--polls-per-minute", 1000, "--days", 90, "--runs", 1, "--journal", path)
    events = [json.loads(line) for line in path.open()]
    start = next(event for event in events if event["type"] == "state")
    assert start["expires"] == "2026-04-02T00:00:00Z"
    assert events[-1]["at"] > "2026-01-31" and events[-1]["decision"]["verdict"] == "complete"
    done = subprocess.run([CTL, "journal", "replay", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not PLOTS, reason="gnuplot is not installed")
@pytest.mark.parametrize("name, magic", [("plot.svg", b"<?xml"), ("it's.png", b"\x89PNG")])
def test_plot_is_made(tmp_path, name, magic):
    path = tmp_path / name
    simulate("--machines", 300, "--runs", 10, "--policy", "all", "--mender-hours", 1, "--plot", path)
    assert path.read_bytes().startswith(magic)


@pytest.mark.parametrize("words, said", [
    (["--fail-share", "1.5"], "--fail-share"),
    (["--fail-share", "0.7", "--silent-share", "0.7"], "add up"),
    (["--machines", "0"], "--machines"),
    (["--machines", "2.5"], "whole number"),
    (["--machines=nan"], "whole number"),
    (["--fail-share", "nan"], "from 0 to 1"),
    (["--fail-share", "0x1"], "from 0 to 1"),
    (["--polls-per-minute", "1e-20"], "--polls-per-minute must be 0, or at least 0.001"),
    (["--polls-per-minute", "-1"], "--polls-per-minute"),
    (["--fail-share", " 1"], "from 0 to 1"),
    (["--fail-share", "0.1x"], "from 0 to 1"),
    (["--success-delay", "exp:0x10"], "--success-delay"),
    (["--seed", "9007199254740993"], "to 9007199254740992"),
    (["--runs", "1000001"], "--runs"),
    (["--success-delay", "tri:3,2,1"], "--success-delay"),
    (["--policy", "nobody"], "nobody"),
    (["--policy", ""], "--policy"),
    (["--plot", "picture.pdf"], ".svg"),
    (["--table", "--machines", "7"], "--table"),
    (["--table", "--policy", "aws"], "--table"),
    (["--policy", "aws", "--journal", "journal"], "--journal"),
    (["--json=yes"], "--json"),
    (["--seed"], "--seed"),
    (["--speed", "2"], "--speed"),
    (["now"], "now"),
])
def test_bad_words_are_told(words, said):
    assert said in simulate(*words, code=2).stderr


def test_the_fewest_polls_come_to_an_end():
    document = json.loads(simulate("--polls-per-minute", 0.001, "--runs", 2, "--machines", 50, "--json").stdout)
    assert document["policies"]["salvor"]["runs"] == 2


def test_bad_plans_are_told(tmp_path):
    """What a file holds is no matter of usage: 1. Words that do not fit the plan are: 2."""
    path = tmp_path / "plan.json"
    path.write_text('{"acceptable_failure": 0.3}')
    assert "unacceptable_failure" in simulate("--plan", path, code=1).stderr
    path.write_text('{"cohorts": []}')
    assert "cohort" in simulate("--plan", path, "--bad-cohort-fail", 1, code=2).stderr
    path.write_text("{")
    simulate("--plan", path, code=1)
    simulate("--plan", tmp_path / "none", code=3)


@pytest.mark.parametrize("option, name", [
    ("--csv", "runs.csv"), ("--journal", "journal"),
    pytest.param("--plot", "plot.svg", marks=pytest.mark.skipif(not PLOTS, reason="gnuplot is not installed")),
    pytest.param("--plot", "plot.png", marks=pytest.mark.skipif(not PLOTS, reason="gnuplot is not installed")),
])
def test_files_that_cannot_be_written_are_told(tmp_path, option, name):
    words = ["--runs", 1, "--machines", 10, option]
    done = simulate(*words, tmp_path / "no" / name, code=1)
    assert "cannot be written: No such file" in done.stderr and len(done.stderr.splitlines()) == 1
    assert "<svg" not in done.stdout
    full = tmp_path / name
    full.symlink_to("/dev/full")
    assert "could not be written" in simulate(*words, full, code=1).stderr


@pytest.mark.parametrize("words", [["--runs", "1"], ["--runs", "1", "--json"], ["--table", "--runs", "1"],
                                   ["--help"]], ids=" ".join)
def test_standard_output_that_cannot_be_written_is_told(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([FLEET, "simulate", *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_help_names_every_option():
    text = simulate("--help").stdout
    for option in ("--table", "--policy", "--plan", "--journal", "--plot", "--csv", "--seed", "--good-first"):
        assert option in text
    assert max(map(len, text.splitlines())) <= 80, "it fits a terminal"
