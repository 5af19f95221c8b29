# SPDX-License-Identifier: Apache-2.0
"""Tests that mostly wait (a client polls thrice before it gives up) run side by side, some ahead of their turn. Each is
still a test of its own: its turn comes, it waits for its own end, and fails with its own failure.

A module asks for it with `pytestmark = pytest.mark.attack`; it concerns the tests that take a `scene` and parameters and
no other fixture. The fixture gives the name of the way only; the scene is made, and stopped, in the test's own thread."""

import concurrent.futures
import inspect
import os

from .attacks import Scene

WORKERS = 3 * (os.cpu_count() or 2)


class Crew:
    def __init__(self, session):
        self.pool = concurrent.futures.ThreadPoolExecutor(WORKERS, "attack")
        self.folder = session.config._tmp_path_factory.mktemp("attacks")
        self.future = {item.nodeid: self.pool.submit(self.run, number, item)
                       for number, item in enumerate(i for i in session.items if concerns(i))}

    def run(self, number, item):
        given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        way = given.pop("scene", getattr(item.module, "WAY", "poll"))
        scene = Scene(self.folder / str(number), way)
        try:
            item.function(scene=scene, **given)
        finally:
            scene.stop()


def concerns(item):
    if not item.get_closest_marker("attack"):
        return False
    wanted = set(inspect.signature(item.function).parameters)
    given = set(item.callspec.params) if hasattr(item, "callspec") else set()
    return "scene" in wanted and wanted <= given | {"scene"}


def pytest_pyfunc_call(pyfuncitem):
    """Hook: waits for the test instead of running it; None: not ours."""
    session = pyfuncitem.session
    if not concerns(pyfuncitem):
        return None
    if not hasattr(session, "crew"):
        session.crew = Crew(session)
    session.crew.future[pyfuncitem.nodeid].result()
    return True


def pytest_sessionfinish(session):
    """Hook: what was not waited for (-x) is not begun any more."""
    if hasattr(session, "crew"):
        session.crew.pool.shutdown(cancel_futures=True)
