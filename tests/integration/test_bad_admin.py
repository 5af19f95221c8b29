# SPDX-License-Identifier: Apache-2.0
"""Bad input on the admin plane: payloads, signatures, acts. Unknown members are refused with a JSON pointer."""

import base64
import json

import pytest

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from salvor import campaign as c
from salvor import keys, schema
from salvor.admin import Campaign
from salvor.server import Domain, Server

API = "/api/v1"
DELETE = "/actions/0"
SHA = "0" * 64


def change(pointer, value):
    return lambda v: c.put_at(v, pointer, value)


def without(pointer):
    return lambda v: c.drop_at(v, pointer)


def nested(depth, leaf={"fact": "os", "eq": "x"}):
    for _ in range(depth):
        leaf = {"all": [leaf]}
    return leaf


def action(**value):
    return change("/actions/0", value)


RINGS = "/rollout/rings"
ARTIFACT = {"sha256": SHA, "length": 3}
BAD_TIMES = ["2024-07-19", "2024-07-19T05:30:00", "2024-07-19T05:30:00+00:00", "2024-07-19 05:30:00Z", "2024-13-19T05:30:00Z",
             "2024-02-30T05:30:00Z", "2024-07-19T25:30:00Z", "x", "", 1721366400, None, "2024-07-19T05:30:00z"]
BAD_PATHS = ["/etc/passwd", "${SYSTEM}", "${SYSTEM}/", "${SYSTEM}/../x", "${SYSTEM}/a/../x", "${SYSTEM}/./x", "${SYSTEM}//x",
             "${SYSTEM}/a/..", "C:/Windows/x", "${SYSTEM}/c:/x", "${SYSTEM}/file:stream", "\\\\host\\share\\x", "//host/share/x",
             "${SYSTEM}\\drivers\\x", "${SYSTEM}/drivers\\x", "${HOME}/x", "${SYSTEM}/x\u0001", "${SYSTEM}/x\u007f", "${SYSTEM}/x\n",
             "${system}/x", "drivers/x", "$SYSTEM/x", "${SYSTEM}x/y", "${SYSTEM/x", " ${SYSTEM}/x", "", "..", "${SYSTEM}/..",
             "${SYSTEM}/${BOOT}/../x", 1, None, [], "${SYSTEM}/" + "x" * 5000]

BAD_PAYLOADS = {
    # unknown members, anywhere
    **{f"unknown {p}": (change(p, 1), p) for p in [
        "/surprise", "/match/surprise", DELETE + "/surprise", "/verify/0/surprise", "/rollout/surprise", RINGS + "/0/surprise",
        "/rollout/in_flight/surprise", "/Title", "/trustDomain"]},
    "unknown in require": (action(kind="delete_file", path="${SYSTEM}/x", require={"owner": "x"}), DELETE + "/require/owner"),
    "unknown in artifact": (action(kind="restore_file", path="${SYSTEM}/x", artifact={**ARTIFACT, "url": "x"}),
                            DELETE + "/artifact/url"),
    "member of another kind": (action(kind="delete_file", path="${SYSTEM}/x", to="${SYSTEM}/y"), DELETE + "/to"),
    # required
    **{f"without {p}": (without(p), p) for p in ["/schema", "/id", "/version", "/trust_domain", "/title", "/not_before", "/expires",
                                                "/match", "/actions", DELETE + "/kind", DELETE + "/path", "/verify/0/kind",
                                                "/verify/0/path", RINGS + "/0/name", RINGS + "/0/share"]},
    # types and values
    **{f"schema {v!r}": (change("/schema", v), "/schema") for v in ["salvor.campaign/2", "", 1, None]},
    **{f"id {v!r}": (change("/id", v), "/id") for v in ["", "-a", "A", "a_b", "a/b", "a.b", "x" * 64, 1, None, "ä", "a b"]},
    **{f"version {v!r}": (change("/version", v), "/version") for v in [0, -1, 2**31, 1.5, "1", None, True]},
    **{f"trust_domain {v!r}": (change("/trust_domain", v), "/trust_domain") for v in ["", "x", "f" * 63, "F" * 64, SHA, 1]},
    **{f"title {v!r:.20}": (change("/title", v), "/title") for v in ["", 1, None, "x" * 5000]},
    **{f"links {v!r:.20}": (change("/links", v), "/links") for v in [1, "https://x", ["http://x"], ["javascript:alert(1)"], [1]]},
    **{f"not_before {v!r}": (change("/not_before", v), "/not_before") for v in BAD_TIMES},
    **{f"expires {v!r}": (change("/expires", v), "/expires") for v in BAD_TIMES},
    "expires before not_before": (change("/expires", c.utc(-7200)), "/expires"),
    "lives over 30 days": (change("/expires", c.utc(-3600 + 30 * 86400 + 60)), "/expires"),
    **{f"priority {v!r}": (change("/priority", v), "/priority") for v in ["1", 1.5, None, 10**10]},
    **{f"drill {v!r}": (change("/drill", v), "/drill") for v in ["true", 1, None]},
    **{f"supersedes {v!r}": (change("/supersedes", v), "/supersedes") for v in ["x", [1], ["A"], [""], 1]},
    **{f"undoes {v!r}": (change("/undoes", v), "/undoes") for v in [["x"], 1, "A", ""]},
    **{f"reboot {v!r}": (change("/reboot", v), "/reboot") for v in ["true", 1, None]},
    **{f"on_failure {v!r}": (change("/on_failure", v), "/on_failure") for v in ["keep", "", 1, None]},
    # selectors
    **{f"match {json.dumps(v):.60}": (change("/match", v), "/match") for v in [
        {}, [], None, "x", {"all": {}}, {"all": "x"}, {"all": [], "any": []}, {"not": []}, {"fact": "os"}, {"fact": "os", "is": 1},
        {"fact": "os", "eq": 1, "ne": 2}, {"fact": "OS", "eq": 1}, {"fact": "", "eq": 1}, {"fact": 1, "eq": 1}, {"eq": 1},
        {"fact": "os", "eq": None}, {"fact": "os", "eq": []}, {"fact": "os", "in": "x"}, {"fact": "os", "in": [[]]},
        {"fact": "os", "prefix": 1}, {"fact": "os", "glob": 1}, {"fact": "os", "exists": "yes"}, {"fact": "os", "exists": 1},
        {"fact": "os", "lt": []}, nested(9), {"any": [{"fact": "os", "eq": str(i)} for i in range(128)]}]},
    # actions
    **{f"actions {v!r:.30}": (change("/actions", v), "/actions") for v in [[], {}, "x", [1], [{}], [{"kind": "format_disk"}],
                                                                          [{"kind": 1}]]},
    "65 actions": (change("/actions", [{"kind": "delete_file", "path": "${SYSTEM}/x"}] * 65), "/actions"),
    **{f"path {v!r:.30}": (change(DELETE + "/path", v), DELETE + "/path") for v in BAD_PATHS},
    **{f"verify path {v!r:.30}": (change("/verify/0/path", v), "/verify/0/path") for v in BAD_PATHS[:12]},
    **{f"rename to {v!r:.30}": (action(kind="rename_file", path="${SYSTEM}/x", to=v), DELETE + "/to") for v in BAD_PATHS[:12]},
    **{f"write path {v!r:.30}": (action(kind="write_file", path=v, content_base64=""), DELETE + "/path") for v in BAD_PATHS[:6]},
    **{f"restore path {v!r:.30}": (action(kind="restore_file", path=v, artifact=ARTIFACT), DELETE + "/path") for v in BAD_PATHS[:6]},
    **{f"max_matches {v!r}": (change(DELETE + "/max_matches", v), DELETE + "/max_matches") for v in [0, -1, 1.5, "8", None, 10**9]},
    **{f"require {json.dumps(v)}": (change(DELETE + "/require", v), DELETE + "/require") for v in [
        1, [], "x", {"sha256": SHA}, {"sha256": ["x"]}, {"sha256": ["F" * 64]}, {"sha256": [1]}, {"size_min": -1}, {"size_min": "1"},
        {"size_max": 1.5}, {"mtime_before": "yesterday"}, {"mtime_after": 1}]},
    "content not base64": (action(kind="write_file", path="${SYSTEM}/x", content_base64="a b c"), DELETE + "/content_base64"),
    "content base64url": (action(kind="write_file", path="${SYSTEM}/x", content_base64="-_-_"), DELETE + "/content_base64"),
    "content without padding": (action(kind="write_file", path="${SYSTEM}/x", content_base64="YQ"), DELETE + "/content_base64"),
    "content over 16 KiB": (action(kind="write_file", path="${SYSTEM}/x",
                                   content_base64=base64.b64encode(b"x" * 16385).decode()), DELETE + "/content_base64"),
    "artifact hash": (action(kind="restore_file", path="${SYSTEM}/x", artifact={"sha256": "x", "length": 1}),
                      DELETE + "/artifact/sha256"),
    "artifact length": (action(kind="restore_file", path="${SYSTEM}/x", artifact={"sha256": SHA, "length": -1}),
                        DELETE + "/artifact/length"),
    "service without name": (action(kind="disable_service"), DELETE),
    "script without artifact": (action(kind="run_script", timeout_seconds=5), DELETE),
    "verify kind": (change("/verify/0/kind", "path_maybe"), "/verify/0/kind"),
    "verify without digest": (change("/verify/0", {"kind": "sha256_is", "path": "${SYSTEM}/x"}), "/verify/0"),
    "digest of absence": (change("/verify/0", {"kind": "path_absent", "path": "${SYSTEM}/x", "sha256": SHA}), "/verify/0/sha256"),
    "empty require": (change(DELETE + "/require", {}), DELETE + "/require"),
    "registry type": (action(kind="set_registry_value", hive="SYSTEM", key="a", name="b", type="REG_X", value=1), DELETE + "/type"),
    "registry value": (action(kind="set_registry_value", hive="SYSTEM", key="a", name="b", type="REG_DWORD", value="x"),
                       DELETE + "/value"),
    "service is no path": (action(kind="disable_service", name="../x"), DELETE + "/name"),
    "script timeout": (action(kind="run_script", artifact=ARTIFACT, timeout_seconds=0), DELETE + "/timeout_seconds"),
    "verify type": (change("/verify", {}), "/verify"),
    # plan
    **{f"rings {json.dumps(v):.60}": (change(RINGS, v), RINGS) for v in [
        [], {}, "x", [1], [{"name": "a", "share": 0.5}], [{"name": "a", "share": 0.6}, {"name": "b", "share": 0.6}],
        [{"name": "a", "share": 1.0001}], [{"name": "a", "share": 0}, {"name": "b", "share": 1}],
        [{"name": "a", "share": -0.5}, {"name": "b", "share": 1.5}], [{"name": "a", "share": "1"}],
        [{"name": "a", "share": 0.5}, {"name": "a", "share": 0.5}], [{"name": "", "share": 1}], [{"name": "A", "share": 1}],
        [{"name": "a b", "share": 1}], [{"name": "x" * 33, "share": 1}], [{"name": "a", "share": 1, "soak_seconds": -1}],
        [{"name": "a", "share": 1, "soak_seconds": 1.5}], [{"name": "a", "share": 1, "growth": -1}],
        [{"name": "a", "share": 1, "growth": "2"}], [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.500001}]]},
    **{f"in_flight {json.dumps(v)}": (change("/rollout/in_flight", v), "/rollout/in_flight") for v in [
        1, [], {"initial": 0}, {"initial": -1}, {"initial": 1.5}, {"max": 0}, {"initial": 10, "max": 5}, {"initial": "5"}]},
    **{f"{n} {v!r}": (change(f"/rollout/{n}", v), "/rollout") for n, values in {
        "acceptable_failure": [0, 1, -0.1, 1.5, "0.05", None, 0.15], "unacceptable_failure": [0, 1, 0.15, 0.1, "x"],
        "acceptable_silence": [0, 1, -0.1, 0.15, None], "halt_error": [0, 1, -0.1, "x"], "advance_error": [0, 1, -1],
        "outcome_deadline_seconds": [0, -1, 1.5, "60", None], "relapse_window_seconds": [-1, 1.5, "x"],
        "max_attempts": [0, -1, 1.5, "2", None], "patience_seconds": [-1, 1.5, "x"], "quiet_seconds": [-1, 1.5, "x", None],
        "manual_advance": ["yes", 1, None], "cohorts": ["model", [1], [""], ["MODEL"], ["a", "a"], {}]}.items() for v in values},
    **{f"rollout {v!r}": (change("/rollout", v), "/rollout") for v in [1, [], "x", None]},
}


@pytest.mark.parametrize("name", BAD_PAYLOADS, ids=ascii)
def test_bad_payload(shared, unchanged, refused, name):
    make, pointer = BAD_PAYLOADS[name]
    value = make(c.payload(shared.domain))
    unchanged()
    reply = refused(shared.admin.client.post(API + "/campaigns", value), 400)
    if name.startswith("without "):
        assert pointer in reply.pointers or pointer.rpartition("/")[0] in reply.pointers, reply
        assert pointer.rpartition("/")[2] in reply.body.decode()
    elif pointer:
        assert any(p == pointer or p.startswith(pointer + "/") for p in reply.pointers), (pointer, reply)


GOOD_PAYLOADS = {
    "every selector": change("/match", {"all": [
        {"any": [{"fact": "os", "eq": "windows"}, {"fact": "n", "ne": 1}, {"fact": "b", "eq": True}]},
        {"not": {"fact": "x", "exists": True}}, {"fact": "os", "in": ["a", 1, True]}, {"fact": "os", "prefix": "w"},
        {"fact": "os", "glob": "w*n?"}, {"fact": "v", "lt": "10.0.1"}, {"fact": "v", "le": "10"}, {"fact": "v", "gt": "9"},
        {"fact": "v", "ge": "9.1"}]}),
    "every action": change("/actions", [
        {"kind": "delete_file", "path": "${SYSTEM}/drivers/C-00000291*.sys", "max_matches": 8,
         "require": {"mtime_before": "2024-07-19T05:27:00Z", "mtime_after": "2020-01-01T00:00:00Z", "size_min": 1, "size_max": 9,
                     "sha256": [SHA]}},
        {"kind": "rename_file", "path": "${SYSTEMROOT}/a", "to": "${SYSTEMROOT}/b"},
        {"kind": "restore_file", "path": "${BOOT}/c", "artifact": ARTIFACT, "mode": "0644"},
        {"kind": "write_file", "path": "${BOOT}/d", "content_base64": "aGk=", "mode": "0600"},
        {"kind": "disable_service", "name": "CSFalconService"}, {"kind": "disable_driver", "name": "csagent"},
        {"kind": "set_boot_entry", "entry": "recovery", "once": True},
        {"kind": "set_registry_value", "hive": "SYSTEM", "key": "a/b", "name": "n", "type": "REG_DWORD", "value": 4},
        {"kind": "run_script", "artifact": ARTIFACT, "timeout_seconds": 60}]),
    "every verify": change("/verify", [{"kind": "path_absent", "path": "${SYSTEM}/a*"}, {"kind": "path_present", "path": "${SYSTEM}/b"},
                                       {"kind": "path_absent", "path": "${SYSTEM}/c", "require": {"size_min": 3}},
                                       {"kind": "sha256_is", "path": "${SYSTEM}/d", "sha256": SHA},
                                       {"kind": "sha256_is", "path": "${SYSTEM}/e", "require": {"sha256": [SHA]}}]),
    "default plan": without("/rollout"),
    "exactly 30 days": change("/expires", c.utc(-3600 + 30 * 86400 - 5)),
    "64 actions": change("/actions", [{"kind": "delete_file", "path": "${SYSTEM}/x"}] * 64),
    "depth 8": change("/match", nested(7)),
    "128 nodes": change("/match", {"any": [{"fact": "os", "eq": str(i)} for i in range(127)]}),
    "shares within 1e-9": change(RINGS, [{"name": "a", "share": 1 / 3}, {"name": "b", "share": 1 / 3}, {"name": "c", "share": 1 / 3}]),
}


@pytest.mark.parametrize("name", GOOD_PAYLOADS)
def test_good_payload(shared, name):
    """The bad ones must be refused for what is bad about them."""
    value = GOOD_PAYLOADS[name](c.payload(shared.domain))
    assert schema.valid("campaign", value)
    shared.admin.create(value)


def test_schema_and_server_agree_on_bad_payloads(shared):
    """What the JSON Schema can say about a payload, the server says too."""
    beyond = ("expires before", "lives over", "match", "trust_domain", "rings", "in_flight {\"initial\": 10", "acceptable",
              "unacceptable", "not_before", "expires", "content over", "title", "verify path", "priority",
              "member of another kind", "registry", "service is no path")
    wrong = [n for n, (make, _) in BAD_PAYLOADS.items()
             if schema.valid("campaign", make(c.payload(shared.domain))) and not n.startswith(beyond)
             # Python's $ stands before a newline too, ECMA 262's does not.
             and not n.endswith("\\n'")]
    assert not wrong, wrong


RAW_BODIES = {
    "empty": b"", "not-json": b"hello", "array": b"[]", "null": b"null",
    "duplicate": lambda t: t[:-1] + b', "priority": 1, "priority": 2}',
    "duplicate-deep": lambda t: t.replace(b'{"kind": "delete_file"', b'{"kind": "delete_file", "kind": "delete_file"', 1),
    "trailing": lambda t: t + b"{}", "trailing-nul": lambda t: t + b"\0", "truncated": lambda t: t[:-1],
    "nul-escape": lambda t: t.replace(b"Test campaign", b"Test\\u0000campaign"),
    "nul-byte": lambda t: t.replace(b"Test campaign", b"Test\0campaign"),
    "not-utf8": lambda t: t.replace(b"Test campaign", b"Test\xffcampaign"),
    "deep": lambda t: t[:-1] + b', "summary": ' + b"[" * 40 + b"]" * 40 + b"}",
    "bom": lambda t: b"\xef\xbb\xbf" + t,
}


@pytest.mark.parametrize("name", RAW_BODIES)
def test_malformed_payload(shared, unchanged, refused, name):
    make = RAW_BODIES[name]
    text = c.dumps(c.payload(shared.domain))
    body = make(text) if callable(make) else make
    assert body != text
    unchanged()
    refused(shared.admin.client.post(API + "/campaigns", body), 400)


def test_payload_over_256_kib(shared, unchanged, refused):
    unchanged()
    body = c.dumps(c.payload(shared.domain)) + b" " * (256 * 1024)
    refused(shared.admin.client.post(API + "/campaigns", body), (400, 413))


def test_body_over_1_mib(shared, unchanged, refused):
    unchanged()
    for path in ("/campaigns", "/elevations"):
        refused(shared.admin.client.post(API + path, b" " * (1024 * 1024 + 1)), 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/vnd.salvor.campaign", "application/xml"])
def test_payload_content_type(shared, unchanged, refused, kind):
    unchanged()
    refused(shared.admin.client.post(API + "/campaigns", c.payload(shared.domain), content_type=kind), 415)


def test_payload_own_content_type(shared):
    body = c.payload(shared.domain)
    reply = shared.admin.client.post(API + "/campaigns", body, content_type="application/vnd.salvor.campaign+json")
    assert reply.status == 201, reply


def test_bytes_are_kept(shared):
    """Served and signed as they are, never written anew: odd white space, order, escapes and number forms stay."""
    value = c.payload(shared.domain)
    text = json.dumps(value, indent=3).replace("Test campaign", "T\\u0065st  c\u00e4mpaign").replace('"share": 1', '"share" : 1.0e0')
    campaign = shared.admin.create(text.encode() + b"\r\n\t ")
    reply = shared.admin.client.get(API + campaign.path + "/payload")
    assert reply.status == 200 and reply.body == campaign.payload
    assert reply.headers["ETag"]
    again = shared.admin.client.get(API + campaign.path + "/payload", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status == 304 and not again.body
    envelope = json.loads(campaign.envelope())
    assert base64.b64decode(envelope["payload"]) == campaign.payload


def test_same_id_and_version_twice(shared, unchanged, refused):
    campaign = shared.admin.create(c.payload(shared.domain))
    unchanged()
    refused(shared.admin.client.post(API + "/campaigns", campaign.payload), 409)


def test_other_trust_domain(shared, unchanged, refused):
    unchanged()
    value = c.payload(shared.domain, trust_domain="ab" * 32)
    refused(shared.admin.client.post(API + "/campaigns", value), 400, pointer="/trust_domain")


# ---- acts ----

BAD_ACTS = {
    "no-reason": {}, "empty-reason": {"reason": ""}, "reason-number": {"reason": 1}, "unknown": {"reason": "x", "force": True},
    "long-reason": {"reason": "x" * 10000}, "acknowledge-type": {"reason": "x", "acknowledge": []},
    "cohort-type": {"reason": "x", "cohort": 1}, "nul-reason": {"reason": "a\0b"},
}


@pytest.mark.parametrize("verb", ["pause", "halt", "resume", "withdraw"])
@pytest.mark.parametrize("name", BAD_ACTS)
def test_bad_act_body(shared, refused, verb, name):
    campaign = shared.admin.started(c.payload(shared.domain))
    reply = shared.admin.act("POST", f"{campaign.path}/{verb}", BAD_ACTS[name])
    refused(reply, 400)
    if name == "unknown":
        assert "/force" in reply.pointers, reply
    assert campaign.state == "active"
    assert shared.admin.elevated("POST", campaign.path + "/withdraw", {"reason": "over"}).status == 200


BAD_WRITES = [
    ("PUT", "/kill-switch", {}, None), ("PUT", "/kill-switch", {"engaged": "yes", "reason": "x"}, "/engaged"),
    ("PUT", "/kill-switch", {"engaged": True}, None), ("PUT", "/kill-switch", {"engaged": True, "reason": "x", "for": 1}, "/for"),
    ("PUT", "/kill-switch", [], None),
    ("POST", "/enrollment-tokens", {"uses": 0}, "/uses"), ("POST", "/enrollment-tokens", {"uses": -1}, "/uses"),
    ("POST", "/enrollment-tokens", {"uses": 1.5}, "/uses"), ("POST", "/enrollment-tokens", {"uses": "1"}, "/uses"),
    ("POST", "/enrollment-tokens", {"machine_id": ".x"}, "/machine_id"), ("POST", "/enrollment-tokens", {"secret": "x"}, "/secret"),
    ("POST", "/enrollment-tokens", {"reimaged": "yes"}, "/reimaged"), ("POST", "/enrollment-tokens", "x", None),
    ("PUT", "/rings", {}, None), ("PUT", "/rings", {"rings": []}, "/rings"), ("PUT", "/rings", {"rings": "x"}, "/rings"),
    ("PUT", "/rings", {"rings": [{"name": "A", "share": 1}]}, "/rings/0/name"),
    ("PUT", "/rings", {"rings": [{"name": "a", "share": 0.5}]}, "/rings"),
    ("PUT", "/rings", {"rings": [{"name": "a", "share": 1, "x": 1}]}, "/rings/0/x"),
    ("PUT", "/rings", {"rings": [{"name": "a", "share": 1}], "x": 1}, "/x"),
    ("POST", "/elevations", {}, None), ("POST", "/elevations", {"method": "POST", "path": "/api/v1/x", "body_sha256": "x", "reason": "x"},
                                        "/body_sha256"),
    ("POST", "/elevations", {"method": "POST", "path": "/api/v1/x", "body_sha256": SHA, "reason": "x", "more": 1}, "/more"),
    ("POST", "/elevations", {"method": 1, "path": "/api/v1/x", "body_sha256": SHA, "reason": "x"}, "/method"),
    ("POST", "/elevations", {"method": "POST", "path": 1, "body_sha256": SHA, "reason": "x"}, "/path"),
]


@pytest.mark.parametrize("method,path,body,pointer", BAD_WRITES, ids=lambda v: json.dumps(v)[:50])
def test_bad_write(shared, unchanged, refused, method, path, body, pointer):
    unchanged()
    refused(shared.admin.client.request(method, API + path, body), 400, pointer=pointer)


@pytest.mark.parametrize("line", [b"x", b"[]", b"{}", b'{"machine_id": 1}', b'{"machine_id": ".x"}', b'{"machine_id": "a", "x": 1}',
                                  b'{"machine_id": "a", "machine_id": "a"}', b'{"machine_id": "a", "facts": []}',
                                  b'{"machine_id": "a", "facts": {"A": 1}}', b'{"machine_id": "a"} x', b'{"machine_id": "a"',
                                  b'{"machine_id": "a\\u0000"}'])
def test_bad_import_line(shared, refused, line):
    """The line at fault is named."""
    body = b'{"machine_id": "import-good"}\n' + line + b"\n"
    reply = refused(shared.admin.client.post(API + "/machines/import", body, content_type="application/x-ndjson"), 400)
    assert "2" in reply.json()["detail"] + json.dumps(reply.json().get("errors", [])), reply
    # All lines or none: what was refused has left nothing behind.
    refused(shared.admin.client.get(API + "/machines/import-good"), 404)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1.5", "cursor=nonsense",
                                   "limit=99999999999999999999"])
@pytest.mark.parametrize("path", ["/campaigns", "/machines"])
def test_bad_page(shared, refused, path, query):
    refused(shared.admin.client.get(f"{API}{path}?{query}"), 400)


@pytest.mark.parametrize("path", ["/campaigns/none/1", "/campaigns/none/1/payload", "/campaigns/none/1/envelope",
                                  "/campaigns/none/1/preview", "/campaigns/none/1/decisions", "/campaigns/none/1/offers",
                                  "/machines/none", "/machines/none/explain", "/artifacts/" + SHA, "/nothing", ""])
def test_unknown_things(shared, refused, path):
    refused(shared.admin.client.get(API + path), 404, "not-found")


@pytest.mark.parametrize("path", ["/campaigns/X/1", "/campaigns/x/0", "/campaigns/x/01", "/campaigns/x/-1", "/campaigns/x/1.0",
                                  "/campaigns/x/99999999999", "/campaigns/x/one", "/machines/.x", "/machines/" + "x" * 65,
                                  "/artifacts/x", "/artifacts/" + "F" * 64, "/campaigns/x%2f1", "/campaigns//1", "/campaigns/../rings",
                                  "/machines/a%00b"])
def test_malformed_names_in_paths(shared, unchanged, refused, path):
    unchanged()
    reply = shared.admin.client.raw(f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert reply is None or reply.status in (400, 404), reply


@pytest.mark.parametrize("path,wrong", [("/campaigns", "DELETE"), ("/export", "POST"), ("/rings", "POST"), ("/kill-switch", "DELETE"),
                                        ("/elevations", "GET"), ("/machines", "PUT"), ("/machines/import", "PUT")])
def test_wrong_method(shared, unchanged, refused, path, wrong):
    unchanged()
    refused(shared.admin.client.request(wrong, API + path), 405)


@pytest.mark.parametrize("path", ["/campaigns", "/kill-switch", "/enrollment-tokens", "/rings", "/elevations"])
def test_wrong_content_type(shared, unchanged, refused, path):
    method = "PUT" if path in ("/kill-switch", "/rings") else "POST"
    unchanged()
    refused(shared.admin.client.request(method, API + path, "{}", content_type="text/plain"), 415)


# ---- signatures ----

@pytest.fixture(scope="module")
def draft(shared):
    return shared.admin.create(c.payload(shared.domain))


def upload(campaign, body):
    return campaign.admin.client.post(API + campaign.path + "/signatures", body)


def bad_signatures(domain, payload):
    author = domain.key("author-1")
    good = keys.signature(author, payload)
    raw = base64.b64decode(good["sig"])
    stranger = ed25519.Ed25519PrivateKey.generate()
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "altered-payload": keys.signature(author, payload + b" "),
        "plain-bytes": {**good, "sig": base64.b64encode(keys.sign(author, payload)).decode()},
        "other-type": keys.signature(author, payload, "application/json"),
        "flipped": {**good, "sig": base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()},
        "cut": {**good, "sig": base64.b64encode(raw[:-1]).decode()},
        "longer": {**good, "sig": base64.b64encode(raw + b"\0").decode()},
        "empty": {**good, "sig": ""},
        "zeros": {**good, "sig": base64.b64encode(bytes(64)).decode()},
        "stranger": keys.signature(stranger, payload),
        "stranger-p256": keys.signature(curve, payload),
        "stranger-with-an-authors-id": {"keyid": good["keyid"], "sig": keys.signature(stranger, payload)["sig"]},
        "root-key": keys.signature(domain.key("root-1"), payload),
        "targets-key": keys.signature(domain.key("targets-1"), payload),
        "online-key": keys.signature(domain.key("online"), payload),
        "base64url": {**good, "sig": base64.urlsafe_b64encode(b"\xff" * 64).decode()},
        "no-padding": {**good, "sig": good["sig"].rstrip("=")},
        "white-space": {**good, "sig": good["sig"][:10] + "\n" + good["sig"][10:]},
        "keyid-type": {**good, "keyid": 1},
        "no-sig": {"keyid": good["keyid"]},
        "no-keyid": {"sig": good["sig"]},
        "unknown": {**good, "name": "me"},
        "array": [good],
    }


SIGNATURES = ["altered-payload", "plain-bytes", "other-type", "flipped", "cut", "longer", "empty", "zeros", "stranger",
              "stranger-p256", "stranger-with-an-authors-id", "root-key", "targets-key", "online-key",
              "base64url", "no-padding", "white-space", "keyid-type", "no-sig", "no-keyid", "unknown", "array"]


@pytest.mark.parametrize("name", SIGNATURES)
def test_bad_signature(shared, draft, unchanged, refused, name):
    unchanged()
    refused(upload(draft, bad_signatures(shared.domain, draft.payload)[name]), (400, 403))
    assert draft.state == "draft"
    assert json.loads(draft.envelope())["signatures"] == []


@pytest.mark.parametrize("keyid", ["", "00", "author-2"])
def test_keyid_is_a_hint(shared, draft, keyid):
    """Whose signature it is, the keys decide."""
    author = shared.domain.key("author-1")
    named = keys.keyid(shared.domain.key(keyid)) if keyid.startswith("author") else keyid
    body = {"keyid": named, "sig": keys.signature(author, draft.payload)["sig"]}
    assert upload(draft, body).status == 201
    assert [s["keyid"] for s in json.loads(draft.envelope())["signatures"]] == [keys.keyid(author)]


def test_signature_table_is_whole(shared, draft):
    assert set(bad_signatures(shared.domain, draft.payload)) == set(SIGNATURES)


def test_unsigned_and_undersigned(shared, refused):
    """2 of 3 authors: none and one are not enough, and one that signs twice is still one."""
    campaign = shared.admin.create(c.payload(shared.domain))
    author = shared.domain.key("author-1")
    for signatures in (0, 1, 1):
        if signatures:
            assert upload(campaign, keys.signature(author, campaign.payload)).status in (200, 201)
        assert campaign.state == "draft"
        reply = refused(campaign.do("start"), 409)
        assert "draft" in reply.body.decode(), reply
    assert len(json.loads(campaign.envelope())["signatures"]) == 1
    assert campaign.sign(shared.domain.key("author-2")).status in (200, 201)
    assert campaign.state == "ready"
    campaign.start()


def test_who_uploads_does_not_matter(shared):
    campaign = shared.admin.ready(c.payload(shared.domain), authors=3)
    envelope = json.loads(campaign.envelope())
    assert {s["keyid"] for s in envelope["signatures"]} == {keys.keyid(k) for k in shared.domain.authors(3)}
    for key in shared.domain.authors(3):
        assert any(keys.verifies(key.public_key(), keys.pae(campaign.payload), base64.b64decode(s["sig"]))
                   for s in envelope["signatures"])


def test_start_freezes_the_signatures(shared, refused):
    campaign = shared.admin.started(c.payload(shared.domain))
    frozen = campaign.envelope()
    refused(campaign.sign(shared.domain.key("author-3")), 409)
    assert campaign.envelope() == frozen


# ---- classes of the policy ----

@pytest.fixture(scope="module")
def classed(tmp_path_factory):
    """A policy with two classes: drivers (2 of 3), and boot files, which author-3 alone may sign."""
    domain = Domain(tmp_path_factory.mktemp("classed") / "domain")
    policy = domain.policy()
    names = [a["name"] for a in policy["authors"]]
    policy["classes"] = [
        {"name": "drivers", "kinds": ["delete_file", "rename_file"], "paths": ["${SYSTEM}/drivers/*"], "authors": names, "threshold": 2},
        {"name": "boot", "kinds": ["write_file"], "paths": ["${BOOT}/*"], "authors": names[2:], "threshold": 1}]
    policy["revoked"] = ["revoked-id", "revoked-version@2"]
    domain.set_policy(policy)
    running = Server(domain).start()
    yield running
    running.stop()


def get_ready(server, payload):
    """Tries to bring a campaign to ready by every author's signature -> (Campaign or None, replies)"""
    reply = server.admin.client.post(API + "/campaigns", payload)
    if reply.status != 201:
        return None, [reply]
    campaign = Campaign(server.admin, payload["id"], payload["version"], c.dumps(payload))
    return campaign, [campaign.sign(key) for key in server.domain.authors(3)]


OUTSIDE = {
    "other-folder": [{"kind": "delete_file", "path": "${SYSTEM}/config/x"}],
    "deeper-folder": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/etc/hosts"}],
    "glob-wider-than-class": [{"kind": "delete_file", "path": "${SYSTEM}/*/x"}],
    "other-variable": [{"kind": "delete_file", "path": "${SYSTEMROOT}/System32/drivers/x"}],
    "other-kind": [{"kind": "write_file", "path": "${SYSTEM}/drivers/x", "content_base64": ""}],
    "rename-out": [{"kind": "rename_file", "path": "${SYSTEM}/drivers/x", "to": "${SYSTEM}/x"}],
    "rename-in": [{"kind": "rename_file", "path": "${SYSTEM}/x", "to": "${SYSTEM}/drivers/x"}],
    "kind-without-path": [{"kind": "disable_service", "name": "x"}],
    "second-action": [{"kind": "delete_file", "path": "${SYSTEM}/drivers/x"}, {"kind": "run_script", "timeout_seconds": 5,
                                                                             "artifact": ARTIFACT}],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_action_outside_every_class(classed, refused, name):
    campaign, replies = get_ready(classed, c.payload(classed.domain, actions=OUTSIDE[name]))
    for reply in replies:
        refused(reply, (400, 403))
    if campaign:
        assert campaign.state == "draft"
        refused(campaign.do("start"), 409)


def test_threshold_of_every_class_used(classed, refused):
    both = [{"kind": "delete_file", "path": "${SYSTEM}/drivers/x*.sys"}, {"kind": "write_file", "path": "${BOOT}/x", "content_base64": ""}]
    campaign = classed.admin.create(c.payload(classed.domain, actions=both))
    for name in ("author-1", "author-2"):
        assert campaign.sign(classed.domain.key(name)).status in (200, 201)
        assert campaign.state == "draft"
    assert campaign.sign(classed.domain.key("author-3")).status in (200, 201)
    assert campaign.state == "ready"
    only_boot = classed.admin.create(c.payload(classed.domain, actions=both[1:]))
    refused(only_boot.sign(classed.domain.key("author-1")), 403)
    assert only_boot.sign(classed.domain.key("author-3")).status in (200, 201)
    assert only_boot.state == "ready"


@pytest.mark.parametrize("id,version,revoked", [("revoked-id", 1, True), ("revoked-id", 7, True), ("revoked-version", 2, True),
                                                ("revoked-version", 1, False)])
def test_revoked(classed, refused, id, version, revoked):
    campaign, replies = get_ready(classed, c.payload(classed.domain, id, version=version,
                                                     actions=[{"kind": "delete_file", "path": "${SYSTEM}/drivers/x"}]))
    if not revoked:
        assert campaign.state == "ready", replies
        campaign.start()
        return
    if campaign:
        refused(campaign.do("start"), (400, 403, 409))
        assert campaign.state in ("draft", "ready")
    else:
        refused(replies[0], (400, 403, 409))


# ---- expired ----

def test_expired_campaign(shared, refused):
    """A payload whose time has passed: refused as a draft or at the start, and never offered."""
    value = c.payload(shared.domain, not_before=c.utc(-7200), expires=c.utc(-60))
    reply = shared.admin.client.post(API + "/campaigns", value)
    if reply.status != 201:
        refused(reply, 400, pointer="/expires")
        return
    campaign = Campaign(shared.admin, value["id"], 1, c.dumps(value))
    for key in shared.domain.authors():
        campaign.sign(key)
    refused(campaign.do("start"), 409)
    machine = shared.enroll("after-expiry")
    assert machine.says(facts={"fault": campaign.id})[0] == "none"
