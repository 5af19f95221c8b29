# SPDX-License-Identifier: Apache-2.0
"""Ed25519 (RFC 8032 section 5.1) in plain integers, and what may go wrong with its keys and signatures."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1)


def add(a, b):
    """Points as (x, y); complete on this curve, so no case is special."""
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P)


def mul(k, point):
    out = IDENTITY
    while k:
        if k & 1:
            out = add(out, point)
        point = add(point, point)
        k >>= 1
    return out


def x_of(y, odd):
    """The x of a y with this sign, None when there is none (RFC 8032 section 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if x * x % P != square:
        return None
    return P - x if x and x & 1 != odd else x


B = (x_of(4 * pow(5, P - 2, P) % P, 0), 4 * pow(5, P - 2, P) % P)


def encode(point, y=None, sign=None):
    """The 32 bytes of a point; y and sign may be given another, non-canonical value."""
    number = point[1] if y is None else y
    return (number | (point[0] & 1 if sign is None else sign) << 255).to_bytes(32, "little")


def number(data):
    return int.from_bytes(data, "little")


class Key:
    def __init__(self, label):
        self.seed = hashlib.sha256(label.encode()).digest()
        digest = hashlib.sha512(self.seed).digest()
        self.scalar = number(digest[:32]) & (1 << 254) - 8 | 1 << 254
        self.prefix = digest[32:]
        self.point = mul(self.scalar, B)
        self.public = encode(self.point)

    def sign(self, message, public=None, nonce=None, r=None):
        """RFC 8032 section 5.1.6; another public key, nonce or R may be put in place of the honest one."""
        public = public or self.public
        nonce = number(hashlib.sha512(self.prefix + message).digest()) % L if nonce is None else nonce
        r = encode(mul(nonce, B)) if r is None else r
        s = (nonce + challenge(r, public, message) * self.scalar) % L
        return r + s.to_bytes(32, "little")


def challenge(r, public, message):
    return number(hashlib.sha512(r + public + message).digest()) % L


def torsion():
    """The eight points whose order divides 8."""
    y = 2
    while True:
        x = x_of(y, 0)
        if x is not None:
            point = mul(L, (x, y))
            if mul(4, point) != IDENTITY:
                return [mul(k, point) for k in range(8)]
        y += 1


def encodings(point):
    """Every 32 bytes that a reader may take for this point, the canonical form first."""
    forms = [encode(point)]
    ys = [point[1]] + ([point[1] + P] if point[1] + P < 2**255 else [])
    for y in ys:
        for sign in (0, 1) if point[0] == 0 else (point[0] & 1,):
            form = encode(point, y, sign)
            if form not in forms:
                forms.append(form)
    return forms


MESSAGE = b"what the authors meant"


def case(what, sig, message=MESSAGE, valid=False):
    return {"what": what, "message": message.hex(), "sig": sig.hex(), "valid": valid}


def bent_s(key, good):
    r, s = good[:32], number(good[32:])
    cases = []
    for name, value in (("S + L", s + L), ("S + 2L", s + 2 * L), ("S + 8L", s + 8 * L), ("L - S", L - s), ("S = 0", 0),
                        ("S = 1", 1), ("S = L", L), ("S = L - 1", L - 1), ("S = L + 1", L + 1), ("S = 2^252", 2**252),
                        ("S = 2^253", 2**253), ("S = 2^255 - 1", 2**255 - 1), ("S = 2^256 - 1", 2**256 - 1),
                        ("S with its highest bit", s | 2**255), ("S with bit 254", s | 2**254),
                        ("S with bit 253", s | 2**253)):
        if value < 2**256:
            cases.append(case(name, r + value.to_bytes(32, "little")))
    cases.append(case("S big-endian", r + s.to_bytes(32, "big")))
    cases.append(case("S negated modulo 2^256", r + (2**256 - s).to_bytes(32, "little")))
    return cases


def bent_r(key, good):
    r, s = good[:32], good[32:]
    point = mul(number(hashlib.sha512(key.prefix + MESSAGE).digest()) % L, B)
    cases = [case("R with the other sign", (number(r) ^ 1 << 255).to_bytes(32, "little") + s),
             case("-R, its own S", key.sign(MESSAGE, r=encode((P - point[0], point[1])))),
             case("R big-endian", r[::-1] + s), case("R = 0", bytes(32) + s), case("R all ff", b"\xff" * 32 + s),
             case("R = A", key.public + s), case("R = B", encode(B) + s),
             case("R is no point", b"\x02" + bytes(31) + s)]
    for i, small in enumerate(torsion()):
        # Nonce 0: the equation holds for the identity, as RFC 8032 has it (only the holder of the key can do that, and
        # gives the key away), and for the seven others up to a point of small order, which a verifier with cofactor
        # lets through. Verifiers disagree, so none of them is taken.
        for j, form in enumerate(encodings(small)):
            cases.append(case(f"R of small order, {i} of 8, form {j}, nonce 0", key.sign(MESSAGE, nonce=0, r=form)))
        if small != IDENTITY:
            nonce = number(hashlib.sha512(b"mixed" + bytes([i])).digest()) % L
            cases.append(case(f"R plus a point of small order, {i} of 8",
                              key.sign(MESSAGE, nonce=nonce, r=encode(add(mul(nonce, B), small)))))
    return cases


def bent_form(key, good):
    r, s = good[:32], good[32:]
    cases = [case(f"cut to {n} bytes", good[:n]) for n in range(64)]
    cases += [case("a zero behind", good + b"\0"), case("a zero before", b"\0" + good), case("twice", good + good),
              case("R and S swapped", s + r), case("R twice", r + r), case("S twice", s + s),
              case("reversed", good[::-1]),
              case("all zero", bytes(64)), case("all ff", b"\xff" * 64), case("hex text", good.hex().encode()),
              case("as an ASN.1 octet string", b"\x04\x40" + good),
              case("as ASN.1 integers", b"\x30\x44\x02\x20" + r + b"\x02\x20" + s),
              case("message longer by a byte", good, MESSAGE + b"\0"),
              case("message shorter by a byte", good, MESSAGE[:-1]),
              case("empty message", good, b""), case("the message's SHA-512", good, hashlib.sha512(MESSAGE).digest()),
              case("one bit of the message", good, bytes([MESSAGE[0] ^ 1]) + MESSAGE[1:])]
    return cases


def other_modes(key):
    """RFC 8032 section 5.1: Ed25519ph and Ed25519ctx put a prefix before what is hashed; Ed25519 has none."""
    cases = []
    for name, flag, context, hashed in (("Ed25519ph", 1, b"", True), ("Ed25519ctx", 0, b"salvor", False)):
        dom = b"SigEd25519 no Ed25519 collisions" + bytes([flag, len(context)]) + context
        text = hashlib.sha512(MESSAGE).digest() if hashed else MESSAGE
        nonce = number(hashlib.sha512(dom + key.prefix + text).digest()) % L
        r = encode(mul(nonce, B))
        k = number(hashlib.sha512(dom + r + key.public + text).digest()) % L
        cases.append(case(name, r + ((nonce + k * key.scalar) % L).to_bytes(32, "little")))
    text = hashlib.sha512(MESSAGE).digest()
    cases.append(case("signature of the message's SHA-512", key.sign(text)))
    return cases


def groups():
    key, other = Key("ed25519 one"), Key("ed25519 two")
    good = key.sign(MESSAGE)
    tests = [case("honest", good, valid=True), case("honest, empty message", key.sign(b""), b"", True),
             case("honest, 1000 bytes", key.sign(b"\xa5" * 1000), b"\xa5" * 1000, True),
             case("another key's", other.sign(MESSAGE)), case("made for another key's A",
                                                              key.sign(MESSAGE, other.public))]
    tests += bent_s(key, good) + bent_r(key, good) + bent_form(key, good) + other_modes(key)
    found = [{"what": "an honest key", "key": key.public.hex(), "accepted": True, "tests": tests}]
    found += mixed_keys(key)
    found += small_keys()
    return found + other_points(key)


def mixed_keys(key):
    """A plus a point of small order. The holder of A's scalar can sign for it only when k is a multiple of the order."""
    found = []
    for i, small in enumerate(torsion()):
        if small == IDENTITY:
            continue
        public = encode(add(key.point, small))
        kept, lost = [], []
        for n in range(200):
            message = f"message {n}".encode()
            sig = key.sign(message, public)
            if mul(challenge(sig[:32], public, message), small) == IDENTITY:
                kept.append(case("the equation holds", sig, message, True))
            else:
                lost.append(case("the equation holds only with the cofactor", sig, message))
            if kept and lost:
                break
        found.append({"what": f"a key plus a point of small order, {i} of 8", "key": public.hex(), "accepted": True,
                      "tests": kept[:1] + lost[:1]})
    return found


def small_keys():
    """For such a key everybody has signatures: R = B, S = 1 fits every message whose k is a multiple of its order."""
    found = []
    for i, small in enumerate(torsion()):
        for j, form in enumerate(encodings(small)):
            forged = [case("forged with S = 1", encode(B) + (1).to_bytes(32, "little"),
                           f"any {n}".encode()) for n in range(8)]
            found.append({"what": f"a key of small order, {i} of 8, form {j}", "key": form.hex(), "accepted": False,
                          "tests": forged})
    return found


def other_points(key):
    """Second spellings (y + p, which there is for y < 19 only) and what is no point."""
    found = []
    for y in range(19):
        for odd in (0, 1):
            x = x_of(y, odd)
            if x is None or mul(8, (x, y)) == IDENTITY:
                continue
            found.append({"what": f"y = {y} written as y + p, sign {odd}", "key": encode((x, y), y + P, odd).hex(),
                          "accepted": False, "tests": []})
    found.append({"what": "y = 2^255 - 1", "key": ("ff" * 31 + "7f"), "accepted": False, "tests": []})
    no_point = next(y for y in range(2, 100) if x_of(y, 0) is None)
    # Nobody can sign for what is no point: OpenSSL finds out when it verifies.
    found.append({"what": "y without an x", "key": encode((0, no_point)).hex(), "accepted": True,
                  "tests": [case("another key's signature", key.sign(MESSAGE)), case("R = B, S = 1",
                            encode(B) + (1).to_bytes(32, "little")), case("all zero", bytes(64))]})
    return found


def make():
    return {"about": "Ed25519, RFC 8032. Made by make_vectors.py; `key` is the 32 bytes of the public key.",
            "raw_keys": True,
            "groups": groups()}


def confirm(table):
    """The honest ones must satisfy somebody else's code too."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    one = Key("ed25519 one")
    assert Ed25519PrivateKey.from_private_bytes(one.seed).sign(MESSAGE) == one.sign(MESSAGE)
    for test in table["groups"][0]["tests"]:
        if test["valid"]:
            Ed25519PublicKey.from_public_bytes(one.public).verify(bytes.fromhex(test["sig"]),
                                                                  bytes.fromhex(test["message"]))
