# SPDX-License-Identifier: Apache-2.0
"""Fixtures. Each server has a folder and ports of its own, so tests may run side by side."""

import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from salvor import schema, server as server_module  # noqa: E402
from salvor.crew import pytest_pyfunc_call, pytest_sessionfinish  # noqa: E402, F401
from salvor.server import Domain, Server  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than some seconds")
    config.addinivalue_line("markers", "attack: runs side by side with the others of its kind (salvor/crew.py)")
    config.addinivalue_line("markers", "no_replay: the journal is tampered with, or cannot be asked for at the end")
    config.addinivalue_line("markers", "tsan: many threads meet here; run under the thread sanitizer too")


@pytest.fixture
def domain(tmp_path):
    """A fresh trust domain, nothing running."""
    return Domain(tmp_path / "domain")


def prove(running):
    """Every story proves the rule: the decisions come out again from the journal alone."""
    if running.process is not None and running.process.poll() is None and not running.terminated:
        journal = running.journal()
        assert not journal or server_module.prove(journal)


@pytest.fixture
def server(domain, request):
    """A fresh daemon of this test alone; its journal must agree with itself, and it must end cleanly."""
    running = Server(domain).start()
    yield running
    if not request.node.get_closest_marker("no_replay"):
        prove(running)
    running.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A daemon that the tests of one file share: they use campaigns and machines of their own."""
    running = Server(Domain(tmp_path_factory.mktemp("shared") / "domain")).start()
    yield running
    prove(running)
    running.stop()


@pytest.fixture
def unchanged(request):
    """Sees to it that a test of bad input left the ledger as it was; call it once the scene is set."""
    running = request.getfixturevalue("server" if "server" in request.fixturenames else "shared")
    seen = {}

    def begin():
        seen["seq"] = running.seq()

    yield begin
    if seen:
        assert running.seq() == seen["seq"], f"the journal has grown: {json.dumps(running.events(seen['seq']))[:3000]}"


@pytest.fixture
def refused():
    """Holds a refusal against the rules that every refusal follows."""

    def check(reply, status, slug=None, pointer=None):
        wanted = (status,) if isinstance(status, int) else status
        assert reply is not None, "the connection was closed without an answer"
        assert reply.status in wanted, reply
        assert reply.type == "application/problem+json", reply
        assert reply.headers["X-Request-Id"], "no X-Request-Id"
        problem = schema.check("problem", reply.json(), closed=False)
        assert problem["status"] == reply.status
        if slug:
            assert reply.slug == slug, reply
        if pointer is not None:
            assert any(p == pointer or p.startswith(pointer + "/") for p in reply.pointers), (pointer, reply)
        if reply.status in (429, 503):
            assert reply.headers["Retry-After"], "no Retry-After"
        if reply.status == 405:
            assert reply.headers["Allow"], "no Allow"
        return reply

    return check
