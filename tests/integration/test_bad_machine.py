# SPDX-License-Identifier: Apache-2.0
"""Bad input on the machine plane: a clear problem document, and the ledger as it was."""

import json

import pytest

from salvor import campaign as c
from salvor import pki

HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def machine(shared):
    return shared.enroll("bad-input")


def post(machine, body, path="/v1/poll", **kw):
    return machine.plane.post(path, body, headers=machine.authorization, **kw)


# ---- JSON ----

GOOD = {"machine_id": "bad-input", "boot_id": "6c1f8c0e-6f0f-4a1e-9a59-0d6f6f1f2b11", "reason": "boot_failure", "facts": {}}
TEXT = json.dumps(GOOD)

BAD_JSON = {
    "empty": b"",
    "not-json": b"hello",
    "truncated": TEXT[:-1].encode(),
    "array": b"[]",
    "string": b'"x"',
    "null": b"null",
    "trailing-bytes": TEXT.encode() + b"x",
    "trailing-document": TEXT.encode() + b"{}",
    "trailing-nul": TEXT.encode() + b"\0",
    "duplicate-key": (TEXT[:-1] + ', "machine_id": "bad-input"}').encode(),
    "duplicate-key-in-facts": json.dumps(GOOD).replace('"facts": {}', '"facts": {"a": 1, "a": 1}').encode(),
    "duplicate-key-escaped": (TEXT[:-1] + ', "machine\\u005fid": "bad-input"}').encode(),
    "nul-escape": TEXT.replace('"facts": {}', '"facts": {"a": "x\\u0000y"}').encode(),
    "nul-in-key": TEXT.replace('"facts": {}', '"facts": {"a\\u0000b": "x"}').encode(),
    "nul-byte": TEXT.replace('"facts": {}', '"facts": {"a": "x\0y"}').encode(),
    "depth-33": (TEXT[:-1] + ', "new": ' + "[" * 32 + "]" * 32 + "}").encode(),
    "depth-10000": (TEXT[:-1] + ', "new": ' + "[" * 10000 + "]" * 10000 + "}").encode(),
    "not-utf8": TEXT.encode().replace(b"{}", b'{"a": "\xff\xfe"}'),
    "overlong-utf8": TEXT.encode().replace(b"{}", b'{"a": "\xc0\xaf"}'),
    "lone-surrogate": TEXT.replace("{}", '{"a": "\\ud800"}').encode(),
    "single-quotes": TEXT.replace('"', "'").encode(),
    "nan": TEXT.replace("{}", '{"a": NaN}').encode(),
    "huge-number": TEXT.replace("{}", '{"a": 1e999}').encode(),
    "comment": (TEXT + "// x").encode(),
}


@pytest.mark.parametrize("name", BAD_JSON)
@pytest.mark.parametrize("path", ["/v1/poll", "/v1/report", "/v1/enroll"])
def test_malformed_json(shared, machine, unchanged, refused, name, path):
    headers = machine.authorization
    if path == "/v1/enroll":
        headers = {"Authorization": f"Bearer {shared.enrollment_token(uses=1)}"}
    unchanged()
    refused(machine.plane.post(path, BAD_JSON[name], headers=headers), 400)


def test_depth_of_32_is_allowed(machine):
    """The outermost object counts as one."""
    reply = post(machine, TEXT[:-1] + ', "new": ' + "[" * 31 + "]" * 31 + "}")
    assert reply.status == 200, reply


# ---- members ----

WRONG = [1, -1, 1.5, True, None, [], {}, "", [[]]]

BAD_MEMBERS = (
    [("/machine_id", v) for v in (1, None, [], {}, "", ".hidden", "a/b", "a b", "ä", "x" * 65, "a%2fb", "a\n")]
    + [("/boot_id", v) for v in (1, None, [], {}, "", "x" * 65, "a b", "a/b", "ä")]
    + [("/reason", v) for v in (1, None, [], {}, "", "because", "BOOT_FAILURE", "boot_failure ")]
    + [("/facts", v) for v in (1, "x", [], True)]
    + [("/facts", {f"f{i}": 1 for i in range(65)})]
    + [("/facts", {n: "x"}) for n in ("", "A", "a-b", "a b", "x" * 33, "ä", "a/b")]
    + [("/facts", {"a": v}) for v in (None, [], {}, "x" * 257, {"b": 1})]
    + [("/have", v) for v in (1, "x", [])]
    + [("/reports", v) for v in (1, "x", {})]
    + [("/can", v) for v in (1, "healthy", {})]
)


@pytest.mark.parametrize("pointer,value", BAD_MEMBERS, ids=lambda v: json.dumps(v)[:40])
def test_wrong_member(machine, unchanged, refused, pointer, value):
    unchanged()
    refused(post(machine, c.put_at(GOOD, pointer, value)), 400, pointer=pointer)


@pytest.mark.parametrize("name", ["machine_id", "boot_id", "reason"])
def test_missing_member(machine, unchanged, refused, name):
    unchanged()
    reply = refused(post(machine, c.drop_at(GOOD, "/" + name)), 400)
    assert name in reply.body.decode(), reply


GOOD_REPORT = {"machine_id": "bad-input", "boot_id": GOOD["boot_id"], "offer_id": "o1", "stage": "applied"}


@pytest.mark.parametrize("pointer,value", [("/stage", v) for v in (1, None, "", "done", "Applied")]
                         + [("/offer_id", v) for v in (1, None, [], {})]
                         + [("/machine_id", v) for v in (1, "", ".x")]
                         + [("/boot_id", v) for v in (1, "", "x" * 65)]
                         + [("/actions", v) for v in (1, "x", {}, [1])]
                         + [("/actions", [{"index": "0", "kind": "delete_file", "status": "done"}])]
                         + [("/actions", [{"index": -1, "kind": "delete_file", "status": "done"}])]
                         + [("/actions", [{"index": 0, "kind": 7, "status": "done"}])]
                         + [("/actions", [{"index": 0, "kind": "delete_file", "status": "perhaps"}])]
                         + [("/log", v) for v in (1, [], {})], ids=lambda v: json.dumps(v)[:40])
def test_wrong_report_member(machine, unchanged, refused, pointer, value):
    unchanged()
    refused(post(machine, c.put_at(GOOD_REPORT, pointer, value), "/v1/report"), 400, pointer=pointer)


@pytest.mark.parametrize("name", ["machine_id", "boot_id", "offer_id", "stage"])
def test_missing_report_member(machine, unchanged, refused, name):
    unchanged()
    refused(post(machine, c.drop_at(GOOD_REPORT, "/" + name), "/v1/report"), 400)


def test_unknown_members_are_ignored(shared, machine):
    """Old servers must serve newer clients."""
    reply = post(machine, {**GOOD, "new": {"deep": [1]}, "have": {"root": 1, "later": "x"}})
    assert reply.status == 200, reply
    other = shared.machine_plane()
    token = shared.enrollment_token(uses=1)
    reply = other.post("/v1/enroll", {"machine_id": "newer-client", "facts": {}, "new": 1},
                       headers={"Authorization": f"Bearer {token}"})
    assert reply.status == 201, reply
    campaign = shared.admin.started(c.payload(shared.domain))
    taker = shared.enroll("newer-reporter", facts={})
    taker.take(facts={"fault": campaign.id})
    reply = taker.try_report("applied", new=[1], actions=[{"index": 0, "kind": "delete_file", "status": "done", "new": 1}])
    assert reply.status == 200 and reply.json()["accepted"], reply


# ---- framing of the body ----

def test_body_over_64_kib(machine, unchanged, refused):
    unchanged()
    body = json.dumps({**GOOD, "pad": "x" * (64 * 1024)})
    refused(post(machine, body), 413)


def test_body_of_64_kib_is_allowed(machine):
    body = json.dumps({**GOOD, "pad": ""})
    body = json.dumps({**GOOD, "pad": "x" * (64 * 1024 - len(body))})
    assert len(body) == 64 * 1024
    reply = post(machine, body)
    assert reply.status == 200, reply


def test_announced_body_over_the_limit(machine, refused):
    """413 must not need the whole body first."""
    head = (b"POST /v1/poll HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nAuthorization: Bearer "
            + machine.token.encode() + b"\r\nContent-Length: 1000000000\r\n\r\n")
    refused(machine.plane.raw(head), 413)


def test_chunked_body_over_the_limit(machine, unchanged, refused):
    unchanged()
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    head = (b"POST /v1/poll HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nAuthorization: Bearer "
            + machine.token.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    refused(machine.plane.raw(head + chunk * 5 + b"0\r\n\r\n"), 413)


def test_truncated_body(machine, unchanged):
    unchanged()
    with machine.plane.open_raw() as sock:
        sock.sendall(b"POST /v1/poll HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nAuthorization: Bearer "
                     + machine.token.encode() + b"\r\nContent-Length: 500\r\n\r\n" + TEXT.encode())
    assert post(machine, GOOD).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonx",
                                  "application/problem+json", "json", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("path", ["/v1/poll", "/v1/report", "/v1/enroll"])
def test_wrong_content_type(machine, unchanged, refused, path, kind):
    unchanged()
    refused(post(machine, GOOD, path, content_type=kind), 415)


def test_missing_content_type(machine, refused):
    body = TEXT.encode()
    head = (b"POST /v1/poll HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + machine.token.encode()
            + b"\r\nContent-Length: %d\r\n\r\n" % len(body))
    refused(machine.plane.raw(head + body), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_right_content_type(machine, kind):
    assert post(machine, GOOD, content_type=kind).status == 200


@pytest.mark.parametrize("path,wrong,allowed", [
    ("/v1/poll", "GET", {"POST"}), ("/v1/poll", "DELETE", {"POST"}), ("/v1/report", "PUT", {"POST"}),
    ("/v1/enroll", "PATCH", {"POST"}), ("/v1/artifacts/" + "0" * 64, "DELETE", {"GET", "HEAD"}),
    ("/tuf/metadata/1.root.json", "POST", {"GET", "HEAD"})])
def test_wrong_method(machine, unchanged, refused, path, wrong, allowed):
    unchanged()
    reply = refused(machine.plane.request(wrong, path, headers=machine.authorization), 405)
    assert {m.strip() for m in reply.headers["Allow"].split(",")} - {"OPTIONS"} == allowed, reply.headers["Allow"]


def test_unknown_method(machine):
    reply = machine.plane.raw(b"BREW /v1/poll HTTP/1.1\r\n" + HOST + b"\r\n")
    assert reply is None or reply.status in (400, 405, 501), reply


# ---- paths ----

BAD_PATHS = ["/v1/%70oll", "/v1/poll%00", "/v1%2fpoll", "/v1/poll%2e", "/v1/../v1/poll", "/v1/./poll", "//v1/poll",
             "/v1//poll", "/v1/poll/", "/v1/poll/..", "/..", "/../../etc/passwd", "/tuf/metadata/../metadata/1.root.json",
             "/tuf/metadata/..%2f1.root.json", "/tuf/metadata/%2e%2e/1.root.json", "/tuf/metadata/1.root.json%00.json",
             "/tuf/metadata/1.root.json/", "/tuf/metadata//1.root.json", "/tuf//metadata/1.root.json",
             "/v1/poll\\", "/v1\\poll", "/v1/p\u00f6ll", "/v1/poll;a=b", "/v1/poll,", "/v1/poll'", '/v1/poll"', "/v1/poll<",
             "/v1/poll\x01", "/v1/poll\x7f", "/v1/poll*", "/v1/(poll)", "/v1/poll@x", "/v1/[poll]", "/v1/poll|",
             "/tuf/metadata/..", "/tuf/targets/campaigns/../../metadata/1.root.json", "/v1/artifacts/../poll",
             "/V1/poll", "/v1/Poll", "/nothing", "/", "/v1", "/v1/"]


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_path_tricks(machine, unchanged, method, path):
    unchanged()
    body = TEXT.encode() if method == "POST" else b""
    head = (method.encode() + b" " + path.encode("latin-1") + b" HTTP/1.1\r\n" + HOST + b"Authorization: Bearer "
            + machine.token.encode() + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    reply = machine.plane.raw(head + body)
    assert reply is None or reply.status in (400, 404), reply


@pytest.mark.parametrize("path", [b"/v1/poll\0", b"/v1/poll\0/../../x", b"/tuf/metadata/1.root.json\0"], ids=ascii)
def test_nul_in_path(machine, unchanged, path):
    unchanged()
    body = TEXT.encode()
    reply = machine.plane.raw(b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + machine.token.encode()
                              + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert reply is None or reply.status in (400, 404), reply


# ---- framing of the request ----

def framed(machine, headers, body=TEXT.encode()):
    return (b"POST /v1/poll HTTP/1.1\r\nAuthorization: Bearer " + machine.token.encode()
            + b"\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + body)


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(TEXT), TEXT.encode())
LENGTH = b"Content-Length: %d\r\n" % len(TEXT)

BAD_FRAMING = {
    "two-lengths": (HOST + LENGTH + LENGTH, TEXT.encode()),
    "two-different-lengths": (HOST + LENGTH + b"Content-Length: 3\r\n", TEXT.encode()),
    "list-of-lengths": (HOST + b"Content-Length: %d, %d\r\n" % (len(TEXT), len(TEXT)), TEXT.encode()),
    "length-and-chunked": (HOST + LENGTH + b"Transfer-Encoding: chunked\r\n", CHUNKED),
    "chunked-and-length": (HOST + b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNKED),
    "unknown-coding": (HOST + b"Transfer-Encoding: gzip\r\n", CHUNKED),
    "chunked-twice": (HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunked-not-last": (HOST + b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
    "no-host": (LENGTH, TEXT.encode()),
    "two-hosts": (HOST + b"Host: other\r\n" + LENGTH, TEXT.encode()),
    "negative-length": (HOST + b"Content-Length: -5\r\n", TEXT.encode()),
    "signed-length": (HOST + b"Content-Length: +%d\r\n" % len(TEXT), TEXT.encode()),
    "hex-length": (HOST + b"Content-Length: 0x10\r\n", TEXT.encode()),
    "length-overflow": (HOST + b"Content-Length: 18446744073709551617\r\n", TEXT.encode()),
    "bad-chunk-size": (HOST + b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + TEXT.encode() + b"\r\n0\r\n\r\n"),
    "two-authorizations": (HOST + b"Authorization: Bearer x\r\n" + LENGTH, TEXT.encode()),
    "two-content-types": (HOST + b"Content-Type: text/plain\r\n" + LENGTH, TEXT.encode()),
    "space-before-colon": (HOST + b"Content-Length : %d\r\n" % len(TEXT), TEXT.encode()),
}


@pytest.mark.parametrize("name", BAD_FRAMING)
def test_bad_framing(machine, unchanged, name):
    """400 (or nothing), and the connection ends, so that no byte can be taken for a second request."""
    unchanged()
    headers, body = BAD_FRAMING[name]
    with machine.plane.open_raw() as sock:
        sock.settimeout(10)
        sock.sendall(framed(machine, headers, body) + b"GET /tuf/metadata/1.root.json HTTP/1.1\r\n" + HOST + b"\r\n")
        got = b""
        try:
            while part := sock.recv(65536):
                got += part
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError), f"the connection stays open after {got!r}"
    first = got.split(b"\r\n", 1)[0]
    assert first == b"" or first.split(b" ")[1] in (b"400", b"413"), got
    assert b'"signed"' not in got, "the second request was answered"


def test_chunked_is_allowed(machine):
    reply = machine.plane.raw(framed(machine, HOST + b"Transfer-Encoding: chunked\r\n", CHUNKED))
    assert reply.status == 200, reply


def test_headers_too_large(machine, unchanged):
    unchanged()
    reply = machine.plane.raw(framed(machine, HOST + LENGTH + b"X-Pad: " + b"x" * 70000 + b"\r\n"))
    assert reply is None or reply.status in (400, 413, 431), reply


def test_many_headers(machine, unchanged):
    unchanged()
    pad = b"".join(b"X-%d: y\r\n" % i for i in range(5000))
    reply = machine.plane.raw(framed(machine, HOST + LENGTH + pad))
    assert reply is None or reply.status in (400, 413, 431), reply


def test_plain_http_on_tls_port(shared, machine):
    import socket

    with socket.create_connection((machine.plane.host, machine.plane.port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            got = sock.recv(1000)
        except ConnectionError:
            got = b""
    assert not got.startswith(b"HTTP/1.1 200")
    assert post(machine, GOOD).status == 200


# ---- credentials ----

def test_no_credential(shared, machine, unchanged, refused):
    unchanged()
    refused(shared.anonymous.post("/v1/poll", GOOD), 401)
    refused(shared.anonymous.post("/v1/poll", {**GOOD, "machine_id": "never-seen"}), 401)
    refused(shared.anonymous.post("/v1/report", GOOD_REPORT), 401)
    refused(shared.anonymous.post("/v1/enroll", {"machine_id": "never-seen"}), 401)


def forged(token):
    """Tokens that are nearly right."""
    head, generation, mac = token.split(".")
    flipped = ("A" if mac[0] != "A" else "B") + mac[1:]
    return {"empty": "", "garbage": "x", "flipped": f"{head}.{generation}.{flipped}", "generation": f"{head}.2.{mac}",
            "generation-zero": f"{head}.0.{mac}", "generation-form": f"{head}.01.{mac}", "no-mac": f"{head}.{generation}.",
            "short-mac": f"{head}.{generation}.{mac[:-1]}", "long-mac": token + "A", "padded": token + "=",
            "other-version": f"sal2.{generation}.{mac}", "long": "x" * 4000, "enrollment-form": "sals_" + "x" * 43,
            "trailing-dot": token + "."}


@pytest.mark.parametrize("name", list(forged("a.1.bcd")))
def test_wrong_token(machine, unchanged, refused, name):
    unchanged()
    headers = {"Authorization": f"Bearer {forged(machine.token)[name]}"}
    refused(machine.plane.post("/v1/poll", GOOD, headers=headers), 401)
    refused(machine.plane.post("/v1/report", GOOD_REPORT, headers=headers), 401)


@pytest.mark.parametrize("value", ["Basic dXNlcjpwdw==", "bearer", "Bearer", "Token x", ""])
def test_wrong_scheme(machine, unchanged, refused, value):
    unchanged()
    refused(machine.plane.post("/v1/poll", GOOD, headers={"Authorization": value}), (400, 401))


def test_another_machines_id(shared, machine, unchanged, refused):
    other = shared.enroll("somebody-else")
    unchanged()
    refused(post(machine, {**GOOD, "machine_id": other.id}), (401, 403))
    refused(post(machine, {**GOOD_REPORT, "machine_id": other.id}, "/v1/report"), (401, 403))


def test_another_machines_id_with_certificate(shared, machine, unchanged, refused, tmp_path):
    crt, key = pki.issue(tmp_path, shared.domain.ca_of("machine"), machine.id)
    plane = shared.machine_plane(crt, key)
    assert plane.post("/v1/poll", GOOD).status == 200
    unchanged()
    refused(plane.post("/v1/poll", {**GOOD, "machine_id": "somebody-quite-else"}), 403, "forbidden")
    refused(plane.post("/v1/report", {**GOOD_REPORT, "machine_id": "somebody-quite-else"}), 403, "forbidden")


def test_enrollment_token_is_no_machine_token(shared, machine, unchanged, refused):
    token = shared.enrollment_token(uses=1)
    unchanged()
    refused(machine.plane.post("/v1/poll", GOOD, headers={"Authorization": f"Bearer {token}"}), 401)
    refused(machine.plane.post("/v1/enroll", {"machine_id": "x-new"}, headers=machine.authorization), 401)


# ---- reports ----

@pytest.fixture(scope="module")
def offered(shared, machine):
    campaign = shared.admin.started(c.payload(shared.domain))
    owner = shared.enroll("owner-of-offer")
    owner.take(facts={"fault": campaign.id})
    return owner


@pytest.mark.parametrize("offer_id", ["o999999", "o0", "o-1", "x", "o1x", "9223372036854775808", "o9223372036854775808", "", "o 1",
                                      "o1/../o1", "x" * 200])
def test_report_for_unknown_offer(machine, unchanged, refused, offer_id):
    unchanged()
    refused(machine.try_report("applied", offer=offer_id), (404,) if offer_id.startswith("o9") else (400, 404))


def test_report_for_anothers_offer(machine, offered, unchanged, refused):
    unchanged()
    for stage in ("applied", "failed", "not_applicable", "refused", "healthy"):
        refused(machine.try_report(stage, offer=offered.offer["offer_id"]), 404)
    assert offered.says(facts={"fault": offered.offer["campaign"]}) == ("apply", "offered")


def test_bad_items_of_poll_reports_do_not_fail_the_poll(shared):
    campaign = shared.admin.started(c.payload(shared.domain))
    shared.make_known([f"bad-items-{i}" for i in range(30)], {"fault": campaign.id})
    mine = shared.enroll("bad-items")
    offer = mine.take(facts={"fault": campaign.id})
    other = shared.enroll("bad-items-other")
    foreign = other.take(facts={"fault": campaign.id})
    good = mine.report_body("applied")
    items = [{}, 1, {**good, "stage": "nonsense"}, {**good, "offer_id": foreign["offer_id"]}, {**good, "machine_id": other.id}, good]
    answer = mine.poll(facts={"fault": campaign.id}, reports=items)
    assert len(answer["reports"]) == len(items)
    assert [r["accepted"] for r in answer["reports"]] == [False] * 5 + [True]
    assert answer["reports"][-1] == {"offer_id": offer["offer_id"], "accepted": True, "state": "applied"}
    assert (answer["directive"], answer["reason"]) == ("none", "already_applied")
    assert campaign.offer(foreign["offer_id"])["state"] == "offered"
