# SPDX-License-Identifier: Apache-2.0
"""The published schemas: schema/json and schema/openapi.yaml."""

import copy
import functools
import json
import pathlib

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "schema"


@functools.cache
def _store():
    """Every schema file under its file: address, so that nothing is ever fetched."""
    store = {}
    for path in sorted((SCHEMA / "json").glob("*.schema.json")):
        store[path.as_uri()] = json.loads(path.read_text())
    store[(SCHEMA / "openapi.yaml").as_uri()] = openapi()
    return store


@functools.cache
def openapi():
    return yaml.safe_load((SCHEMA / "openapi.yaml").read_text())


def _closed(schema):
    """A copy in which an object with named properties may hold no others: published answers may grow, ours must be told."""
    if isinstance(schema, list):
        return [_closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: _closed(v) for k, v in schema.items()}
    if "properties" in out and "type" in out and "additionalProperties" not in out and "allOf" not in out:
        out["additionalProperties"] = False
    return out


@functools.cache
def _closed_store():
    return {uri: _closed(s) for uri, s in _store().items()}


def _validator(schema, base, closed):
    store = _closed_store() if closed else _store()
    resolver = jsonschema.RefResolver(base_uri=base, referrer=store[base], store=dict(store), handlers={"file": _refuse})
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def _refuse(uri):
    raise AssertionError(f"{uri} is not a schema of this project")


def _errors(validator, value):
    errors = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
    return [f"/{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in errors]


def check(name, value, closed=True):
    """Holds a value against schema/json/<name>.schema.json. closed: undocumented members are errors too."""
    uri = (SCHEMA / "json" / f"{name}.schema.json").as_uri()
    store = _closed_store() if closed else _store()
    errors = _errors(_validator(store[uri], uri, closed), value)
    assert not errors, f"not a {name}: {errors}\n{json.dumps(value, indent=1)[:3000]}"
    return value


def valid(name, value):
    uri = (SCHEMA / "json" / f"{name}.schema.json").as_uri()
    return not _errors(_validator(_store()[uri], uri, False), value)


def check_inline(schema, value, closed=True):
    """Holds a value against a schema that stands in openapi.yaml."""
    base = (SCHEMA / "openapi.yaml").as_uri()
    schema = copy.deepcopy(schema)
    if closed:
        schema = _closed(schema)
    errors = _errors(_validator(schema, base, closed), value)
    assert not errors, f"{errors}\n{json.dumps(value, indent=1)[:3000]}"
    return value


def resolve(node):
    """Follows a $ref inside openapi.yaml."""
    while isinstance(node, dict) and "$ref" in node and node["$ref"].startswith("#/"):
        at = openapi()
        for step in node["$ref"][2:].split("/"):
            at = at[step]
        node = at
    return node
