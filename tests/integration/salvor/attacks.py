# SPDX-License-Identifier: Apache-2.0
"""The scene of an attack on `salvor-recover`: a machine in need, a plane that serves it, and what must hold afterwards.

Every attack is made with what is wrong in the poll's answer and with what is wrong under /tuf/, many from a folder
(`--bundle`) too, and ends with Scene.control(): the same machine takes the same campaign once the defect is gone. So no
attack is refused because of something else, and none leaves a machine behind that cannot be helped any more.
"""

import re
import shutil

from . import tuf
from .plane import Machine, Plane

UNABLE = "recover.unable_to_update"


def lines(log, event):
    return [line for line in log.splitlines() if f" {event} " in f"{line} "]


class Scene:
    def __init__(self, folder, way="poll", repo=None, kind="bad"):
        """way: "poll" (all comes with the answer), "files" (all has to be fetched from /tuf/), "bundle" (a folder)."""
        folder.mkdir(exist_ok=True)
        self.way = way
        self.bundle = folder / "bundle"
        self.plane = Plane(folder / "server", repo)
        self.plane.inline = way == "poll"
        self.repo = self.plane.repo
        self.machine = Machine(folder / "client", self.plane, kind)

    def stop(self):
        self.plane.stop()

    # -- what the server says --

    def offer(self, payload=None, **how):
        """The campaign of the outage is listed and offered; returns the answer."""
        document = self.plane.offer(self.plane.payload() if payload is None else payload, **how)
        self.plane.answers = [document]
        return document

    def say(self, *args, **more):
        self.plane.answers = [self.plane.say(*args, **more)]

    # -- what the machine does --

    def run(self, *args, **how):
        """One run of the client, against the server or with the folder."""
        if self.way != "bundle":
            return self.machine.run(*args, **how)
        shutil.rmtree(self.bundle, ignore_errors=True)
        for path, data in self.repo.files.items():
            file = self.bundle / path.removeprefix("/tuf/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return self.machine.run("--bundle", self.bundle, *args, **how)

    def prime(self):
        """The machine asks once, there is nothing for it, and from then on it knows what there was."""
        asked = len(self.plane.polls)
        self.say("none")
        if self.way == "bundle":
            listed, self.repo.listed = self.repo.listed, {}
            self.repo.publish()
            assert self.run()["outcome"] == "none", self.machine.stderr
            self.repo.listed = listed
            return self
        assert self.machine.run()["outcome"] == "none", self.machine.stderr
        self.machine.run()
        have = self.plane.polls[-1]["have"]
        known = {role: self.repo.now[role][1] for role in tuf.BELOW_ROOT}
        assert {role: have.get(role) for role in known} == known, (have, known)
        del self.plane.polls[asked:]
        return self

    def untouched(self, run):
        """Runs, and sees to it that not a byte, date or mode of the tree changed and that nobody was told it had."""
        before = self.machine.picture()
        result = run()
        assert self.machine.picture() == before, "the tree was touched"
        assert "applied" not in self.plane.stages
        stored = self.machine.state / "reports"
        assert not stored.exists() or not any(stored.iterdir()), "a report is stored"
        return result

    def unable(self, file, reason, exits=6, **how):
        """The update ends without a result: said as such, nothing touched, nothing reported."""
        reports = len(self.plane.stages)
        result = self.untouched(lambda: self.run(exits=exits, **how))
        told = lines(self.machine.stderr, UNABLE)
        reasons = reason if isinstance(reason, tuple) else (reason,)
        assert any(re.search(rf'\breason="?{r}"?( |$)', line) for line in told for r in reasons), self.machine.stderr
        assert any(re.search(rf"\b{file}\b", line) for line in told), self.machine.stderr
        assert result["outcome"] not in ("none", "wait", "applied", "not_applicable"), result
        assert len(self.plane.stages) == reports, self.plane.stages
        return result

    def refused(self, why):
        """The envelope is what the server lists, and still no campaign for this machine: reported as refused."""
        result = self.untouched(lambda: self.machine.run(exits=6))
        assert result["outcome"] == "refused" and why in result["detail"], (result, self.machine.stderr)
        assert self.plane.stages == ["refused"], self.plane.stages
        assert why in self.plane.reports[0]["log"]
        self.plane.reports.clear()
        return result

    def target_refused(self, what):
        """A file is not the one that the metadata name: nothing touched, nothing reported."""
        result = self.untouched(lambda: self.run(exits=6))
        assert what in self.machine.stderr, self.machine.stderr
        assert result["outcome"] not in ("none", "wait", "applied"), result
        assert self.way == "bundle" or result["outcome"] != "refused", result
        assert self.plane.stages == [], self.plane.stages
        return result

    def control(self, **changes):
        """Without the defect the same machine takes the same campaign."""
        self.repo.mend()
        payload = self.plane.payload(**changes)
        self.repo.listed.clear()
        self.plane.answers = [self.plane.offer(payload)]
        result = self.run()
        assert result["outcome"] == "applied", (result, self.machine.stderr)
        assert self.machine.bad_is_gone()
        assert self.way == "bundle" or self.plane.stages[-1] == "applied"
