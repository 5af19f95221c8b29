# SPDX-License-Identifier: Apache-2.0
"""Authors' keys on tokens (SoftHSM), and signing with other programs by the commands of the manual."""

import base64
import json
import os
import pathlib
import re
import subprocess

import pytest

from salvor import campaign, keys
from salvor.server import BUILD, ROOT, Domain, Server, program
from salvor.softhsm import MODULE, PIN, SoftHSM
from salvor.terminal import Terminal

KINDS = {"ed25519": "EC:edwards25519", "p256": "EC:prime256v1"}


@pytest.fixture(scope="module")
def hsm(tmp_path_factory):
    """Token "one" with a key of each type, an RSA key, and two keys of one name; token "two" with a third of that name."""
    made = SoftHSM(tmp_path_factory.mktemp("hsm"))
    made.serial = made.add_token("one")
    made.add_token("two")
    for number, (label, kind) in enumerate([("ed25519", "EC:edwards25519"), ("p256", "EC:prime256v1"), ("rsa", "rsa:2048"),
                                            ("p384", "EC:secp384r1"), ("twin", "EC:prime256v1"), ("twin", "EC:edwards25519"),
                                            ("alone", "EC:prime256v1")], 1):  # fmt: skip
        made.add_key("one", kind, label, f"{number:02}")
    made.drop("one", "pubkey", "alone")
    made.add_key("two", "EC:prime256v1", "p256")
    made.add_key("two", "EC:prime256v1", "second", "02")
    return made


@pytest.fixture
def pin(tmp_path):
    path = tmp_path / "pin"
    path.write_text(f"{PIN}\n")
    return path


# SoftHSM leaks a name with every Ed25519 signature; our own leaks are looked for with the fake token (tests/unit/pkcs11).
FOREIGN_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture
def ctl(hsm):
    def run(*args, stdin=None, env=None):
        return subprocess.run([program("salvorctl"), *map(str, args)], capture_output=True, text=True, timeout=60,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, cwd="/",
                              start_new_session=True,
                              env={**os.environ, **hsm.environment, **FOREIGN_LEAKS, "LC_ALL": "C.UTF-8", **(env or {})})  # fmt: skip

    return run


def author(ctl, uri, pin, name):
    done = ctl("key", "show", uri, "--passphrase-file", pin, "--name", name, "--json")
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    return {key: entry[key] for key in ("name", "keyid", "keytype", "scheme", "public")}


def with_authors(path, *entries):
    """A trust domain whose only authors are these; all of them have to sign."""
    domain = Domain(path)
    policy = domain.policy()
    policy["authors"] = list(entries)
    for known in policy["classes"]:
        known["authors"] = [entry["name"] for entry in entries]
        known["threshold"] = len(entries)
    domain.set_policy(policy)
    return domain


def draft(server, id="fix"):
    reply = server.admin.client.post("/api/v1/campaigns", json.dumps(campaign.payload(server.domain, id, match={"all": []})),
                                     content_type=keys.PAYLOAD_TYPE)  # fmt: skip
    assert reply.status == 201, reply


def starts(server, id="fix"):
    reply = server.admin.act("POST", f"/campaigns/{id}/1/start", {"reason": "test"})
    assert reply.status == 200 and reply.json()["state"] == "active", reply


# ---- keys on tokens ----


def test_two_tokens_sign_what_a_server_starts(hsm, ctl, pin, tmp_path):
    uris = ["pkcs11:token=one;object=ed25519", f"pkcs11:serial={hsm.serial};id=%02"]
    domain = with_authors(tmp_path / "domain", *(author(ctl, uri, pin, f"a{i}") for i, uri in enumerate(uris)))
    server = Server(domain).start()
    try:
        draft(server)
        sign = ("-C", domain.path, "campaign", "sign", "fix", "--passphrase-file", pin, "--key")
        first = ctl(*sign, uris[0])
        assert first.returncode == 0 and first.stdout.endswith(": draft\n"), first
        assert "0 of 2 signatures; may sign: a0, a1" in first.stderr and "not encrypted" not in first.stderr
        second = ctl(*sign, uris[1])
        assert second.returncode == 0 and second.stdout.endswith(": ready\n"), second
        assert "1 of 2 signatures (a0); may sign: a1" in second.stderr
        assert ctl(*sign, "pkcs11:token=two;object=second").returncode == 6  # no author
        starts(server)
    finally:
        server.stop()


def test_offline_and_many_times(ctl, pin, tmp_path):
    """r and s of one signature in some hundred have a leading zero byte, half of them the high bit."""
    domain = Domain(tmp_path / "domain")
    payload = json.dumps(campaign.payload(domain, "fix")).encode()
    (tmp_path / "payload").write_bytes(payload)
    for uri in ("pkcs11:token=one;object=ed25519", "pkcs11:token=one;object=p256"):
        shown = json.loads(ctl("key", "show", uri, "--passphrase-file", pin, "--json").stdout)
        public = keys.public_from(shown["keytype"], shown["public"])
        assert keys.keyid(public) == shown["keyid"]
        for _ in range(8):
            done = ctl("campaign", "sign", "--payload", tmp_path / "payload", "--passphrase-file", pin, "--key", uri)
            assert done.returncode == 0, done.stderr
            signed = json.loads(done.stdout)
            assert signed["keyid"] == shown["keyid"]
            assert keys.verifies(public, keys.pae(payload), base64.b64decode(signed["sig"]))


def test_a_root_is_signed_by_tokens_too(ctl, pin, tmp_path):
    """The ceremonies take keys by the same door."""
    add = []
    for label in ("ed25519", "p256"):
        public = tmp_path / f"{label}.pem"
        uri = f"pkcs11:token=one;object={label}"
        assert ctl("key", "show", uri, "--passphrase-file", pin, "--public-out", public).returncode == 0
        add += [f"--add={role}={public}" for role in ("root", "targets")]
    assert ctl("key", "show", "pkcs11:token=two;object=second", "--passphrase-file", pin, "--public-out", tmp_path / "online.pem").returncode == 0
    add += [f"--add={role}={tmp_path / 'online.pem'}" for role in ("snapshot", "timestamp")]
    path = tmp_path / "1.root.json"
    done = ctl("trust", "draft", "root", "--new", "--out", path, "--threshold", "root=2", *add)
    assert done.returncode == 0, done.stderr
    for label in ("ed25519", "p256"):
        uri = f"pkcs11:token=one;object={label}"
        done = ctl("trust", "sign", path, "--key", uri, "--passphrase-file", pin, "--yes")
        assert done.returncode == 0, done.stderr
    root = json.loads(path.read_text())
    assert len(root["signatures"]) == 2
    for signature in root["signatures"]:
        key = root["signed"]["keys"][signature["keyid"]]
        public = keys.public_from(key["keytype"], key["keyval"]["public"])
        assert keys.verifies(public, keys.canonical(root["signed"]).encode(), bytes.fromhex(signature["sig"]))


def test_key_show(hsm, ctl, pin, tmp_path):
    uri = "pkcs11:token=one;object=p256"
    done = ctl("key", "show", uri, "--passphrase-file", pin, "--public-out", tmp_path / "public.pem")
    assert done.returncode == 0 and done.stderr == "", done
    for words in ("keytype", "ecdsa", "token", "one", hsm.serial, "The author in trust-policy.json", '"name": "p256"'):
        assert words in done.stdout
    entry = json.loads(ctl("key", "show", uri, "--passphrase-file", pin, "--json").stdout)
    assert entry["pkcs11"] == {"token": "one", "manufacturer": "SoftHSM project", "model": "SoftHSM v2", "object": "p256",
                               "serial": hsm.serial, "id": "02", "extractable": False}  # fmt: skip
    assert (tmp_path / "public.pem").read_text() == entry["public"]
    assert "protection" not in entry


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_made_on_a_token(hsm, ctl, pin, tmp_path, kind):
    uri = f"pkcs11:token=two;object=made-{kind}"
    make = ("key", "generate", "--type", kind, "--passphrase-file", pin, "--json", "--out")
    done = ctl(*make, uri, "--name", "Anna", "--public-out", tmp_path / "public.pem")
    assert done.returncode == 0 and done.stderr == "", done
    entry = json.loads(done.stdout)
    assert entry["name"] == "Anna" and entry["pkcs11"]["object"] == f"made-{kind}" and not entry["pkcs11"]["extractable"]
    assert len(entry["pkcs11"]["id"]) == 16
    assert "sensitive, always sensitive, never extractable, local" in hsm.tool("two", "--list-objects", "--type", "privkey",
                                                                               "--label", f"made-{kind}")  # fmt: skip
    shown = json.loads(ctl("key", "show", uri, "--passphrase-file", pin, "--json").stdout)
    assert shown["keyid"] == entry["keyid"] and shown["name"] == f"made-{kind}"
    before = hsm.tool("two", "--list-objects")
    for again, code, word in ((uri, 4, "ever overwritten"),
                              (f"pkcs11:token=two;object=other;id=%{entry['pkcs11']['id'][:2]}" +
                               "".join(f"%{entry['pkcs11']['id'][i:i + 2]}" for i in range(2, 16, 2)), 4, "label or id"),
                              ("pkcs11:token=two", 2, "object=LABEL"), ("pkcs11:object=new", 4, "2 tokens"),
                              ("pkcs11:token=nowhere;object=new", 3, "no token")):  # fmt: skip
        done = ctl(*make, again)
        assert done.returncode == code and word in done.stderr, done
    assert ctl(*make, "pkcs11:token=two;object=new", "--unencrypted").returncode == 2
    assert ctl(*make, "pkcs11:token=two;object=new", "--public-out", tmp_path / "public.pem").returncode == 4
    (tmp_path / "wrong").write_text("00000")
    assert ctl("key", "generate", "--type", kind, "--out", "pkcs11:token=two;object=new", "--passphrase-file",
               tmp_path / "wrong").returncode == 6  # fmt: skip
    assert hsm.tool("two", "--list-objects") == before
    assert not list(tmp_path.glob("pkcs11:*"))


@pytest.mark.parametrize("by", ["file", "descriptor", "uri", "terminal"])
def test_the_pin(hsm, ctl, pin, by, monkeypatch):
    uri = "pkcs11:token=one;object=p256"
    if by == "terminal":
        monkeypatch.setenv("SOFTHSM2_CONF", hsm.environment["SOFTHSM2_CONF"])
        terminal = Terminal("key", "show", uri)
        said = terminal.expect("PIN of token one: ")
        terminal.type(PIN + "\n")
        rest, status = terminal.end()
        assert status == 0 and "keyid" in rest and PIN not in said + rest
        return
    args, stdin = {"file": (["--passphrase-file", pin], None), "descriptor": (["--passphrase-fd", 0], PIN),
                   "uri": ([], None)}[by]  # fmt: skip
    done = ctl("key", "show", f"{uri}?pin-source=file:{pin}" if by == "uri" else uri, *args, stdin=stdin)
    assert done.returncode == 0, done.stderr


REFUSED = {
    "wrong PIN": ("pkcs11:token=one;object=p256", "00000", 6, ["PIN is wrong"]),
    "no PIN": ("pkcs11:token=one;object=p256", None, 6, ["no terminal", "--passphrase-file"]),
    "empty PIN": ("pkcs11:token=one;object=p256", "", 1, ["empty"]),
    "two keys of that name": ("pkcs11:token=one;object=twin", PIN, 4, ['"twin" (id 05)', '"twin" (id 06)', "id=%"]),
    "no name at all": ("pkcs11:token=one", PIN, 4, ['"ed25519" (id 01)', '"rsa" (id 03)']),
    "two tokens with such a key": ("pkcs11:object=p256", PIN, 4, ["2 tokens", '"one"', '"two"', "token=LABEL"]),
    "unknown token": ("pkcs11:token=three;object=p256", PIN, 3, ["no token", '"one"', '"two"']),
    "unknown key": ("pkcs11:token=one;object=nobody", PIN, 3, ["no private key", '"ed25519"']),
    "RSA": ("pkcs11:token=one;object=rsa", PIN, 1, ["RSA", "P-256"]),
    "P-384": ("pkcs11:token=one;object=p384", PIN, 1, ["P-384"]),
    "no public half": ("pkcs11:token=one;object=alone", PIN, 1, ["no public key", "id 07"]),
    "missing module": ("pkcs11:object=p256?module-path=/nowhere.so", PIN, 3, ["/nowhere.so"]),
    "the PIN in the URI": (f"pkcs11:token=one;object=p256?pin-value={PIN}", None, 2, ["pin-value"]),
    "the PIN from a program": ("pkcs11:token=one;object=p256?pin-source=%7C/bin/cat", None, 2, ["file:PATH"]),
    "the PIN twice": ("pkcs11:token=one;object=p256?pin-source=file:/etc/hostname", PIN, 2, ["twice"]),
    "a typing error": ("pkcs11:token=one;objekt=p256", PIN, 2, ["not known"]),
    "no URI": ("pkcs11:token=%g", PIN, 2, ["RFC 7512"]),
}


@pytest.mark.parametrize("how", REFUSED)
def test_refused_by_name(ctl, tmp_path, how):
    uri, given, code, words = REFUSED[how]
    (tmp_path / "payload").write_text(json.dumps(campaign.payload(Domain(tmp_path / "domain"), "fix")))
    secret = []
    if given is not None:
        (tmp_path / "given").write_text(given)
        secret = ["--passphrase-file", tmp_path / "given"]
    for command in (["key", "show", uri], ["campaign", "sign", "--payload", tmp_path / "payload", "--key", uri]):
        done = ctl(*command, *secret)
        assert done.returncode == code and done.stdout == "", done
        for word in words:
            assert word in done.stderr, done
        assert PIN not in done.stderr


def test_a_token_is_found_by_its_key(ctl, pin):
    """Only one of the two tokens holds it, and the module is named instead of found by p11-kit."""
    for uri in ("pkcs11:object=second", f"pkcs11:object=second?module-path={MODULE}",
                f"pkcs11:object=second;type=private?module-path={MODULE}"):
        done = ctl("key", "show", uri, "--passphrase-file", pin, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["pkcs11"]["token"] == "two", done


FAKE = BUILD / "bin" / "fake_token.so"


@pytest.mark.parametrize("behaviour, code, words", [
    ("locked", 6, ["locked", "SO PIN"]),
    ("final", 6, ["one try left", "type the PIN"]),
    ("removed", 1, ["removed"]),
    ("lies", 1, ["no signature of key", "faulty"]),
    ("nopin", 6, ["no user PIN"]),
    ("extractable", 0, ["can be copied"]),
])  # fmt: skip
def test_a_token_that_misbehaves(ctl, tmp_path, behaviour, code, words):
    (tmp_path / "payload").write_text(json.dumps(campaign.payload(Domain(tmp_path / "domain"), "fix")))
    (tmp_path / "pin").write_text("1234\n")
    done = ctl("campaign", "sign", "--payload", tmp_path / "payload", "--key", f"pkcs11:token=fake?module-path={FAKE}",
               "--passphrase-file", tmp_path / "pin",
               env={"SALVOR_FAKE_TOKEN": behaviour, "ASAN_OPTIONS": "detect_leaks=1"})  # fmt: skip
    assert done.returncode == code and bool(done.stdout) == (code == 0), done
    for word in words:
        assert word in done.stderr, done


def test_who_types_the_last_pin_is_warned(monkeypatch):
    monkeypatch.setenv("SALVOR_FAKE_TOKEN", "final")
    terminal = Terminal("key", "show", f"pkcs11:token=fake?module-path={FAKE}")
    terminal.expect("PIN of token fake (the last try: a wrong one locks it): ")
    terminal.type("4321\n")
    rest, status = terminal.end()
    assert os.waitstatus_to_exitcode(status) == 6 and "one try is left" in rest


def test_only_salvorctl_loads_p11_kit():
    for name in ("salvord", "salvor-recover", "salvorctl"):
        needed = subprocess.run(["readelf", "-d", program(name)], capture_output=True, text=True, check=True).stdout
        assert ("libp11-kit" in needed) == (name == "salvorctl"), name


# ---- what the person who signs sees ----


def test_a_person_is_asked_before_the_key_is_taken(server):
    draft(server)
    sign = ("-C", server.domain.path, "campaign", "sign", "fix", "--key", server.domain.path / "keys" / "author-1.pem")
    for answer, code in (("no", 6), ("", 6), ("y", 6), ("yes", 0)):
        terminal = Terminal(*sign)
        said = terminal.expect("Sign this? Type yes: ")
        assert "1. delete ${SYSTEM}/drivers/bad.sys" in said and "not encrypted" not in said
        terminal.type(answer + "\n")
        rest, status = terminal.end()
        assert os.waitstatus_to_exitcode(status) == code, rest
        assert ("nothing was signed" in rest) == (code != 0)
    rest, status = Terminal(*sign, "--yes").end()
    assert status == 0 and "Type yes" not in rest


def test_what_is_shown(server, ctl):
    domain = server.domain
    policy = domain.policy()
    payload = campaign.payload(domain, "shown", summary="All of it.", actions=[
        {"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys", "require": {"sha256": ["ab" * 32]}},
        {"kind": "write_file", "path": "${BOOT}/note.txt", "content_base64": "aGVsbG8Kd29ybGQK"}],
        match={"fact": "os", "eq": "windows"}, drill=True, supersedes=["older"])  # fmt: skip
    data = json.dumps(payload)
    reply = server.admin.client.post("/api/v1/campaigns", data, content_type=keys.PAYLOAD_TYPE)
    assert reply.status == 201, reply
    server.make_known(["m1", "m2"], {"os": "windows"})
    sign = ("-C", domain.path, "campaign", "sign", "shown", "--key")
    done = ctl(*sign, domain.path / "keys" / "author-2.pem")
    assert done.returncode == 0, done
    names = policy["classes"][0]["authors"]
    for words in ('shown version 1: "Test campaign shown"', "| All of it.", 'os is "windows"', "only machines that ask for a drill",
                  "2 known machines match now: all 2", "1. delete ${SYSTEM}/drivers/bad.sys", "ab" * 32, "2. write ${BOOT}/note.txt",
                  "| hello", "| world", f"class {policy['classes'][0]['name']}", "from " + payload["not_before"],
                  "halts older", "ring all: 100 %", f"0 of 2 signatures; may sign: {', '.join(names)}",
                  f"domain    {domain.trust_domain}", "digest    " + server.admin.client.get("/api/v1/campaigns/shown/1").json()["digest"]):  # fmt: skip
        assert words in done.stderr, (words, done.stderr)
    again = ctl(*sign, domain.path / "keys" / "author-1.pem")
    assert f"1 of 2 signatures ({names[1]})" in again.stderr and again.stdout.endswith(": ready\n")
    done = ctl(*sign, domain.path / "keys" / "targets-1.pem")
    assert done.returncode == 6 and "no author" in done.stderr


def words_for(ctl, tmp_path, **members):
    """What a person sees who signs such a payload, in lines."""
    domain = Domain(tmp_path / "domain")
    path = tmp_path / "payload"
    path.write_text(json.dumps(campaign.payload(domain, "fix", **members), ensure_ascii=False))
    sign = ("campaign", "sign", "--payload", path, "--key", domain.path / "keys" / "author-1.pem", "--policy", domain.policy_path)
    done = ctl(*sign)
    assert done.returncode == 0, done
    return done.stderr.splitlines()


LABELS = ["campaign", "where", "does", "when", "pace", "needs", "domain", "digest", "notice:"]

# What would pass for words of salvorctl's -> the line that is shown; None for one that no line may be.
FORGED = {
    "a quote in a value": (
        {"match": {"all": [{"fact": "os", "ne": 'mac os" and model is "Kiosk 7'}]}},
        'where     os is not "mac os\\" and model is \\"Kiosk 7"'),
    "a parenthesis in a value": (
        {"match": {"all": [{"not": {"fact": "os", "eq": 'mac os") and (model is "Kiosk 7'}}]}},
        'where     not os is "mac os\\") and (model is \\"Kiosk 7"'),
    "a control byte in a value": (
        {"match": {"fact": "os", "eq": "a\x1b[2J"}}, 'where     os is "a\\u{001b}[2J"'),
    "a rename in a path": (
        {"actions": [{"kind": "rename_file", "path": "${SYSTEM}/lib/a to ${SYSTEM}/lib/b", "to": "${SYSTEM}/lib/c"}]},
        'does      1. rename "${SYSTEM}/lib/a to ${SYSTEM}/lib/b" to ${SYSTEM}/lib/c'),
    "padding in a path": (
        {"actions": [{"kind": "delete_file", "path": "${SYSTEM}/lib/bad.sys (at most 1 files)" + " " * 30 + "b"}]},
        'does      1. delete "${SYSTEM}/lib/bad.sys (at most 1 files)'),
    "a space at the end": (
        {"actions": [{"kind": "delete_file", "path": "${SYSTEM}/lib/bad.sys "}]},
        'does      1. delete "${SYSTEM}/lib/bad.sys " (at most 64 files)'),
    "a letter that looks like another": (
        {"actions": [{"kind": "delete_file", "path": "${SYSTEM}/lib/b\u0430d.sys"}]},
        'does      1. delete "${SYSTEM}/lib/b\\u{0430}d.sys" (at most 64 files)'),
    "a service": (
        {"actions": [{"kind": "disable_service", "name": "a (b) then check"}]},
        'does      1. disable the service "a (b) then check"'),
    "a boot entry": (
        {"actions": [{"kind": "set_boot_entry", "entry": "e; f", "once": True}]}, 'does      1. boot "e; f", once'),
    "a title": (
        {"title": "Fix" + " " * 60 + "where     os is linux"}, None),
    "a title of other letters": (
        {"title": "b\u0430d"}, "          the title contains letters that are not ASCII; some look like others"),
    "a summary": (
        {"summary": "Removes it." + " " * 59 + "where     os is linux" + " " * 49 + "does      1. nothing\nneeds     nothing"},
        "          | needs     nothing"),
    "a summary of other letters": (
        {"summary": "b\u0430d"}, "          the summary contains letters that are not ASCII; some look like others"),
    "content like our words": (
        {"actions": [{"kind": "write_file", "path": "${BOOT}/x", "content_base64": base64.b64encode(
            b"end\n             class all\nneeds     nothing").decode()}]},
        "             | needs     nothing"),
    "content that is too long": (
        {"actions": [{"kind": "write_file", "path": "${BOOT}/x", "content_base64": base64.b64encode(
            b"#!/bin/sh\n" + b"\n" * 6000 + b"rm -rf /\n").decode()}]},
        "             its content is NOT shown, for it is too long: `salvorctl campaign"),
    "content that is no text": (
        {"actions": [{"kind": "write_file", "path": "${BOOT}/x", "content_base64": base64.b64encode(b"\x1b[2J").decode()}]},
        "             its content is NOT shown, for it is no plain text: `salvorctl"),
    "content with a NUL": (
        {"actions": [{"kind": "write_file", "path": "${BOOT}/x", "content_base64": base64.b64encode(b"a\0b").decode()}]},
        "             its content is NOT shown, for it is no plain text: `salvorctl"),
    "lines of content that end in CR": (
        {"actions": [{"kind": "write_file", "path": "${BOOT}/x", "content_base64": base64.b64encode(b"a\r\nb\r\n").decode()}]},
        "             | b\\x0d"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_nothing_of_a_payload_passes_for_words_of_ours(ctl, tmp_path, what):
    members, line = FORGED[what]
    lines = words_for(ctl, tmp_path, **members)
    assert line is None or line in lines, "\n".join(lines)
    assert [shown.split()[0] for shown in lines if shown[0] != " "] == LABELS
    assert all(len(shown) <= 80 for shown in lines if not shown.startswith("notice:"))
    assert all(shown.isascii() and shown.isprintable() for shown in lines) or what.endswith("other letters")


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_lines_are_broken_before_the_terminal_does(ctl, tmp_path, columns):
    """A terminal that breaks them would begin a line of the payload's in the first column."""
    words_for(ctl, tmp_path, summary="word " * 50 + "x" * 300 + "\u65e5" * 100, title="t" * 200)
    key = tmp_path / "domain" / "keys" / "author-1.pem"
    terminal = Terminal("campaign", "sign", "--payload", tmp_path / "payload", "--key", key, columns=columns)
    lines = terminal.expect("Sign this").splitlines()
    terminal.type("no\n")
    terminal.end()
    assert max(len(line) + sum(not c.isascii() for c in line) for line in lines) <= max(columns, 40)


def test_a_policy_of_ones_own(ctl, tmp_path):
    domain = Domain(tmp_path / "domain")
    path = tmp_path / "payload"
    path.write_text(json.dumps(campaign.payload(domain, "fix")))
    sign = ("campaign", "sign", "--payload", path, "--key", domain.path / "keys" / "author-1.pem")
    assert "--policy FILE tells" in ctl(*sign).stderr
    done = ctl(*sign, "--policy", domain.policy_path)
    assert done.returncode == 0 and "needs 2 signatures; may sign: author-1" in done.stderr
    policy = domain.policy()
    policy["classes"][0].update(kinds=["rename_file"])
    policy["revoked"] = ["fix"]
    (tmp_path / "policy").write_text(json.dumps(policy))
    done = ctl(*sign, "--policy", tmp_path / "policy")
    assert done.returncode == 6 and "NO class" in done.stderr and "REVOKED" in done.stderr and done.stdout == ""
    assert ctl(*sign, "--policy", tmp_path / "absent").returncode == 3


# ---- the commands of the manual ----


def manual_blocks():
    """The blocks of commands of the manual."""
    text = (ROOT / "docs" / "man" / "salvorctl.1.scd").read_text()
    return [block.strip().splitlines() for block in re.findall(r"^```$(.*?)^```$", text, re.M | re.S)]


def block_with(words):
    found = [block for block in manual_blocks() if any(words in line for line in block)]
    assert len(found) == 1, words
    return found[0]


def run_block(lines, folder, environment):
    path = f"{pathlib.Path(program('salvorctl')).parent}:{os.environ['PATH']}"
    for line in lines:
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd=folder, timeout=60,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment, "PATH": path})  # fmt: skip
        assert done.returncode == 0, (line, done)
        yield line, done.stdout


def test_openssl_signs_by_the_manual(tmp_path):
    """Both types of key, made and used by openssl alone; salvorctl only carries bytes."""
    blocks = {"anna": block_with("openssl pkeyutl -sign"), "berta": block_with("openssl dgst -sha256 -sign")}
    entries = []
    for name, block in blocks.items():
        list(run_block(block[:1], tmp_path, {}))  # openssl genpkey
        key = keys.load(tmp_path / f"{name}.pem")
        keytype, scheme, public = keys.describe(key)
        entries.append({"name": name, "keyid": keys.keyid(key), "keytype": keytype, "scheme": scheme, "public": public})
    domain = with_authors(tmp_path / "domain", *entries)
    server = Server(domain).start()
    try:
        draft(server)
        for entry in entries:
            lines = [line.replace("KEYID", entry["keyid"]) for line in blocks[entry["name"]][1:]]
            said = dict(run_block(lines, tmp_path, {}))
            digest = server.admin.client.get("/api/v1/campaigns/fix/1").json()["digest"]
            assert any(digest in text for text in said.values())
            assert (tmp_path / "fix.pae").read_bytes() == keys.pae(
                server.admin.client.get("/api/v1/campaigns/fix/1/payload").body)  # fmt: skip
            (tmp_path / "fix.pae").unlink()
        assert server.admin.client.get("/api/v1/campaigns/fix/1").json()["state"] == "ready"
        starts(server)
    finally:
        server.stop()


@pytest.mark.parametrize("how", ["salvorctl key generate --type ed25519 --out \"pkcs11", "pkcs11-tool"])
def test_keys_are_made_on_a_token_by_the_manual(tmp_path, how):
    hsm = SoftHSM(tmp_path / "hsm")
    hsm.add_token("anna")
    (tmp_path / "pin").write_text(PIN)
    lines = [line for line in block_with(how) if "salvorctl -C" not in line]
    lines = [line + (f" --pin {PIN}" if line.startswith("pkcs11-tool") else " --passphrase-file pin") for line in lines]
    assert len(list(run_block(lines, tmp_path, {**hsm.environment, **FOREIGN_LEAKS}))) == 2
    there = hsm.tool("anna", "--list-objects", "--type", "privkey")
    for label in ["anna", "anna-p256"] if how == "pkcs11-tool" else ["anna"]:
        assert re.search(rf"label:\s+{label}\n", there)
        show = f'salvorctl key show "pkcs11:token=anna;object={label}" --passphrase-file pin'
        assert "keyid" in list(run_block([show], tmp_path, hsm.environment))[0][1]


# ---- payload and attach ----


def test_payload_out(server, ctl, tmp_path):
    draft(server)
    payload = ("-C", server.domain.path, "campaign", "payload", "fix")
    body = server.admin.client.get("/api/v1/campaigns/fix/1/payload").body
    assert ctl(*payload, "--out", tmp_path / "payload").returncode == 0
    assert (tmp_path / "payload").read_bytes() == body
    told = json.loads(ctl(*payload, "--pae", "--out", tmp_path / "pae", "--json").stdout)
    assert (tmp_path / "pae").read_bytes() == keys.pae(body)
    assert told["length"] == len(keys.pae(body)) and told["file"] == str(tmp_path / "pae")
    assert told["sha256"] == server.admin.client.get("/api/v1/campaigns/fix/1").json()["digest"]
    assert ctl(*payload, "--pae").stdout.encode() == keys.pae(body)
    done = ctl(*payload, "--out", tmp_path / "pae")
    assert done.returncode == 4 and "never overwritten" in done.stderr
    assert ctl(*payload, "--out", tmp_path / "absent" / "pae").returncode == 3


def test_payload_means_the_version_that_is_to_be_signed(server, ctl, tmp_path):
    draft(server)
    for key in server.domain.authors():
        body = server.admin.client.get("/api/v1/campaigns/fix/1/payload").body
        assert server.admin.act("POST", "/campaigns/fix/1/signatures", keys.signature(key, body)).status == 201
    starts(server)
    second = json.dumps(campaign.payload(server.domain, "fix", version=2))
    assert server.admin.client.post("/api/v1/campaigns", second, content_type=keys.PAYLOAD_TYPE).status == 201
    at = ("-C", server.domain.path, "campaign", "payload")
    assert ctl(*at, "fix").stdout == second and ctl(*at, "fix", "--pae").stdout.endswith(second)
    assert '"version": 1,' in ctl(*at, "fix@1").stdout


def test_attach_names_the_key_that_verifies(server, ctl, tmp_path):
    """The file's "keyid" is a hint that anyone may write."""
    draft(server)
    key, other = server.domain.key("author-1"), server.domain.key("author-3")
    body = server.admin.client.get("/api/v1/campaigns/fix/1/payload").body
    (tmp_path / "sig").write_text(json.dumps({**keys.signature(key, body), "keyid": keys.keyid(other)}))
    done = ctl("-C", server.domain.path, "campaign", "attach", "fix", tmp_path / "sig")
    name = next(author["name"] for author in server.domain.policy()["authors"] if author["keyid"] == keys.keyid(key))
    assert done.returncode == 0 and done.stdout == f"attached the signature of key {keys.keyid(key)} ({name})\n", done


@pytest.mark.parametrize("what, code, words", [
    ("payload alone", 6, ["signs the payload alone", "--pae"]),
    ("another's", 6, ["no signature of fix@1"]),
    ("stranger", 3, ["no author"]),
    ("base64", 1, ["no base64"]),
    ("empty", 1, ["0 bytes"]),
    ("flipped", 6, ["no signature of fix@1"]),
    ("absent", 3, ["absent"]),
    ("short id", 2, ["64 hex digits"]),
    ("no id", 2, ["go together"]),
    ("both", 2, ["needs FILE, or"]),
    ("neither", 2, ["needs FILE, or"]),
])  # fmt: skip
def test_attach_says_what_is_wrong(server, ctl, tmp_path, unchanged, what, code, words):
    draft(server)
    key, other = server.domain.key("author-1"), server.domain.key("author-2")
    body = server.admin.client.get("/api/v1/campaigns/fix/1/payload").body
    good = keys.sign(key, keys.pae(body))
    data = {"payload alone": keys.sign(key, body), "another's": keys.sign(other, keys.pae(body)),
            "base64": base64.b64encode(good), "empty": b"", "flipped": good[:-1] + bytes([good[-1] ^ 1])}.get(what, good)  # fmt: skip
    path = tmp_path / "sig"
    path.write_bytes(data)
    keyid = {"stranger": "ab" * 32, "short id": keys.keyid(key)[:16]}.get(what, keys.keyid(key))
    by_bytes = ["--keyid", keyid, "--signature", tmp_path / "absent" if what == "absent" else path]
    args = {"no id": by_bytes[2:], "both": [path, *by_bytes], "neither": []}.get(what, by_bytes)
    unchanged()
    done = ctl("-C", server.domain.path, "campaign", "attach", "fix", *args)
    assert done.returncode == code and done.stdout == "", done
    for word in words:
        assert word in done.stderr, done
