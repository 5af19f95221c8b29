# SPDX-License-Identifier: Apache-2.0
"""What a client can see of a running daemon under /tuf/, checked as a client would check it, with code of its own."""

import json

from . import keys, tuf


def fetch(server, path, status=200):
    reply = server.anonymous.get(path)
    assert reply.status == status, (path, reply)
    return reply.body


def check_signed(data, allowed, threshold):
    """Parses a metadata file and counts the different keys that signed it; key ids are recomputed. -> signed"""
    document = json.loads(data)
    message = tuf.canonical(document["signed"])
    good = set()
    for key in allowed:
        public = keys.public_from(key["keytype"], key["keyval"]["public"])
        for signature in document["signatures"]:
            if signature["keyid"] == tuf.sha256(tuf.canonical(key)):
                if keys.verifies(public, message, bytes.fromhex(signature["sig"])):
                    good.add(key["keyval"]["public"])
    assert len(good) >= threshold, f"{document['signed']['_type']}: {len(good)} of {threshold} signatures"
    return document["signed"]


class Public:
    """Everything that is public now: versions, signed parts by role, bytes by path, and the listed envelopes: None for
    one that is gone already though it is still listed, since a target goes at once and the list follows."""

    def __init__(self, server):
        self.files = {}
        root = json.loads(server.domain.root_bytes)["signed"]
        while True:
            reply = server.anonymous.get(f"/tuf/metadata/{root['version'] + 1}.root.json")
            if reply.status == 404:
                break
            self.files[f"/tuf/metadata/{root['version'] + 1}.root.json"] = reply.body
            root = self.check(reply.body, root, "root")
        self.root = root
        self.signed = {}
        self.read(server, "timestamp", "timestamp.json", root)
        self.named(server, "snapshot", self.signed["timestamp"], root)
        self.named(server, "targets", self.signed["snapshot"], root)
        delegation = self.signed["targets"]["delegations"]
        self.named(server, "campaigns", self.signed["snapshot"],
                   {"keys": delegation["keys"], "roles": {"campaigns": delegation["roles"][0]}})
        self.versions = {role: signed["version"] for role, signed in self.signed.items()} | {"root": root["version"]}
        self.policy = self.target(server, tuf.POLICY_PATH, self.signed["targets"]["targets"][tuf.POLICY_PATH])
        self.listed = {path: self.target(server, path, entry)
                       for path, entry in self.signed["campaigns"]["targets"].items()}

    @staticmethod
    def check(data, parent, role):
        entry = parent["roles"][role]
        return check_signed(data, [parent["keys"][i] for i in entry["keyids"]], entry["threshold"])

    def read(self, server, role, name, parent):
        path = f"/tuf/metadata/{name}"
        self.files[path] = fetch(server, path)
        self.signed[role] = self.check(self.files[path], parent, role)

    def named(self, server, role, by, parent):
        entry = by["meta"][f"{role}.json"]
        self.read(server, role, f"{entry['version']}.{role}.json", parent)
        data = self.files[f"/tuf/metadata/{entry['version']}.{role}.json"]
        assert tuf.content_of(data) == {k: entry[k] for k in ("length", "hashes")}, role
        assert self.signed[role]["version"] == entry["version"]

    def target(self, server, path, entry):
        folder, _, name = path.rpartition("/")
        served = f"/tuf/targets/{folder}/{entry['hashes']['sha256']}.{name}"
        reply = server.anonymous.get(served)
        if reply.status == 404 and folder == "campaigns":
            return None
        assert reply.status == 200, (served, reply)
        self.files[served] = reply.body
        assert tuf.content_of(self.files[served]) == {k: entry[k] for k in ("length", "hashes")}, path
        return self.files[served]

    def file_of(self, role):
        """(version, bytes)"""
        name = "timestamp.json" if role == "timestamp" else f"{self.versions[role]}.{role}.json"
        return self.versions[role], self.files[f"/tuf/metadata/{name}"]


def never_back(before, after):
    """No version is lower, and none has other content."""
    for role in ("timestamp", "snapshot", "targets", "campaigns"):
        (old, old_bytes), (new, new_bytes) = before.file_of(role), after.file_of(role)
        assert new >= old, f"{role}: {old} became {new}"
        assert new > old or new_bytes == old_bytes, f"{role} {new} was given away twice, with different content"
