# SPDX-License-Identifier: Apache-2.0
"""docs/ceremonies.md, played: each ceremony with the commands and the outputs of the page, and what holds afterwards."""

import json
import os
import pathlib
import shutil

import pytest

from salvor import campaign as c
from salvor import keys, page, tuf
from salvor.server import Domain, Server, program
from salvor.wait import until

PAGE = "docs/ceremonies.md"
ANSWERS = {r"[Pp]assphrase of [^\n]*: ": "four words are enough", r"once more: ": "four words are enough", r"Type yes: ": "yes",
           r"Reason [^\n]*: ": "ceremony"}
OFFLINE = [f"{role}-{n}" for role in ("root", "targets", "author") for n in (1, 2, 3)]


class Scene:
    """A folder in which a section is played: `domain` of a running server, the offline keys in `vault`."""

    def __init__(self, folder):
        self.path = folder
        self.vault = folder / "vault"
        self.vault.mkdir()
        self.server = None
        self.domain = None
        self.tokens = {}
        self.restarts = self.restart
        self.environment = {**os.environ, "PATH": f"{pathlib.Path(program('salvorctl')).parent}:{os.environ['PATH']}",
                            "LC_ALL": "C.UTF-8", "TERM": "dumb"}

    def trial(self):
        """A trial domain whose offline keys are put where the page has them, with their public halves."""
        self.domain = Domain(self.path / "domain")
        for name in OFFLINE:
            shutil.move(self.domain.path / "keys" / f"{name}.pem", self.vault / f"{name}.pem")
            done = page.run(program("salvorctl"), "key", "show", self.vault / f"{name}.pem", "--public-out",
                            self.path / f"{name}.pub")
            assert done.returncode == 0, done.stderr
        for name in ("1.root.json", "1.targets.json", "trust-policy.json"):
            shutil.copy(self.domain.path / name, self.path / name)
        self.start()
        return self

    def start(self):
        if not self.server:
            self.server = Server(self.domain or self.adopt())
        self.server.start()

    def adopt(self):
        """The domain that the page itself has made."""
        self.domain = Domain.__new__(Domain)
        self.domain.adopt(self.path / "domain")
        return self.domain

    def restart(self):
        self.server.stop()
        self.server = Server(self.domain).start()

    def play(self, title):
        page.play(page.section(PAGE, title), self.path, self.environment, ANSWERS,
                  {"systemctl start salvord": self.start, "systemctl restart salvord": lambda: self.restarts()})

    def campaign(self, authors=("author-1", "author-2"), **changes):
        """A campaign that is in force, signed by these keys."""
        campaign = self.server.admin.create(c.payload(self.domain, **changes))
        for name in authors:
            assert campaign.sign(keys.load(self.vault / f"{name}.pem")).status in (200, 201)
        campaign.start()
        return campaign

    def metadata(self, name):
        reply = self.server.anonymous.get(f"/tuf/metadata/{name}")
        return reply.json() if reply.status == 200 else None

    def check(self, *files):
        return page.run(program("salvorctl"), "trust", "check", "--root", self.path / "1.root.json",
                        *(self.path / f for f in files))

    def rescue(self, campaign, *more, name="laptop-1"):
        """A machine that pins 1.root.json asks for help. -> the process"""
        root = self.machine(name)
        bad = root / "usr/drivers/bad.sys"
        bad.parent.mkdir(parents=True, exist_ok=True)
        bad.write_text("bad")
        done = page.run(program("salvor-recover"), "-c", self.path / f"{name}.conf", "--root", root, "--state",
                        self.path / f"{name}.state", "--once", "--fact", f"fault={campaign.id}", *more)
        return done, not bad.exists()

    def machine(self, name):
        root = self.path / name
        if name not in self.tokens:
            self.tokens[name] = self.server.enroll(name).token
            root.mkdir()
        (self.path / f"{name}.conf").write_text(  # a server that was restarted has other ports
            f'server = "{self.server.endpoints["machine"]}"\nca = "{self.domain.ca}"\n'
            f'root = "{self.path / "1.root.json"}"\nmachine_id = "{name}"\ntoken = "{self.tokens[name]}"\n')
        return root

    def fast_forward(self):
        """A thief of the online key writes the highest versions there are. -> the folder, laid out as a bundle"""
        read = lambda name: (self.path / name).read_bytes()
        thief = tuf.Repository.taken(read("1.root.json"), read("1.targets.json"), read("trust-policy.json"),
                                     tuf.Key.load(self.domain.path / "keys/online.pem"))
        thief.pin = dict.fromkeys(("campaigns", "snapshot", "timestamp"), 2**31 - 1)
        thief.publish()
        for name, data in thief.files.items():
            path = self.path / "thief" / name.removeprefix("/tuf/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.path / "thief"


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    if made.server:
        made.server.stop()


def signed_versions(scene):
    """What the server gives away now."""
    timestamp = scene.metadata("timestamp.json")["signed"]
    snapshot = scene.metadata(f"{timestamp['meta']['snapshot.json']['version']}.snapshot.json")["signed"]
    return snapshot["meta"]["targets.json"]["version"], snapshot["meta"]["campaigns.json"]["version"]


def test_a_new_trust_domain(scene):
    scene.play("A new trust domain")
    root = scene.metadata("1.root.json")
    assert root == json.loads((scene.path / "1.root.json").read_bytes())
    assert {r: v["threshold"] for r, v in root["signed"]["roles"].items()} == {"root": 2, "targets": 2, "snapshot": 1, "timestamp": 1}
    assert oct((scene.vault / "anna.pem").stat().st_mode & 0o777) == "0o600"
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (scene.vault / "anna.pem").read_bytes()
    assert signed_versions(scene)[0] == 1


def test_renewing_targets(scene):
    scene.trial()
    before = signed_versions(scene)
    scene.play("Renewing targets")
    assert signed_versions(scene)[0] == 2 and before[0] == 1
    campaign = scene.campaign()
    done, gone = scene.rescue(campaign)
    assert done.returncode == 0 and gone, done


def test_replacing_a_root_key(scene):
    scene.trial()
    campaign = scene.campaign()
    scene.play("Renewing the root, or replacing a root key")
    assert scene.metadata("2.root.json") and scene.metadata("3.root.json") is None
    done, gone = scene.rescue(campaign)  # pins version 1
    assert done.returncode == 0 and gone, done


def test_replacing_a_targets_key(scene):
    scene.trial()
    campaign = scene.campaign()
    scene.play("Replacing a targets key")
    assert signed_versions(scene)[0] == 2
    done, gone = scene.rescue(campaign)
    assert done.returncode == 0 and gone, done


def test_losing_an_author_key(scene):
    """What the lost key was needed for is in force no longer; what others signed stays."""
    scene.trial()
    stays, goes = scene.campaign(), scene.campaign(authors=("author-1", "author-3"))
    listed = lambda: {path for path in scene.metadata(f"{signed_versions(scene)[1]}.campaigns.json")["signed"]["targets"]}
    path = lambda campaign: f"campaigns/{campaign.id}-1.json"
    assert listed() == {path(stays), path(goes)}
    scene.play("An author's key was lost or stolen")
    assert listed() == {path(stays)}
    done, gone = scene.rescue(stays)
    assert done.returncode == 0 and gone, done
    _, gone = scene.rescue(goes, name="laptop-2")
    assert not gone


def test_the_online_keys_were_stolen(scene):
    """A machine that the thief has shown the highest versions refuses everything until the keys are replaced, and nothing then."""
    scene.trial()
    old = keys.keyid(scene.domain.key("online"))
    campaign = scene.campaign()
    done, gone = scene.rescue(campaign, "--bundle", scene.fast_forward())
    assert done.returncode == 0 and not gone, done  # what it says is well signed, and nothing of it is for this machine
    done, gone = scene.rescue(campaign)
    assert done.returncode != 0 and "rollback" in done.stdout + done.stderr and not gone, done
    scene.play("The online keys were stolen")
    new = keys.keyid(keys.load(scene.path / "online-2.pem"))
    assert not (scene.domain.path / "keys" / "online.pem").exists()
    assert [s["keyid"] for s in scene.metadata("timestamp.json")["signatures"]] == [new] != [old]
    assert signed_versions(scene)[0] == 2
    for fix, name in ((campaign, "laptop-1"), (scene.campaign(), "laptop-2")):  # one that believed the thief, one that comes fresh
        done, gone = scene.rescue(fix, name=name)
        assert done.returncode == 0 and gone, done


def test_versions_begin_anew(scene):
    """A thief on the server leaves the highest versions where the signing process finds them: what the page says helps."""
    scene.trial()
    campaign = scene.campaign()
    scene.server.stop()
    shutil.copytree(scene.fast_forward() / "metadata", scene.domain.path / "state/tuf/metadata", dirs_exist_ok=True)
    scene.server = Server(scene.domain).start()
    until(lambda: b"has no version left" in scene.server.log, 20)
    done, gone = scene.rescue(campaign, "--bundle", scene.path / "thief")
    assert done.returncode == 0 and not gone, done

    def begin_anew():
        page.play(page.section(PAGE, "When the signing process has no version left"), scene.path, scene.environment, ANSWERS,
                  {"systemctl stop salvord": scene.server.stop, "systemctl start salvord": scene.restart})
        scene.restarts = scene.restart

    scene.restarts = begin_anew
    scene.play("The online keys were stolen")
    assert scene.metadata("timestamp.json")["signed"]["version"] < 10_000_000
    done, gone = scene.rescue(campaign)
    assert done.returncode == 0 and gone, done


def test_moving_the_public_files(scene):
    scene.trial()
    campaign = scene.campaign()
    scene.play("Moving the public files to a static host")
    done = page.run(program("salvorctl"), "bundle", scene.path / "out", "--from", scene.path / "mirror", "--root",
                    scene.path / "1.root.json")
    assert done.returncode == 0 and campaign.id in done.stdout, done


def test_break_glass(scene):
    scene.trial()
    scene.campaign(id="fix", match={"fact": "nowhere", "exists": False})
    root = scene.machine("laptop-1")
    bad = root / "usr/drivers/bad.sys"
    bad.parent.mkdir(parents=True)
    bad.write_text("bad")
    scene.play("Break-glass: a rescue without a network")
    assert not bad.exists(), list(scene.path.iterdir())
