# SPDX-License-Identifier: Apache-2.0
"""schema/openapi.yaml held against the running server: every path and method, a good and a bad call."""

import hashlib
import json
import pathlib
import re

import pytest

from salvor import campaign as c
from salvor import keys, schema
from salvor.offline import Offline, put_root, put_targets

SHA = "0" * 64


def operations():
    for path, item in schema.openapi()["paths"].items():
        for method in ("get", "put", "post", "patch", "delete"):
            if method in item:
                yield method.upper(), path


OPERATIONS = sorted(operations(), key=str)


def plane_of(path):
    return "admin" if path.startswith("/api/") or path in ("/", "/assets/{name}") else "ops" if path in ("/healthz", "/readyz", "/metrics") else "machine"


def operation_of(method, path):
    return schema.openapi()["paths"][path][method.lower()]


def hold(method, path, reply):
    """An answer must be one that is published, with its headers and its document."""
    responses = operation_of(method, path)["responses"]
    assert str(reply.status) in responses, f"{method} {path} answered {reply.status}, which is not published: {reply}"
    response = schema.resolve(responses[str(reply.status)])
    for name, header in response.get("headers", {}).items():
        header = schema.resolve(header)
        if header.get("required"):
            assert reply.headers.get(name), f"{name} is missing: {reply}"
            schema.check_inline(header.get("schema", {}), reply.headers[name])
    content = response.get("content")
    if not content or not reply.body:
        return
    assert reply.type in content, f"{reply.type} is not published for {reply.status} of {method} {path}"
    document = content[reply.type].get("schema", {})
    if reply.type.endswith("json") and "ndjson" not in reply.type:
        schema.check_inline(document, reply.json(), closed=reply.status < 400)
    elif "ndjson" in reply.type:
        for line in reply.body.splitlines():
            schema.check_inline(document, json.loads(line), closed=False)


class Scene:
    """What the good calls are about."""

    def __init__(self, server):
        self.server = server
        admin = server.admin
        self.offline = Offline(server.domain)
        self.draft = admin.create(c.payload(server.domain))
        self.active = admin.started(c.payload(server.domain, rollout=c.plan(
            manual_advance=True, rings=[{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}])))
        self.machine = server.enroll(c.unique("m"))
        server.admin.act("PATCH", f"/machines/{self.machine.id}", {"pin": "a"})
        self.offer = self.machine.take(facts={"fault": self.active.id})
        self.data = b"artifact of " + self.draft.id.encode()
        self.sha = hashlib.sha256(self.data).hexdigest()
        admin.client.put(f"/api/v1/artifacts/{self.sha}", self.data, content_type="application/octet-stream")

    def ready(self):
        return self.server.admin.ready(c.payload(self.server.domain))

    def in_state(self, *verbs):
        campaign = self.server.admin.started(c.payload(self.server.domain))
        for verb in verbs:
            campaign.must(verb)
        return campaign


@pytest.fixture(scope="module")
def scene(shared):
    return Scene(shared)


REASON = {"reason": "test"}


def good_call(s, method, path):
    """-> Reply"""
    admin, server = s.server.admin, s.server
    api = path.removeprefix("/api/v1")
    draft, active = s.draft.path, s.active.path

    def act(campaign, verb, **more):
        return admin.act("POST", f"{campaign.path}/{verb}", {**REASON, **more})

    calls = {
        ("POST", "/v1/enroll"): lambda: server.machine_plane().post(
            "/v1/enroll", {"machine_id": c.unique("m")}, headers={"Authorization": f"Bearer {server.enrollment_token(uses=1)}"}),
        ("POST", "/v1/poll"): lambda: s.machine.try_poll(facts={"fault": s.active.id}),
        ("POST", "/v1/report"): lambda: s.machine.try_report("applied"),
        ("GET", "/v1/artifacts/{sha256}"): lambda: s.machine.plane.get(f"/v1/artifacts/{s.sha}", headers=s.machine.authorization),
        ("GET", "/tuf/metadata/{file}"): lambda: server.anonymous.get("/tuf/metadata/1.root.json"),
        ("GET", "/tuf/targets/policy/{file}"): lambda: server.anonymous.get(
            f"/tuf/targets/policy/{hashlib.sha256(server.domain.policy_path.read_bytes()).hexdigest()}.trust-policy.json"),
        ("GET", "/tuf/targets/campaigns/{file}"): lambda: server.anonymous.get(
            f"/tuf/targets/campaigns/{s.offer['sha256']}.{s.active.id}-1.json"),
        ("GET", "/api/v1/campaigns"): lambda: admin.client.get(path),
        ("POST", "/api/v1/campaigns"): lambda: admin.client.post(path, c.payload(server.domain)),
        ("PUT", "/api/v1/campaigns/{id}/{version}"): lambda: admin.client.put("/api/v1" + draft, json.loads(s.draft.payload)),
        ("DELETE", "/api/v1/campaigns/{id}/{version}"): lambda: admin.client.delete(
            "/api/v1" + admin.create(c.payload(server.domain)).path),
        ("POST", "/api/v1/campaigns/{id}/{version}/signatures"): lambda: s.draft.sign(server.domain.key("author-1")),
        ("POST", "/api/v1/campaigns/{id}/{version}/start"): lambda: act(s.ready(), "start"),
        ("POST", "/api/v1/campaigns/{id}/{version}/pause"): lambda: act(s.in_state(), "pause"),
        ("POST", "/api/v1/campaigns/{id}/{version}/resume"): lambda: act(s.in_state("pause"), "resume"),
        ("POST", "/api/v1/campaigns/{id}/{version}/halt"): lambda: act(s.in_state(), "halt"),
        ("POST", "/api/v1/campaigns/{id}/{version}/withdraw"): lambda: act(s.in_state(), "withdraw"),
        ("POST", "/api/v1/campaigns/{id}/{version}/advance"): lambda: advance(s),
        ("PUT", "/api/v1/campaigns/{id}/{version}/limits"): lambda: admin.act(
            "PUT", f"{s.draft.path}/limits", {"limits": {"only": {"machines": [s.machine.id]}}, **REASON}),
        ("GET", "/api/v1/machines"): lambda: admin.client.get(path),
        ("POST", "/api/v1/machines/import"): lambda: admin.client.post(
            path, json.dumps({"machine_id": c.unique("i"), "facts": {"os": "x"}}) + "\n", content_type="application/x-ndjson"),
        ("GET", "/api/v1/machines/{machine_id}"): lambda: admin.client.get(f"/api/v1/machines/{s.machine.id}"),
        ("PATCH", "/api/v1/machines/{machine_id}"): lambda: admin.client.patch(f"/api/v1/machines/{s.machine.id}", {"pin": "a"}),
        ("DELETE", "/api/v1/machines/{machine_id}"): lambda: admin.client.delete(
            f"/api/v1/machines/{server.enroll(c.unique('m')).id}"),
        ("GET", "/api/v1/machines/{machine_id}/explain"): lambda: admin.client.get(f"/api/v1/machines/{s.machine.id}/explain"),
        ("PUT", "/api/v1/rings"): lambda: admin.client.put(path, admin.get("/rings")),
        ("GET", "/api/v1/rings"): lambda: admin.client.get(path),
        ("GET", "/api/v1/enrollment-tokens"): lambda: admin.client.get(path),
        ("POST", "/api/v1/enrollment-tokens"): lambda: admin.client.post(path, {"uses": 1}),
        ("DELETE", "/api/v1/enrollment-tokens/{token_id}"): lambda: admin.client.delete(
            "/api/v1/enrollment-tokens/" + admin.client.post("/api/v1/enrollment-tokens", {"uses": 1}).json()["id"]),
        ("GET", "/api/v1/kill-switch"): lambda: admin.client.get(path),
        ("PUT", "/api/v1/kill-switch"): lambda: (admin.client.put(path, {"engaged": True, **REASON}),
                                                 admin.act("PUT", "/kill-switch", {"engaged": False, **REASON}))[1],
        ("POST", "/api/v1/elevations"): lambda: admin.ask_grant("POST", "/api/v1/campaigns/x/1/start"),
        ("GET", "/api/v1/artifacts"): lambda: admin.client.get(path),
        ("PUT", "/api/v1/artifacts/{sha256}"): lambda: admin.client.put(
            f"/api/v1/artifacts/{s.sha}", s.data, content_type="application/octet-stream"),
        ("GET", "/api/v1/artifacts/{sha256}"): lambda: admin.client.get(f"/api/v1/artifacts/{s.sha}"),
        ("DELETE", "/api/v1/artifacts/{sha256}"): lambda: delete_artifact(s),
        ("GET", "/api/v1/export"): lambda: admin.client.get(path),
        ("GET", "/api/v1/export/events"): lambda: admin.client.get(path),
        ("GET", "/api/v1/operators"): lambda: admin.client.get(path),
        ("GET", "/api/v1/trust"): lambda: admin.client.get(path),
        ("PUT", "/api/v1/trust/root"): lambda: put_root(admin, s.offline.next_root()),
        ("PUT", "/api/v1/trust/targets"): lambda: put_targets(admin, *s.offline.next_targets()),
        ("GET", "/api/v1/trust/policy"): lambda: admin.client.get(path),
        ("GET", "/"): lambda: admin.client.get(path),
        ("GET", "/assets/{name}"): lambda: admin.client.get(asset(s)),
        ("GET", "/healthz"): lambda: server.ops().get(path),
        ("GET", "/readyz"): lambda: server.ops().get(path),
        ("GET", "/metrics"): lambda: server.ops().get(path),
    }
    if (method, path) in calls:
        return calls[method, path]()
    if method == "GET" and path.startswith("/api/v1/campaigns/{id}/{version}"):
        return admin.client.get("/api/v1" + active + api.removeprefix("/campaigns/{id}/{version}"))
    raise AssertionError(f"no good call is known for {method} {path}: add one")


def asset(s):
    """A file that the dashboard's page loads."""
    page = s.server.admin.client.get("/").body.decode()
    return "/" + re.search(r'["\']/?(assets/[A-Za-z0-9._-]+)', page)[1]


def advance(s):
    reply = s.active.do("advance")
    if reply.status == 409 and reply.slug == "acknowledge-required":
        reply = s.active.do("advance", acknowledge=s.active.decisions()[-1]["id"])
    return reply


def delete_artifact(s):
    data = c.unique("bytes").encode()
    path = f"/api/v1/artifacts/{hashlib.sha256(data).hexdigest()}"
    s.server.admin.client.put(path, data, content_type="application/octet-stream")
    return s.server.admin.client.delete(path)


@pytest.mark.parametrize("method,path", OPERATIONS)
def test_good_call(scene, method, path):
    reply = good_call(scene, method, path)
    assert reply.status < 300, reply
    assert reply.headers["X-Request-Id"]
    hold(method, path, reply)


FILLED = {"{id}": "none", "{version}": "1", "{machine_id}": "none", "{sha256}": SHA, "{file}": "9.root.json", "{token_id}": "t999999", "{name}": "none"}


def filled(path):
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("method,path", OPERATIONS)
def test_bad_call(shared, method, path):
    """Without a credential 401 (404 where none is asked for), and then with one but wrong: each as published."""
    plane = plane_of(path)
    body = None if method in ("GET", "DELETE") else {}
    if plane == "ops":
        assert shared.ops().post(path, {}).status == 405
        return
    client = shared.admin_plane() if plane == "admin" else shared.anonymous
    reply = client.request(method, filled(path), body)
    hold(method, path, reply)
    if path.startswith(("/tuf/", "/v1/artifacts/", "/assets/")):
        assert reply.status == 404
        return
    if path == "/":
        assert reply.status == 200, "the page itself is for everybody, what it shows is not"
        return
    assert reply.status == (401 if plane == "admin" or method == "GET" else reply.status) and reply.status in (400, 401), reply
    if plane == "admin":
        for wrong in ({} if body is not None else None, {"surprise": 1} if body is not None else None):
            reply = shared.admin.client.request(method, filled(path), wrong, content_type="text/plain" if wrong == {} else None)
            hold(method, path, reply)
            if body is not None or "{" in path:
                assert reply.status in (400, 403, 404, 415), reply


@pytest.mark.parametrize("method,path", [o for o in OPERATIONS if "requestBody" in operation_of(*o)])
def test_wrong_media_type_is_published(shared, method, path):
    client = shared.admin if plane_of(path) == "admin" else None
    headers = {}
    if not client:
        token = shared.enrollment_token(uses=1) if path == "/v1/enroll" else shared.enroll(c.unique("m")).token
        headers = {"Authorization": f"Bearer {token}"}
        client = shared
    plane = shared.admin.client if plane_of(path) == "admin" else shared.machine_plane()
    reply = plane.request(method, filled(path), b"hello", headers=headers, content_type="application/x-nonsense")
    assert reply.status in (415, 404, 403), reply
    hold(method, path, reply)


def server_routes():
    """Routes as the tables of the source tell them; macros of the tables are written out."""
    found = set()
    text = r'((?:"[^"]*"|[A-Z_]+|\s)+?)'
    for source in sorted((schema.ROOT / "server" / "api").glob("*.c")):
        code = source.read_text()
        macros = dict(re.findall(r'#define (\w+) "([^"]*)"', code))

        def written(path):
            return "".join(macros.get(w, "") if not w.startswith('"') else w[1:-1] for w in re.findall(r'"[^"]*"|\w+', path))

        code = re.sub(r"#define[^\n]*(?:\\\n[^\n]*)*", "", code)
        for method, path in re.findall(r'\.method\s*=\s*"(\w+)",\s*\.path\s*=\s*' + text + ",", code):
            found.add((method, written(path)))
        for path in re.findall(r"GET_\(" + text + ",", code):
            found.add(("GET", "/api/v1" + written(path)))
        for method, path in re.findall(r'ACT_\("(\w+)",\s*' + text + ",", code):
            found.add((method, "/api/v1" + written(path)))
    return found


def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_route_is_published():
    """And nothing is published that the server does not have."""
    routes = {(m, shape(p)) for m, p in server_routes()}
    assert len(routes) > 30, f"the tables of routes were not found: {routes}"
    published = {(m, shape(p)) for m, p in OPERATIONS}
    assert routes - published == set(), "routes that openapi.yaml does not tell"
    assert published - routes == set(), "openapi.yaml tells what the server does not have"


def test_schemas_are_schemas():
    import jsonschema

    names = sorted(p.name for p in pathlib.Path(schema.SCHEMA / "json").glob("*.json"))
    assert names
    for path in sorted((schema.SCHEMA / "json").glob("*.schema.json")):
        document = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema" and document["title"]


def test_every_reference_resolves():
    """In openapi.yaml and in the schemas."""

    def walk(node, base):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                name, _, pointer = node["$ref"].partition("#")
                where = (base.parent / name) if name else base
                at = schema.openapi() if where.suffix == ".yaml" else json.loads(where.read_text())
                for step in filter(None, pointer.split("/")):
                    at = at[step]
            for value in node.values():
                walk(value, base)
        elif isinstance(node, list):
            for value in node:
                walk(value, base)

    walk(schema.openapi(), schema.SCHEMA / "openapi.yaml")
    for path in sorted((schema.SCHEMA / "json").glob("*.json")):
        walk(json.loads(path.read_text()), path)


def test_example_files_follow_their_schemas(domain):
    """What the project ships and what `init` writes."""
    schema.check("policy", domain.policy())
    filled = {"trust_domain": domain.trust_domain, "version": 1, "not_before": c.utc(), "expires": c.utc(3600)}
    found = [p for p in (schema.ROOT / "docs" / "examples").rglob("*.json")]
    campaigns = [p for p in found if json.loads(p.read_text()).get("schema") == "salvor.campaign/1"]
    for path in campaigns:
        schema.check("campaign", {**filled, **json.loads(path.read_text())})


def test_default_plan_of_the_schema(shared):
    """The defaults that the schema shows are the server's."""
    campaign = shared.admin.create(c.payload(shared.domain, rollout=None))
    plan = campaign.get()["plan"]
    rollout = json.loads((schema.SCHEMA / "json" / "campaign.schema.json").read_text())["$defs"]["rollout"]["properties"]
    assert plan == {name: told["default"] for name, told in rollout.items()}
