# SPDX-License-Identifier: Apache-2.0
"""An unmodified TUF client (tuf-js) takes what is served here. It is not the judge of security: what it lets through, and
`salvor-recover` does not, stands in the second half."""

import copy
import json
import shutil
import sys

import pytest

from salvor import campaign as c
from salvor import pki, tuf
from salvor.attacks import Scene
from salvor.wait import ROOT, until

sys.path.insert(0, str(ROOT / "tests" / "interop"))

import static  # noqa: E402
import tufjs  # noqa: E402

PATH = "campaigns/channel-file-291-1.json"


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path, way="tuf")
    yield made
    made.stop()


def client_of(scene, name="client-js"):
    return tufjs.Client(scene.plane.folder / name, scene.repo.roots[0], scene.plane.url, scene.plane.ca)


# ---- what salvord serves ----


def path_of(campaign):
    return f"campaigns/{campaign.id}-{campaign.version}.json"


def envelope_of(campaign):
    reply = campaign.admin.client.get(f"/api/v1{campaign.path}/envelope")
    assert reply.status == 200, reply
    return reply.body


def test_it_refreshes_and_downloads_from_salvord(server, tmp_path):
    """A campaign and the policy come down; what is halted is gone at the next refresh, with the same client."""
    domain = server.domain
    first = server.admin.started(c.payload(domain, "first"))
    second = server.admin.started(c.payload(domain, "second"))
    client = tufjs.Client(tmp_path / "js", domain.root_bytes, server.endpoints["machine"], domain.ca)
    found = client.update(path_of(first), path_of(second), tuf.POLICY_PATH)
    assert found == {path_of(first): envelope_of(first), path_of(second): envelope_of(second),
                     tuf.POLICY_PATH: domain.policy_path.read_bytes()}
    versions = {role: client.kept(role) for role in tuf.BELOW_ROOT}
    assert all(versions.values()) and client.kept("root") == 1, versions
    # nothing changed: the same files again
    assert client.update(path_of(first)) == {path_of(first): envelope_of(first)}
    assert {role: client.kept(role) for role in tuf.BELOW_ROOT} == versions
    first.must("halt")
    until(lambda: client.update(path_of(first)) == {path_of(first): None}, "the list is published", 10)
    assert client.update(path_of(second)) == {path_of(second): envelope_of(second)}
    assert client.kept("targets") == versions["targets"]
    for role in ("campaigns", "snapshot", "timestamp"):
        assert client.kept(role) > versions[role]


def test_it_follows_a_change_of_the_root_keys(server, tmp_path):
    """From the first root to the third, one by one, each with other root keys than the one before."""
    domain = server.domain
    campaign = server.admin.started(c.payload(domain, "rotated"))
    client = tufjs.Client(tmp_path / "js", domain.root_bytes, server.endpoints["machine"], domain.ca)
    signed = json.loads(domain.root_bytes)["signed"]
    before = [tuf.Key.load(domain.path / "keys" / f"root-{i}.pem") for i in (1, 2)]
    for version in (2, 3):
        fresh = tuf.generate(2)
        old = signed["roles"]["root"]["keyids"]
        elsewhere = {i for role, said in signed["roles"].items() if role != "root" for i in said["keyids"]}
        signed["keys"] = {i: key for i, key in signed["keys"].items() if i in elsewhere or i not in old}
        signed["keys"] |= {key.id: key.object for key in fresh}
        signed["roles"]["root"] = tuf.role_of(fresh, 2)
        signed["version"] = version
        reply = server.admin.act("PUT", "/trust/root", json.loads(tuf.tuf_file(signed, before + fresh)))
        assert reply.status in (200, 201, 204), reply
        before = fresh
    assert client.update(path_of(campaign)) == {path_of(campaign): envelope_of(campaign)}
    assert client.kept("root") == 3


def test_it_takes_the_copied_directory_from_a_static_server(server, tmp_path):
    """STATE/tuf as it lies there, behind any web server."""
    campaign = server.admin.started(c.payload(server.domain, "static"))
    shutil.copytree(server.domain.path / "state" / "tuf", tmp_path / "copy" / "tuf")
    server.stop()
    authority = pki.make_ca(tmp_path, "ca")
    files = pki.issue(tmp_path, authority, "localhost", usage="serverAuth", names="IP:127.0.0.1")
    with static.Static(tmp_path / "copy", *files) as host:
        client = tufjs.Client(tmp_path / "js", server.domain.root_bytes, host.url, authority[0])
        found = client.update(path_of(campaign), tuf.POLICY_PATH)
    assert isinstance(found, dict), found
    assert found[tuf.POLICY_PATH] == server.domain.policy_path.read_bytes()
    assert json.loads(found[path_of(campaign)])["payloadType"] == tuf.PAYLOAD_TYPE


# ---- what it lets through ----


def both(scene, file, reason):
    """tuf-js downloads the campaign; salvor-recover says that it cannot update, and why, and touches nothing."""
    found = client_of(scene).update(PATH)
    assert isinstance(found, dict) and found[PATH] == scene.repo.listed[PATH], found
    scene.unable(file, reason)


def renamed(keys, old, new):
    """A table of keys and roles in which one key goes by another id."""
    return {new if i == old else i: key for i, key in keys.items()}


def test_a_key_under_a_wrong_id(scene):
    """The id of a key is the digest of what it is (TUF 1.0 section 4.2); tuf-js takes any text."""
    repo = scene.repo
    online = repo.keys["campaigns"][0]
    wrong = "00" * 32

    def edit(signed):
        signed["delegations"]["keys"] = renamed(signed["delegations"]["keys"], online.id, wrong)
        signed["delegations"]["roles"][0]["keyids"] = [wrong]
        return signed

    repo.edit["targets"] = edit
    repo.rewrite["campaigns"] = lambda data: data.replace(online.id.encode(), wrong.encode())
    scene.offer()
    both(scene, "targets", "content")


def test_one_key_under_two_ids(scene):
    """A threshold of two, met by one key that is written down twice: a member more gives it a second id, which is the
    right one by the letter of tuf-js's reading."""
    repo = scene.repo
    first = repo.keys["targets"][0]
    twin = copy.deepcopy(first.object)
    twin["note"] = "the same key"
    second = tuf.sha256(tuf.canonical(twin))

    def edit(signed):
        signed["keys"][second] = twin
        signed["roles"]["targets"] = {"keyids": [first.id, second], "threshold": 2}
        return signed

    def sign_twice(data):
        document = json.loads(data)
        document["signatures"] = [document["signatures"][0], {**document["signatures"][0], "keyid": second}]
        return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()

    repo.edit["root"] = edit
    repo.add_root()
    repo.signers["targets"] = [first]
    repo.rewrite["targets"] = sign_twice
    scene.offer()
    both(scene, "root", "content")


def test_a_brace_pattern(scene):
    """tuf-js expands braces in the paths of a delegation, other clients do not: so one file says two things."""
    repo = scene.repo

    def edit(signed):
        signed["delegations"]["roles"][0]["paths"] = ["{campaigns,policy}/*"]
        return signed

    repo.edit["targets"] = edit
    scene.offer()
    both(scene, "targets", "delegation")
