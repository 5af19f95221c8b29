# SPDX-License-Identifier: Apache-2.0
"""`salvorctl bundle`: what goes in, from a server and from a folder; what is refused; that a machine without a network is rescued."""

import hashlib
import json
import os
from datetime import datetime, timedelta, timezone

import pytest

from salvor import campaign as c
from salvor import page, tuf
from salvor.server import program
from salvor.wait import until

ARTIFACT = b"the good driver" * 1000


def bundle(*args):
    return page.run(program("salvorctl"), "--json", *args)


def answer(done):
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def refused(done, code, says):
    assert done.returncode == code and says in done.stderr, done
    return json.loads(done.stdout)["error"]


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def payload(repo, **changes):
    """A payload for a repository that stands on no server."""
    return json.dumps({k: v for k, v in c.payload(repo, **changes).items()}).encode()


class Folder:
    """A public directory that a Repository writes."""

    def __init__(self, path):
        self.path = path
        self.repo = tuf.Repository()
        self.root = path / "root.json"

    def list(self, artifact=False, **changes):
        if artifact:
            sha256 = hashlib.sha256(ARTIFACT).hexdigest()
            changes["actions"] = [{"kind": "restore_file", "path": "${SYSTEM}/drivers/good.sys",
                                   "artifact": {"sha256": sha256, "length": len(ARTIFACT)}}]
            (self.path / "public/artifacts").mkdir(parents=True)
            (self.path / "public/artifacts" / sha256).write_bytes(ARTIFACT)
        value = payload(self.repo, **changes)
        self.repo.list(value)
        return json.loads(value)

    def write(self):
        self.repo.publish()
        for name, data in self.repo.files.items():
            path = self.path / "public" / name.removeprefix("/tuf/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.root.write_bytes(self.repo.roots[0])
        return self

    def bundle(self, *names, out="stick"):
        return bundle("bundle", self.path / out, *names, "--from", self.path / "public", "--root", self.root)

    def nothing(self, out="stick"):
        """No trace of a bundle."""
        assert not (self.path / out).exists()
        assert sorted(os.listdir(self.path)) == ["public", "root.json"]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


# ---- from a server ----


def test_from_a_server(server, tmp_path):
    sha256 = hashlib.sha256(ARTIFACT).hexdigest()
    reply = server.admin.client.put(f"/api/v1/artifacts/{sha256}", ARTIFACT, content_type="application/octet-stream")
    assert reply.status in (200, 201), reply
    fix = server.admin.ready(c.payload(server.domain, id="restore", actions=[
        {"kind": "restore_file", "path": "${SYSTEM}/drivers/good.sys", "artifact": {"sha256": sha256, "length": len(ARTIFACT)}}],
        verify=[{"kind": "path_present", "path": "${SYSTEM}/drivers/good.sys"}]))
    fix.start()
    server.admin.ready(c.payload(server.domain, id="not-started"))
    said = answer(bundle("-C", server.domain.path, "bundle", tmp_path / "stick"))
    assert [(x["id"], x["version"]) for x in said["campaigns"]] == [("restore", 1)] and said["left_out"] == []
    assert said["artifacts"] == [{"sha256": sha256, "length": len(ARTIFACT)}]
    assert datetime.fromisoformat(said["good_until"]) <= datetime.now(timezone.utc) + timedelta(days=1)
    stick = tmp_path / "stick"
    names = files(stick)
    assert (stick / "artifacts" / sha256).read_bytes() == ARTIFACT
    assert (stick / "metadata/1.root.json").read_bytes() == server.domain.root_bytes
    for name in names:  # byte for byte what the server gives everybody
        if not name.startswith("artifacts/"):
            assert (stick / name).read_bytes() == server.anonymous.get(f"/tuf/{name}").body, name
    assert {n.split("/")[0] for n in names} == {"metadata", "targets", "artifacts"}
    assert not [p for p in os.listdir(tmp_path) if p.startswith(".")]


def test_a_machine_is_rescued_without_a_network(server, tmp_path):
    server.admin.ready(c.payload(server.domain, id="fix")).start()
    answer(bundle("-C", server.domain.path, "bundle", tmp_path / "stick"))
    root = tmp_path / "machine"
    bad = root / "usr/drivers/bad.sys"
    bad.parent.mkdir(parents=True)
    bad.write_text("bad")
    (tmp_path / "m.conf").write_text(f'root = "{server.domain.path / "1.root.json"}"\nmachine_id = "m"\n'
                                     f'server = "https://127.0.0.1:1"\nca = "{server.domain.ca}"\n')
    done = page.run(program("salvor-recover"), "-c", tmp_path / "m.conf", "--root", root, "--state", tmp_path / "state", "--bundle",
                    tmp_path / "stick", "--once", "--fact", "fault=fix")
    assert done.returncode == 0 and not bad.exists(), done


def test_nothing_in_force(server, tmp_path):
    refused(bundle("-C", server.domain.path, "bundle", tmp_path / "stick"), 3, "no campaign is in force")
    assert not (tmp_path / "stick").exists()
    refused(bundle("-C", server.domain.path, "bundle", tmp_path / "stick", "fix"), 3, "fix is not in force")


def listed(server):
    """The paths that the newest published list names."""
    def get(name):
        return json.loads(server.anonymous.get(f"/tuf/metadata/{name}").body)["signed"]

    snapshot = get(f"{get('timestamp.json')['meta']['snapshot.json']['version']}.snapshot.json")
    return set(get(f"{snapshot['meta']['campaigns.json']['version']}.campaigns.json")["targets"])


def test_a_halted_campaign_is_carried_nowhere(server, tmp_path):
    fix = server.admin.ready(c.payload(server.domain, id="fix"))
    fix.start()
    answer(bundle("-C", server.domain.path, "bundle", tmp_path / "one", "fix"))
    fix.must("halt")
    until(lambda: not listed(server), 10)
    refused(bundle("-C", server.domain.path, "bundle", tmp_path / "two", "fix"), 3, "not in force")


def test_a_server_that_is_gone(server, tmp_path):
    server.stop()
    refused(bundle("-C", server.domain.path, "bundle", tmp_path / "stick"), 5, "")
    assert os.listdir(tmp_path) == ["domain"]


# ---- from a folder ----


def test_from_a_folder(folder):
    folder.list(id="one"), folder.list(id="two", version=3), folder.list(id="one-more", artifact=True)
    folder.write()
    said = answer(folder.bundle())
    assert {(x["id"], x["version"]) for x in said["campaigns"]} == {("one", 1), ("two", 3), ("one-more", 1)}
    assert len(files(folder.path / "stick")) == 5 + 1 + 3 + 1
    for name in files(folder.path / "stick"):
        assert (folder.path / "stick" / name).read_bytes() == (folder.path / "public" / name).read_bytes(), name


@pytest.mark.parametrize("names, found", [
    (["one"], {("one", 1)}),
    (["one@1"], {("one", 1)}),
    (["one", "one", "one@1"], {("one", 1)}),
    (["one-more", "two@3"], {("one-more", 1), ("two", 3)}),
])
def test_those_that_are_named(folder, names, found):
    folder.list(id="one"), folder.list(id="two", version=3), folder.list(id="one-more")
    folder.write()
    assert {(x["id"], x["version"]) for x in answer(folder.bundle(*names))["campaigns"]} == found


@pytest.mark.parametrize("names, code", [(["on"], 3), (["one@2"], 3), (["one", "three"], 3), (["One"], 2), (["one@0"], 2), (["../one"], 2)])
def test_names_that_mean_nothing(folder, names, code):
    folder.list(id="one")
    folder.write()
    assert folder.bundle(*names).returncode == code
    folder.nothing()


def test_the_root_chain_goes_along(folder):
    folder.list(id="one")
    folder.repo.rotate("timestamp", "snapshot")
    folder.repo.rotate("root")
    folder.write()
    answer(folder.bundle())
    assert [n for n in files(folder.path / "stick") if "root" in n] == [f"metadata/{n}.root.json" for n in (1, 2, 3)]


def test_good_until_the_earliest_end(folder):
    folder.repo.life["timestamp"] = 7200
    folder.list(id="one", expires=c.utc(3600))
    folder.write()
    said = answer(folder.bundle())
    assert said["ends_first"] == "one@1" and said["good_until"] == said["campaigns"][0]["expires"]
    folder.repo.life["timestamp"] = 600
    folder.repo.publish(force=("timestamp",))
    folder.write()
    assert answer(folder.bundle(out="stick-2"))["ends_first"] == "timestamp"


def test_never_overwritten(folder):
    folder.list(id="one")
    folder.write()
    for make in (lambda p: p.mkdir(), lambda p: p.write_text("mine"), lambda p: p.symlink_to("/nowhere")):
        out = folder.path / "stick"
        make(out)
        refused(folder.bundle(), 4, "exists already")
        assert out.is_symlink() or out.exists()
        out.rmdir() if out.is_dir() else out.unlink()
    refused(bundle("bundle", folder.path / "no/where", "--from", folder.path / "public", "--root", folder.root), 3, "does not exist")


BAD = {
    "rolled-to-expired": lambda f: f.repo.life.update(timestamp=-60),
    "targets-expired": lambda f: f.repo.life.update(targets=-60),
    "root-expired": lambda f: (f.repo.life.update(root=-60), f.repo.rotate("root")),
    "timestamp-by-a-stranger": lambda f: f.repo.signers.update(timestamp=tuf.generate(1)),
    "campaigns-by-a-stranger": lambda f: f.repo.signers.update(campaigns=tuf.generate(1)),
    "targets-by-one": lambda f: f.repo.signers.update(targets=f.repo.keys["targets"][:1]),
    "root-by-itself-only": lambda f: (f.repo.keys.update(root=tuf.generate(3)), f.repo.add_root()),
}


@pytest.mark.parametrize("case", BAD)
def test_metadata_that_a_client_would_refuse(folder, case):
    folder.list(id="one")
    BAD[case](folder)
    folder.write()
    assert folder.bundle().returncode in (1, 6)
    folder.nothing()


@pytest.mark.parametrize("part", ["metadata/1.snapshot.json", "metadata/1.campaigns.json", "metadata/1.targets.json", "targets/policy",
                                  "targets/campaigns", "artifacts"])
@pytest.mark.parametrize("how", ["missing", "flipped", "longer"])
def test_a_file_that_is_not_what_was_signed(folder, part, how):
    folder.list(id="one", artifact=True)
    folder.write()
    path = folder.path / "public" / part
    path = next(path.iterdir()) if path.is_dir() else path
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(tuf.flip(path.read_bytes()) if how == "flipped" else path.read_bytes() + b" ")
    assert folder.bundle("one").returncode in ((3, 5) if how == "missing" else (1, 6))
    folder.nothing()


@pytest.mark.parametrize("part", ["metadata/timestamp.json", "targets/policy", "artifacts"])
def test_a_fifo_is_not_waited_for(folder, part):
    folder.list(id="one", artifact=True)
    folder.write()
    path = folder.path / "public" / part
    path = next(path.iterdir()) if path.is_dir() else path
    path.unlink()
    os.mkfifo(path)
    assert folder.bundle().returncode in (1, 5, 6)
    folder.nothing()


def test_another_trust_domain(folder):
    folder.list(id="one")
    folder.write()
    folder.root.write_bytes(tuf.Repository().roots[0])
    assert folder.bundle().returncode == 6
    folder.nothing()


def test_a_campaign_that_authors_did_not_sign_is_left_out(folder):
    """A thief of the online key lists it; it goes into no bundle, and the good one beside it does."""
    folder.list(id="good")
    value = payload(folder.repo, id="evil")
    folder.repo.list(value, envelope=folder.repo.envelope(value, authors=(0,)))
    folder.write()
    said = answer(folder.bundle())
    assert [x["id"] for x in said["campaigns"]] == ["good"]
    assert [x["target"] for x in said["left_out"]] == ["campaigns/evil-1.json"]
    refused(folder.bundle("evil", out="other"), 6, "evil")
    assert not (folder.path / "other").exists()


def test_nothing_that_may_be_carried(folder):
    value = payload(folder.repo, id="evil")
    folder.repo.list(value, envelope=folder.repo.envelope(value, authors=(0,)))
    folder.write()
    refused(folder.bundle(), 6, "no listed campaign may be carried")
    folder.nothing()


def test_no_root_to_believe(folder):
    folder.list(id="one")
    folder.write()
    done = page.run(program("salvorctl"), "bundle", folder.path / "stick", "--from", folder.path / "public", cwd="/")
    assert done.returncode == 2 and "--root" in done.stderr
