# SPDX-License-Identifier: Apache-2.0
"""The holders of a domain's offline keys: the next root, targets and policy, as they sign them."""

import datetime
import json

from . import tuf

DAY = 86400


def expires_in(days):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Offline:
    """What the files of a trust domain say now, and what may follow."""

    def __init__(self, domain):
        self.domain = domain
        self.root = json.loads(domain.root_bytes)["signed"]
        self.targets = json.loads(domain.targets_path.read_text())["signed"]
        self.policy = domain.policy()

    def keys(self, role, count=2):
        return [tuf.Key.load(self.domain.path / "keys" / f"{role}-{i}.pem") for i in range(1, count + 1)]

    # ---- targets and policy ----

    def next_policy(self, revoked=(), without=()):
        """Another policy: what is revoked, and authors who are authors no more."""
        policy = json.loads(json.dumps(self.policy))
        policy["revoked"] = list(revoked)
        policy["authors"] = [a for a in policy["authors"] if a["name"] not in without]
        for one in policy["classes"]:
            one["authors"] = [name for name in one["authors"] if name not in without]
        return policy

    def next_targets(self, policy=None, days=365, version=None, signers=None, change=None):
        """-> (targets, policy) as texts, one version on; `change` may bend what is signed."""
        text = json.dumps(policy if policy is not None else self.policy)
        signed = json.loads(json.dumps(self.targets))
        signed["version"] = version or signed["version"] + 1
        signed["expires"] = expires_in(days)
        signed["targets"][tuf.POLICY_PATH] = tuf.content_of(text.encode())
        if change:
            change(signed)
        return tuf.tuf_file(signed, self.keys("targets") if signers is None else signers).decode(), text

    def took(self, targets, policy=None):
        """The server has accepted them: what follows comes after."""
        self.targets = json.loads(targets)["signed"]
        if policy is not None:
            self.policy = json.loads(policy)

    # ---- root ----

    def next_root(self, days=1095, version=None, signers=None, change=None):
        """-> the next root as text."""
        signed = json.loads(json.dumps(self.root))
        signed["version"] = version or signed["version"] + 1
        signed["expires"] = expires_in(days)
        if change:
            change(signed)
        return tuf.tuf_file(signed, self.keys("root") if signers is None else signers).decode()

    def took_root(self, root):
        self.root = json.loads(root)["signed"]

    @staticmethod
    def with_keys(role, keys, threshold=1):
        """A change of root: this role has these keys."""

        def change(signed):
            for key in keys:
                signed["keys"][key.id] = key.object
            signed["roles"][role] = tuf.role_of(keys, threshold)

        return change


# ---- handing in ----


def put_targets(admin, targets, policy):
    return admin.elevated("PUT", "/trust/targets", {"targets": targets, "policy": policy})


def put_root(admin, root, targets=None, policy=None):
    if targets is None:
        return admin.elevated("PUT", "/trust/root", root.encode())
    return admin.elevated("PUT", "/trust/root", {"root": root, "targets": targets, "policy": policy})
