# SPDX-License-Identifier: Apache-2.0
"""Artifacts: streamed in, kept as files, served in ranges (RFC 9110)."""

import hashlib
import os
import random

import pytest

from salvor.wait import sanitizer, until

API = "/api/v1"
OCTETS = "application/octet-stream"


def put(server, data, sha=None, kind=OCTETS):
    sha = sha or hashlib.sha256(data).hexdigest()
    return server.admin.client.put(f"{API}/artifacts/{sha}", data, content_type=kind), sha


@pytest.fixture(scope="module")
def data():
    return random.Random(291).randbytes(100_000)


@pytest.fixture(scope="module")
def stored(shared, data):
    reply, sha = put(shared, data)
    assert reply.status in (200, 201), reply
    return sha


@pytest.fixture(scope="module")
def machine(shared):
    return shared.enroll("artifact-reader")


def get(machine, sha, method="GET", **headers):
    return machine.plane.request(method, f"/v1/artifacts/{sha}",
                                 headers={**machine.authorization, **{k.replace("_", "-"): v for k, v in headers.items()}})


def test_whole(machine, stored, data):
    reply = get(machine, stored)
    assert reply.status == 200 and reply.body == data
    assert reply.headers["ETag"] == f'"{stored}"'
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.type == OCTETS


def test_admin_reads_it_too(shared, stored, data):
    reply = shared.admin.client.get(f"{API}/artifacts/{stored}")
    assert reply.status == 200 and reply.body == data


def test_head(machine, stored, data):
    reply = get(machine, stored, "HEAD")
    assert reply.status == 200 and not reply.body and reply.headers["Content-Length"] == str(len(data))


RANGES = [("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=99999-99999", 99999, 100000), ("bytes=50000-", 50000, 100000),
          ("bytes=-1", 99999, 100000), ("bytes=-500", 99500, 100000), ("bytes=-200000", 0, 100000), ("bytes=99990-200000", 99990, 100000),
          ("bytes=0-", 0, 100000), ("Bytes=5-9", 5, 10), ("bytes=99999-99999999999999999999", 99999, 100000)]


@pytest.mark.parametrize("value,begin,end", RANGES)
def test_range(machine, stored, data, value, begin, end):
    reply = get(machine, stored, Range=value)
    assert reply.status == 206, reply
    assert reply.body == data[begin:end]
    assert reply.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(data)}"
    assert reply.headers["ETag"] == f'"{stored}"'


@pytest.mark.parametrize("value", ["bytes=100000-", "bytes=100000-100001", "bytes=-0", "bytes=200000-300000"])
def test_unsatisfiable(machine, stored, refused, data, value):
    reply = refused(get(machine, stored, Range=value), 416)
    assert reply.headers["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("value", ["bytes=9-5", "bytes=a-b", "bytes=", "bytes", "lines=1-2", "bytes=1", "bytes=--5", "bytes= 1-2 x",
                                   "", "bytes=-"])
def test_malformed_range_is_ignored(machine, stored, data, value):
    """RFC 9110 section 14.2: an invalid or unknown range is as if there were none."""
    reply = get(machine, stored, Range=value)
    assert reply.status in (200, 400, 416), reply
    assert reply.status == 200 or value in ("bytes=9-5",) or reply.status == 400, reply
    if reply.status == 200:
        assert reply.body == data


def test_several_ranges(machine, stored, data):
    """May be answered whole, coalesced or as multipart; never with wrong bytes."""
    reply = get(machine, stored, Range="bytes=0-1,5-6")
    assert reply.status in (200, 206, 416), reply
    if reply.status == 200:
        assert reply.body == data


@pytest.mark.parametrize("condition,status", [("etag", 206), ("other", 200), ("weak", 200), ("date", 200)])
def test_if_range(machine, stored, data, condition, status):
    value = {"etag": f'"{stored}"', "other": '"x"', "weak": f'W/"{stored}"', "date": "Fri, 19 Jul 2024 05:27:00 GMT"}[condition]
    reply = get(machine, stored, Range="bytes=0-9", If_Range=value)
    assert reply.status == status, reply
    assert reply.body == (data[:10] if status == 206 else data)


@pytest.mark.parametrize("value", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_not_modified(machine, stored, value):
    reply = get(machine, stored, If_None_Match=value.format(stored))
    assert reply.status == 304 and not reply.body
    assert reply.headers["ETag"] == f'"{stored}"'


def test_modified(machine, stored, data):
    assert get(machine, stored, If_None_Match='"x"').body == data


def test_not_there(machine, refused):
    refused(get(machine, "0" * 64), 404)


@pytest.mark.parametrize("name", ["x", "F" * 64, "0" * 63, "0" * 65, "..", "%2e%2e"])
def test_bad_name(shared, machine, refused, name):
    reply = machine.plane.raw(f"GET /v1/artifacts/{name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                              f"{machine.token}\r\n\r\n".encode())
    assert reply is None or reply.status in (400, 404), reply


def test_hash_is_the_capability(shared, stored, data):
    """A path without a machine's id cannot ask for a machine's token; who knows the hash may have the bytes."""
    reply = shared.anonymous.get(f"/v1/artifacts/{stored}")
    assert reply.status == 200 and reply.body == data


def test_wrong_hash(shared, machine, unchanged, refused, data):
    """Refused, and nothing is left behind."""
    wrong = hashlib.sha256(b"else").hexdigest()
    folder = shared.domain.path / "state"
    before = {p for p in folder.rglob("*") if p.is_file()}
    unchanged()
    reply, _ = put(shared, data, wrong)
    refused(reply, (400, 409))
    refused(get(machine, wrong), 404)
    until(lambda: {p for p in folder.rglob("*") if p.is_file()} <= before, "no half file is left")


def test_wrong_type(shared, unchanged, refused):
    unchanged()
    refused(put(shared, b"abc", kind="text/plain")[0], 415)


def test_empty(shared, machine):
    reply, sha = put(shared, b"")
    assert reply.status in (200, 201), reply
    got = get(machine, sha)
    assert got.status == 200 and got.body == b""


def test_put_again(shared, stored, data):
    assert put(shared, data)[0].status in (200, 201)


def test_large_is_streamed(shared, machine):
    """32 MiB: the daemon must not hold it in memory."""
    data = os.urandom(1024 * 1024) * 32

    def resident():
        for line in open(f"/proc/{shared.process.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1])

    before = resident()
    reply, sha = put(shared, data)
    assert reply.status in (200, 201), reply
    got = get(machine, sha)
    assert hashlib.sha256(got.body).hexdigest() == sha
    if not sanitizer():
        assert resident() - before < 16 * 1024, f"{resident() - before} KiB more"


def test_broken_upload_leaves_nothing(shared, machine, unchanged):
    sha = hashlib.sha256(b"y" * 1000).hexdigest()
    folder = shared.domain.path / "state"
    unchanged()
    with shared.admin.client.open_raw() as sock:
        sock.sendall(f"PUT {API}/artifacts/{sha} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {OCTETS}\r\n"
                     "Content-Length: 1000\r\n\r\n".encode() + b"y" * 500)
    until(lambda: get(machine, sha).status == 404, "it is not there")
    until(lambda: not [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size == 500], "no half file is left")


def test_delete(shared, machine, refused):
    reply, sha = put(shared, b"to be deleted")
    assert get(machine, sha).status == 200
    assert shared.admin.client.delete(f"{API}/artifacts/{sha}").status == 204
    refused(get(machine, sha), 404)
    refused(shared.admin.client.delete(f"{API}/artifacts/{sha}"), 404)


def test_artifacts_survive_a_restart(server):
    machine = server.enroll("m")
    reply, sha = put(server, b"kept")
    assert reply.status in (200, 201)
    server.kill()
    server.start()
    machine.plane = server.machine_plane()
    assert get(machine, sha).body == b"kept"
