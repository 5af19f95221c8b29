# SPDX-License-Identifier: Apache-2.0
"""Attacks with time: a server that holds a machine on what was once good, or lies about what time it is."""

import os

import pytest
from salvor import tuf
from salvor.plane import now

DAY = 86400


pytestmark = pytest.mark.attack


@pytest.fixture(params=["poll", "files"])
def scene(request):
    return request.param


# ---- freeze ----


@pytest.mark.parametrize("directive", ["none", "wait"])
def test_a_server_that_shows_the_same_for_ever(scene, directive):
    """Every file was good once. The timestamp is over, and the answer stays "nothing to do": it is not believed."""
    scene.prime()
    scene.say(directive, server_time=now(2 * DAY))
    scene.unable("timestamp", "expired")
    scene.control()


@pytest.mark.parametrize("directive", ["none", "wait"])
@pytest.mark.parametrize("metadata", [{}, None], ids=["no-news", "left-out"])
def test_a_server_that_gives_nothing_new(scene, directive, metadata):
    """It says that there are no news, or does not say a word of metadata; what the machine holds is over."""
    scene.prime()
    kept = scene.repo.files.pop("/tuf/metadata/timestamp.json")
    scene.plane.inline = False
    scene.say(directive, server_time=now(2 * DAY), **({} if metadata is None else {"metadata": metadata}))
    scene.unable("timestamp", ("expired", "unavailable"), exits=(5, 6))
    scene.repo.files["/tuf/metadata/timestamp.json"] = kept
    scene.control()


def test_a_server_that_never_gave_anything(scene):
    """A machine that holds nothing but its pinned root, and a server that says "none" and has no files."""
    files, scene.repo.files = scene.repo.files, {}
    scene.plane.inline = False
    scene.say("none")
    scene.unable("timestamp", "unavailable", exits=5)
    scene.repo.files = files
    scene.control()


def test_an_expired_timestamp_does_not_come_alive_in_an_earlier_hour(scene):
    """A campaign was accepted at a later time. Who turns the server's clock back cannot freeze the machine there."""
    old = scene.repo.saved()
    scene.repo.life |= {"timestamp": 2 * DAY}
    scene.plane.answers = [scene.plane.offer(scene.plane.payload(id="first", expires=now(3 * DAY)),
                                             server_time=now(1.5 * DAY))]
    assert scene.machine.run()["outcome"] == "applied"
    scene.plane.reports.clear()
    scene.repo.restore(old)
    scene.repo.version |= {"timestamp": 50, "snapshot": 50, "campaigns": 50}
    scene.repo.life |= {"timestamp": DAY}
    scene.offer()
    scene.unable("timestamp", "expired")
    assert scene.plane.stages == []


# ---- a clock that is wrong ----


def refused_now_and_good_later(scene, server_time):
    scene.offer(server_time=server_time)
    result = scene.untouched(lambda: scene.machine.run(exits=(5, 6)))
    assert result["outcome"] not in ("none", "wait", "applied", "refused"), result
    assert scene.plane.stages == []
    scene.control()


@pytest.mark.parametrize("seconds", [2 * DAY, 30 * DAY, 3650 * DAY, 1000000 * DAY // 400])
def test_a_server_from_the_future(scene, seconds):
    """Everything has expired by then. The machine waits, and is not lost: no word of a server is kept as time."""
    refused_now_and_good_later(scene, now(seconds))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_server_from_another_age(scene, moment):
    """In the past, the floor is the moment of the build, at which the server's own certificate is not valid yet."""
    refused_now_and_good_later(scene, moment)


@pytest.mark.parametrize("moment", ["soon", "", 1700000000, None, "2024-13-01T00:00:00Z", "0000-00-00T00:00:00Z", [],
                                    "9" * 300], ids=lambda m: str(m)[:20])
def test_a_time_that_is_none(scene, moment):
    """The machine's own clock serves instead, or the answer is none: no crash, no time that is kept."""
    scene.offer(server_time=moment)
    scene.machine.run(exits=(0, 5))
    if not scene.machine.bad_is_gone():
        scene.control()


def test_a_time_ahead_that_a_lying_server_can_make_stick(scene):
    """Within the life of a timestamp that was signed honestly, and of a campaign: it applies, and nothing is lost."""
    scene.offer(scene.plane.payload(expires=now(20 * DAY)), server_time=now(DAY - 600))
    assert scene.machine.run()["outcome"] == "applied"
    scene.repo.publish(force=True)
    again(scene)


def test_fast_forward_of_time(scene):
    """Whoever has the online keys signs timestamps for ever, and pushes the time of the machine as far as an
    author-signed campaign goes. Rotating these keys brings the machine back to the present."""
    scene.repo.life |= {"timestamp": 3650 * DAY, "snapshot": 3650 * DAY, "campaigns": 3650 * DAY}
    scene.repo.publish(force=True)
    scene.offer(scene.plane.payload(expires=now(20 * DAY)), server_time=now(4 * DAY))
    assert scene.machine.run()["outcome"] == "applied"
    scene.repo.life |= {"timestamp": DAY, "snapshot": 7 * DAY, "campaigns": 7 * DAY}
    scene.repo.rotate("timestamp", "snapshot")
    scene.repo.keys["campaigns"] = list(scene.repo.keys["timestamp"])
    scene.repo.version |= {"timestamp": 1, "snapshot": 1, "campaigns": 1}
    scene.repo.publish(force=True)
    again(scene)


def again(scene):
    """Another campaign, in the present."""
    scene.plane.reports.clear()
    bad = scene.machine.root / "Windows/System32/drivers/CrowdStrike/C-00000291-again.sys"
    bad.write_text("bad")
    os.utime(bad, (1721362140, 1721362140))
    scene.repo.listed.clear()
    scene.offer(scene.plane.payload(id="again"))
    result = scene.machine.run(boot="boot-2")
    assert result["outcome"] == "applied" and not bad.exists(), (result, scene.machine.stderr)


def test_metadata_of_the_far_future(scene):
    """An expiry beyond all reason is still one; the versions rule."""
    scene.repo.life |= dict.fromkeys(tuf.BELOW_ROOT, 200 * 365 * DAY)
    scene.repo.publish(force=True)
    scene.control()
