# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes that say the same in another way, and those that only seem to. `outcome`: "refused" (not read at all),
"same" (read, the same payload and the same signers: what is signed is the payload, not the JSON around it), "fewer" (read,
and somebody's signature does not count)."""

import base64
import functools
import hashlib
import json

import ed25519
import p256
from der import integer, sequence

TYPE = "application/vnd.salvor.campaign+json"
# Chosen so that its base64 has padding, '+' and '/'.
PAYLOAD = b'{"schema":"salvor.campaign/1","id":"fix","title":"\xc3\xbe\xc3\xbf\xe2\x80\xbf ~~>>??"} '


def b64(data):
    return base64.b64encode(data).decode()


def pae(payload, kind=TYPE):
    kind = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


ANN, BEN = ed25519.Key("author ann"), p256.Key("author ben")


def ecdsa(key, message, low=False):
    r, s = key.sign(message)
    return sequence(integer(r), integer(p256.N - s if low else s))


@functools.cache
def signatures(message):
    return b64(ANN.sign(message)), b64(ecdsa(BEN, message))


def envelope(message=None, **changes):
    """An honest envelope of two authors as a dictionary; or with signatures over another message."""
    ann, ben = signatures(pae(PAYLOAD) if message is None else message)
    value = {"payload": b64(PAYLOAD), "payloadType": TYPE,
             "signatures": [{"keyid": "ann", "sig": ann}, {"keyid": "ben", "sig": ben}]}
    value.update(changes)
    return value


def text(value=None, **options):
    return json.dumps(envelope() if value is None else value, **{"separators": (",", ":"), **options})


def with_sig(index, sig):
    value = envelope()
    value["signatures"][index]["sig"] = sig
    return value


def base64_forms(good):
    """One base64 text in every way that some decoder takes for the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = good.rstrip("=")
    pad = len(good) - len(body)
    forms = [("URL alphabet", good.replace("+", "-").replace("/", "_")), ("a space behind", good + " "),
             ("a space before", " " + good),
             ("a newline behind", good + "\n"),
             ("lines of 64", "\n".join(good[i:i + 64] for i in range(0, len(good), 64))),
             ("a tab inside", good[:8] + "\t" + good[8:]), ("a carriage return inside", good[:8] + "\r" + good[8:]),
             ("more padding", good + "="), ("four padding characters behind", good + "===="),
             ("padding before", "=" + good),
             ("padding in the middle", good[:8] + "====" + good[8:]), ("a NUL behind", good + "\0"),
             ("a full stop inside", good[:4] + "." + good[4:]),
             ("a MIME word", "=?utf-8?B?" + good + "?="), ("a data URL", "data:;base64," + good),
             ("PEM", "-----BEGIN X-----\n" + good),
             ("twice", good + good), ("reversed", good[::-1])]
    if pad:
        forms += [("no padding", body), ("less padding", good[:-1])] if pad == 2 else [("no padding", body)]
        last = alphabet.index(body[-1])
        for spare in range(1, 4 if pad == 1 else 16):
            forms.append((f"spare bits {spare}", body[:-1] + alphabet[last | spare] + "=" * pad))
        forms.append(("other padding character", body + "." * pad))
    else:
        forms.append(("padding without need", good + "=="))
    return [(what, form) for what, form in forms if form != good]


def base64_cases():
    good_payload, good_sig = b64(PAYLOAD), envelope()["signatures"][0]["sig"]
    cases = [(f"payload: {what}", text(envelope(payload=form)), "refused") for what, form in base64_forms(good_payload)]
    # what is not a multiple of four was made one above; doubling an unpadded text makes other bytes, not no base64
    cases += [(f"signature: {what}", text(with_sig(0, form)), "refused") for what, form in base64_forms(good_sig)]
    sig = base64.b64decode(good_sig)
    cases += [("signature in hex", text(with_sig(0, sig.hex())), "fewer"),
              ("signature in base32", text(with_sig(0, base64.b32encode(sig).decode())), "fewer"),
              ("signature in base64 twice", text(with_sig(0, b64(good_sig.encode()))), "fewer"),
              ("signature empty", text(with_sig(0, "")), "fewer"),
              ("payload in hex", text(envelope(payload=PAYLOAD.hex() + "0" * (-len(PAYLOAD.hex()) % 4))), "none"),
              ("payload in base64 twice", text(envelope(payload=b64(good_payload.encode()))), "none"),
              ("payload empty", text(envelope(payload="")), "none")]
    return cases


def type_cases():
    kinds = ["Application/vnd.salvor.campaign+json", TYPE.upper(), TYPE + " ", " " + TYPE, TYPE + ";",
             TYPE + "; charset=utf-8", TYPE + "\0",
             TYPE + "\n", TYPE[:-1], TYPE + "s", "application/json", "text/plain", "application/vnd.in-toto+json", "",
             "*/*",
             "application/vnd.salvor.campaign%2Bjson", "application/vnd.salvor.campaign json",
             TYPE.replace("+", "\u2795"),
             TYPE.replace("a", "\u0430", 1), TYPE + "\u200b", "\ufeff" + TYPE, "https://" + TYPE,
             TYPE.replace("/", "\\/")]
    cases = [(f"payloadType {json.dumps(kind)}", text(envelope(payloadType=kind)), "refused") for kind in kinds]
    # signed for the other type, then given out under ours
    for kind in ("application/json", "application/vnd.in-toto+json", TYPE.upper(), ""):
        cases.append((f"signed as {json.dumps(kind)}", text(envelope(pae(PAYLOAD, kind))), "none"))
    escaped = "".join(f"\\u{ord(c):04x}" for c in TYPE)
    cases += [("payloadType in escapes", text().replace(f'"{TYPE}"', f'"{escaped}"'), "same"),
              ("payloadType with an escaped solidus", text().replace(TYPE, TYPE.replace("/", "\\/")), "same"),
              ("payloadType with an escaped NUL behind", text().replace(TYPE, TYPE + "\\u0000"), "refused"),
              ("payloadType with a lone surrogate", text().replace(TYPE, TYPE + "\\ud800"), "refused")]
    cases += [(f"payloadType is {other}", text().replace(f'"payloadType":"{TYPE}"', f'"payloadType":{other}'),
               "refused")
              for other in ("null", "1", "true", f'["{TYPE}"]', f'{{"":"{TYPE}"}}')]
    return cases


def signed_bytes():
    """Signatures over something near to the encoding."""
    kind, size = TYPE.encode(), len(PAYLOAD)
    other = [("the payload alone", PAYLOAD), ("the base64 text", b64(PAYLOAD).encode()),
             ("the encoding of the base64 text", pae(b64(PAYLOAD).encode())),
             ("its SHA-256", hashlib.sha256(pae(PAYLOAD)).digest()),
             ("DSSEv0", pae(PAYLOAD).replace(b"DSSEv1", b"DSSEv0")),
             ("DSSEv2", pae(PAYLOAD).replace(b"DSSEv1", b"DSSEv2")), ("without the version", pae(PAYLOAD)[7:]),
             ("lengths with a leading zero", b"DSSEv1 0%d %s 0%d %s" % (len(kind), kind, size, PAYLOAD)),
             ("lengths of 8 binary bytes",
              b"DSSEv1" + len(kind).to_bytes(8, "little") + kind + size.to_bytes(8, "little") + PAYLOAD),
             ("length one more", pae(PAYLOAD).replace(b" %d " % size, b" %d " % (size + 1))),
             ("newline at the end", pae(PAYLOAD) + b"\n"),
             ("NUL for space", pae(PAYLOAD).replace(b" ", b"\0")), ("type and payload joined", kind + b" " + PAYLOAD),
             ("the canonical JSON of the payload", PAYLOAD.rstrip()),
             ("the JSON of the envelope", text({"payload": b64(PAYLOAD), "payloadType": TYPE}).encode())]
    return [(f"signed: {what}", text(envelope(message)), "none") for what, message in other]


def member_cases():
    good = text()
    payload, sigs = f'"payload":"{b64(PAYLOAD)}"', good[good.index('"signatures"'):-1]
    kind = f'"payloadType":"{TYPE}"'
    evil = f'"payload":"{b64(b"evil")}"'
    cases = [("payload twice", "{" + ",".join((payload, evil, kind, sigs)) + "}", "refused"),
             ("payload twice, equal", "{" + ",".join((payload, payload, kind, sigs)) + "}", "refused"),
             ("payload twice, one in escapes", "{" + ",".join((payload, evil.replace("payload", "p\\u0061yload"),
                                                               kind, sigs)) + "}", "refused"),
             ("payloadType twice", "{" + ",".join((payload, kind, kind, sigs)) + "}", "refused"),
             ("signatures twice", "{" + ",".join((payload, kind, sigs, sigs)) + "}", "refused"),
             ("sig twice", good.replace('"sig":', '"sig":"AAAA","sig":', 1), "refused"),
             ("keyid twice", good.replace('"keyid":"ann"', '"keyid":"ann","keyid":"ben"', 1), "refused"),
             ("another order", "{" + ",".join((sigs, kind, payload)) + "}", "same"),
             ("names in escapes", good.replace('"payload"', '"\\u0070ayload"').replace('"sig"', '"s\\u0069g"'), "same"),
             ("base64 with escaped solidus", good.replace(b64(PAYLOAD), b64(PAYLOAD).replace("/", "\\/")), "same"),
             ("base64 in escapes", good.replace(b64(PAYLOAD), "".join(f"\\u{ord(c):04x}" for c in b64(PAYLOAD))),
              "same"),
             ("indented", text(indent=4, separators=None), "same"),
             ("white space around", " \t\r\n" + good + "\n\n", "same"),
             ("Payload", good.replace('"payload"', '"Payload"'), "refused"),
             ("payload_type", good.replace("payloadType", "payload_type"), "refused"),
             ("payload with a NUL in its name", good.replace('"payload"', '"payload\\u0000"'), "refused")]
    for name, value in (("payload", 1), ("payload", None), ("payload", {}), ("payload", json.loads("[]")),
                        ("signatures", {}), ("signatures", None),
                        ("signatures", "x"), ("signatures", [[]]), ("signatures", [None]), ("signatures", ["x"])):
        cases.append((f"{name} is {json.dumps(value)}", text(envelope(**{name: value})), "refused"))
    for name in ("x", "payloadtype", "signature", "certificate", "_type", "signed", ""):
        cases.append((f"member {json.dumps(name)} more", text(envelope(**{name: "x"})), "refused"))
        value = envelope()
        value["signatures"][0][name or "extension"] = {"any": 1}
        cases.append((f"member {json.dumps(name or 'extension')} more in a signature", text(value), "refused"))
    for name in ("payload", "payloadType", "signatures"):
        value = envelope()
        del value[name]
        cases.append((f"without {name}", text(value), "refused"))
    return cases


def signature_cases():
    value = envelope()
    ann, ben = value["signatures"]
    message = pae(PAYLOAD)
    other = {"keyid": "ben", "sig": b64(ecdsa(BEN, message, True))}
    r, s = BEN.sign(message)
    raw = {"keyid": "ben", "sig": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}
    stranger = {"keyid": "ann", "sig": b64(ed25519.Key("a stranger").sign(message))}
    lists = [("another order", [ben, ann], "same"), ("each twice", [ann, ben, ann, ben], "same"),
             ("the other ECDSA signature of the pair instead", [ann, other], "same"),
             ("both ECDSA signatures of the pair", [ann, ben, other], "same"),
             ("one author alone, both ECDSA signatures", [ben, other], "fewer"),
             ("one author alone, twice", [ann, dict(ann, keyid="ben")], "fewer"),
             ("one author under 20 key ids", [dict(ann, keyid=str(i)) for i in range(20)], "fewer"),
             ("keyids swapped", [dict(ann, keyid="ben"), dict(ben, keyid="ann")], "same"),
             ("without keyids", [{"sig": ann["sig"]}, {"sig": ben["sig"]}], "same"),
             ("keyids empty", [dict(ann, keyid=""), dict(ben, keyid="")], "same"),
             ("a stranger's under an author's keyid", [ann, ben, stranger], "same"),
             ("a stranger's instead", [stranger, ben], "fewer"), ("raw r and s", [ann, raw], "fewer"),
             ("none", [], "none"),
             ("keyid null", [dict(ann, keyid=None), ben], "refused"),
             ("keyid a number", [dict(ann, keyid=1), ben], "refused"),
             ("sig null", [dict(ann, sig=None), ben], "refused"),
             ("sig a list of bytes", [dict(ann, sig=list(base64.b64decode(ann["sig"]))), ben], "refused")]
    cases = [(f"signatures: {what}", text(envelope(signatures=sigs)), outcome) for what, sigs, outcome in lists]
    payload = PAYLOAD[:-1]
    cases += [("payload a byte shorter", text(envelope(payload=b64(payload))), "none"),
              ("payload a byte longer", text(envelope(payload=b64(PAYLOAD + b" "))), "none"),
              ("a byte moved from payload to type", text(envelope(payloadType=TYPE + " ")), "refused")]
    return cases


def document_cases():
    good = text()
    tuf = {"signed": {"_type": "targets"}, "signatures": [{"keyid": "ann", "sig": ANN.sign(pae(PAYLOAD)).hex()}]}
    return [("trailing comma", good[:-1] + ",}", "refused"), ("comment", good[:-1] + "/* */}", "refused"),
            ("single quotes", good.replace('"', "'"), "refused"),
            ("something behind", good + "x", "refused"), ("twice", good + good, "refused"),
            ("a NUL behind", good + "\0", "refused"), ("in a list", f"[{good}]", "refused"),
            ("as a string", json.dumps(good), "refused"), ("a byte order mark", "\ufeff" + good, "refused"),
            ("cut", good[:-1], "refused"),
            ("JSON sequence", "\x1e" + good, "refused"), ("TUF metadata", text(tuf), "refused"),
            ("compact JWS", f"e30.{b64(PAYLOAD)}.AAAA", "refused"),
            ("nothing", "", "refused"), ("null", "null", "refused"),
            ("vertical tab for white space", good.replace(",", ",\v"), "refused"),
            ("non-breaking space for white space", good.replace(",", ",\u00a0"), "refused")]


def make():
    cases = [("honest", text(), "same")]
    cases += base64_cases() + type_cases() + signed_bytes() + member_cases() + signature_cases() + document_cases()
    public = [ANN.public.hex(),
              "3059301306072a8648ce3d020106082a8648ce3d0301070342000" + "4" + "".join(f"{v:064x}" for v in BEN.point)]
    return {"about": "DSSE envelopes. Made by make_vectors.py; `envelope` is hex, the authors are Ed25519 and DER.",
            "authors": public,
            "payload": PAYLOAD.hex(), "cases": [{"what": what, "envelope": envelope_text.encode().hex(),
                                                 "outcome": outcome}
                                                for what, envelope_text, outcome in cases]}
