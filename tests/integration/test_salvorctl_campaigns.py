# SPDX-License-Identifier: Apache-2.0
"""salvorctl by itself: campaigns, signatures, grants, and which answers count as success."""

import base64
import hashlib
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from fake_server import page, problem
from salvor.server import program
from salvor.trial import PAYLOAD, STATE_AFTER, ctl, drafts, fake, full_payload, made, pae  # noqa: F401


def test_create_fills_in_what_was_left_away_and_keeps_the_rest(fake, made, tmp_path):
    fake.routes["GET", "/api/v1/campaigns"] = drafts(("fix", 4, "completed"), ("other", 9, "draft"))
    fake.routes["GET", "/api/v1/rings"] = (
        200,
        {"rings": [
            {"name": "canary", "share": 0.01, "soak_seconds": 1800, "growth": 2},
            {"name": "early", "share": 0.1, "soak_seconds": 600, "growth": 6},
            {"name": "broad", "share": 0.89, "soak_seconds": 0, "growth": 20},
        ]},
    )  # fmt: skip
    fake.routes["POST", "/api/v1/campaigns"] = (201, {"id": "fix", "version": 5, "state": "draft"})
    (tmp_path / "fix.json").write_text(PAYLOAD)
    done = ctl("-C", made, "campaign", "create", tmp_path / "fix.json")
    assert done.returncode == 0, done.stderr
    assert "fix@5" in done.stdout
    _, _, _, headers, body = fake.seen[-1]
    assert headers["Content-Type"] == "application/vnd.salvor.campaign+json"
    sent = json.loads(body)
    assert sent["version"] == 5 and "rollout" not in sent
    assert sent["trust_domain"] == hashlib.sha256((made / "1.root.json").read_bytes()).hexdigest()
    assert list(sent)[:6] == ["schema", "id", "version", "trust_domain", "not_before", "expires"]
    text = body.decode()
    assert text.endswith(PAYLOAD[PAYLOAD.index('  "title"') :])
    assert '\n  "version": 5,\n' in text


def test_create_writes_rings_that_are_not_the_default(fake, made, tmp_path):
    rings = [{"name": "one", "share": 0.5, "soak_seconds": 1, "growth": 2},
             {"name": "two", "share": 0.5, "soak_seconds": 0, "growth": 2}]  # fmt: skip
    fake.routes["GET", "/api/v1/campaigns"] = page([])
    fake.routes["GET", "/api/v1/rings"] = (200, {"rings": rings})
    fake.routes["POST", "/api/v1/campaigns"] = (201, {"id": "fix", "version": 1, "state": "draft"})
    done = ctl("-C", made, "campaign", "create", "-", stdin=json.dumps(json.loads(PAYLOAD)))
    assert done.returncode == 0, done.stderr
    sent = json.loads(fake.seen[-1][4])
    assert sent["version"] == 1 and sent["rollout"] == {"rings": rings}


def test_create_says_where_a_payload_is_wrong_before_it_is_sent(fake, made, tmp_path):
    fake.routes["GET", "/api/v1/campaigns"] = page([])
    fake.routes["GET", "/api/v1/rings"] = (200, {"rings": []})
    (tmp_path / "bad.json").write_text(PAYLOAD.replace("bad.sys", "../bad.sys"))
    done = ctl("-C", made, "campaign", "create", tmp_path / "bad.json")
    assert done.returncode == 1 and "/actions/0/path" in done.stderr, done.stderr
    (tmp_path / "bad.json").write_text(PAYLOAD.replace('"title"', '"id": "x", "title"'))
    assert ctl("-C", made, "campaign", "create", tmp_path / "bad.json").returncode == 1
    (tmp_path / "bad.json").write_text(PAYLOAD.replace('"match"', '"whatever": 1, "match"'))
    done = ctl("-C", made, "campaign", "create", tmp_path / "bad.json")
    assert done.returncode == 1 and "/whatever" in done.stderr
    assert ctl("-C", made, "campaign", "create", tmp_path / "none.json").returncode == 3
    assert not [r for r in fake.seen if r[0] == "POST"]


def test_sign_signs_the_exact_bytes_and_shows_them(fake, made):
    payload = full_payload(made)
    fake.routes["GET", "/api/v1/campaigns"] = drafts(("fix", 1, "draft"))
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    fake.routes["GET", "/api/v1/campaigns/fix/1/preview"] = (200, {"matching": 7, "rings": [], "sample": []})
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, {"id": "fix", "version": 1, "state": "draft"})
    done = ctl("-C", made, "campaign", "sign", "fix", "--key", made / "keys/author-1.pem")
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(pae(payload)).hexdigest() in done.stderr
    assert "drivers/bad.sys" in done.stderr and "7 known machines" in done.stderr
    sent = json.loads(fake.seen[-1][4])
    key = serialization.load_pem_private_key((made / "keys/author-1.pem").read_bytes(), None).public_key()
    key.verify(base64.b64decode(sent["sig"]), pae(payload))
    policy = json.loads((made / "trust-policy.json").read_text())
    assert sent["keyid"] == policy["authors"][0]["keyid"]


@pytest.mark.parametrize("answer", [None, b"", {}, {"id": "fix", "version": 2, "state": "draft"},
                                    {"id": "fix", "version": 1, "state": "withdrawn"}])  # fmt: skip
def test_a_signature_that_nobody_confirms_is_not_handed_in(fake, made, answer):
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made))
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, answer)
    done = ctl("-C", made, "campaign", "sign", "fix@1", "--key", made / "keys/author-1.pem")
    assert done.returncode == 1 and done.stdout == "" and "the server's answer is none" in done.stderr, done


def test_sign_refuses_another_campaign_or_trust_domain(fake, made):
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made, id="other"))
    args = ("-C", made, "campaign", "sign", "fix@1", "--key", made / "keys/author-1.pem")
    assert ctl(*args).returncode == 6
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, full_payload(made, trust_domain="0" * 64))
    done = ctl(*args)
    assert done.returncode == 6 and "trust_domain" in done.stderr
    assert not [r for r in fake.seen if r[0] == "POST"]


def test_sign_without_a_server_and_attach(fake, made, tmp_path):
    payload = full_payload(made)
    (tmp_path / "payload").write_bytes(payload)
    done = ctl("campaign", "sign", "--payload", tmp_path / "payload", "--key", made / "keys/author-3.pem")
    assert done.returncode == 0 and fake.seen == [], done.stderr
    signature = json.loads(done.stdout)
    fake.routes["POST", "/api/v1/campaigns/fix/1/signatures"] = (200, {"id": "fix", "version": 1, "state": "ready"})
    done = ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin=json.dumps(signature))
    assert done.returncode == 0 and [json.loads(r[4]) for r in fake.seen if r[0] == "POST"] == [signature]
    assert "a key that could not be told" in done.stdout  # a server that shows no payload
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    policy = (made / "trust-policy.json").read_bytes()
    fake.routes["GET", "/api/v1/trust/policy"] = (200, policy)
    hint = {**signature, "keyid": json.loads(policy)["authors"][0]["keyid"]}
    done = ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin=json.dumps(hint))
    assert done.returncode == 0 and f"key {signature['keyid']} (author-3)" in done.stdout, done
    assert ctl("-C", made, "campaign", "attach", "fix@1", "-", stdin="{}").returncode == 1


def test_payload_prints_the_exact_bytes(fake, made):
    payload = full_payload(made)
    fake.routes["GET", "/api/v1/campaigns/fix/1/payload"] = (200, payload)
    done = subprocess.run(
        [program("salvorctl"), "-C", str(made), "campaign", "payload", "fix@1"], capture_output=True, timeout=60
    )
    assert done.stdout == payload


@pytest.mark.parametrize("verb", ["start", "resume", "advance", "withdraw"])
def test_elevated_acts_obtain_their_grant(fake, made, verb):
    fake.routes["POST", f"/api/v1/campaigns/fix/2/{verb}"] = (200, {"id": "fix", "version": 2, "state": STATE_AFTER[verb]})
    done = ctl("-C", made, "campaign", verb, "fix@2", "--reason", "because")
    assert done.returncode == 0, done.stderr
    assert [r[1] for r in fake.seen] == ["/api/v1/elevations", f"/api/v1/campaigns/fix/2/{verb}"]
    assert json.loads(fake.seen[-1][4]) == {"reason": "because"}


@pytest.mark.parametrize("verb", ["pause", "halt"])
def test_stopping_needs_no_grant_and_no_reason(fake, made, verb):
    fake.routes["POST", f"/api/v1/campaigns/fix/2/{verb}"] = (200, {"id": "fix", "version": 2, "state": STATE_AFTER[verb]})
    assert ctl("-C", made, "campaign", verb, "fix@2").returncode == 0
    assert len(fake.seen) == 1
    assert "via salvorctl" in json.loads(fake.seen[0][4])["reason"]


def test_a_grant_is_obtained_when_the_server_asks_for_one(fake, made):
    asked = []

    def rings(body):
        asked.append(fake.seen[-1][3].get("Salvor-Elevation"))
        if not asked[-1]:
            return problem(403, "elevation-required", "needs a grant")
        return 200, json.loads(body)

    fake.routes["PUT", "/api/v1/rings"] = rings
    (made / "rings.json").write_text('[{"name": "all", "share": 1}]')
    done = ctl("-C", made, "rings", "set", made / "rings.json")
    assert done.returncode == 0, done.stderr
    assert asked[0] is None and asked[1]
    assert json.loads(fake.seen[-1][4]) == {"rings": [{"name": "all", "share": 1}]}
    # Asked for again and again: once is enough, then it is an error.
    fake.routes["PUT", "/api/v1/rings"] = lambda _: problem(403, "elevation-required", "needs a grant")
    assert ctl("-C", made, "rings", "set", made / "rings.json").returncode == 6


CONFIRMED = [
    (["kill-switch", "on", "--reason", "x"], "PUT", "kill-switch", {"engaged": True}, {"engaged": False}),
    (["kill-switch", "off", "--reason", "x"], "PUT", "kill-switch", {"engaged": False}, {"engaged": True}),
    (["kill-switch", "show"], "GET", "kill-switch", {"engaged": False}, {"engaged": "no"}),
    *[(["campaign", verb, "fix@2", "--reason", "x"], "POST", f"campaigns/fix/2/{verb}",
       {"id": "fix", "version": 2, "state": state}, {"id": "fix", "version": 2, "state": "ready"})
      for verb, state in STATE_AFTER.items()],
    (["campaign", "halt", "fix@2", "--reason", "x"], "POST", "campaigns/fix/2/halt",
     {"id": "fix", "version": 2, "state": "halted"}, {"id": "other", "version": 2, "state": "halted"}),
    (["campaign", "halt", "fix@2", "--reason", "x"], "POST", "campaigns/fix/2/halt",
     {"id": "fix", "version": 2, "state": "halted"}, {"id": "fix", "version": 3, "state": "halted"}),
    (["campaign", "show", "fix@2"], "GET", "campaigns/fix/2", {"id": "fix", "version": 2, "state": "draft"}, {"id": "fix"}),
    (["campaign", "preview", "fix@2"], "GET", "campaigns/fix/2/preview", {"matching": 0}, {"matching": "0"}),
    (["machine", "show", "m1"], "GET", "machines/m1", {"machine_id": "m1"}, {"machine_id": "m2"}),
    (["machine", "pin", "m1", "canary"], "PATCH", "machines/m1", {"machine_id": "m1", "pin": "canary"},
     {"machine_id": "m1", "pin": None}),
    (["machine", "pin", "m1", "--none"], "PATCH", "machines/m1", {"machine_id": "m1", "pin": None},
     {"machine_id": "m1", "pin": "canary"}),
    (["machine", "opt-out", "m1"], "PATCH", "machines/m1", {"machine_id": "m1", "opt_out": True},
     {"machine_id": "m1", "opt_out": False}),
    (["machine", "opt-out", "m1"], "PATCH", "machines/m1", {"machine_id": "m1", "opt_out": True},
     {"machine_id": "m2", "opt_out": True}),
    (["token", "create"], "POST", "enrollment-tokens", {"token": "secret"}, {"token": ""}),
    (["rings", "show"], "GET", "rings", {"rings": []}, {"rings": None}),
    (["export"], "GET", "export", {"schema": "salvor.export/1"}, {"schema": "salvor.export/2"}),
]  # fmt: skip


@pytest.mark.parametrize("args, method, path, good, opposite", CONFIRMED)
def test_only_an_answer_that_confirms_is_success(fake, made, args, method, path, good, opposite):
    route = method, f"/api/v1/{path}"
    fake.routes[route] = (200, good)
    assert ctl("-C", made, *args).returncode == 0
    for bad in (None, b"", {}, [], True, opposite):
        fake.routes[route] = (200, bad)
        done = ctl("-C", made, *args)
        assert done.returncode == 1 and done.stdout == "", (bad, done)
        assert "the server's answer is none" in done.stderr, (bad, done)
        said = json.loads(ctl("-C", made, "--json", *args).stdout)["error"]
        assert said["exit"] == 1 and "the server's answer is none" in said["detail"]


@pytest.mark.parametrize(
    "args, path",
    [
        (["campaign", "delete", "fix@2"], "campaigns/fix/2"),
        (["machine", "delete", "m1"], "machines/m1"),
        (["token", "delete", "t1"], "enrollment-tokens/t1"),
        (["artifact", "delete", "0" * 64], f"artifacts/{'0' * 64}"),
    ],
)
def test_only_204_says_that_it_is_deleted(fake, made, args, path):
    fake.routes["DELETE", f"/api/v1/{path}"] = (204, b"")
    assert ctl("-C", made, *args).stdout.startswith("deleted ")
    assert json.loads(ctl("-C", made, "--json", *args).stdout) is None
    for bad in (None, b"", {}, {"deleted": True}):
        fake.routes["DELETE", f"/api/v1/{path}"] = (200, bad)
        done = ctl("-C", made, *args)
        assert done.returncode == 1 and done.stdout == "" and "the server's answer is none" in done.stderr


def test_acknowledgement_is_explained(fake, made):
    fake.routes["POST", "/api/v1/campaigns/fix/2/resume"] = problem(
        409, "acknowledge-required", "the engine halted it", acknowledge="d17"
    )
    done = ctl("-C", made, "campaign", "resume", "fix@2", "--reason", "x")
    assert done.returncode == 4 and "--acknowledge d17" in done.stderr


def test_a_bare_id_means_the_version_that_makes_sense(fake, made):
    fake.routes["GET", "/api/v1/campaigns"] = drafts(
        ("a", 1, "withdrawn"), ("a", 2, "active"), ("a", 3, "ready"), ("a", 4, "draft"), ("b", 1, "active"), ("b", 2, "halted")
    )

    def tried(verb, name):
        ctl("-C", made, "campaign", verb, name, "--reason", "x")
        return fake.seen[-1][1].rsplit("/", 2)[1]

    assert tried("halt", "a") == "2"
    assert tried("start", "a") == "3"
    ctl("-C", made, "campaign", "sign", "a", "--key", made / "keys/author-1.pem")
    assert fake.seen[-1][1].endswith("/a/4/payload")
    done = ctl("-C", made, "campaign", "halt", "b", "--reason", "x")
    assert done.returncode == 4 and "b@2" in done.stderr
    assert ctl("-C", made, "campaign", "halt", "none").returncode == 3
