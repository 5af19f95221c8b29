# SPDX-License-Identifier: Apache-2.0
"""A daemon that was taken over, and its signing process: everything the daemon may say to it is the thief's. What it
signs never adds, never widens, never goes back, and no version is given away twice with different content."""

import base64
import itertools
import json
import random

import pytest
from salvor import tuf
from salvor.campaign import utc
from salvor.plane import now
from salvor.signing import MADE, Refused, Signer

LAST = 2**31 - 1


class Office:
    """A trust domain, and the signer of its online key."""

    def __init__(self, folder):
        self.repo = tuf.Repository()
        self.repo.publish()
        self.root = folder / "1.root.json"
        self.root.write_bytes(self.repo.roots[0])
        self.key = folder / "online.pem"
        self.key.write_bytes(self.repo.keys["timestamp"][0].pem())
        self.key.chmod(0o600)
        self.signer = Signer(self.root, self.key, folder / "signer")
        self.last = {}  # what was given away last
        self.given = {}  # (role, version) -> bytes
        self.targets, self.policy, self.roots = self.repo.now["targets"][2], self.repo.policy, []

    def payload(self, id="fix", **changes):
        value = {"schema": "salvor.campaign/1", "id": id, "version": 1, "trust_domain": self.repo.trust_domain,
                 "title": id, "not_before": now(-60), "expires": now(86400), "match": {"fact": "os", "eq": "windows"},
                 "actions": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/bad.sys"}]}
        return json.dumps(value | changes).encode()

    def good(self, id="fix", **changes):
        """(path, envelope)"""
        payload = self.payload(id, **changes)
        return f"campaigns/{id}-{json.loads(payload)['version']}.json", self.repo.envelope(payload)

    def make(self, *envelopes, **said):
        """One request of an honest daemon, but for what is said otherwise; everything that comes out is looked at."""
        files = {**self.last, "targets": self.targets} | said.pop("files", {})
        roots = said.pop("roots", self.roots)
        answer = self.signer.make(files, said.pop("policy", self.policy), envelopes, roots, **said)
        for role in MADE:
            signed = json.loads(answer.files[role])["signed"]
            assert signed["version"] == answer.versions[role]
            known = self.given.setdefault((role, signed["version"]), answer.files[role])
            assert known == answer.files[role], f"{role} {signed['version']} was given away twice, with other content"
            highest = max(version for name, version in self.given if name == role)
            assert signed["version"] == highest, f"{role}: {signed['version']} after {highest}"
        self.last = dict(answer.files)
        self.listed = json.loads(answer.files["campaigns"])["signed"]["targets"]
        assert len(self.listed) == answer.listed
        return answer

    def control(self):
        """An honest request is still answered, with what authors signed in the list."""
        path, envelope = self.good("control", title=utc())
        assert self.make((path, envelope)).verdicts == [("yes", "")]
        assert self.listed == {path: tuf.content_of(envelope)}


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.signer.stop()


# ---- what authors did not sign ----


def defects(office):
    repo, payload = office.repo, office.payload()
    path, good = office.good()
    online = repo.keys["timestamp"][0]
    kept = json.loads(good)
    widened = office.payload(match={"fact": "os", "exists": True})
    return {
        "strangers": ("signatures", path, tuf.dsse_envelope(payload, tuf.generate(2))),
        "one-author": ("signatures", path, repo.envelope(payload, (0,))),
        "one-author-twice": ("signatures", path, repo.envelope(payload, (1, 1))),
        "online-key": ("signatures", path, tuf.dsse_envelope(payload, [repo.authors[0], online])),
        "nobody": ("signatures", path, tuf.dsse_envelope(payload, [])),
        "widened": ("signatures", path, json.dumps({**kept, "payload": base64.b64encode(widened).decode()}).encode()),
        "another-type": ("envelope", path, tuf.dsse_envelope(payload, repo.authors[:2], "application/json")),
        "swapped-type": ("signatures", path, tuf.dsse_envelope(payload, [
            tuf.dsse_signature(k, payload, "application/json") for k in repo.authors[:2]])),
        "another-name": ("name", "campaigns/other-1.json", good),
        "another-version": ("name", "campaigns/fix-2.json", good),
        "another-domain": ("trust-domain", *office.good(trust_domain="b" * 64)),
        "expired": ("expired", *office.good(not_before=now(-7200), expires=now(-1))),
        "no-campaign": ("payload", path, repo.envelope(b'{"id":"fix","version":1}')),
        "garbage": ("envelope", path, b"garbage"),
        "empty": ("envelope", path, b""),
        "policy-path": ("name", tuf.POLICY_PATH, good),
        "path-out": ("name", "campaigns/../policy/trust-policy.json", good),
    }


@pytest.mark.parametrize("defect", ["strangers", "one-author", "one-author-twice", "online-key", "nobody", "widened",
                                    "another-type", "swapped-type", "another-name", "another-version", "another-domain",
                                    "expired", "no-campaign", "garbage", "empty", "policy-path", "path-out"])
def test_an_envelope_is_not_listed(office, defect):
    """And the good one beside it is: nobody keeps a list as it was by offering a bad one."""
    why, path, envelope = defects(office)[defect]
    beside = office.good("beside")
    answer = office.make((path, envelope), beside)
    assert answer.verdicts[0][0] == why and answer.verdicts[0][1], answer.verdicts
    assert set(office.listed) == {beside[0]}
    office.control()


def test_two_versions_of_one_campaign(office):
    answer = office.make(office.good(), office.good(version=2))
    assert sorted(slug for slug, _ in answer.verdicts) == ["twice", "yes"] and len(office.listed) == 1
    office.control()


def test_a_hundred_and_one(office):
    with pytest.raises((Refused, EOFError)):
        office.make(*[office.good(f"fix-{i}") for i in range(101)])
    office.signer.restart()
    office.control()


# ---- another policy, other targets, other roots ----


def test_another_policy(office):
    with pytest.raises(Refused, match="policy"):
        office.make(office.good(), policy=office.repo.make_policy(threshold=1))
    office.control()


@pytest.mark.parametrize("signer", ["online", "own", "one-of-two"])
def test_other_targets(office, signer):
    """A policy in which the thief is the author, and targets that list it."""
    thief = tuf.Repository({"online": office.repo.keys["timestamp"]})
    thief.policy = thief.make_policy(threshold=1)
    thief.pin["targets"] = 9
    thief.signers["targets"] = {"online": office.repo.keys["timestamp"], "own": thief.keys["targets"][:2],
                                "one-of-two": office.repo.keys["targets"][:1]}[signer]
    thief.publish()
    own = (office.good()[0], thief.envelope(office.payload(), (0,)))
    with pytest.raises(Refused):
        office.make(own, files={"targets": thief.now["targets"][2]}, policy=thief.policy)
    office.control()


@pytest.mark.parametrize("signers", ["online", "own", "one-old-and-own"])
def test_another_root(office, signers):
    thief = tuf.Repository({"online": office.repo.keys["timestamp"]})
    thief.policy = thief.make_policy(threshold=1)
    thief.publish()
    own = thief.keys["root"]
    thief.signers["root"] = {"online": office.repo.keys["timestamp"], "own": own,
                             "one-old-and-own": [office.repo.keys["root"][0], *own]}[signers]
    root = thief.add_root(version=2)
    envelope = (office.good()[0], thief.envelope(office.payload(), (0,)))
    with pytest.raises(Refused):
        office.make(envelope, roots=[root], files={"targets": thief.now["targets"][2]}, policy=thief.policy)
    office.control()


def revoked(office):
    """The owner's next targets: the campaign is revoked."""
    office.repo.policy = office.repo.make_policy(revoked=["fix"])
    office.repo.publish()
    return office.repo.now["targets"][2], office.repo.policy


@pytest.mark.parametrize("restart", [False, True])
def test_older_targets(office, restart):
    """Once it has seen the targets that revoke a campaign, it does not take those of before, nor after its restart."""
    before = office.targets, office.policy
    office.make(office.good())
    office.targets, office.policy = revoked(office)
    assert office.make(office.good()).verdicts[0][0] == "revoked" and office.listed == {}
    if restart:
        office.signer.restart()
    with pytest.raises(Refused):
        office.make(office.good(), files={"targets": before[0]}, policy=before[1])
    office.control()


@pytest.mark.parametrize("restart", [False, True])
def test_a_forgotten_root(office, restart):
    """Once it has seen root 2 it does not sign under root 1 any more, whose keys may be lost."""
    root = office.repo.add_root()
    office.make(office.good(), roots=[root])
    if restart:
        office.signer.restart()
    with pytest.raises(Refused):
        office.make(office.good(), roots=[])
    office.roots = [root]
    office.control()


def test_a_root_that_takes_its_key_away(office):
    """It signs nothing that nobody would believe."""
    root = office.repo.rotate("timestamp", "snapshot")
    with pytest.raises(Refused):
        office.make(office.good(), roots=[root])


def test_a_chain_with_a_gap(office):
    office.repo.add_root()
    third = office.repo.add_root()
    with pytest.raises(Refused):
        office.make(office.good(), roots=[third])
    office.control()


# ---- versions ----


def test_files_that_were_never_given_away(office):
    """The thief invents the last versions: with a version that leaves no room, with other keys, with garbage."""
    office.make(office.good())
    thief = tuf.Repository({"online": tuf.generate(1)})
    thief.version |= dict.fromkeys(tuf.BELOW_ROOT, LAST - 1)
    thief.publish()
    for files in ({role: thief.now[role][2] for role in MADE}, {role: b"garbage" for role in MADE},
                  {role: b"" for role in MADE}, {"timestamp": office.last["snapshot"], "snapshot": b"{}"}):
        answer = office.make(office.good(), files=files)
        assert all(answer.versions[role] < 1000 for role in MADE), answer.versions
    office.control()


def test_older_files_than_those_given_away(office):
    """The list of before, with the campaign that was withdrawn: it is not given away again, under no version."""
    office.make(office.good("first"), office.good("second"))
    old = dict(office.last)
    office.make(office.good("second"))
    for files in (old, {"campaigns": old["campaigns"]}, {"snapshot": old["snapshot"]}, {"timestamp": old["timestamp"]}):
        office.make(files=files)
        assert office.listed == {}
    office.signer.restart()
    office.make(files=old)
    assert office.listed == {}
    office.control()


def test_whatever_it_is_told_no_version_comes_twice(office):
    """A random daemon: any files of before or none, any campaigns, restarts in between."""
    rng = random.Random(291)
    good = [office.good(f"fix-{i}") for i in range(4)]
    bad = [(path, envelope) for _, path, envelope in defects(office).values()]
    kept = [{}]
    for _ in range(150):
        files = dict(itertools.chain.from_iterable(
            rng.choice(kept).items() for _ in range(2))) if rng.random() < 0.7 else {}
        if rng.random() < 0.1:
            office.signer.restart()
        envelopes = rng.sample(good, rng.randint(0, 4)) + rng.sample(bad, rng.randint(0, 2))
        rng.shuffle(envelopes)
        office.last = {}
        office.make(*envelopes, files=files, renew=rng.random() < 0.2)
        assert office.listed == {p: tuf.content_of(e) for p, e in envelopes if (p, e) in good}
        kept.append(dict(office.last))


# ---- nonsense ----


NONSENSE = [b"GET / HTTP/1.1\r\n\r\n", b"SAL\x00\xff\xff\xff\xff", b"SAL\x02\0\0\0\0", b"SAL\x09\0\0\0\0",
            b"SAL\x00\0\0\0\x05\0\xff\xff\xff\xff", b"SAL\x00\0\0\0\0"]


@pytest.mark.parametrize("message", NONSENSE, ids=repr)
def test_nonsense_ends_it_or_is_refused(office, message):
    """It neither hangs nor answers with anything signed, and the next one goes on from the same marks."""
    office.make(office.good())
    office.signer.socket.sendall(message)
    with pytest.raises((Refused, EOFError, OSError)):
        kind, _ = office.signer.receive()
        assert kind == 3, kind
        raise Refused("as an error")
    office.signer.restart()
    office.control()
