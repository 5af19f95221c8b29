# SPDX-License-Identifier: Apache-2.0
"""All online keys stolen, with the server, its certificate and its database. The trust domain is that of `salvorctl
init`, the campaign is one that a real salvord had in force; what the thief has is keys/online.pem, pki/server.key and
every file that was ever public. What remains to the thief is to remove, to delay, and to offer once more what authors
signed."""

import base64
import json

import pytest
from salvor import campaign as c
from salvor import tuf
from salvor.attacks import Scene
from salvor.plane import EXAMPLE, now
from salvor.server import Domain, Server
from salvor.wait import until


def public_files(server):
    """Everything that a client can see, fetched from the running daemon: path -> bytes."""
    plane = server.anonymous
    found = {}

    def get(path):
        reply = plane.get(path)
        assert reply.status == 200, (path, reply)
        found[path] = reply.body
        return json.loads(reply.body).get("signed")

    get("/tuf/metadata/1.root.json")
    timestamp = get("/tuf/metadata/timestamp.json")
    snapshot = get(f"/tuf/metadata/{timestamp['meta']['snapshot.json']['version']}.snapshot.json")
    for role in ("targets", "campaigns"):
        signed = get(f"/tuf/metadata/{snapshot['meta'][f'{role}.json']['version']}.{role}.json")
        for path, entry in signed["targets"].items():
            folder, _, name = path.rpartition("/")
            get(f"/tuf/targets/{folder}/{entry['hashes']['sha256']}.{name}")
    return found


def example(domain, **changes):
    campaign = json.loads((EXAMPLE / "campaign.json").read_text())
    return c.payload(domain, id="channel-file-291", match=campaign["match"], actions=campaign["actions"],
                     verify=campaign["verify"], **changes)


class Theft(Scene):
    """The machine of a real trust domain, which has spoken to the real server before, and the thief's server."""

    def __init__(self, folder, domain, files, listed):
        policy = (domain.path / "trust-policy.json").read_bytes()
        targets = next(data for path, data in files.items() if path.endswith(".targets.json"))
        self.domain = domain
        self.genuine = files
        self.envelopes = listed
        repo = tuf.Repository.taken(domain.root_bytes, targets, policy, tuf.Key.load(domain.path / "keys/online.pem"))
        super().__init__(folder, "poll", repo)
        self.plane.listen(domain.path / "pki/server.crt", domain.path / "pki/server.key")
        self.plane.ca = domain.ca
        self.machine.write_conf()

    def owners_signature(self, payload):
        return tuf.dsse_envelope(payload, [tuf.Key.load(self.domain.path / f"keys/author-{i}.pem") for i in (1, 2)])

    def still_helps(self):
        """The control: what authors did sign is offered by the same thief, and applies."""
        self.repo.mend()
        self.repo.frozen = {"targets"}
        self.repo.listed.clear()
        payload = json.dumps(example(self.domain)).encode()
        self.plane.answers = [self.plane.offer(payload, self.owners_signature(payload))]
        result = self.machine.run()
        assert result["outcome"] == "applied" and self.machine.bad_is_gone(), self.machine.stderr


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    """A real daemon with two campaigns in force, one of them for other machines; and everything it published."""
    domain = Domain(tmp_path_factory.mktemp("theft") / "domain")
    server = Server(domain).start()
    machine = server.enroll("machine-1")
    server.make_known(["machine-1"], {"os": "windows"})
    started = [server.admin.started(example(domain))]
    other = {"all": [{"fact": "os", "eq": "windows"}, {"fact": "model", "eq": "another"}]}
    started.append(server.admin.started({**example(domain), "id": "for-others", "match": other}))
    files = public_files(server)
    yield domain, server, machine, files, {f"campaigns/{s.id}-{s.version}.json": s.envelope() for s in started}
    server.stop()


@pytest.fixture
def theft(tmp_path, owner):
    domain, _, machine, files, envelopes = owner
    made = Theft(tmp_path, domain, files, envelopes)
    made.plane.token = machine.token
    made.machine.write_conf()
    yield made
    made.stop()


def test_the_real_server_lists_what_authors_signed(owner):
    """The scene is the one it claims to be: these very envelopes are in force, under the thief's key."""
    domain, _, _, files, envelopes = owner
    for path, envelope in envelopes.items():
        assert files[f"/tuf/targets/campaigns/{tuf.sha256(envelope)}.{path.rpartition('/')[2]}"] == envelope
    online = tuf.Key.load(domain.path / "keys/online.pem")
    timestamp = json.loads(files["/tuf/metadata/timestamp.json"])
    assert [s["keyid"] for s in timestamp["signatures"]] == [online.id]


def test_the_control(theft):
    theft.still_helps()


def test_a_machine_of_the_real_server_is_helped(tmp_path, owner):
    """The same machine, at the real daemon, applies the real offer: in one round trip, no file fetched."""
    domain, server, machine, files, envelopes = owner
    made = Theft(tmp_path, domain, files, envelopes)
    made.plane.token = machine.token
    try:
        made.machine.write_conf(server=server.endpoints["machine"])
        assert made.machine.run()["outcome"] == "applied", made.machine.stderr
        assert made.machine.bad_is_gone()
    finally:
        made.stop()


# ---- a new campaign ----


@pytest.mark.parametrize("signer", ["online", "own", "nobody"])
def test_a_campaign_of_the_thiefs_own(theft, signer):
    payload = json.dumps(example(theft.domain, title="Something else")).encode()
    signers = {"online": theft.repo.keys["timestamp"], "own": theft.repo.authors[:2], "nobody": []}[signer]
    theft.offer(payload, envelope=tuf.dsse_envelope(payload, signers))
    theft.refused("sign")
    theft.still_helps()


def test_a_campaign_of_one_author_and_the_thief(theft):
    payload = json.dumps(example(theft.domain, title="Half signed")).encode()
    one = tuf.Key.load(theft.domain.path / "keys/author-1.pem")
    theft.offer(payload, envelope=tuf.dsse_envelope(payload, [one, *theft.repo.keys["timestamp"]]))
    theft.refused("sign")
    theft.still_helps()


# ---- widened ----


def forged(theft, change):
    """The author-signed envelope of the real server, its payload changed, its signatures kept."""
    envelope = json.loads(theft.envelopes["campaigns/channel-file-291-1.json"])
    campaign = json.loads(base64.b64decode(envelope["payload"]))
    change(campaign)
    payload = json.dumps(campaign).encode()
    envelope["payload"] = base64.b64encode(payload).decode()
    return payload, json.dumps(envelope).encode()


@pytest.mark.parametrize("change", [lambda p: p.update(match={"fact": "os", "exists": True}),
                                    lambda p: p["actions"][0].update(path="${SYSTEM}/drivers/*.sys"),
                                    lambda p: p["actions"][0].pop("require"),
                                    lambda p: p.update(expires=now(20 * 86400)),
                                    lambda p: p.update(version=2)],
                         ids=["match", "path", "require", "expires", "version"])
def test_a_campaign_that_was_widened(theft, change):
    payload, envelope = forged(theft, change)
    theft.offer(payload, envelope=envelope)
    theft.refused("sign")
    theft.still_helps()


def test_a_replay_to_a_machine_that_match_excludes(theft):
    """The genuine bytes, signed by its authors, in force for other machines."""
    path = "campaigns/for-others-1.json"
    payload = json.dumps({**example(theft.domain), "id": "for-others"}).encode()
    theft.offer(payload, envelope=theft.envelopes[path])
    theft.refused("facts")
    theft.still_helps()


def test_a_replay_under_another_name(theft):
    path = "campaigns/channel-file-291-7.json"
    payload = json.dumps({**example(theft.domain), "version": 7}).encode()
    theft.offer(payload, envelope=theft.envelopes["campaigns/channel-file-291-1.json"], path=path)
    theft.refused("channel-file-291")
    theft.still_helps()


# ---- a changed policy ----


def own_policy(theft):
    """The thief is an author, and one is enough."""
    theft.repo.policy = theft.repo.make_policy(threshold=1)
    payload = json.dumps(example(theft.domain)).encode()
    theft.offer(payload, envelope=tuf.dsse_envelope(payload, theft.repo.authors[:1]))


def test_another_policy_under_the_owners_targets(theft):
    genuine = theft.repo.policy
    own_policy(theft)
    listed = theft.repo.policy
    theft.repo.policy = genuine
    path = theft.repo.target_path(tuf.POLICY_PATH)
    theft.repo.files[path] = listed
    theft.plane.answers[0]["files"] = {tuf.POLICY_PATH: listed.decode(), "campaigns/channel-file-291-1.json":
                                       theft.repo.listed["campaigns/channel-file-291-1.json"].decode()}
    theft.target_refused("trust-policy.json")
    theft.repo.files[path] = genuine
    theft.still_helps()


@pytest.mark.parametrize("signer", ["online", "own"])
def test_targets_of_the_thiefs_own(theft, signer):
    genuine, owners = theft.repo.policy, theft.repo.now["targets"]
    own_policy(theft)
    theft.repo.frozen = set()
    theft.repo.pin["targets"] = theft.repo.version["targets"] + 1
    if signer == "online":
        theft.repo.signers["targets"] = theft.repo.keys["timestamp"]
    theft.repo.publish(force=True)
    theft.unable("targets", "signatures")
    theft.repo.policy, theft.repo.now["targets"] = genuine, owners
    theft.still_helps()


def test_a_policy_in_the_list_of_campaigns(theft):
    genuine = theft.repo.policy
    own_policy(theft)
    own = theft.repo.policy
    theft.repo.policy = genuine
    theft.repo.edit["campaigns"] = lambda s: s["targets"].update({tuf.POLICY_PATH: tuf.content_of(own)})
    theft.repo.publish(force=("campaigns",))
    theft.unable("campaigns", "delegation")
    theft.still_helps()


def test_a_snapshot_without_targets(theft):
    """So that the machine stays with whatever it believed before."""
    theft.offer(json.dumps(example(theft.domain)).encode())
    theft.repo.edit["snapshot"] = lambda s: s["meta"].pop("targets.json") and None
    theft.repo.publish(force=("snapshot", "timestamp"))
    theft.unable("snapshot", "role-dropped")
    theft.still_helps()


@pytest.mark.parametrize("signer", ["online", "own"])
def test_a_root_of_the_thiefs_own(theft, signer):
    """Root 2 puts the thief in the place of everyone."""
    theft.repo.signers["root"] = (theft.repo.keys["timestamp"] if signer == "online" else theft.repo.keys["root"])
    theft.repo.add_root()
    theft.offer(json.dumps(example(theft.domain)).encode())
    theft.unable("root", "signatures")
    theft.repo.roots.pop()
    del theft.repo.files["/tuf/metadata/2.root.json"]
    theft.still_helps()


# ---- what ends the theft ----


def rotated(theft, **how):
    """Root 2 of the owner: another online key. It takes two of the owner's root keys, which were never online."""
    root = json.loads(theft.domain.root_bytes)["signed"]
    fresh = tuf.Key.generate()
    for role in ("timestamp", "snapshot"):
        root["roles"][role] = tuf.role_of([fresh], 1)
    root["keys"] = {i: k for i, k in root["keys"].items()
                    if any(i in r["keyids"] for r in root["roles"].values())} | {fresh.id: fresh.object}
    root |= {"version": 2, "expires": c.utc(86400 * 365)}
    return fresh, tuf.tuf_file(root, [tuf.Key.load(theft.domain.path / f"keys/root-{i}.pem") for i in (1, 2)])


def test_after_the_rotation_the_stolen_keys_sign_nothing(theft):
    fresh, root = rotated(theft)
    genuine = theft.repo
    after = tuf.Repository.taken(theft.domain.root_bytes, genuine.now["targets"][2], genuine.policy, fresh)
    after.roots.append(root)
    after.files["/tuf/metadata/2.root.json"] = root
    after.version |= {"timestamp": 1, "snapshot": 1}
    after.keys["campaigns"] = genuine.keys["campaigns"]
    theft.repo.publish(force=("timestamp", "snapshot"))
    theft.prime()  # the thief's versions are over 1000 and were believed
    theft.plane.repo = theft.repo = after
    after.version["campaigns"] = genuine.version["campaigns"]
    after.publish(force=("campaigns",))
    theft.prime()
    theft.plane.repo = theft.repo = genuine
    theft.offer(json.dumps(example(theft.domain)).encode(),
                envelope=theft.envelopes["campaigns/channel-file-291-1.json"])
    theft.repo.publish(force=("timestamp", "snapshot"))
    theft.unable("timestamp", "signatures")
    theft.plane.repo = theft.repo = after
    after.version["campaigns"] = genuine.version["campaigns"] + 1
    theft.still_helps()


def test_what_remains_to_the_thief(theft):
    """To offer once more what authors signed, until it expires or is revoked: written down here so that nobody is
    surprised. And to keep it back: "unable", or another campaign's turn."""
    path = "campaigns/channel-file-291-1.json"
    payload = json.dumps(example(theft.domain)).encode()
    theft.offer(payload, envelope=theft.envelopes[path])
    assert theft.machine.run()["outcome"] == "applied"


def test_the_daemon_still_runs(owner):
    """None of this has touched the real one."""
    domain, server, *_ = owner
    until(lambda: server.ops().get("/readyz").status == 200, "still ready")
