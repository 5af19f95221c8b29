# SPDX-License-Identifier: Apache-2.0
"""A TUF 1.0 repository with a trust policy, written from the specifications alone, that can be wrong on purpose.

    repo = Repository()                 root and targets 2 of 3, campaigns, snapshot and timestamp by one online key
    repo.list(payload)                  an envelope of two authors, in force from the next publish() on
    repo.publish()                      signs what changed; repo.files holds what a server serves, by path

Defects are made where they belong:

    repo.edit["snapshot"] = f           f(signed) changes, or returns, what is signed
    repo.rewrite["targets"] = f         f(bytes) -> bytes, after signing; the parent names the bytes that come out
    repo.signers["root"] = [keys]       who signs, instead of as many of the role's keys as its threshold asks for
    repo.life["timestamp"] = -60        seconds until it expires
    repo.pin["campaigns"] = 3           the version that the next publish() gives it, whatever it had
    repo.freeze("campaigns", old)       what repo.saved() had of this role stays, while the others go on
    repo.files[path] = bytes            what is served, whatever was signed
"""

import base64
import copy
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from .campaign import utc

PAYLOAD_TYPE = "application/vnd.salvor.campaign+json"
POLICY_PATH = "policy/trust-policy.json"
SPEC = "1.0.31"
DAY = 86400
KINDS = ["delete_file", "rename_file", "restore_file", "write_file", "run_script", "disable_service", "disable_driver",
         "set_boot_entry", "set_registry_value"]
BELOW_ROOT = ("targets", "campaigns", "snapshot", "timestamp")


# ---- canonical JSON, OLPC form ----


def canonical(value):
    """Bytes that are signed: names sorted by their bytes, no white space, of strings only `"` and `\\` escaped."""
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, float):  # there is no such thing; a hostile writer has to sign something
        return repr(value).encode()
    if isinstance(value, str):
        return b'"' + value.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    if isinstance(value, list):
        return b"[" + b",".join(canonical(v) for v in value) + b"]"
    members = sorted((name.encode(), name) for name in value)
    return b"{" + b",".join(canonical(name) + b":" + canonical(value[name]) for _, name in members) + b"}"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- keys ----


class Key:
    """A key pair, Ed25519 or P-256."""

    def __init__(self, private):
        self.private = private

    @classmethod
    def generate(cls, kind="ed25519"):
        if kind == "ed25519":
            return cls(ed25519.Ed25519PrivateKey.generate())
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path):
        return cls(serialization.load_pem_private_key(path.read_bytes(), password=None))

    @property
    def object(self):
        """The key object of TUF: keytype, scheme, keyval.public and nothing else."""
        public = self.private.public_key()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem.decode()}}

    @property
    def id(self):
        return sha256(canonical(self.object))

    def sign(self, message):
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def pem(self):
        return self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption())


def generate(count):
    """Keys of both kinds in turn."""
    return [Key.generate("ed25519" if i % 2 == 0 else "ec") for i in range(count)]


# ---- signing ----


def tuf_signature(key, signed):
    return {"keyid": key.id, "sig": key.sign(canonical(signed)).hex()}


def tuf_file(signed, signers):
    """A metadata file: bytes."""
    document = {"signatures": [tuf_signature(key, signed) for key in signers], "signed": signed}
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def pae(payload, payload_type=PAYLOAD_TYPE):
    """DSSE 1.0: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def dsse_signature(key, payload, payload_type=PAYLOAD_TYPE):
    return {"keyid": key.id, "sig": base64.b64encode(key.sign(pae(payload, payload_type))).decode()}


def dsse_envelope(payload, signers, payload_type=PAYLOAD_TYPE):
    """bytes; `signers` are keys, or signatures that were made already."""
    signatures = [dsse_signature(s, payload, payload_type) if isinstance(s, Key) else s for s in signers]
    return json.dumps({"payload": base64.b64encode(payload).decode(), "payloadType": payload_type,
                       "signatures": signatures}).encode()


def flip(data, at=None):
    """One bit of one byte, the middle one unless told."""
    at = len(data) // 2 if at is None else at
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def flip_sig(data, number=0):
    """A metadata file or envelope, still JSON, in which one bit of one signature is flipped."""
    document = json.loads(data)
    text = document["signatures"][number]["sig"]
    hexadecimal = "signed" in document
    raw = flip(bytes.fromhex(text) if hexadecimal else base64.b64decode(text))
    document["signatures"][number]["sig"] = raw.hex() if hexadecimal else base64.b64encode(raw).decode()
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def content_of(data):
    return {"length": len(data), "hashes": {"sha256": sha256(data)}}


def role_of(keys, threshold):
    return {"keyids": [key.id for key in keys], "threshold": threshold}


def author_entry(name, key):
    described = key.object
    return {"name": name, "keyid": key.id, "keytype": described["keytype"], "scheme": described["scheme"],
            "public": described["keyval"]["public"]}


# ---- the repository ----


class Repository:
    def __init__(self, keys=None):
        """keys: {"root": […], "targets": […], "online": [key], "authors": […]}, generated where missing."""
        given = keys or {}
        online = given.get("online") or generate(1)
        self.authors = given.get("authors") or generate(3)
        self.keys = {"root": given.get("root") or generate(3), "targets": given.get("targets") or generate(3),
                     "campaigns": list(online), "snapshot": list(online), "timestamp": list(online)}
        self.threshold = {"root": 2, "targets": 2, "campaigns": 1, "snapshot": 1, "timestamp": 1}
        self.life = {"root": 1095 * DAY, "targets": 365 * DAY, "campaigns": 7 * DAY, "snapshot": 7 * DAY,
                     "timestamp": DAY}
        self.version = dict.fromkeys(BELOW_ROOT, 0)
        self.edit, self.rewrite, self.signers, self.pin = {}, {}, {}, {}
        self.mended = False
        self.frozen = set()  # roles that publish() leaves as they are
        self.files = {}  # what a server serves: "/tuf/…" -> bytes
        self.now = {}  # role -> (what it says and who signs, version, bytes) of the newest publish()
        self.listed = {}  # "campaigns/<id>-<version>.json" -> envelope
        self.roots = []
        self.policy = self.make_policy()
        self.add_root()
        self.trust_domain = sha256(self.roots[0])

    @classmethod
    def taken(cls, root, targets, policy, online):
        """What a thief has: the public files of a trust domain, and its online key. Authors, root and targets keys are
        the thief's own. The versions begin far above those of the owner."""
        repo = cls({"online": [online]})
        repo.roots = [root]
        repo.trust_domain = sha256(root)
        repo.files = {"/tuf/metadata/1.root.json": root}
        repo.policy = policy
        version = json.loads(targets)["signed"]["version"]
        repo.version = dict.fromkeys(BELOW_ROOT, 1000) | {"targets": version}
        repo.now["targets"] = (None, version, targets)
        repo.files[f"/tuf/metadata/{version}.targets.json"] = targets
        repo.frozen = {"targets"}
        return repo

    # -- policy --

    def make_policy(self, threshold=2, revoked=(), classes=None, authors=None):
        """bytes"""
        names = authors or {f"author-{i}": key for i, key in enumerate(self.authors, 1)}
        classes = classes or [{"name": "all", "kinds": KINDS, "authors": list(names), "threshold": threshold}]
        listed = [author_entry(name, key) for name, key in names.items()]
        return json.dumps({"schema": "salvor.policy/1", "authors": listed, "classes": classes,
                           "revoked": list(revoked)}).encode()

    # -- root --

    def root_signed(self, version=None):
        keys = {key.id: key.object for role in ("root", "targets", "snapshot", "timestamp") for key in self.keys[role]}
        return {"_type": "root", "spec_version": SPEC, "version": version or len(self.roots) + 1,
                "expires": utc(self.life["root"]), "consistent_snapshot": True, "keys": keys,
                "roles": {role: role_of(self.keys[role], self.threshold[role])
                          for role in ("root", "targets", "snapshot", "timestamp")}}

    def _finish(self, role, signed, signers):
        signed = copy.deepcopy(signed)
        if role in self.edit:
            signed = self.edit[role](signed) or signed
        data = tuf_file(signed, self.signers.get(role, signers))
        return self.rewrite[role](data) if role in self.rewrite else data

    def add_root(self, *also, version=None):
        """The next root, signed by enough of its own keys and those of `also`; returns its bytes."""
        own = self.keys["root"][: self.threshold["root"]]
        signers = own + [key for key in also if key.id not in [k.id for k in own]]
        data = self._finish("root", self.root_signed(version), signers)
        self.roots.append(data)
        self.files[f"/tuf/metadata/{version or len(self.roots)}.root.json"] = data
        return data

    def rotate(self, *roles):
        """New keys for these roles in the next root, signed by the old root keys too. An online role brings the others
        that had the same key along only when they are named."""
        before = self.keys["root"][: self.threshold["root"]]
        fresh = generate(1)
        for role in roles:
            self.keys[role] = generate(3) if role in ("root", "targets") else list(fresh)
        return self.add_root(*before)

    # -- campaigns --

    def envelope(self, payload, authors=(0, 1)):
        return dsse_envelope(payload, [self.authors[i] for i in authors])

    def list(self, payload, envelope=None, path=None):
        """In force from the next publish() on; returns the envelope."""
        envelope = self.envelope(payload) if envelope is None else envelope
        if path is None:
            campaign = json.loads(payload)
            path = f"campaigns/{campaign['id']}-{campaign['version']}.json"
        self.listed[path] = envelope
        return envelope

    # -- what is below the root --

    def _signed(self, role):
        if role == "targets":
            return {"_type": "targets", "targets": {POLICY_PATH: content_of(self.policy)}, "delegations": {
                "keys": {key.id: key.object for key in self.keys["campaigns"]},
                "roles": [{"name": "campaigns", **role_of(self.keys["campaigns"], self.threshold["campaigns"]),
                           "paths": ["campaigns/*"], "terminating": True}]}}
        if role == "campaigns":
            return {"_type": "targets", "targets": {path: content_of(data) for path, data in self.listed.items()}}
        named = {"snapshot": ("targets", "campaigns"), "timestamp": ("snapshot",)}[role]
        return {"_type": role, "meta": {f"{name}.json": {"version": self.now[name][1], **content_of(self.now[name][2])}
                                        for name in named}}

    def _publish(self, role, force):
        signed = self._signed(role)
        had = self.now.get(role)
        defects = role in self.edit or role in self.rewrite or role in self.signers
        pinned = self.pin.pop(role, None)
        state = (signed, [key.id for key in self.keys[role]])
        if had and had[0] == state and not (force or defects or pinned):
            return
        version = pinned or self.version[role] + 1  # above every version that was ever given
        full = {**signed, "spec_version": SPEC, "version": version, "expires": utc(self.life[role])}
        data = self._finish(role, full, self.keys[role][: self.threshold[role]])
        self.version[role] = version
        self.now[role] = (state, version, data)
        name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        self.files[f"/tuf/metadata/{name}"] = data

    def publish(self, force=()):
        """Signs every role whose content changed, those in `force` (True: all) and those that shall be wrong."""
        for path, data in {**self.listed, POLICY_PATH: self.policy}.items():
            folder, _, name = path.rpartition("/")
            self.files[f"/tuf/targets/{folder}/{sha256(data)}.{name}"] = data
        for role in BELOW_ROOT:
            if role not in self.frozen:
                self._publish(role, self.mended or force is True or role in force)
        self.mended = False
        return self

    def freeze(self, role, saved=None):
        """This role's file stays what it is, or becomes what it was when it was saved, until mend()."""
        if saved:
            files, _, now, _ = saved
            self.now[role] = now[role]
            self.files[f"/tuf/metadata/{self.name(role)}"] = now[role][2]
        self.frozen.add(role)

    def mend(self):
        """No defect any more: the next publish() signs everything anew."""
        self.edit, self.rewrite, self.signers = {}, {}, {}
        self.frozen = set()
        self.mended = True

    # -- what is served --

    def name(self, role):
        """The served name of the newest file of a role."""
        if role == "root":
            return f"{len(self.roots)}.root.json"
        return "timestamp.json" if role == "timestamp" else f"{self.now[role][1]}.{role}.json"

    def path(self, role):
        return f"/tuf/metadata/{self.name(role)}"

    def target_path(self, path):
        """The path under which a target (the policy, or a listed one) is served."""
        data = self.policy if path == POLICY_PATH else self.listed[path]
        folder, _, name = path.rpartition("/")
        return f"/tuf/targets/{folder}/{sha256(data)}.{name}"

    def metadata(self, have):
        """A poll's `metadata` for its `have`: raw text of what is newer, in the order in which it is needed."""
        names = []
        version = int(have.get("root") or 1)
        while f"/tuf/metadata/{version + 1}.root.json" in self.files:
            version += 1
            names.append(f"{version}.root.json")
        for role in ("timestamp", "snapshot", "targets", "campaigns"):
            if have.get(role) != self.now[role][1] or role == "timestamp":
                names.append(self.name(role))
        found = {name: self.files.get(f"/tuf/metadata/{name}") for name in names}
        return {name: data.decode(errors="surrogateescape") for name, data in found.items() if data is not None}

    def saved(self):
        """What it all is now, to be served again later (rollback, mix-and-match)."""
        return dict(self.files), dict(self.version), dict(self.now), len(self.roots)

    def restore(self, saved, roots=True):
        files, version, now, count = saved
        self.files, self.version, self.now = dict(files), dict(version), dict(now)
        if roots:
            del self.roots[count:]
