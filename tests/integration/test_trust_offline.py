# SPDX-License-Identifier: Apache-2.0
"""`salvorctl trust draft`, `sign`, `check`: what they refuse, and that the files are TUF files for others too.
(The ceremonies as a whole: test_ceremonies.py.)"""

import hashlib
import json
import os
import shutil
from datetime import datetime, timedelta, timezone

import pytest

from salvor import keys, page
from salvor.server import Domain, program

ROLES = ("root", "targets", "snapshot", "timestamp")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trial domain, spare keys, and public halves of all."""
    folder = tmp_path_factory.mktemp("offline")
    domain = Domain(folder / "d")
    for name in ("spare", "other"):
        assert ctl(folder, "key", "generate", "--type", "p256", "--unencrypted", "--out", f"d/keys/{name}.pem").returncode == 0
    for path in (folder / "d/keys").glob("*.pem"):
        assert ctl(folder, "key", "show", path, "--public-out", f"{path.stem}.pub").returncode == 0
    for name in ("1.root.json", "1.targets.json", "trust-policy.json"):
        shutil.copy(domain.path / name, folder / name)
    return folder


@pytest.fixture
def desk(made, tmp_path):
    """A folder of this test alone with all of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def ctl(folder, *args):
    return page.run(program("salvorctl"), *args, cwd=folder, stdin=-3)


def good(folder, *args):
    done = ctl(folder, *args)
    assert done.returncode == 0, (args, done)
    return done


def draft_root(folder, *more, out="2.root.json", code=0):
    done = ctl(folder, "trust", "draft", "root", "--from", "1.root.json", "--out", out, *more)
    assert done.returncode == code, done
    return done


def draft_targets(folder, *more, out="2.targets.json", code=0):
    done = ctl(folder, "trust", "draft", "targets", "--root", "1.root.json", "--from", "1.targets.json", "--policy",
               "trust-policy.json", "--out", out, *more)
    assert done.returncode == code, done
    return done


def sign(folder, file, key, *more, code=0):
    done = ctl(folder, "trust", "sign", file, "--key", f"d/keys/{key}.pem", "--yes", *more)
    assert done.returncode == code, done
    return done


def check(folder, *files, code=0):
    done = ctl(folder, "--json", "trust", "check", *files)
    assert done.returncode == code, done
    return {f["file"]: f for f in json.loads(done.stdout)["files"]}


def signed(folder, file):
    return json.loads((folder / file).read_bytes())["signed"]


def private(folder, name):
    return keys.load(folder / "d/keys" / f"{name}.pem")


# ---- what is written ----


def test_a_root_without_changes_is_the_next_version_and_nothing_else(desk):
    draft_root(desk)
    before, after = signed(desk, "1.root.json"), signed(desk, "2.root.json")
    assert json.loads((desk / "2.root.json").read_bytes())["signatures"] == []
    left = datetime.fromisoformat(after["expires"]) - datetime.now(timezone.utc)
    assert timedelta(days=1094) < left <= timedelta(days=1095)
    assert {**before, "version": 2, "expires": after["expires"]} == after


def test_keys_are_changed(desk):
    draft_root(desk, "--drop", "root=root-1.pub", "--drop", f"targets={keys.keyid(private(desk, 'targets-2'))[:8]}", "--add",
               "root=spare.pub", "--threshold", "targets=1", "--days", "10")
    after = signed(desk, "2.root.json")
    spare = keys.keyid(private(desk, "spare"))
    ids = lambda *names: [keys.keyid(private(desk, n)) for n in names]
    assert after["roles"]["root"] == {"keyids": ids("root-2", "root-3") + [spare], "threshold": 2}
    assert after["roles"]["targets"] == {"keyids": ids("targets-1", "targets-3"), "threshold": 1}
    assert set(after["keys"]) == {k for role in ROLES for k in after["roles"][role]["keyids"]}
    assert hashlib.sha256(keys.canonical(after["keys"][spare]).encode()).hexdigest() == spare
    left = datetime.fromisoformat(after["expires"]) - datetime.now(timezone.utc)
    assert timedelta(days=9) < left <= timedelta(days=10)


def test_signatures_verify_elsewhere_and_change_nothing_else(desk):
    draft_root(desk, "--drop", "root=root-1.pub", "--add", "root=spare.pub")
    before = (desk / "2.root.json").read_bytes().split(b'"signed":', 1)[1]
    for name in ("spare", "root-2", "root-1"):
        sign(desk, "2.root.json", name, "--from", "1.root.json")
    data = (desk / "2.root.json").read_bytes()
    assert data.split(b'"signed":', 1)[1] == before
    message = keys.canonical(json.loads(data)["signed"]).encode()
    for name, one in zip(("spare", "root-2", "root-1"), json.loads(data)["signatures"]):
        key = private(desk, name)
        assert one["keyid"] == keys.keyid(key)
        assert keys.verifies(key.public_key(), message, bytes.fromhex(one["sig"]))
    assert not [p for p in os.listdir(desk) if p.startswith("2.root.json.")]
    found = check(desk, "1.root.json", "2.root.json")["2.root.json"]
    assert found["ok"] and [(s["have"], s["needed"]) for s in found["signatures"]] == [(2, 2), (2, 2)]


def test_targets_name_the_policy(desk):
    policy = (desk / "trust-policy.json").read_bytes() + b"\n"
    (desk / "trust-policy.json").write_bytes(policy)
    draft_targets(desk, "--add", "campaigns=spare.pub", "--drop", "campaigns=online.pub")
    after = signed(desk, "2.targets.json")
    assert after["version"] == 2
    assert after["targets"] == {"policy/trust-policy.json": {"length": len(policy), "hashes": {"sha256": hashlib.sha256(policy).hexdigest()}}}
    (role,) = after["delegations"]["roles"]
    assert role == {"name": "campaigns", "keyids": [keys.keyid(private(desk, "spare"))], "threshold": 1, "paths": ["campaigns/*"],
                    "terminating": True}


def test_a_policy_is_changed(desk):
    good(desk, "trust", "draft", "policy", "--from", "trust-policy.json", "--out", "p2.json", "--drop", "author-1", "--add",
         "erin=spare.pub", "--revoke", "bad-fix", "--revoke", "worse@3", "--threshold", "all=3")
    before, after = (json.loads((desk / f).read_bytes()) for f in ("trust-policy.json", "p2.json"))
    assert [a["name"] for a in after["authors"]] == ["author-2", "author-3", "erin"]
    assert after["authors"][:2] == before["authors"][1:] and after["authors"][2]["keyid"] == keys.keyid(private(desk, "spare"))
    assert after["classes"] == [{**before["classes"][0], "authors": ["author-2", "author-3", "erin"], "threshold": 3}]
    assert after["revoked"] == ["bad-fix", "worse@3"]
    assert check(desk, "p2.json")["p2.json"]["ok"]


def test_an_author_in_one_class(desk):
    policy = json.loads((desk / "trust-policy.json").read_bytes())
    policy["classes"].insert(0, {"name": "drivers", "kinds": ["delete_file"], "paths": ["${SYSTEM}/drivers/*"],
                                 "authors": ["author-1"], "threshold": 1})
    (desk / "p.json").write_text(json.dumps(policy))
    good(desk, "trust", "draft", "policy", "--from", "p.json", "--out", "p2.json", "--add", "erin=spare.pub", "--class", "drivers")
    classes = {cl["name"]: cl["authors"] for cl in json.loads((desk / "p2.json").read_bytes())["classes"]}
    assert classes == {"drivers": ["author-1", "erin"], "all": ["author-1", "author-2", "author-3"]}


# ---- what is refused, with nothing written ----


@pytest.mark.parametrize("more, code, says", [
    (["--drop", "root=root-1.pub"], 0, None),
    (["--drop", "root=root-1.pub", "--drop", "root=root-2.pub"], 1, "2 signatures of 1 keys"),
    (["--drop", "snapshot=online.pub"], 1, "no key"),
    (["--drop", "snapshot=spare.pub"], 3, "has no key"),
    (["--drop", "root=0123abcd"], 3, "has no key"),
    (["--add", "root=root-1.pub"], 4, "already"),
    (["--add", "root=d/keys/spare.pem"], 1, "private key"),
    (["--add", "root=1.root.json"], 1, "PUBLIC KEY"),
    (["--add", "root=nowhere.pub"], 3, "nowhere.pub"),
    (["--add", "campaigns=spare.pub"], 2, "no role"),
    (["--add", "spare.pub"], 2, "NAME=VALUE"),
    (["--threshold", "root=0"], 2, "whole number"),
    (["--threshold", "root=4"], 1, "4 signatures of 3 keys"),
    (["--threshold", "root=many"], 2, "whole number"),
    (["--days", "0"], 2, "whole number"),
    (["--days", "3651"], 2, "whole number"),
    (["--policy", "trust-policy.json"], 2, "takes no --policy"),
    (["--revoke", "x"], 2, "takes no --revoke"),
    (["--new"], 2, "--new"),
    (["--add", "root=online.pub"], 1, "is online (timestamp, snapshot) and cannot be a key of root too"),
    (["--add", "targets=online.pub"], 1, "is online (timestamp, snapshot) and cannot be a key of targets too"),
    (["--add", "timestamp=root-2.pub"], 1, "is online (timestamp) and cannot be a key of root too"),
    (["--drop", "timestamp=online.pub", "--add", "timestamp=spare.pub", "--add", "root=online.pub"], 1, "is online (snapshot)"),
])
def test_a_root_that_would_not_do(desk, more, code, says):
    done = draft_root(desk, *more, code=code)
    assert (desk / "2.root.json").exists() == (code == 0)
    assert says is None or says in done.stderr


def test_nothing_is_overwritten(desk):
    (desk / "2.root.json").write_text("mine")
    assert "exists already" in draft_root(desk, code=4).stderr
    assert (desk / "2.root.json").read_text() == "mine"


def test_a_root_is_drafted_from_a_signed_one_only(desk):
    draft_root(desk)
    done = ctl(desk, "trust", "draft", "root", "--from", "2.root.json", "--out", "3.root.json")
    assert done.returncode == 6 and "signatures of 2 different keys" in done.stderr and not (desk / "3.root.json").exists()


@pytest.mark.parametrize("more, code, says", [
    (["--drop", "nobody"], 3, "no author"),
    (["--add", "author-1=spare.pub"], 4, "already"),
    (["--add", "erin=d/keys/spare.pem"], 1, "private key"),
    (["--class", "nothing", "--add", "erin=spare.pub"], 3, "no class"),
    (["--threshold", "all=4"], 1, "threshold"),
    (["--threshold", "all=x"], 2, "whole number"),
    (["--drop", "author-1", "--drop", "author-2"], 1, "threshold"),
    (["--revoke", "Not An Id"], 1, "id@version"),
    (["--revoke", "x@0"], 1, "id@version"),
    (["--days", "3"], 2, "takes no --days"),
])
def test_a_policy_that_would_not_do(desk, more, code, says):
    done = ctl(desk, "trust", "draft", "policy", "--from", "trust-policy.json", "--out", "p2.json", *more)
    assert done.returncode == code and says in done.stderr, done
    assert not (desk / "p2.json").exists()


def test_only_keys_that_count_sign(desk):
    draft_root(desk, "--drop", "root=root-1.pub", "--add", "root=spare.pub")
    before = (desk / "2.root.json").read_bytes()
    for key in ("other", "author-1", "targets-1", "online"):
        assert "none of those" in sign(desk, "2.root.json", key, "--from", "1.root.json", code=6).stderr
    assert "--from" in sign(desk, "2.root.json", "root-1", code=6).stderr  # the key of the root before
    assert (desk / "2.root.json").read_bytes() == before
    draft_targets(desk)
    assert "--root" in sign(desk, "2.targets.json", "targets-1", code=2).stderr
    sign(desk, "2.targets.json", "root-1", "--root", "1.root.json", code=6)
    sign(desk, "2.targets.json", "targets-1", "--root", "1.root.json")


def test_a_key_signs_once(desk):
    draft_root(desk)
    sign(desk, "2.root.json", "root-1", "--from", "1.root.json")
    before = (desk / "2.root.json").read_bytes()
    sign(desk, "2.root.json", "root-1", "--from", "1.root.json", code=4)
    assert (desk / "2.root.json").read_bytes() == before


def test_a_key_signs_under_the_id_that_the_role_has(desk):
    """Other programs write a P-256 key's PEM without the newline at its end: another text, another id, the same key."""
    draft_root(desk, "--add", "root=spare.pub")
    document = json.loads((desk / "2.root.json").read_bytes())
    root, spare = document["signed"], keys.keyid(private(desk, "spare"))
    entry = root["keys"].pop(spare)
    entry["keyval"]["public"] = entry["keyval"]["public"].rstrip("\n")
    other = hashlib.sha256(keys.canonical(entry).encode()).hexdigest()
    root["keys"][other] = entry
    root["roles"]["root"]["keyids"] = [other if k == spare else k for k in root["roles"]["root"]["keyids"]]
    (desk / "2.root.json").write_text(json.dumps(document))
    sign(desk, "2.root.json", "spare", "--from", "1.root.json")
    (one,) = json.loads((desk / "2.root.json").read_bytes())["signatures"]
    assert one["keyid"] == other != spare
    assert check(desk, "1.root.json", "2.root.json", code=1)["2.root.json"]["signatures"][0]["have"] == 1
    sign(desk, "2.root.json", "spare", "--from", "1.root.json", code=4)


def test_nobody_signs_unseen(desk):
    draft_root(desk)
    before = (desk / "2.root.json").read_bytes()
    done = ctl(desk, "trust", "sign", "2.root.json", "--key", "d/keys/root-1.pem")
    assert done.returncode == 2 and "nothing is signed unseen" in done.stderr
    assert (desk / "2.root.json").read_bytes() == before


@pytest.mark.parametrize("answer", ["no", "YES", "", "y"])
def test_any_other_answer_is_no(desk, answer):
    draft_root(desk)
    before = (desk / "2.root.json").read_bytes()
    code, output = page.at_terminal(f"{program('salvorctl')} trust sign 2.root.json --key d/keys/root-1.pem --from 1.root.json",
                                    desk, dict(os.environ), {"Type yes: ": answer})
    assert code != 0 and "nothing was signed" in output
    assert (desk / "2.root.json").read_bytes() == before


def test_what_is_signed_is_what_was_shown(desk):
    """The version has to follow, and the policy has to be the one that is named."""
    draft_root(desk)
    for name in ("root-1", "root-2"):
        sign(desk, "2.root.json", name, "--from", "1.root.json")
    good(desk, "trust", "draft", "root", "--from", "2.root.json", "--out", "3.root.json")
    assert "must have 2" in sign(desk, "3.root.json", "root-1", "--from", "1.root.json", code=6).stderr
    good(desk, "trust", "draft", "policy", "--from", "trust-policy.json", "--out", "p2.json", "--revoke", "x")
    draft_targets(desk)
    assert "is not the policy" in sign(desk, "2.targets.json", "targets-1", "--root", "1.root.json", "--policy", "p2.json", code=6).stderr
    assert "not above" in sign(desk, "1.targets.json", "targets-1", "--root", "1.root.json", "--from", "1.targets.json", code=6).stderr


def test_a_changed_file_loses_its_signatures(desk):
    draft_root(desk)
    for name in ("root-1", "root-2"):
        sign(desk, "2.root.json", name, "--from", "1.root.json")
    document = json.loads((desk / "2.root.json").read_bytes())
    document["signed"]["roles"]["targets"]["threshold"] = 1
    (desk / "2.root.json").write_text(json.dumps(document))
    found = check(desk, "1.root.json", "2.root.json", code=1)["2.root.json"]
    assert not found["ok"] and all(s["have"] == 0 for s in found["signatures"])


# ---- check ----


def test_all_is_well(desk):
    found = check(desk, "trust-policy.json", "1.targets.json", "1.root.json")
    assert all(f["ok"] for f in found.values())
    assert any(hashlib.sha256((desk / "1.root.json").read_bytes()).hexdigest() in n for n in found["1.root.json"]["notes"])
    assert found["1.targets.json"]["days_left"] in (364, 365) and found["1.root.json"]["days_left"] in (1094, 1095)


def test_expiry_is_told(desk):
    draft_targets(desk, "--days", "40")
    for name in ("targets-1", "targets-2"):
        sign(desk, "2.targets.json", name, "--root", "1.root.json")
    found = check(desk, "--root", "1.root.json", "2.targets.json")["2.targets.json"]
    assert found["ok"] and any("expires in 39 days" in n for n in found["notes"])
    document = json.loads((desk / "2.targets.json").read_bytes())["signed"]
    document["expires"] = "2024-01-01T00:00:00Z"
    message = keys.canonical(document).encode()
    (desk / "old.json").write_text(json.dumps({"signed": document, "signatures": [
        {"keyid": keys.keyid(private(desk, n)), "sig": keys.sign(private(desk, n), message).hex()} for n in ("targets-1", "targets-2")]}))
    found = check(desk, "--root", "1.root.json", "old.json", code=1)["old.json"]
    assert found["problems"] == ["it has expired"]


def sign_again(folder, file, out, change, *names):
    """What a file says, changed, under good signatures of these keys."""
    document = signed(folder, file)
    change(document)
    message = keys.canonical(document).encode()
    (folder / out).write_text(json.dumps({"signed": document, "signatures": [
        {"keyid": keys.keyid(private(folder, n)), "sig": keys.sign(private(folder, n), message).hex()} for n in names]}))


def test_a_root_without_consistent_snapshots_does_not_hold(desk):
    """No client and no server takes it, so nobody is asked to sign it either."""
    draft_root(desk)
    sign_again(desk, "2.root.json", "cs.json", lambda s: s.update(consistent_snapshot=False), "root-1", "root-2")
    found = check(desk, "1.root.json", "cs.json", code=1)["cs.json"]
    assert not found["ok"] and any("consistent_snapshot" in p and "must be true" in p for p in found["problems"]), found
    assert "must be true" in sign(desk, "cs.json", "root-3", "--from", "1.root.json", code=1).stderr
    done = ctl(desk, "trust", "draft", "root", "--from", "cs.json", "--out", "3.root.json")
    assert done.returncode == 1 and "must be true" in done.stderr


def test_an_online_key_is_no_root_key(desk):
    """Whoever takes the server over would sign roots: said of a file that another program wrote."""
    draft_root(desk)
    online = keys.keyid(private(desk, "online"))

    def usurp(says):
        says["roles"]["root"] = {"keyids": [online], "threshold": 1}

    sign_again(desk, "2.root.json", "usurped.json", usurp, "root-1", "root-2", "online")
    assert "cannot be a key of root too" in sign(desk, "usurped.json", "root-3", "--from", "1.root.json", code=1).stderr
    found = check(desk, "1.root.json", "usurped.json", "1.targets.json", "trust-policy.json", code=1)
    assert found["usurped.json"]["problems"] == [f"the key {online} is online (timestamp, snapshot) and cannot be a key of root too"]
    assert all(f["ok"] for name, f in found.items() if name != "usurped.json"), found


def test_an_online_key_is_no_author(desk):
    """By key, not by id, and under any name."""
    online = keys.keyid(private(desk, "online"))
    good(desk, "trust", "draft", "policy", "--from", "trust-policy.json", "--out", "evil.json", "--add", "evil=online.pub",
         "--threshold", "all=1")
    done = ctl(desk, "trust", "draft", "targets", "--root", "1.root.json", "--from", "1.targets.json", "--policy", "evil.json",
               "--out", "evil.targets.json")
    said = f'the key {online} is online (timestamp, snapshot, campaigns) and cannot be the author "evil" too'
    assert done.returncode == 1 and said in done.stderr and not (desk / "evil.targets.json").exists(), done
    assert "keys of their own" in done.stderr
    content = (desk / "evil.json").read_bytes()

    def name_it(says):
        says["version"] = 2
        says["targets"]["policy/trust-policy.json"] = {
            "length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}

    sign_again(desk, "1.targets.json", "2.targets.json", name_it, "targets-1", "targets-3")
    assert said in sign(desk, "2.targets.json", "targets-2", "--root", "1.root.json", "--policy", "evil.json", code=1).stderr
    found = check(desk, "1.root.json", "2.targets.json", "evil.json", code=1)
    assert found["evil.json"]["problems"] == [said]
    assert found["1.root.json"]["ok"] and found["2.targets.json"]["ok"]
    assert "(timestamp, snapshot)" in check(desk, "1.root.json", "evil.json", code=1)["evil.json"]["problems"][0]


def test_an_offline_key_lists_no_campaigns(desk):
    done = draft_targets(desk, "--add", "campaigns=targets-1.pub", code=1)
    assert "is online (campaigns) and cannot be a key of targets too" in done.stderr
    done = draft_targets(desk, "--add", "campaigns=author-1.pub", code=1)
    assert 'is online (campaigns) and cannot be the author "author-1" too' in done.stderr


@pytest.mark.parametrize("files, file, problem", [
    (["1.targets.json"], "1.targets.json", "no root here"),
    (["1.root.json", "3.root.json"], "3.root.json", "version 2 is missing"),
    (["1.root.json", "1.targets.json", "p2.json"], "p2.json", "no targets file here names it"),
    (["1.root.json", "online.pub"], "online.pub", "JSON"),
    (["1.root.json", "d/salvord.conf"], "d/salvord.conf", "JSON"),
    (["1.root.json", "other.root.json"], "other.root.json", "same version"),
])
def test_what_does_not_hold_together(desk, files, file, problem):
    draft_root(desk)
    for name in ("root-1", "root-2"):
        sign(desk, "2.root.json", name, "--from", "1.root.json")
    good(desk, "trust", "draft", "root", "--from", "2.root.json", "--out", "3.root.json")
    sign(desk, "3.root.json", "root-1", "--from", "2.root.json")
    sign(desk, "3.root.json", "root-3", "--from", "2.root.json")
    good(desk, "trust", "draft", "policy", "--from", "trust-policy.json", "--out", "p2.json", "--revoke", "x")
    good(desk, "trust", "draft", "root", "--new", "--out", "other.root.json", "--add", "root=spare.pub", "--add",
         "targets=spare.pub", "--add", "snapshot=other.pub", "--add", "timestamp=other.pub")
    sign(desk, "other.root.json", "spare")
    found = check(desk, *files, code=1)
    assert not found[file]["ok"] and any(problem in p for p in found[file]["problems"]), found
    assert all(found[f]["ok"] for f in files if f != file)
