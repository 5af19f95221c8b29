# SPDX-License-Identifier: Apache-2.0
"""DER (X.690), and everything that only looks like it: signatures (RFC 3279) and public keys (RFC 5480) written wrong."""

import base64


def length(count):
    if count < 128:
        return bytes([count])
    raw = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


def tlv(tag, *parts):
    body = b"".join(parts)
    return bytes([tag]) + length(len(body)) + body


def sequence(*parts):
    return tlv(0x30, *parts)


def octets(value):
    """The shortest two's complement."""
    return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)


def integer(value):
    return tlv(2, octets(value))


def forms_of_length(tag, body):
    """BER's other ways to say the same length, and lengths that are wrong."""
    count = len(body)
    yield "length in long form", bytes([tag, 0x81, count]) + body
    for n in (2, 3, 4, 8, 9, 16, 126):
        yield f"length in {n} bytes", bytes([tag, 0x80 | n]) + count.to_bytes(n, "big") + body
    yield "length of 127 bytes announced", bytes([tag, 0xff, count]) + body
    yield "indefinite length", bytes([tag, 0x80]) + body + b"\0\0"
    yield "indefinite length without an end", bytes([tag, 0x80]) + body
    for off in (-1, 1, 2):
        yield f"length off by {off}", bytes([tag, count + off]) + body
    yield "length 0", bytes([tag, 0]) + body
    yield "length of 2^32 more", bytes([tag, 0x85]) + (2**32 + count).to_bytes(5, "big") + body
    yield "length of 2^64 more", bytes([tag, 0x89]) + (2**64 + count).to_bytes(9, "big") + body


def encodings(r, s):
    """A good pair written in ways that DER does not allow."""
    one, two = integer(r), integer(s)
    good = sequence(one, two)
    for n in range(len(good)):
        yield f"cut to {n} bytes", good[:n]
    for n in range(1, len(good)):
        yield f"byte {n} left out", good[:n] + good[n + 1:]
    for tail in (b"\0", b"\0\0", b"\x05\0", good):
        yield f"{tail.hex()[:8]} behind", good + tail
        yield f"{tail.hex()[:8]} behind, inside", sequence(one, two, tail)
        yield f"{tail.hex()[:8]} before", tail + good
        yield f"{tail.hex()[:8]} between", sequence(one, tail, two)
    for tag in (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x10, 0x31, 0x70, 0xb0, 0xf0, 0x61, 0xa0):
        yield f"tag {tag:02x} for the sequence", tlv(tag, one, two)
    yield "tag 30 in its long form", b"\x3f\x30" + good[1:]
    for tag in (0x00, 0x01, 0x03, 0x04, 0x0a, 0x22, 0x42, 0x82, 0xc2):
        yield f"tag {tag:02x} for r", sequence(tlv(tag, octets(r)), two)
        yield f"tag {tag:02x} for s", sequence(one, tlv(tag, octets(s)))
    for what, form in forms_of_length(0x30, one + two):
        yield f"sequence: {what}", form
    for what, form in forms_of_length(2, octets(r)):
        yield f"r: {what}", sequence(form, two)
    for what, form in forms_of_length(2, octets(s)):
        yield f"s: {what}", sequence(one, form)
    for pad in (b"\0", b"\0\0", b"\0" * 40, b"\xff"):
        yield f"{pad.hex()[:6]} before r", sequence(tlv(2, pad, octets(r)), two)
        yield f"{pad.hex()[:6]} before s", sequence(one, tlv(2, pad, octets(s)))
        yield f"{pad.hex()[:6]} before both", sequence(tlv(2, pad, octets(r)), tlv(2, pad, octets(s)))
    yield "r without a byte", sequence(tlv(2), two)
    yield "s without a byte", sequence(one, tlv(2))
    yield "both without a byte", sequence(tlv(2), tlv(2))
    raw_r, raw_s = r.to_bytes(32, "big"), s.to_bytes(32, "big")
    yield "r little-endian", sequence(tlv(2, octets(r)[::-1]), two)
    yield "raw 32 bytes without their sign byte", sequence(tlv(2, raw_r), tlv(2, raw_s))
    yield "raw r and s", raw_r + raw_s
    yield "raw r and s, little-endian", raw_r[::-1] + raw_s[::-1]
    yield "raw in an octet string", tlv(4, raw_r + raw_s)
    yield "r alone", sequence(one)
    yield "r alone, no sequence", one
    yield "both, no sequence", one + two
    yield "three numbers", sequence(one, two, integer(1))
    yield "each in a sequence", sequence(sequence(one), sequence(two))
    yield "a sequence in a sequence", sequence(good)
    yield "in a bit string", tlv(3, b"\0", good)
    yield "in an octet string", tlv(4, good)
    yield "with the name of the algorithm", sequence(tlv(6, bytes.fromhex("2a8648ce3d040302")), good)
    yield "hex text", good.hex().encode()
    yield "base64 text", base64.b64encode(good)
    yield "all zero", bytes(72)
    yield "all ff", b"\xff" * 72
    yield "64 zeros", bytes(64)
    yield "an empty sequence", sequence()
    yield "NULL", b"\x05\0"
    yield "nothing", b""


# ---- public keys ----

EC = tlv(6, bytes.fromhex("2a8648ce3d0201"))
CURVE = tlv(6, bytes.fromhex("2a8648ce3d030107"))


def spki_of(point, algorithm=None, unused=0, tag=0x30):
    return tlv(tag, algorithm or sequence(EC, CURVE), tlv(3, bytes([unused]), point))


def spki(point):
    return spki_of(b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))


def explicit(hash_seed=True, cofactor=True):
    """P-256 spelled out (RFC 3279 section 2.3.5): such a curve may have any generator, so it is never taken."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
    g = bytes.fromhex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
    seed = [tlv(3, b"\0", bytes.fromhex("c49d360886e704936a6678e1139d26b7819f7e90"))] if hash_seed else []
    curve = sequence(tlv(4, (p - 3).to_bytes(32, "big")), tlv(4, b), *seed)
    field = sequence(tlv(6, bytes.fromhex("2a8648ce3d0101")), integer(p))
    return sequence(integer(1), field, curve, tlv(4, g), integer(n), *([integer(1)] if cofactor else []))


def bent_spki(plain, compressed):
    for what, oid in (("P-224", "2b81040021"), ("P-384", "2b81040022"), ("P-521", "2b81040023"),
                      ("secp256k1", "2b8104000a"),
                      ("P-192", "2a8648ce3d030101"), ("brainpoolP256r1", "2b2403030208010107"),
                      ("SM2", "2a811ccf5501822d"), ("an unknown curve", "2a8648ce3d03010763")):
        yield f"the curve is called {what}", spki_of(plain, sequence(EC, tlv(6, bytes.fromhex(oid))))
        yield f"the curve is called {what}, compressed", spki_of(compressed, sequence(EC, tlv(6, bytes.fromhex(oid))))
    yield "explicit parameters", spki_of(plain, sequence(EC, explicit()))
    yield "explicit parameters without seed", spki_of(plain, sequence(EC, explicit(False)))
    yield "explicit parameters without cofactor", spki_of(plain, sequence(EC, explicit(False, False)))
    yield "implicit parameters", spki_of(plain, sequence(EC, b"\x05\0"))
    yield "no parameters", spki_of(plain, sequence(EC))
    yield "two curves", spki_of(plain, sequence(EC, CURVE, CURVE))
    for what, oid in (("RSA", "2a864886f70d010101"), ("ecDH", "2b8104010c"), ("ecMQV", "2b8104010d"),
                      ("DSA", "2a8648ce380401"),
                      ("Ed25519", "2b6570"), ("X25519", "2b656e"), ("ecdsa-with-SHA256", "2a8648ce3d040302")):
        yield f"the algorithm is called {what}", spki_of(plain, sequence(tlv(6, bytes.fromhex(oid)), CURVE))
    good = spki_of(plain)
    for unused in (1, 7, 8, 255):
        yield f"{unused} unused bits", spki_of(plain, unused=unused)
    yield "set for sequence", spki_of(plain, tag=0x31)
    yield "octet string for bit string", sequence(sequence(EC, CURVE), tlv(4, b"\0", plain))
    for what, form in forms_of_length(0x30, good[2:]):
        yield f"outer {what}", form
    body = sequence(EC, CURVE)
    for what, form in forms_of_length(0x30, body[2:]):
        yield f"algorithm {what}", sequence(form, tlv(3, b"\0", plain))
    for what, form in forms_of_length(3, b"\0" + plain):
        yield f"point {what}", sequence(body, form)
    yield "a byte behind", good + b"\0"
    yield "a byte behind, inside", sequence(good[2:], b"\0")
    yield "the same twice", good + good
    yield "the point alone", plain
    yield "nothing", b""
    for n in range(1, len(good)):
        yield f"cut to {n} bytes", good[:n]
