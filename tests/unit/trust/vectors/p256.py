# SPDX-License-Identifier: Apache-2.0
"""ECDSA on P-256 with SHA-256 (FIPS 186-4, SEC 1) in plain integers, and what may go wrong with its signatures."""

import hashlib
import hmac

import der

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
INFINITY = None


def add(a, b):
    if a is INFINITY or b is INFINITY:
        return b if a is INFINITY else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return INFINITY
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(k, point):
    out, k = INFINITY, k % N
    while k:
        if k & 1:
            out = add(out, point)
        point = add(point, point)
        k >>= 1
    return out


def y_of(x):
    """A y of this x, None when there is none; p is 3 modulo 4."""
    square = (x * x * x + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square else None


def sha256_number(message):
    return int.from_bytes(hashlib.sha256(message).digest(), "big")


def rfc6979(secret, message):
    """The nonce of RFC 6979 section 3.2: the table is the same each time."""
    h1 = (sha256_number(message) % N).to_bytes(32, "big")
    v, k = b"\1" * 32, bytes(32)
    for step in (b"\0", b"\1"):
        k = hmac.digest(k, v + step + secret.to_bytes(32, "big") + h1, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        if 0 < int.from_bytes(v, "big") < N:
            return int.from_bytes(v, "big")
        k = hmac.digest(k, v + b"\0", "sha256")
        v = hmac.digest(k, v, "sha256")


class Key:
    def __init__(self, label):
        self.secret = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") % N
        self.point = mul(self.secret, G)

    def sign(self, message):
        nonce = rfc6979(self.secret, message)
        r = mul(nonce, G)[0] % N
        return r, pow(nonce, -1, N) * (sha256_number(message) + r * self.secret) % N


def verifies(point, message, r, s):
    """FIPS 186-4 section 6.4 with ANSI X9.62: the judge of this table."""
    if not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, -1, N)
    found = add(mul(sha256_number(message) * w, G), mul(r * w, point))
    return found is not INFINITY and found[0] % N == r


def key_for(message, x, s):
    """A public key under which (x mod n, s) is a signature of the message: Q = (sR - eG) / r."""
    point, r = (x, y_of(x)), x % N
    return mul(pow(r, -1, N), add(mul(s, point), mul(N - sha256_number(message) % N, G)))


MESSAGE = b"what the authors meant"


def case(what, sig, message=MESSAGE, valid=False):
    return {"what": what, "message": message.hex(), "sig": sig.hex(), "valid": valid}


def pair(what, point, r, s, message=MESSAGE):
    """A pair of any two numbers in good DER; the mathematics says what it is worth."""
    good = verifies(point, message, r, s)
    return case(what, der.sequence(der.integer(r), der.integer(s)), message, good)


def numbers(point, r, s):
    edges = (("0", 0), ("1", 1), ("-1", -1), ("n - 1", N - 1), ("n", N), ("n + 1", N + 1), ("p", P), ("p - n", P - N),
             ("2^256 - 1", 2**256 - 1), ("2^256", 2**256), ("2^255", 2**255), ("-n", -N))
    cases = [pair("r, n - s: the other signature of the pair", point, r, N - s)]
    for a, x in edges:
        cases += [pair(f"r = {a}", point, x, s), pair(f"s = {a}", point, r, x)]
        cases += [pair(f"r = {a}, s = {b}", point, x, y) for b, y in edges[:6]]
    for name, x in (("r + n", r + N), ("r - n", r - N), ("-r", -r), ("n - r", N - r), ("r + p", r + P),
                    ("r + 2^256", r + 2**256),
                    ("256 r", 256 * r)):
        cases.append(pair(name, point, x, s))
    for name, x in (("s + n", s + N), ("s - n", s - N), ("-s", -s), ("1 / s", pow(s, -1, N)), ("s + 2^256", s + 2**256),
                    ("256 s", 256 * s)):
        cases.append(pair(name, point, r, x))
    cases += [pair("swapped", point, s, r), pair("r twice", point, r, r), pair("s twice", point, s, s)]
    return cases


def messages(key, r, s):
    good = der.sequence(der.integer(r), der.integer(s))
    digest = hashlib.sha256(MESSAGE).digest()
    cases = [case("another message", good, b"what the thief meant"), case("empty message", good, b""),
             case("a byte more", good, MESSAGE + b"\0"), case("a byte less", good, MESSAGE[:-1]),
             case("the digest as the message", good, digest)]
    for name in ("sha1", "sha384", "sha512", "sha3_256"):
        e = int.from_bytes(hashlib.new(name, MESSAGE).digest()[:32], "big")
        nonce = rfc6979(key.secret, MESSAGE)
        cases.append(case(f"signature over {name}", der.sequence(
            der.integer(r), der.integer(pow(nonce, -1, N) * (e + r * key.secret) % N))))
    twice = key.sign(digest)
    cases.append(case("signature over the digest of the digest", der.sequence(*map(der.integer, twice))))
    return cases


def edge_keys():
    """Honest and yet unusual: made by choosing the signature and computing the key."""
    found = []
    small = next(x for x in range(1, 100) if y_of(x) is not None)
    big = next(x for x in range(N, N + 100) if y_of(x) is not None)
    high = next(x for x in range(N - 1, 0, -1) if y_of(x) is not None)
    for what, x, s in (("r of one byte", small, N // 3), ("s = 1", G[0], 1), ("s = n - 1", G[0], N - 1),
                       ("r and s of one byte", small, 2), ("r just below n", high, N // 5),
                       ("the x of R is over n, so r is small", big, N // 7)):
        point = key_for(MESSAGE, x, s)
        tests = [pair(what, point, x % N, s), pair(f"{what}; n - s", point, x % N, N - s)]
        assert all(t["valid"] for t in tests), what
        tests += [pair(f"{what}; r + n, which is still below p", point, x % N + N, s)]
        found.append((what, point, tests))
    # u1 G = u2 Q, so that the sum is a doubling; and u1 G = -u2 Q, so that it is the point at infinity.
    e = sha256_number(MESSAGE) % N
    for what, sign in (("the sum is a doubling", 1), ("the sum is the point at infinity", -1)):
        r = mul(2 * 5, G)[0] % N
        point = mul(sign * e * pow(r, -1, N), G)
        s = e * pow(5, -1, N) % N
        found.append((what, point, [pair(what, point, r, s), pair(f"{what}; n - s", point, r, N - s),
                                    pair(f"{what}; s = 1", point, r, 1), pair(f"{what}; r = n", point, N, s)]))
        assert found[-1][2][0]["valid"] == (sign == 1)
    # The generator itself and its negative as keys: their secret is 1 and n - 1.
    for what, secret in (("the key is the generator", 1), ("the key is minus the generator", N - 1)):
        key = Key("any")
        key.secret, key.point = secret, mul(secret, G)
        found.append((what, key.point, [pair(what, key.point, *key.sign(MESSAGE))]))
    return found


def groups():
    key, other = Key("p256 one"), Key("p256 two")
    r, s = key.sign(MESSAGE)
    tests = [pair("honest", key.point, r, s)]
    for message in (b"", b"\xa5" * 1000):
        tests.append(pair(f"honest, {len(message)} bytes", key.point, *key.sign(message), message))
    assert all(t["valid"] for t in tests)
    tests.append(pair("another key's", key.point, *other.sign(MESSAGE)))
    tests += numbers(key.point, r, s) + messages(key, r, s)
    tests += [case(what, sig) for what, sig in der.encodings(r, s)]
    found = [{"what": "an honest key", "key": der.spki(key.point).hex(), "accepted": True, "tests": tests}]
    for what, point, cases in edge_keys():
        found.append({"what": what, "key": der.spki(point).hex(), "accepted": True, "tests": cases})
    good = tests[0]
    for what, spki, accepted in key_forms(key):
        found.append({"what": what, "key": spki.hex(), "accepted": accepted, "tests": [good] if accepted else []})
    return found


def key_forms(key):
    """SubjectPublicKeyInfo (RFC 5280, RFC 5480) in every form but the two that are taken: named curve, point
    uncompressed or compressed. Both are one key."""
    x, y = key.point
    compressed = bytes([2 + (y & 1)]) + x.to_bytes(32, "big")
    plain = b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    low = next(v for v in range(1, 100) if y_of(v) is not None)
    none = next(v for v in range(1, 100) if y_of(v) is None)
    size = lambda a, b: b"\4" + a.to_bytes(32, "big") + b.to_bytes(32, "big")  # noqa: E731
    yield "compressed", der.spki_of(compressed), True
    points = [("hybrid", bytes([6 + (y & 1)]) + plain[1:]), ("hybrid with the wrong sign",
                                                             bytes([7 - (y & 1)]) + plain[1:]),
               ("infinity", b"\0"), ("infinity, 65 bytes", bytes(65)), ("(0, 0)", size(0, 0)), ("empty", b""),
               ("off the curve: y + 1", size(x, y + 1)), ("off the curve: x + 1", size(x + 1, y)),
              ("x and y swapped", size(y, x)),
               ("x + p", size(low + P, y_of(low))), ("y = p", size(x, P)), ("x = p", size(P, y)),
              ("all ff", b"\4" + b"\xff" * 64),
               ("compressed, x without a y", b"\2" + none.to_bytes(32, "big")),
              ("compressed, x + p", b"\2" + (low + P).to_bytes(32, "big")),
               ("compressed with the form byte of uncompressed", b"\4" + compressed[1:]),
              ("without the form byte", plain[1:]),
               ("a byte short", plain[:-1]), ("a byte long", plain + b"\0"), ("form byte 1", b"\1" + plain[1:]),
               ("form byte 5", b"\5" + plain[1:])]
    for what, point in points:
        yield what, der.spki_of(point), False
    yield from ((what, spki, False) for what, spki in der.bent_spki(plain, compressed))


def make():
    return {"about": "ECDSA on P-256 with SHA-256. Made by make_vectors.py; `key` is DER SubjectPublicKeyInfo.",
            "groups": groups()}


def confirm(table):
    """The honest ones must satisfy somebody else's code too."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    for group in table["groups"]:
        if not group["accepted"]:
            continue
        public = serialization.load_der_public_key(bytes.fromhex(group["key"]))
        for test in group["tests"]:
            try:
                public.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["message"]), ec.ECDSA(hashes.SHA256()))
                verified = True
            except InvalidSignature:
                verified = False
            assert verified == test["valid"], (group["what"], test["what"])
