# SPDX-License-Identifier: Apache-2.0
"""salvorctl by itself: arguments, configuration, exit codes, what it prints."""

import json
import socket

import pytest

from fake_server import page, problem
from salvor.trial import call, ctl, fake, made  # noqa: F401


@pytest.fixture
def conf(tmp_path):
    def write(text):
        (tmp_path / "ctl.conf").write_text(text)
        return tmp_path

    return write


# ---- arguments ----


@pytest.mark.parametrize(
    "args, says",
    [
        ([], "no command"),
        (["campain", "list"], 'did you mean "campaign list"'),
        (["campaign", "strat", "x"], 'did you mean "campaign start"'),
        (["campaign"], "needs to be told"),
        (["backup", "FILE"], "there is no command"),
        (["audit", "list"], "there is no command"),
        (["campaign", "show"], "needs ID[@V]"),
        (["campaign", "show", "a", "b"], "too much"),
        (["campaign", "list", "--nonsense"], "no option --nonsense"),
        (["campaign", "list", "--uses", "3"], "takes no --uses"),
        (["campaign", "sign", "x"], "needs --key"),
        (["token", "create", "--uses"], "needs a value: N"),
        (["campaign", "limit", "a", "--drop"], "needs a value: KIND"),
        (["trust", "draft", "root", "--out", "x", "--drop"], "needs a value: ROLE=KEY"),
        (["campaign", "list", "--drop"], "takes no --drop"),
        (["token", "create", "--uses", "1", "--uses", "2"], "twice"),
        (["init", "x", "--machine-port", "65536"], "whole number"),
        (["--json=yes", "campaign", "list"], "no option"),
        (["key", "generate", "--type", "ed25519"], "needs --out"),
        (["key", "generate", "--type", "rsa", "--out", "/nowhere/k"], "ed25519 or p256"),
        (["key", "generate", "--type", "p256", "--out", "/nowhere/k", "--name", ""], "--name takes"),
        (["key", "generate", "--type", "p256", "--out", "/nowhere/k", "--name", "a\nb"], "--name takes"),
        (["key", "generate", "--type", "p256", "--out", "/nowhere/k", "--name", "n" * 65], "--name takes"),
        (["key", "generate", "--type", "p256", "--out", "k", "--passphrase-file", "f", "--passphrase-fd", "3"], "exclude"),
        (["key", "generate", "--type", "p256", "--out", "k", "--passphrase-file", "f", "--unencrypted"], "no passphrase"),
        (["key", "show", "k", "--passphrase-fd", "-1"], "whole number"),
        (["-x"], "no option"),
        (["-C"], "needs a folder"),
        (["campaign", "list"], "no folder was named"),
    ],
)
def test_usage_errors_end_with_2(args, says):
    done = ctl(*args)
    assert done.returncode == 2, done
    assert says in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    "args",
    [
        ["campaign", "show", "Not-An-Id"],
        ["campaign", "show", "a/../b"],
        ["campaign", "show", "a@0"],
        ["campaign", "show", "a@01"],
        ["campaign", "show", "a@+1"],
        ["campaign", "show", "a@ 1"],
        ["campaign", "show", "a@"],
        ["campaign", "show", "a@1x"],
        ["campaign", "show", "a@99999999999999999999"],
        ["machine", "show", "../operators"],
        ["machine", "show", ".hidden"],
        ["machine", "pin", "m1"],
        ["machine", "pin", "m1", "NO RING"],
        ["machine", "list", "--fact", "os"],
        ["machine", "list", "--fact", "OS=x"],
        ["token", "delete", "../x"],
        ["token", "create", "--uses", "0"],
        ["token", "create", "--uses", "1e3"],
        ["token", "create", "--machine", "a b"],
        ["artifact", "delete", "abc"],
        ["campaign", "resume", "a@1", "--cohort", "model"],
        ["campaign", "start", "a@1", "--reason", ""],
        ["export", "--after", "3"],
    ],
)
def test_bad_values_and_names_are_refused_before_anything_is_sent(fake, made, args):
    done = ctl("-C", made, *args)
    assert done.returncode == 2, done
    assert fake.seen == []


def test_help_of_every_command():
    top = ctl("--help")
    assert top.returncode == 0 and top.stderr == ""
    rows = [line.split() for line in top.stdout.splitlines() if line.startswith("  ") and line[2].islower()]
    names = [row[:2] if row[0] not in ("init", "export", "offers") else row[:1] for row in rows]
    assert len(names) >= 35 and ["campaign", "watch"] in names
    for name in names:
        done = ctl(*name, "--help")
        assert done.returncode == 0 and done.stdout.startswith("usage: salvorctl"), name
        assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout
    assert max(map(len, top.stdout.splitlines())) <= 80, top.stdout


def test_version():
    assert ctl("--version").stdout.startswith("salvorctl ")
    assert call("salvor-fleet", "--version").stdout.startswith("salvor-fleet ")


# ---- configuration and reach ----


def test_bad_configuration_names_file_and_line(conf):
    folder = conf('ca = "x"\n\nnonsense = "y"\n')
    done = ctl("-C", folder, "campaign", "list")
    assert done.returncode == 1 and f"{folder}/ctl.conf:3:" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "text, says",
    [
        ('ca = "x\n', "ctl.conf:"),
        ('ca = "x"\nca = "y"\n', "ctl.conf:2: \"ca\" stands there twice"),
        ("ca\n", "ctl.conf:"),
        ('ca = "x"\n', '"certificate" is missing'),
        ('ca = ""\ncertificate = "a"\nkey = "b"\n', '"ca" is missing'),
    ],
)
def test_bad_configuration_says_what_is_wrong(conf, text, says):
    done = ctl("-C", conf(text), "campaign", "list")
    assert done.returncode == 1 and says in done.stderr, done.stderr


def test_no_configuration_is_not_found(tmp_path):
    done = ctl("-C", tmp_path, "campaign", "list")
    assert done.returncode == 3 and "salvorctl init" in done.stderr


def test_a_server_that_has_not_started_is_unreachable(made):
    done = ctl("-C", made, "campaign", "list")
    assert done.returncode == 5 and "salvord -c" in done.stderr


def test_a_closed_port_is_unreachable(made):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    endpoints = made / "state/endpoints.json"
    endpoints.write_text(json.dumps({"machine": f"https://127.0.0.1:{port}", "admin": f"https://127.0.0.1:{port}"}))
    try:
        assert ctl("-C", made, "campaign", "list").returncode == 5
        assert call("salvor-fleet", "run", "-C", made, "--machines", 1).returncode == 5
    finally:
        endpoints.unlink()


def test_plain_http_and_damaged_endpoints_are_refused(made):
    endpoints = made / "state/endpoints.json"
    for text in ('{"admin": "http://127.0.0.1:1"}', "{", '{"admin": 1}'):
        endpoints.write_text(text)
        assert ctl("-C", made, "campaign", "list").returncode in (1, 5)
    endpoints.unlink()


def test_another_ca_is_denied(fake, made, tmp_path):
    text = (made / "ctl.conf").read_text().replace("pki/server-ca.crt", f"{made}/pki/operator-ca.crt")
    for name in ("state", "operators"):
        text = text.replace(f'"{name}', f'"{made}/{name}')
    (tmp_path / "ctl.conf").write_text(text)
    done = ctl("-C", tmp_path, "campaign", "list")
    assert done.returncode == 6 and fake.seen == [], done


# ---- output ----


def test_json_output_parses_and_errors_are_json_too(fake, made):
    fake.routes["GET", "/api/v1/campaigns"] = page([{"id": "a", "version": 1, "state": "draft", "title": "t"}])
    done = ctl("-C", made, "--json", "campaign", "list")
    assert json.loads(done.stdout)["items"][0]["id"] == "a"
    done = ctl("-C", made, "campaign", "show", "b", "--json")
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert error["name"] == "not_found" and error["exit"] == 3
    assert json.loads(ctl("campaign", "list", "--json").stdout)["error"]["exit"] == 2


def test_what_the_server_says_is_printed_harmless(fake, made):
    evil = "\x1b[31mred\x1b[0m\x07\u202egnp.exe\u2066\u200b\x9b1m\nnext"
    fake.routes["GET", "/api/v1/campaigns"] = page([{"id": "a", "version": 1, "state": "draft", "title": evil}])
    out = ctl("-C", made, "campaign", "list").stdout
    assert "\x1b" not in out and "\u202e" not in out and "\x07" not in out and "\x9b" not in out
    assert "\\x1b[31mred" in out and "\\u{202e}" in out and len(out.splitlines()) == 2
    fake.routes["GET", "/api/v1/campaigns/a/1"] = problem(409, "conflict", evil)
    done = ctl("-C", made, "campaign", "show", "a@1")
    assert done.returncode == 4 and "\x1b" not in done.stderr and "\u202e" not in done.stderr
    raw = ctl("-C", made, "campaign", "list", "--json").stdout
    assert "\x1b" not in raw and "\u202e" not in raw and json.loads(raw)["items"][0]["title"] == evil


def test_names_that_a_machine_chose_are_printed_harmless(fake, made):
    evil = "a\x1b[31m\x07\u202eb\u2066\x9b1m\r\nlast"
    fake.routes["GET", "/api/v1/machines/m1"] = (200, {"machine_id": "m1", "facts": {evil: "x", "ok": 1}, evil: {evil: evil}})
    done = ctl("-C", made, "machine", "show", "m1")
    assert done.returncode == 0 and "facts.ok             1\n" in done.stdout
    assert not [c for c in "\x1b\x07\u202e\u2066\x9b\r" if c in done.stdout]
    assert "facts.a\\x1b[31m\\x07\\u{202e}b" in done.stdout and not any(l.startswith("last") for l in done.stdout.splitlines())


@pytest.mark.parametrize(
    "status, slug, code",
    [
        (400, "invalid", 1),
        (401, "unauthenticated", 6),
        (403, "forbidden", 6),
        (404, "not-found", 3),
        (409, "conflict", 4),
        (409, "acknowledge-required", 4),
        (410, "gone", 3),
        (413, "too-large", 1),
        (429, "too-many-requests", 1),
        (500, "internal", 1),
        (503, "overloaded", 1),
    ],
)
def test_exit_codes_follow_the_problem(fake, made, status, slug, code):
    fake.routes["GET", "/api/v1/rings"] = problem(
        status, slug, "what is wrong", errors=[{"pointer": "/rings/0", "detail": "here"}]
    )
    done = ctl("-C", made, "rings", "show")
    assert done.returncode == code
    assert "what is wrong" in done.stderr and "/rings/0" in done.stderr and "here" in done.stderr


def test_an_answer_that_is_no_json_is_an_error(fake, made):
    fake.routes["GET", "/api/v1/rings"] = (200, b'{"rings": [], "rings": []}')
    assert ctl("-C", made, "rings", "show").returncode == 1
    fake.routes["GET", "/api/v1/rings"] = (502, b"<html>")
    assert ctl("-C", made, "rings", "show").returncode == 5
