# SPDX-License-Identifier: Apache-2.0
"""salvorctl and salvor-fleet by themselves: arguments, configuration, exit codes, what they print and send."""

import base64
import csv
import hashlib
import io
import json
import os
import pathlib
import pty
import select
import shlex
import signal
import socket
import subprocess
import termios
import time

import pytest
from cryptography.hazmat.primitives import serialization

from fake_server import Fake, page, problem
from salvor.server import program
from salvor.wait import until

PAYLOAD = """{
  "schema": "salvor.campaign/1",
  "id": "fix",
  "title": "A fix",
  "match": {"fact": "os", "eq": "windows"},
  "actions": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys"}]
}
"""


def call(name, *args, env=None, stdin=None):
    plain = {k: v for k, v in os.environ.items() if k not in ("SALVOR_DIR", "NO_COLOR")}
    return subprocess.run(
        [program(name), *map(str, args)],
        capture_output=True,
        text=True,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        cwd="/",
        timeout=60,
        env={**plain, "LC_ALL": "C.UTF-8", **(env or {})},
    )


def ctl(*args, **kw):
    return call("salvorctl", *args, **kw)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "domain"
    done = ctl("init", folder, "--machine-port", 0, "--admin-port", 0, "--ops-port", 0)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def fake(made):
    server = Fake(made)
    yield server
    server.stop()
    (made / "state/endpoints.json").unlink()


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
        (["token", "create", "--uses"], "needs a value"),
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


# ---- campaigns ----


def drafts(*rows):
    return page([{"id": i, "version": v, "state": s, "title": "t"} for i, v, s in rows])


def test_create_fills_in_what_was_left_away_and_keeps_the_rest(fake, made, tmp_path):
    fake.routes["GET", "/api/v1/campaigns"] = drafts(("fix", 4, "completed"), ("other", 9, "draft"))
    fake.routes["GET", "/api/v1/rings"] = (
        200,
        {"rings": [
            {"name": "canary", "share": 0.01, "soak_seconds": 1800, "growth": 2},
            {"name": "early", "share": 0.1, "soak_seconds": 600, "growth": 6},
            {"name": "broad", "share": 0.89, "soak_seconds": 0, "growth": 20},
        ]},
    )  # fmt: skip
    fake.routes["POST", "/api/v1/campaigns"] = (201, {"id": "fix", "version": 5, "state": "draft"})
    (tmp_path / "fix.json").write_text(PAYLOAD)
    done = ctl("-C", made, "campaign", "create", tmp_path / "fix.json")
    assert done.returncode == 0, done.stderr
    assert "fix@5" in done.stdout
    _, _, _, headers, body = fake.seen[-1]
    assert headers["Content-Type"] == "application/vnd.salvor.campaign+json"
    sent = json.loads(body)
    assert sent["version"] == 5 and "rollout" not in sent
    assert sent["trust_domain"] == hashlib.sha256((made / "1.root.json").read_bytes()).hexdigest()
    assert list(sent)[:6] == ["schema", "id", "version", "trust_domain", "not_before", "expires"]
    text = body.decode()
    assert text.endswith(PAYLOAD[PAYLOAD.index('  "title"') :])
    assert '\n  "version": 5,\n' in text


def test_create_writes_rings_that_are_not_the_default(fake, made, tmp_path):
    rings = [{"name": "one", "share": 0.5, "soak_seconds": 1, "growth": 2},
             {"name": "two", "share": 0.5, "soak_seconds": 0, "growth": 2}]  # fmt: skip
    fake.routes["GET", "/api/v1/campaigns"] = page([])
    fake.routes["GET", "/api/v1/rings"] = (200, {"rings": rings})
    fake.routes["POST", "/api/v1/campaigns"] = (201, {"id": "fix", "version": 1, "state": "draft"})
    done = ctl("-C", made, "campaign", "create", "-", stdin=json.dumps(json.loads(PAYLOAD)))
    assert done.returncode == 0, done.stderr
    sent = json.loads(fake.seen[-1][4])
    assert sent["version"] == 1 and sent["rollout"] == {"rings": rings}


def test_create_says_where_a_payload_is_wrong_before_it_is_sent(fake, made, tmp_path):
    fake.routes["GET", "/api/v1/campaigns"] = page([])
    fake.routes["GET", "/api/v1/rings"] = (200, {"rings": []})
    (tmp_path / "bad.json").write_text(PAYLOAD.replace("bad.sys", "../bad.sys"))
    done = ctl("-C", made, "campaign", "create", tmp_path / "bad.json")
    assert done.returncode == 1 and "/actions/0/path" in done.stderr, done.stderr
    (tmp_path / "bad.json").write_text(PAYLOAD.replace('"title"', '"id": "x", "title"'))
    assert ctl("-C", made, "campaign", "create", tmp_path / "bad.json").returncode == 1
    (tmp_path / "bad.json").write_text(PAYLOAD.replace('"match"', '"whatever": 1, "match"'))
    done = ctl("-C", made, "campaign", "create", tmp_path / "bad.json")
    assert done.returncode == 1 and "/whatever" in done.stderr
    assert ctl("-C", made, "campaign", "create", tmp_path / "none.json").returncode == 3
    assert not [r for r in fake.seen if r[0] == "POST"]


def full_payload(made, **more):
    root = hashlib.sha256((made / "1.root.json").read_bytes()).hexdigest()
    document = {
        **json.loads(PAYLOAD),
        "version": 1,
        "trust_domain": root,
        "not_before": "2024-07-19T05:30:00Z",
        "expires": "2024-07-26T05:30:00Z",
        **more,
    }
    return json.dumps(document, indent=1).encode()


def pae(payload):
    kind = b"application/vnd.salvor.campaign+json"
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def test_sign_signs_the_exact_bytes_and_shows_them(fake, made):
    payload = full_payload(made)
    fake.routes["GET", "/api/v1/campaigns"] = drafts(("fix", 1, "draft"))
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    fake.routes["GET", "/api/v1/campaigns/fix/1/preview"] = (200, {"matching": 7, "rings": [], "sample": []})
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, {"id": "fix", "version": 1, "state": "draft"})
    done = ctl("-C", made, "campaign", "sign", "fix", "--key", made / "keys/author-1.pem")
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(pae(payload)).hexdigest() in done.stderr
    assert "drivers/bad.sys" in done.stderr and "7 known machines" in done.stderr
    sent = json.loads(fake.seen[-1][4])
    key = serialization.load_pem_private_key((made / "keys/author-1.pem").read_bytes(), None).public_key()
    key.verify(base64.b64decode(sent["sig"]), pae(payload))
    policy = json.loads((made / "trust-policy.json").read_text())
    assert sent["keyid"] == policy["authors"][0]["keyid"]


@pytest.mark.parametrize("answer", [None, b"", {}, {"id": "fix", "version": 2, "state": "draft"},
                                    {"id": "fix", "version": 1, "state": "withdrawn"}])  # fmt: skip
def test_a_signature_that_nobody_confirms_is_not_handed_in(fake, made, answer):
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made))
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, answer)
    done = ctl("-C", made, "campaign", "sign", "fix@1", "--key", made / "keys/author-1.pem")
    assert done.returncode == 1 and done.stdout == "" and "the server's answer is none" in done.stderr, done


def test_sign_refuses_another_campaign_or_trust_domain(fake, made):
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made, id="other"))
    args = ("-C", made, "campaign", "sign", "fix@1", "--key", made / "keys/author-1.pem")
    assert ctl(*args).returncode == 6
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made, trust_domain="0" * 64))
    done = ctl(*args)
    assert done.returncode == 6 and "trust_domain" in done.stderr
    assert not [r for r in fake.seen if r[0] == "POST"]


def test_sign_without_a_server_and_attach(fake, made, tmp_path):
    payload = full_payload(made)
    (tmp_path / "payload").write_bytes(payload)
    done = ctl("campaign", "sign", "--payload", tmp_path / "payload", "--key", made / "keys/author-3.pem")
    assert done.returncode == 0 and fake.seen == [], done.stderr
    signature = json.loads(done.stdout)
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, {"id": "fix", "version": 1, "state": "ready"})
    done = ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin=json.dumps(signature))
    assert done.returncode == 0 and [json.loads(r[4]) for r in fake.seen if r[0] == "POST"] == [signature]
    assert "a key that could not be told" in done.stdout  # a server that shows no payload
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    policy = (made / "trust-policy.json").read_bytes()
    fake.routes["GET", "/api/v1/trust/policy"] = (200, policy)
    hint = {**signature, "keyid": json.loads(policy)["authors"][0]["keyid"]}
    done = ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin=json.dumps(hint))
    assert done.returncode == 0 and f"key {signature['keyid']} (author-3)" in done.stdout, done
    assert ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin="{}").returncode == 1


def test_payload_prints_the_exact_bytes(fake, made):
    payload = full_payload(made)
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    done = subprocess.run(
        [program("salvorctl"), "-C", str(made), "campaign", "payload", "fix@1"], capture_output=True, timeout=60
    )
    assert done.stdout == payload


STATE_AFTER = {"start": "active", "resume": "active", "advance": "active", "withdraw": "withdrawn", "pause": "paused",
               "halt": "halted"}  # fmt: skip


# ---- keys ----

PASSPHRASE = "correct horse battery"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\nthe second line is not part of it\n")
    return path


def generate(path, *args):
    return ctl("key", "generate", "--out", path, *args)


@pytest.mark.parametrize("kind, keytype", [("ed25519", "ed25519"), ("p256", "ecdsa")])
def test_a_new_key_is_encrypted_and_its_entry_is_an_author(made, tmp_path, secret, kind, keytype):
    path = tmp_path / "anna.pem"
    done = generate(path, "--type", kind, "--passphrase-file", secret, "--json")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    entry = json.loads(done.stdout)
    policy = json.loads((made / "trust-policy.json").read_text())
    assert entry.keys() == policy["authors"][0].keys()
    assert entry["name"] == "anna" and entry["keytype"] == keytype
    assert path.stat().st_mode & 0o7777 == 0o600
    pem = path.read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED ")
    with pytest.raises(TypeError):
        serialization.load_pem_private_key(pem, None)
    public = serialization.load_pem_private_key(pem, PASSPHRASE.encode()).public_key()
    if kind == "ed25519":
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        assert entry["public"] == raw.hex()
    else:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        assert entry["public"].encode() == public.public_bytes(serialization.Encoding.PEM, form)
    shown = json.loads(ctl("key", "show", path, "--passphrase-file", secret, "--json").stdout)
    assert shown["keyid"] == entry["keyid"] and shown["public"] == entry["public"]
    assert shown["protection"] == {"kdf": "pbkdf2", "prf": "hmacWithSHA256", "iterations": 600000, "salt_bytes": 16,
                                   "cipher": "AES-256-CBC"}  # fmt: skip
    text = ctl("key", "show", path, "--passphrase-file", secret).stdout
    assert entry["keyid"] in text and "600000 iterations" in text


def test_a_key_file_is_never_overwritten(tmp_path, secret):
    path = tmp_path / "key.pem"
    path.write_text("something else")
    (tmp_path / "link.pem").symlink_to(tmp_path / "nowhere")
    for target in (path, tmp_path / "link.pem"):
        for args in (["--passphrase-file", secret], ["--unencrypted"]):
            done = generate(target, "--type", "p256", *args)
            assert done.returncode == 4 and "never overwritten" in done.stderr, done
    assert path.read_text() == "something else" and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("text, says", [("eleven char\n", "at least 12"), ("", "empty"), ("\n", "empty"),
                                        ("x" * 1001, "1000 bytes"), ("twelve\0chars\n", "NUL")])  # fmt: skip
def test_a_bad_passphrase_makes_no_key(tmp_path, secret, text, says):
    secret.write_text(text)
    done = generate(tmp_path / "key.pem", "--type", "ed25519", "--passphrase-file", secret)
    assert done.returncode in (1, 6) and says in done.stderr, done
    assert not (tmp_path / "key.pem").exists()


def test_a_plain_key_is_for_trials_and_says_so(tmp_path):
    done = generate(tmp_path / "key.pem", "--type", "ed25519", "--unencrypted", "--name", "Anna Müller", "--json")
    assert done.returncode == 0 and "for trials" in done.stderr and "online key" in done.stderr
    assert json.loads(done.stdout)["name"] == "Anna Müller"
    assert (tmp_path / "key.pem").stat().st_mode & 0o7777 == 0o600
    told = ctl("key", "generate", "--help").stdout
    assert "for trials" in told and "online key" in told
    shown = ctl("key", "show", tmp_path / "key.pem", "--json")
    assert json.loads(shown.stdout)["protection"] == {"kdf": None} and "for trials" in shown.stderr


@pytest.mark.parametrize("command, told", [
    (["bundle"], {"--from DIR": "instead of the server", "--root FILE": "that machines pin"}),
    (["trust", "draft"], {"--from FILE": "the file before", "--root FILE": "whose targets keys will sign"}),
    (["trust", "sign"], {"--from FILE": "shows what changes", "--root FILE": "whose signatures count"}),
    (["trust", "check"], {"--root FILE": "that machines pin"}),
])
def test_help_says_what_an_option_means_here(command, told):
    lines = ctl(*command, "--help").stdout.splitlines()
    for option, words in told.items():
        assert any(line.strip().startswith(option) and words in line for line in lines), (option, lines)


def test_sign_with_an_encrypted_key(made, tmp_path, secret):
    path = tmp_path / "key.pem"
    entry = json.loads(generate(path, "--type", "p256", "--passphrase-file", secret, "--json").stdout)
    (tmp_path / "payload").write_bytes(full_payload(made))
    sign = ("campaign", "sign", "--payload", tmp_path / "payload", "--key", path)
    done = ctl(*sign, "--passphrase-file", secret)
    assert done.returncode == 0 and "not encrypted" not in done.stderr, done.stderr
    assert json.loads(done.stdout)["keyid"] == entry["keyid"]
    assert ctl(*sign, "--passphrase-fd", "0", stdin=PASSPHRASE).returncode == 0
    secret.write_text("another passphrase")
    done = ctl(*sign, "--passphrase-file", secret)
    assert done.returncode == 6 and "does not open" in done.stderr and done.stdout == ""
    assert ctl(*sign, "--passphrase-file", tmp_path / "absent").returncode == 3
    plain = ctl("campaign", "sign", "--payload", tmp_path / "payload", "--key", made / "keys/author-1.pem")
    assert plain.returncode == 0 and "not encrypted" in plain.stderr


OPENSSL_WEAK = {
    "the default iterations": ["pkcs8", "-topk8", "-v2", "aes-256-cbc"],
    "599999": ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "599999"],
    "PKCS#12": ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-iter", "600000"],
    "SHA-1": ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", "-iter", "600000"],
    "the old form": ["ec", "-aes256"],
}


@pytest.mark.parametrize("how", OPENSSL_WEAK)
def test_a_weak_file_is_refused_and_the_command_mends_it(made, tmp_path, secret, how):
    weak = tmp_path / "weak.pem"
    subprocess.run(["openssl", *OPENSSL_WEAK[how], "-in", made / "keys/author-3.pem", "-out", weak, "-passout",
                    f"file:{secret}"], check=True, capture_output=True, timeout=60)  # fmt: skip
    (tmp_path / "payload").write_bytes(full_payload(made))
    sign = ("campaign", "sign", "--payload", tmp_path / "payload", "--passphrase-file", secret, "--json", "--key")
    done = ctl(*sign, weak)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 6 and "not encrypted well enough" in error["detail"], done
    mended = tmp_path / "mended.pem"
    command = error["hint"].replace("-in OLD", f"-in {weak}").replace("-out NEW", f"-out {mended}")
    command = command.replace(f"{weak}.new", str(mended))
    subprocess.run([*shlex.split(command), "-passin", f"file:{secret}", "-passout", f"pass:{PASSPHRASE}"], check=True,
                   capture_output=True, timeout=60)  # fmt: skip
    assert ctl(*sign, mended).returncode == 0


def test_scrypt_is_good_too(made, tmp_path, secret):
    path = tmp_path / "scrypt.pem"
    for n, code in ((16384, 0), (8192, 6)):
        subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-scrypt", "-scrypt_N", str(n), "-scrypt_r",
                        "8", "-scrypt_p", "1", "-in", made / "keys/author-1.pem", "-out", path, "-passout",
                        f"file:{secret}"], check=True, capture_output=True, timeout=60)  # fmt: skip
        done = ctl("key", "show", path, "--passphrase-file", secret)
        assert done.returncode == code and f"N = {n}" in (done.stderr if code else done.stdout), done


class Terminal:
    """A program whose controlling terminal is ours to type at."""

    def __init__(self, *args, columns=0):
        pid, self.fd = pty.fork()
        if pid == 0:
            termios.tcsetwinsize(0, (0, columns))
            os.execv(program("salvorctl"), [program("salvorctl"), *map(str, args)])
        self.pid = pid
        self.said = ""

    def expect(self, text):
        deadline = time.monotonic() + 30
        while text not in self.said:
            assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], self.said
            self.said += os.read(self.fd, 4096).decode()
        seen, self.said = self.said.split(text, 1)
        return seen + text

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The rest of what it says, and its wait status."""
        deadline = time.monotonic() + 60
        try:
            while True:
                assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], self.said
                data = os.read(self.fd, 4096)
                if not data:
                    break
                self.said += data.decode()
        except OSError:
            pass  # the terminal is gone with the program
        os.close(self.fd)
        return self.said, os.waitpid(self.pid, 0)[1]


def test_the_terminal_is_asked_twice_and_shows_nothing(tmp_path):
    path = tmp_path / "key.pem"
    terminal = Terminal("key", "generate", "--type", "ed25519", "--out", path)
    said = terminal.expect("New passphrase of the key: ")
    terminal.type(PASSPHRASE + "\n")
    said += terminal.expect("once more: ")
    terminal.type(PASSPHRASE + "\n")
    rest, status = terminal.end()
    assert status == 0 and "keyid" in rest, rest
    assert PASSPHRASE not in said + rest
    terminal = Terminal("key", "show", path)
    terminal.expect("Passphrase of the key: ")
    terminal.type(PASSPHRASE + "\n")
    rest, status = terminal.end()
    assert status == 0 and "600000" in rest and PASSPHRASE not in rest


def test_two_passphrases_that_differ_make_no_key(tmp_path):
    terminal = Terminal("key", "generate", "--type", "ed25519", "--out", tmp_path / "key.pem")
    terminal.expect("New passphrase of the key: ")
    terminal.type(PASSPHRASE + "\n")
    terminal.expect("once more: ")
    terminal.type(PASSPHRASE + "!\n")
    rest, status = terminal.end()
    assert os.waitstatus_to_exitcode(status) == 6 and "differ" in rest
    assert not (tmp_path / "key.pem").exists()


def test_an_interrupt_at_the_question_ends_the_program(tmp_path):
    terminal = Terminal("key", "generate", "--type", "ed25519", "--out", tmp_path / "key.pem")
    terminal.expect("New passphrase of the key: ")
    terminal.type("\x03")
    _, status = terminal.end()
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT
    assert not (tmp_path / "key.pem").exists()


def test_without_a_terminal_the_error_says_how_to_give_the_passphrase(tmp_path):
    done = subprocess.run([program("salvorctl"), "key", "generate", "--type", "p256", "--out", tmp_path / "key.pem"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                          start_new_session=True)  # fmt: skip
    assert done.returncode == 6 and "--passphrase-file" in done.stderr


@pytest.mark.parametrize("verb", ["start", "resume", "advance", "withdraw"])
def test_elevated_acts_obtain_their_grant(fake, made, verb):
    fake.routes["POST", f"/api/v1/campaigns/fix/2/{verb}"] = (200, {"id": "fix", "version": 2, "state": STATE_AFTER[verb]})
    done = ctl("-C", made, "campaign", verb, "fix@2", "--reason", "because")
    assert done.returncode == 0, done.stderr
    assert [r[1] for r in fake.seen] == ["/api/v1/elevations", f"/api/v1/campaigns/fix/2/{verb}"]
    assert json.loads(fake.seen[-1][4]) == {"reason": "because"}


@pytest.mark.parametrize("verb", ["pause", "halt"])
def test_stopping_needs_no_grant_and_no_reason(fake, made, verb):
    fake.routes["POST", f"/api/v1/campaigns/fix/2/{verb}"] = (200, {"id": "fix", "version": 2, "state": STATE_AFTER[verb]})
    assert ctl("-C", made, "campaign", verb, "fix@2").returncode == 0
    assert len(fake.seen) == 1
    assert "via salvorctl" in json.loads(fake.seen[0][4])["reason"]


def test_a_grant_is_obtained_when_the_server_asks_for_one(fake, made):
    asked = []

    def rings(body):
        asked.append(fake.seen[-1][3].get("Salvor-Elevation"))
        if not asked[-1]:
            return problem(403, "elevation-required", "needs a grant")
        return 200, json.loads(body)

    fake.routes["PUT", "/api/v1/rings"] = rings
    (made / "rings.json").write_text('[{"name": "all", "share": 1}]')
    done = ctl("-C", made, "rings", "set", made / "rings.json")
    assert done.returncode == 0, done.stderr
    assert asked[0] is None and asked[1]
    assert json.loads(fake.seen[-1][4]) == {"rings": [{"name": "all", "share": 1}]}
    # Asked for again and again: once is enough, then it is an error.
    fake.routes["PUT", "/api/v1/rings"] = lambda _: problem(403, "elevation-required", "needs a grant")
    assert ctl("-C", made, "rings", "set", made / "rings.json").returncode == 6


CONFIRMED = [
    (["kill-switch", "on", "--reason", "x"], "PUT", "kill-switch", {"engaged": True}, {"engaged": False}),
    (["kill-switch", "off", "--reason", "x"], "PUT", "kill-switch", {"engaged": False}, {"engaged": True}),
    (["kill-switch", "show"], "GET", "kill-switch", {"engaged": False}, {"engaged": "no"}),
    *[(["campaign", verb, "fix@2", "--reason", "x"], "POST", f"campaigns/fix/2/{verb}",
       {"id": "fix", "version": 2, "state": state}, {"id": "fix", "version": 2, "state": "ready"})
      for verb, state in STATE_AFTER.items()],
    (["campaign", "halt", "fix@2", "--reason", "x"], "POST", "campaigns/fix/2/halt",
     {"id": "fix", "version": 2, "state": "halted"}, {"id": "other", "version": 2, "state": "halted"}),
    (["campaign", "halt", "fix@2", "--reason", "x"], "POST", "campaigns/fix/2/halt",
     {"id": "fix", "version": 2, "state": "halted"}, {"id": "fix", "version": 3, "state": "halted"}),
    (["campaign", "show", "fix@2"], "GET", "campaigns/fix/2", {"id": "fix", "version": 2, "state": "draft"}, {"id": "fix"}),
    (["campaign", "preview", "fix@2"], "GET", "campaigns/fix/2/preview", {"matching": 0}, {"matching": "0"}),
    (["machine", "show", "m1"], "GET", "machines/m1", {"machine_id": "m1"}, {"machine_id": "m2"}),
    (["machine", "pin", "m1", "canary"], "PATCH", "machines/m1", {"machine_id": "m1", "pin": "canary"},
     {"machine_id": "m1", "pin": None}),
    (["machine", "pin", "m1", "--none"], "PATCH", "machines/m1", {"machine_id": "m1", "pin": None},
     {"machine_id": "m1", "pin": "canary"}),
    (["machine", "opt-out", "m1"], "PATCH", "machines/m1", {"machine_id": "m1", "opt_out": True},
     {"machine_id": "m1", "opt_out": False}),
    (["machine", "opt-out", "m1"], "PATCH", "machines/m1", {"machine_id": "m1", "opt_out": True},
     {"machine_id": "m2", "opt_out": True}),
    (["token", "create"], "POST", "enrollment-tokens", {"token": "secret"}, {"token": ""}),
    (["rings", "show"], "GET", "rings", {"rings": []}, {"rings": None}),
    (["export"], "GET", "export", {"schema": "salvor.export/1"}, {"schema": "salvor.export/2"}),
]  # fmt: skip


@pytest.mark.parametrize("args, method, path, good, opposite", CONFIRMED)
def test_only_an_answer_that_confirms_is_success(fake, made, args, method, path, good, opposite):
    route = method, f"/api/v1/{path}"
    fake.routes[route] = (200, good)
    assert ctl("-C", made, *args).returncode == 0
    for bad in (None, b"", {}, [], True, opposite):
        fake.routes[route] = (200, bad)
        done = ctl("-C", made, *args)
        assert done.returncode == 1 and done.stdout == "", (bad, done)
        assert "the server's answer is none" in done.stderr, (bad, done)
        said = json.loads(ctl("-C", made, "--json", *args).stdout)["error"]
        assert said["exit"] == 1 and "the server's answer is none" in said["detail"]


@pytest.mark.parametrize(
    "args, path",
    [
        (["campaign", "delete", "fix@2"], "campaigns/fix/2"),
        (["machine", "delete", "m1"], "machines/m1"),
        (["token", "delete", "t1"], "enrollment-tokens/t1"),
        (["artifact", "delete", "0" * 64], f"artifacts/{'0' * 64}"),
    ],
)
def test_only_204_says_that_it_is_deleted(fake, made, args, path):
    fake.routes["DELETE", f"/api/v1/{path}"] = (204, b"")
    assert ctl("-C", made, *args).stdout.startswith("deleted ")
    assert json.loads(ctl("-C", made, "--json", *args).stdout) is None
    for bad in (None, b"", {}, {"deleted": True}):
        fake.routes["DELETE", f"/api/v1/{path}"] = (200, bad)
        done = ctl("-C", made, *args)
        assert done.returncode == 1 and done.stdout == "" and "the server's answer is none" in done.stderr


def test_acknowledgement_is_explained(fake, made):
    fake.routes["POST", "/api/v1/campaigns/fix/2/resume"] = problem(
        409, "acknowledge-required", "the engine halted it", acknowledge="d17"
    )
    done = ctl("-C", made, "campaign", "resume", "fix@2", "--reason", "x")
    assert done.returncode == 4 and "--acknowledge d17" in done.stderr


def test_a_bare_id_means_the_version_that_makes_sense(fake, made):
    fake.routes["GET", "/api/v1/campaigns"] = drafts(
        ("a", 1, "withdrawn"), ("a", 2, "active"), ("a", 3, "ready"), ("a", 4, "draft"), ("b", 1, "active"), ("b", 2, "halted")
    )

    def tried(verb, name):
        ctl("-C", made, "campaign", verb, name, "--reason", "x")
        return fake.seen[-1][1].rsplit("/", 2)[1]

    assert tried("halt", "a") == "2"
    assert tried("start", "a") == "3"
    ctl("-C", made, "campaign", "sign", "a", "--key", made / "keys/author-1.pem")
    assert fake.seen[-1][1].endswith("/a/4/payload")
    done = ctl("-C", made, "campaign", "halt", "b", "--reason", "x")
    assert done.returncode == 4 and "b@2" in done.stderr
    assert ctl("-C", made, "campaign", "halt", "none").returncode == 3


# ---- the rest ----


def test_tokens(fake, made):
    fake.routes["POST", "/api/v1/enrollment-tokens"] = (201, {"id": "t1", "token": "secret", "uses": 1})
    done = ctl("-C", made, "token", "create")
    assert done.returncode == 0 and done.stdout == "secret\n" and len(fake.seen) == 1
    done = ctl("-C", made, "token", "create", "--uses", 101, "--machine", "m1", "--expires-in", 60, "--reimaged")
    assert done.returncode == 0 and fake.seen[1][1] == "/api/v1/elevations"
    assert json.loads(fake.seen[-1][4]) == {
        "uses": 101, "machine_id": "m1", "expires_in_seconds": 60, "reimaged": True,
    }  # fmt: skip


def test_kill_switch(fake, made):
    fake.routes["PUT", "/api/v1/kill-switch"] = lambda body: (200, json.loads(body))
    done = ctl("-C", made, "kill-switch", "on", "--reason", "stop it")
    assert done.returncode == 0 and "ON" in done.stdout and len(fake.seen) == 1
    done = ctl("-C", made, "kill-switch", "off", "--reason", "safe again")
    assert done.returncode == 0 and len(fake.seen) == 3
    assert json.loads(fake.seen[-1][4]) == {"engaged": False, "reason": "safe again"}


def test_lists_follow_their_cursor(fake, made):
    pages = {"": ([1], "c 1"), "cursor=c%201": ([2], None)}

    def machines(_):
        query = "&".join(p for p in fake.seen[-1][2].split("&") if p.startswith("cursor"))
        items, cursor = pages[query]
        row = {"machine_id": f"m{items[0]}", "state": "back", "opt_out": False}
        return 200, {"items": [row], "next_cursor": cursor}

    fake.routes["GET", "/api/v1/machines"] = machines
    done = ctl("-C", made, "machine", "list", "--json", "--fact", "model=X 1&y", "--state", "back")
    assert [m["machine_id"] for m in json.loads(done.stdout)["items"]] == ["m1", "m2"]
    assert "fact.model=X%201%26y" in fake.seen[0][2] and "state=back" in fake.seen[0][2]


def test_machines_as_csv_do_no_harm_in_a_spreadsheet(fake, made):
    row = {"machine_id": "m1", "state": "needs_hands", "opt_out": False, "facts": {"model": '=1+1,"x"\x1b'}}
    fake.routes["GET", "/api/v1/machines"] = page([row])
    done = ctl("-C", made, "machine", "list", "--state", "needs_hands", "--csv")
    assert done.returncode == 0
    (_, told) = list(csv.reader(io.StringIO(done.stdout)))
    assert told[0] == "m1" and told[-1] == "'=1+1,\"x\"\\x1b"


def test_policy_comes_from_the_server_else_from_the_folder(fake, made):
    text = (made / "trust-policy.json").read_bytes()
    fake.routes["GET", "/api/v1/trust/policy"] = (200, text)
    done = ctl("-C", made, "policy", "show")
    assert done.returncode == 0 and hashlib.sha256(text).hexdigest() in done.stdout and "2 of 3" in done.stdout
    (made / "state/endpoints.json").write_text("{}")
    done = ctl("-C", made, "policy", "show", "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == json.loads(text) and "trust-policy.json" in done.stderr


def test_artifact_is_hashed_and_streamed(fake, made, tmp_path):
    data = os.urandom(200_000)
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "a").write_bytes(data)
    fake.routes["PUT", f"/api/v1/artifacts/{digest}"] = (201, {"sha256": digest, "length": len(data)})
    done = ctl("-C", made, "artifact", "put", tmp_path / "a")
    assert done.returncode == 0 and json.loads(done.stdout) == {"sha256": digest, "length": len(data)}
    assert fake.seen[-1][4] == data


def fetch(made, *args):
    return subprocess.run([program("salvorctl"), "-C", str(made), *args], capture_output=True, timeout=60)


@pytest.mark.parametrize("data", [b"", os.urandom(300_000)], ids=["empty", "large"])
def test_artifact_that_comes_is_the_one_that_was_asked_for(fake, made, data):
    digest = hashlib.sha256(data).hexdigest()
    fake.routes["GET", f"/api/v1/artifacts/{digest}"] = (200, data)
    done = fetch(made, "artifact", "get", digest)
    assert done.returncode == 0 and done.stdout == data, done.stderr
    done = fetch(made, "--json", "artifact", "get", digest)
    assert done.returncode == 0 and json.loads(done.stdout) == {"sha256": digest, "length": len(data)}


def test_other_bytes_than_the_artifact_are_not_handed_on(fake, made):
    data = os.urandom(300_000)
    digest = hashlib.sha256(data).hexdigest()
    for bad in (data[:-1], data + b"x", b"", b"null", bytes([data[0] ^ 1]) + data[1:]):
        fake.routes["GET", f"/api/v1/artifacts/{digest}"] = (200, bad)
        done = fetch(made, "artifact", "get", digest)
        assert done.returncode == 1 and done.stdout == b"" and b"are not this artifact" in done.stderr, done.stderr
        done = fetch(made, "--json", "artifact", "get", digest)
        assert done.returncode == 1 and "not this artifact" in json.loads(done.stdout)["error"]["detail"]


def export(state, **ring):
    row = {"name": "canary", "open": True, "offered": 0, "unsettled": 0, "succeeded": 0, "failed": 0, "not_applicable": 0}
    return {
        "schema": "salvor.export/1", "seq": 1, "generated_at": "2024-07-19T06:00:00Z", "server": "x",
        "fleet": {"known": 1, "in_recovery": 0, "waiting": 0, "back": 0, "needs_hands": 0},
        "campaigns": [{"id": "fix", "version": 1, "state": state, "rings": [{**row, **ring}], "counts": {},
                       "evidence": None, "decisions": []}],
    }  # fmt: skip


@pytest.mark.parametrize("state, code", [("completed", 0), ("halted", 1), ("withdrawn", 1), ("expired", 1)])
def test_watch_ends_with_the_campaign(fake, made, state, code):
    fake.routes["GET", "/api/v1/export"] = (200, export(state, offered=3, succeeded=3))
    done = ctl("-C", made, "campaign", "watch", "fix@1")
    assert done.returncode == code, done
    assert f"fix@1 {state}" in done.stdout and "offered=3" in done.stdout and "\x1b" not in done.stdout + done.stderr


def test_watch_follows_the_journal_and_times_out(fake, made):
    looks = []

    def document(_):
        looks.append(1)
        return 200, export("active", offered=len(looks))

    fake.routes["GET", "/api/v1/export"] = document
    event = {"seq": 2, "at": "2024-07-19T06:00:00Z", "type": "offer", "campaign": "fix", "version": 1}
    fake.routes["GET", "/api/v1/export/events"] = lambda _: (200, json.dumps(event).encode() + b"\n")
    done = ctl("-C", made, "campaign", "watch", "fix@1", "--timeout", 1, "--json")
    assert done.returncode == 7
    lines = [json.loads(line) for line in done.stdout.splitlines()[:2]]
    assert lines[0]["rings"][0]["offered"] == 1 and lines[1]["rings"][0]["offered"] == 2


def test_export_events_go_on_page_by_page(fake, made):
    def events(_):
        after = int(dict(p.split("=") for p in fake.seen[-1][2].split("&"))["after"])
        rows = [{"seq": after + i, "at": "x", "type": "admin"} for i in (1, 2)] if after < 4 else []
        return 200, "".join(json.dumps(r) + "\n" for r in rows).encode()

    fake.routes["GET", "/api/v1/export/events"] = events
    done = ctl("-C", made, "export", "--events", "--after", 0)
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [1, 2, 3, 4]


# ---- salvor-fleet ----


@pytest.mark.parametrize(
    "args, says",
    [
        ([], "no command"),
        (["simulate"], "there is no command"),
        (["run"], "needs --machines"),
        (["run", "--machines", "0"], "whole number"),
        (["run", "--machines", "5", "--fail-share", "1.5"], "from 0 to 1"),
        (["run", "--machines", "5", "--fail-share", "0.6", "--silent-share", "0.6"], "more than 1"),
        (["run", "--machines", "5", "--speed", "0"], "over 0"),
        (["run", "--machines", "5", "--speed", "nan"], "over 0"),
        (["run", "--machines", "5", "--prefix", "a b"], "--prefix"),
        (["run", "--machines", "5", "--fact", "x"], "NAME=VALUE"),
        (["run", "--machines", "5", "--reason", "boredom"], "--reason"),
        (["run", "--machines", "5", "--campaign", "A"], "no campaign id"),
        (["run", "extra", "--machines", "5"], "too much"),
    ],
)
def test_fleet_usage(args, says):
    done = call("salvor-fleet", *args)
    assert done.returncode == 2 and says in done.stderr, done.stderr


class Rescue:
    """The machine plane of one campaign, as small as can be."""

    def __init__(self, fake):
        self.machines = {}
        self.stages = []
        self.offers = {}
        self.envelope = '{"payload": "e30="}'
        self.lie = False
        fake.routes["POST", "/api/v1/enrollment-tokens"] = (201, {"id": "t1", "token": "secret", "uses": 1})
        fake.routes["DELETE", "/api/v1/enrollment-tokens/t1"] = (204, b"")
        fake.routes["POST", "/v1/enroll"] = self.enroll
        fake.routes["POST", "/v1/poll"] = self.poll
        fake.routes["POST", "/v1/report"] = self.report
        self.fake = fake

    def bearer(self):
        return self.fake.seen[-1][3]["Authorization"].removeprefix("Bearer ")

    def enroll(self, body):
        return 201, {"machine_id": json.loads(body)["machine_id"], "machine_token": "sal1.1.x"}

    def answer(self, directive, reason, **more):
        return 200, {"directive": directive, "reason": reason, "detail": "d", "poll_after_seconds": 1,
                     "give_up_after_seconds": 100, "server_time": "2024-07-19T06:00:00Z", **more}  # fmt: skip

    def poll(self, body):
        asked = json.loads(body)
        boots = self.machines.setdefault(asked["machine_id"], [])
        if asked["boot_id"] in boots:
            return self.answer("wait", "in_flight_cap")
        if len(boots) >= 2:
            return self.answer("none", "attempts_exhausted")
        boots.append(asked["boot_id"])
        digest = hashlib.sha256(self.envelope.encode()).hexdigest()
        return self.answer(
            "apply", "offered",
            offer={"offer_id": f"{asked['machine_id']}.{len(boots)}", "campaign": "fix", "version": 1,
                   "target": "campaigns/fix-1.json", "sha256": digest, "length": 3, "attempt": len(boots)},
            files={"campaigns/fix-1.json": self.envelope + (" " if self.lie else "")},
        )  # fmt: skip

    def report(self, body):
        told = json.loads(body)
        self.stages.append((told["machine_id"], told["stage"]))
        return 200, {"accepted": True, "state": told["stage"]}


def fleet(made, *args):
    done = call("salvor-fleet", "run", "-C", made, "--speed", 1000, "--json", "--concurrency", 8, *args)
    return done, json.loads(done.stdout)


def test_fleet_rescues_every_machine(fake, made):
    rescue = Rescue(fake)
    done, said = fleet(made, "--machines", 30, "--healthy")
    assert done.returncode == 0, done
    assert said["enrolled"] == said["rescued"] == said["applied"] == said["healthy"] == 30 and said["errors"] == 0
    assert sorted(rescue.machines) == [f"fleet-{i:06}" for i in range(1, 31)]
    assert fake.seen[-1][:2] == ("DELETE", "/api/v1/enrollment-tokens/t1")
    polls = [json.loads(r[4]) for r in fake.seen if r[1] == "/v1/poll"]
    assert all(p["facts"]["failing_module"] == "csagent.sys" and p["can"] == ["healthy"] for p in polls)
    assert len({p["facts"]["model"] for p in polls}) > 2


def test_fleet_may_enrol_only(fake, made):
    rescue = Rescue(fake)
    done, said = fleet(made, "--machines", 10, "--enroll-only")
    assert done.returncode == 0 and said["enrolled"] == 10 and said["polls"] == 0 and rescue.machines == {}


def test_fleet_shares_follow_the_seed(fake, made):
    args = ("--machines", 40, "--fail-share", 0.2, "--silent-share", 0.2, "--relapse-share", 0.2)
    rescue = Rescue(fake)
    done, said = fleet(made, *args)
    assert done.returncode == 0, done
    failed = {m for m, stage in rescue.stages if stage == "failed"}
    assert said["failed"] == 2 * len(failed) > 0 and said["silent"] > 0 and said["relapsed"] > 0
    assert said["rescued"] + said["silent"] + said["gave_up"] == 40 and said["waiting"] == 0
    again = Rescue(fake)
    _, other = fleet(made, *args)
    assert {m for m, stage in again.stages if stage == "failed"} == failed
    assert other["silent"] == said["silent"]
    fleet(made, *args, "--seed", 2)
    assert rescue.machines["fleet-000001"] != again.machines["fleet-000001"]


def test_fleet_touches_nothing_when_the_envelope_is_another(fake, made):
    rescue = Rescue(fake)
    rescue.lie = True
    _, said = fleet(made, "--machines", 3, "--duration", 2)
    assert said["errors"] == 3 and said["applied"] == said["offers"] == 0 and rescue.stages == []


def test_fleet_stops_when_the_campaign_is_halted(fake, made):
    Rescue(fake)
    fake.routes["POST", "/v1/poll"] = (200, {"directive": "wait", "reason": "halted", "detail": "d",
                                             "poll_after_seconds": 60, "give_up_after_seconds": 9})  # fmt: skip
    fake.routes["GET", "/api/v1/export"] = (200, export("halted"))
    done, said = fleet(made, "--machines", 3, "--campaign", "fix")
    assert done.returncode == 1 and said["campaign_state"] == "halted"


def test_fleet_that_is_refused_says_so(fake, made):
    Rescue(fake)
    fake.routes["POST", "/v1/enroll"] = problem(409, "conflict", "it holds a token already")
    done, said = fleet(made, "--machines", 3)
    assert done.returncode == 1 and said["refused"] == 3 and "already" in said["first_error"]


def test_fleet_waits_as_long_as_the_server_asks(fake, made):
    rescue = Rescue(fake)
    turned_away = []

    def poll(body):
        if not turned_away:
            turned_away.append(time.monotonic())
            return *problem(503, "overloaded", "later"), {"Retry-After": "1"}
        turned_away.append(time.monotonic())
        return rescue.poll(body)

    fake.routes["POST", "/v1/poll"] = poll
    done, said = fleet(made, "--machines", 1)
    assert done.returncode == 0 and said["rescued"] == 1 and said["errors"] == 1
    assert turned_away[1] - turned_away[0] >= 0.99


def test_fleet_follows_a_server_that_comes_back_elsewhere(made):
    first = Fake(made)
    rescue = Rescue(first)
    first.routes["POST", "/v1/poll"] = lambda body: rescue.answer("wait", "ring_not_open")
    run = [program("salvor-fleet"), "run", "-C", str(made), "--machines", "20", "--speed", "10", "--json"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as running:
        until(lambda: sum(r[1] == "/v1/poll" for r in first.seen) >= 20, "every machine has polled")
        first.stop()
        second = Fake(made)
        try:
            Rescue(second)
            said = json.loads(running.communicate(timeout=60)[0])
        finally:
            second.stop()
            (made / "state/endpoints.json").unlink()
    assert running.returncode == 0 and said["rescued"] == 20 and said["enrolled"] == 20


def test_private_files_are_private(made):
    for path in [*made.glob("keys/*"), *made.glob("operators/*.key"), *made.glob("pki/*.key")]:
        assert pathlib.Path(path).stat().st_mode & 0o077 == 0, path
