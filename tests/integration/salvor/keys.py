# SPDX-License-Identifier: Apache-2.0
"""Keys, DSSE envelopes and elevation proofs, from their specifications."""

import base64
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PAYLOAD_TYPE = "application/vnd.salvor.campaign+json"


def load(path):
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), password=None)


def sign(key, message):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def describe(key):
    """keytype, scheme and public text of a key, as TUF writes them."""
    public = key.public_key() if hasattr(key, "public_key") else key
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "ed25519", "ed25519", raw.hex()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "ecdsa", "ecdsa-sha2-nistp256", pem.decode()


def canonical(value):
    """Canonical JSON (OLPC) for strings, integers, lists and objects."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(v) for v in value) + "]"
    return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"


def keyid(key):
    keytype, scheme, public = describe(key)
    document = {"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def public_from(keytype, text):
    if keytype == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    return serialization.load_pem_public_key(text.encode())


def verifies(public, message, signature):
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def pae(payload, payload_type=PAYLOAD_TYPE):
    """DSSE 1.0, protocol.md: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def signature(key, payload, payload_type=PAYLOAD_TYPE):
    """Body of POST …/signatures."""
    sig = base64.b64encode(sign(key, pae(payload, payload_type))).decode()
    return {"keyid": keyid(key), "sig": sig}


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def elevation_proof(key, challenge):
    return b64url(sign(key, b"salvor-elevation-v1\0" + challenge.encode()))
