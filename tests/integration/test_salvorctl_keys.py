# SPDX-License-Identifier: Apache-2.0
"""salvorctl by itself: author keys, passphrases and the terminal."""

import json
import os
import shlex
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from salvor.server import program
from salvor.terminal import Terminal
from salvor.trial import ctl, full_payload, made  # noqa: F401

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
    rows = ctl(*command, "--help").stdout.replace("\n" + " " * 27, " ").splitlines()  # a long one goes on in its column
    for option, words in told.items():
        assert any(row.strip().startswith(option) and words in row for row in rows), (option, rows)


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
