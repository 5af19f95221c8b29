# SPDX-License-Identifier: Apache-2.0
"""Debian's python3-securesystemslib, which has never seen this project, agrees with every key id, canonical form and
signature of what salvord serves."""

import json

import pytest
from securesystemslib import exceptions, formats
from securesystemslib import hash as digests
from securesystemslib.signer import Key, Signature

from salvor import campaign as c
from salvor import tuf

ROLES = ("root", "timestamp", "snapshot", "targets", "campaigns")


@pytest.fixture(scope="module")
def served(shared):
    """role -> the metadata file, parsed; found as a client finds them."""
    shared.admin.started(c.payload(shared.domain, "library"))
    plane = shared.anonymous

    def fetch(name):
        reply = plane.get(f"/tuf/metadata/{name}")
        assert reply.status == 200, (name, reply)
        return json.loads(reply.body)

    found = {"root": fetch("1.root.json"), "timestamp": fetch("timestamp.json")}
    found["snapshot"] = fetch(f"{found['timestamp']['signed']['meta']['snapshot.json']['version']}.snapshot.json")
    for role in ("targets", "campaigns"):
        found[role] = fetch(f"{found['snapshot']['signed']['meta'][role + '.json']['version']}.{role}.json")
    return found


def parent_of(served, role):
    """-> (key objects by id, {"keyids", "threshold"}) of who says who signs for this role"""
    if role == "campaigns":
        delegations = served["targets"]["signed"]["delegations"]
        return delegations["keys"], delegations["roles"][0]
    return served["root"]["signed"]["keys"], served["root"]["signed"]["roles"][role]


def every_key(served):
    for signed in (served["root"]["signed"], served["targets"]["signed"]["delegations"]):
        yield from signed["keys"].items()


def keyid_of(key):
    """TUF 1.0 section 4.2, with the library's own reading of the key, canonical form and digest. (Its _get_keyid of this
    version puts a fourth member into the key, keyid_hash_algorithms, as TUF had it before 1.0.)"""
    digest = digests.digest("sha256")
    digest.update(formats.encode_canonical(Key.from_dict("any", dict(key)).to_dict()).encode())
    return digest.hexdigest()


def test_key_ids(served):
    found = list(every_key(served))
    assert len(found) >= 3
    for keyid, key in found:
        assert keyid_of(key) == keyid
        assert set(key) == {"keytype", "scheme", "keyval"} and set(key["keyval"]) == {"public"}


@pytest.mark.parametrize("role", ROLES)
def test_canonical_form(served, role):
    """What is signed is what it would sign, and our tests' own writer agrees."""
    signed = served[role]["signed"]
    assert formats.encode_canonical(signed).encode() == tuf.canonical(signed)


@pytest.mark.parametrize("role", ROLES)
def test_signatures(served, role):
    """Every signature verifies, and they reach the threshold; none verifies for anything else."""
    objects, said = parent_of(served, role)
    document = served[role]
    data = formats.encode_canonical(document["signed"]).encode()
    verified = set()
    for signature in document["signatures"]:
        key = Key.from_dict(signature["keyid"], dict(objects[signature["keyid"]]))
        parsed = Signature.from_dict(dict(signature))
        key.verify_signature(parsed, data)
        with pytest.raises(exceptions.UnverifiedSignatureError):
            key.verify_signature(parsed, data + b" ")
        assert signature["keyid"] in said["keyids"]
        verified.add(signature["keyid"])
    assert len(verified) >= said["threshold"] >= 1


def test_both_kinds_of_key():
    """P-256 keys too, whose PEM holds newlines: they stay newlines in the canonical form."""
    for kind in ("ed25519", "ec"):
        key = tuf.Key.generate(kind)
        assert keyid_of(key.object) == key.id
        data = formats.encode_canonical(key.object).encode()
        assert data == tuf.canonical(key.object)
        Key.from_dict(key.id, key.object).verify_signature(Signature(key.id, key.sign(data).hex()), data)
