# SPDX-License-Identifier: Apache-2.0
"""Attacks on what the metadata say: bytes, versions, expiry, roles, the root chain."""

import pytest
from salvor import tuf

ROLES = ("timestamp", "snapshot", "targets", "campaigns")
PARENTS = {"timestamp": (), "snapshot": ("timestamp",), "targets": ("snapshot", "timestamp"),
           "campaigns": ("snapshot", "timestamp")}


pytestmark = pytest.mark.attack


@pytest.fixture(params=["poll", "files", "bundle"])
def scene(request):
    """A machine in need; what there is comes with a poll's answer, has to be fetched, or lies on a stick."""
    return request.param


def note(text):
    """A change of content that means nothing: members that nobody knows are ignored."""
    return lambda signed: signed.update(note=text)


# ---- the control ----


def test_without_a_defect_it_applies(scene):
    scene.offer()
    assert scene.run()["outcome"] == "applied"
    assert scene.machine.bad_is_gone() and scene.plane.stages == ["applied"] * (scene.way != "bundle")


def test_what_is_known_is_kept(scene):
    """The second poll has what the first one brought, and nothing is fetched again but the timestamp."""
    if scene.way == "bundle":
        return scene.prime().control()
    scene.prime()
    scene.plane.gets.clear()
    scene.run()
    fetched = {path for path, _ in scene.plane.gets}
    assert fetched <= {"/tuf/metadata/timestamp.json", "/tuf/metadata/2.root.json"}, fetched
    scene.control()


# ---- one bit flipped ----


@pytest.mark.parametrize("role", ROLES)
def test_a_flipped_bit_in_metadata(scene, role):
    scene.prime()
    scene.offer()
    scene.repo.publish(force=True)
    path = scene.repo.path(role)
    good = scene.repo.files[path]
    scene.repo.files[path] = tuf.flip(good, good.index(b'"expires"') + 14)
    scene.unable(role, "signatures" if role == "timestamp" else "mismatch")
    scene.repo.files[path] = good
    scene.control()


@pytest.mark.parametrize("role", ROLES)
def test_a_flipped_bit_in_a_signature(scene, role):
    """Its parent names the very bytes that came, so that nothing but the signature is wrong."""
    scene.offer()
    scene.repo.rewrite[role] = tuf.flip_sig
    scene.repo.publish(force=True)
    scene.unable(role, "signatures")
    scene.control()


@pytest.mark.parametrize("role", ROLES)
def test_another_ones_signature(scene, role):
    """Signed, and not by a key of this role: the author's, the root's, a stranger's."""
    scene.offer()
    scene.repo.signers[role] = [scene.repo.authors[0], scene.repo.authors[1], *tuf.generate(2),
                                scene.repo.keys["root"][0]]
    scene.repo.publish(force=True)
    scene.unable(role, "signatures")
    scene.control()


@pytest.mark.parametrize("how", ["content", "signature"])
def test_a_flipped_bit_in_a_root(scene, how):
    scene.prime()
    scene.repo.rotate("timestamp", "snapshot")
    scene.offer()
    good = scene.repo.files["/tuf/metadata/2.root.json"]
    bad = tuf.flip(good, good.index(b'"expires"') + 14) if how == "content" else tuf.flip_sig(good)
    scene.repo.files["/tuf/metadata/2.root.json"] = bad
    scene.unable("root", "signatures")
    scene.repo.files["/tuf/metadata/2.root.json"] = good
    scene.control()


def test_a_flipped_bit_in_the_pinned_root(scene):
    """It is another trust domain then, and not even a signed root."""
    scene.offer()
    good = scene.plane.root_file.read_bytes()
    scene.plane.root_file.write_bytes(tuf.flip(good, good.index(b'"expires"') + 14))
    scene.untouched(lambda: scene.run(exits=78))
    assert "1.root.json" in scene.machine.stderr and scene.plane.polls == []
    scene.plane.root_file.write_bytes(good)
    scene.control()


def test_a_flipped_bit_in_the_policy(scene):
    scene.offer()
    path = scene.repo.target_path(tuf.POLICY_PATH)
    good = scene.repo.policy
    bad = good.replace(b'"threshold": 2', b'"threshold": 1')
    assert bad != good and len(bad) == len(good)
    scene.repo.files[path] = bad
    if scene.plane.inline:
        scene.plane.answers[0]["files"] = {tuf.POLICY_PATH: bad.decode(),
                                           "campaigns/channel-file-291-1.json": scene.repo.listed[
                                               "campaigns/channel-file-291-1.json"].decode()}
    scene.target_refused("trust-policy.json")
    scene.repo.files[path] = good
    scene.control()


def test_a_flipped_bit_in_the_envelope(scene):
    document = scene.offer()
    target = document["offer"]["target"]
    path = scene.repo.target_path(target)
    good = scene.repo.files[path]
    scene.repo.files[path] = scene.repo.listed[target] = tuf.flip_sig(good)
    scene.target_refused("channel-file-291-1.json")
    scene.repo.files[path] = scene.repo.listed[target] = good
    scene.control()


def test_the_offers_own_word_for_the_envelope_is_not_taken(scene):
    """A server names other bytes in its offer than the signed list does, and has them ready."""
    if scene.way == "bundle":
        return scene.control()  # there is no offer
    document = scene.offer()
    path = document["offer"]["target"]
    other = scene.plane.envelope(scene.plane.payload(title="Another one"))
    document["offer"] |= {"sha256": tuf.sha256(other), "length": len(other)}
    document["files"] = {tuf.POLICY_PATH: scene.repo.policy.decode(), path: other.decode()}
    scene.repo.files[f"/tuf/targets/campaigns/{tuf.sha256(other)}.channel-file-291-1.json"] = other
    scene.target_refused("channel-file-291-1.json")
    scene.control()


# ---- rollback, equivocation, mix and match ----


def test_an_old_timestamp(scene):
    scene.repo.publish(force=True)
    old = scene.repo.saved()
    scene.repo.publish(force=True)
    scene.prime()
    document = scene.offer()
    new = scene.repo.saved()
    scene.repo.restore(old)
    if scene.plane.inline:  # the newest of all others, with an old timestamp
        document["metadata"] = {**scene.repo.metadata({"root": 1})}
    scene.unable("timestamp", "rollback")
    scene.repo.restore(new)
    scene.control()


@pytest.mark.parametrize("role", ["snapshot", "targets", "campaigns"])
def test_an_old_file_below_a_new_timestamp(scene, role):
    """Whoever holds the keys of its parents names a version that was in force before."""
    scene.offer()
    scene.repo.publish(force=True)
    old = scene.repo.saved()
    scene.repo.publish(force=True)
    scene.prime()
    scene.offer(publish=False)
    scene.repo.freeze(role, old)
    scene.repo.publish(force=PARENTS[role])
    scene.unable(role, "rollback")
    scene.control()


@pytest.mark.parametrize("role", ROLES)
def test_the_same_version_with_other_content(scene, role):
    scene.offer()
    scene.repo.publish(force=True)
    scene.prime()
    scene.offer(publish=False)
    scene.repo.pin[role] = scene.repo.version[role]
    scene.repo.edit[role] = note("other content")
    scene.repo.publish(force=(role, *PARENTS[role]))
    scene.unable(role, "equivocation")
    scene.control()


def test_the_same_root_version_with_other_content(scene):
    scene.prime()
    first = scene.repo.rotate("timestamp", "snapshot")
    scene.repo.publish(force=True)
    scene.prime()
    scene.repo.edit["root"] = note("other content")
    other = scene.repo.add_root(version=2)
    scene.repo.files["/tuf/metadata/2.root.json"] = first
    scene.repo.files["/tuf/metadata/3.root.json"] = other
    scene.offer()
    scene.unable("root", "root-version")
    del scene.repo.files["/tuf/metadata/3.root.json"]
    scene.control()


def test_old_campaigns_with_a_new_snapshot(scene):
    """Each file is signed and was in force once; they do not belong together."""
    old = scene.repo.saved()
    scene.offer()
    scene.repo.publish(force=True)
    good = scene.repo.files[scene.repo.path("campaigns")]
    scene.repo.files[scene.repo.path("campaigns")] = old[2]["campaigns"][2]
    scene.unable("campaigns", "mismatch")
    scene.repo.files[scene.repo.path("campaigns")] = good
    scene.control()


def test_an_old_snapshot_with_a_new_timestamp(scene):
    old = scene.repo.saved()
    scene.offer()
    good = scene.repo.files[scene.repo.path("snapshot")]
    scene.repo.files[scene.repo.path("snapshot")] = old[2]["snapshot"][2]
    scene.unable("snapshot", "mismatch")
    scene.repo.files[scene.repo.path("snapshot")] = good
    scene.control()


@pytest.mark.parametrize("role", ["snapshot", "targets", "campaigns"])
def test_a_version_that_is_not_the_one_named(scene, role):
    """The parent names version 900 of a file whose own version is another; digest and length are right."""
    parent = "timestamp" if role == "snapshot" else "snapshot"
    scene.offer()
    scene.repo.edit[parent] = lambda signed: signed["meta"][f"{role}.json"].update(version=900)
    scene.repo.publish(force=True)
    data = scene.repo.files[scene.repo.path(role)]
    scene.repo.files[f"/tuf/metadata/900.{role}.json"] = data
    if scene.plane.inline:
        metadata = scene.repo.metadata({"root": 1})
        scene.plane.answers[0]["metadata"] = {(f"900.{role}.json" if name.endswith(f".{role}.json") else name): text
                                              for name, text in metadata.items()}
    scene.unable(role, "mismatch")
    scene.control()


@pytest.mark.parametrize("role", ["targets", "campaigns"])
def test_a_role_dropped_from_the_snapshot(scene, role):
    scene.prime()
    scene.offer()
    scene.repo.edit["snapshot"] = lambda signed: signed["meta"].pop(f"{role}.json") and None
    scene.repo.publish(force=("snapshot", "timestamp"))
    scene.unable("snapshot", "role-dropped")
    scene.control()


# ---- expired ----


@pytest.mark.parametrize("role", ROLES)
def test_expired(scene, role):
    scene.offer()
    life = scene.repo.life[role]
    scene.repo.life[role] = -60
    scene.repo.publish(force=True)
    scene.unable(role, "expired")
    scene.repo.life[role] = life
    scene.control()


def test_an_expired_root(scene):
    life = scene.repo.life["root"]
    scene.repo.life["root"] = -60
    scene.repo.add_root()
    scene.offer()
    scene.unable("root", "expired")
    scene.repo.life["root"] = life
    scene.repo.add_root()
    scene.control()


def test_an_expired_root_on_the_way_to_a_good_one(scene):
    """Only the last root of the chain has to be unexpired (TUF 5.3.10): a machine that slept for years comes back."""
    life = scene.repo.life["root"]
    scene.repo.life["root"] = -60
    scene.repo.add_root()
    scene.repo.life["root"] = life
    scene.repo.add_root()
    scene.control()


# ---- the root chain ----


def next_root(scene, signers, **how):
    """A root with new root keys, signed by these."""
    old = scene.repo.keys["root"]
    new = tuf.generate(3)
    scene.repo.keys["root"] = new
    scene.repo.signers["root"] = signers(old, new)
    scene.repo.add_root(**how)
    return old, new


@pytest.mark.parametrize("signers", [lambda old, new: new, lambda old, new: old, lambda old, new: [*new, old[0]],
                                     lambda old, new: [*old, new[0]], lambda old, new: []],
                         ids=["new-only", "old-only", "new-and-one-old", "old-and-one-new", "nobody"])
def test_a_root_that_is_not_signed_by_both(scene, signers):
    scene.prime()
    old, new = next_root(scene, signers)
    scene.offer()
    scene.unable("root", "signatures")
    scene.repo.roots.pop()
    scene.repo.mend()
    scene.repo.add_root(*old)
    scene.control()


@pytest.mark.parametrize("version", [1, 3, 100])
def test_a_root_that_is_not_the_next_one(scene, version):
    """Signed by everyone it needs, and served as number 2."""
    next_root(scene, lambda old, new: old + new, version=version)
    bad = scene.repo.roots.pop()
    scene.repo.files["/tuf/metadata/2.root.json"] = bad
    if version == 1:
        scene.repo.files["/tuf/metadata/1.root.json"] = scene.repo.roots[0]
    scene.offer()
    scene.unable("root", "root-version")
    for number in {2, version} - {1}:
        scene.repo.files.pop(f"/tuf/metadata/{number}.root.json", None)
    scene.control()


def test_a_skipped_root(scene):
    """Root 3 is there and root 2 is not: its keys are nobody's, and what they sign is not believed."""
    scene.repo.rotate("timestamp", "snapshot")
    scene.repo.rotate("timestamp", "snapshot")
    missing = scene.repo.files.pop("/tuf/metadata/2.root.json")
    document = scene.offer()
    if scene.plane.inline:
        document["metadata"] = {"3.root.json": scene.repo.roots[2].decode(), **scene.repo.metadata({"root": 3})}
    scene.unable("timestamp", "signatures")
    scene.repo.files["/tuf/metadata/2.root.json"] = missing
    scene.control()


def test_a_root_chain_without_end(scene):
    """More roots than one update follows: said so, and the next poll goes on from there."""
    scene.plane.inline = False
    for _ in range(70):
        scene.repo.add_root()
    scene.offer()
    result = scene.run(exits=(0, 6))
    assert "root-steps" in scene.machine.stderr
    if result["outcome"] != "applied":  # it was asked once only
        scene.control()


# ---- fast-forward ----


LAST = 2**31 - 1


def test_fast_forward_of_timestamp_and_snapshot(scene):
    """Whoever had the online keys used the last version there is. The owner can go no higher, and gets the machine back
    by a root with other online keys."""
    scene.repo.publish()
    scene.repo.pin |= {"timestamp": LAST, "snapshot": LAST}
    scene.repo.publish(force=("snapshot", "timestamp"))
    scene.prime()
    scene.repo.version |= {"timestamp": 5, "snapshot": 5}
    scene.offer()
    scene.repo.publish(force=("snapshot", "timestamp"))
    scene.unable("timestamp", "rollback")
    scene.repo.rotate("timestamp", "snapshot")
    scene.control()


def test_fast_forward_of_campaigns(scene):
    """The same with the delegated role: targets names other keys for it."""
    scene.repo.pin["campaigns"] = LAST
    scene.repo.publish(force=True)
    scene.prime()
    scene.repo.version["campaigns"] = 7
    scene.offer()
    scene.repo.publish(force=("campaigns", "snapshot", "timestamp"))
    scene.unable("campaigns", "rollback")
    scene.repo.keys["campaigns"] = tuf.generate(1)
    scene.control()


def test_a_version_beyond_the_last(scene):
    scene.offer()
    scene.repo.pin["timestamp"] = LAST + 1
    scene.repo.publish(force=("timestamp",))
    scene.unable("timestamp", "content")
    scene.repo.version["timestamp"] = 9
    scene.repo.publish(force=("timestamp",))
    scene.control()
