# SPDX-License-Identifier: Apache-2.0
"""tuf-js, as npm installs it from package-lock.json, run by update.js."""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
INSTALLED = HERE.parents[1] / "build" / "tuf-js"  # of all builds, since it is the same for each


def _npm(*args):
    try:
        return subprocess.run(["npm", *args], cwd=INSTALLED, capture_output=True, text=True, timeout=200)
    except FileNotFoundError:
        raise AssertionError("there is no npm; install the packages of tools/packages.txt") from None
    except subprocess.TimeoutExpired as e:
        raise AssertionError(f"npm did not end in {e.timeout:.0f} s; is the package registry within reach?") from None


def install():
    """`npm ci`, once for each state of the lock file; its hashes are what makes the packages the right ones."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with open(INSTALLED / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several parts of the tests may begin at once
        wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("package.json",
                                                                                 "package-lock.json"))).hexdigest()
        stamp = INSTALLED / ".installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return INSTALLED / "node_modules"
        stamp.unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, INSTALLED / name)
        done = _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1")
        assert done.returncode == 0, ("tuf-js could not be installed (npm ci in build/tuf-js; it needs the network):\n"
                                      + done.stdout[-2000:] + done.stderr[-4000:])
        stamp.write_text(wanted)
        return INSTALLED / "node_modules"


class Client:
    """One client with a cache of its own, which begins with a trusted root."""

    def __init__(self, folder, root, url, ca, metadata="/tuf/metadata", targets="/tuf/targets"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "root.json").write_bytes(root)
        self.metadata, self.targets, self.ca = url + metadata, url + targets, ca

    def update(self, *wanted):
        """-> {path: bytes, or None when no role lists it}; or the text of the refusal"""
        job = {"metadata": self.metadata, "targets": self.targets, "folder": str(self.folder), "wanted": wanted}
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("NODE_")}
        environment |= {"NODE_PATH": str(install()), "NODE_EXTRA_CA_CERTS": str(self.ca)}
        done = subprocess.run(["node", str(HERE / "update.js"), json.dumps(job)], capture_output=True, text=True,
                              timeout=120,
                              env=environment)
        assert done.returncode == 0 and done.stdout, (done.returncode, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        if "refused" in answer:
            return answer["refused"]
        found = {}
        for path, target in answer["downloaded"].items():
            found[path] = pathlib.Path(target["file"]).read_bytes() if target else None
            assert target is None or hashlib.sha256(found[path]).hexdigest() == target["hashes"]["sha256"]
        return found

    def kept(self, role):
        """The version of a role that the client keeps, None when it keeps none."""
        file = self.folder / f"{role}.json"
        return json.loads(file.read_bytes())["signed"]["version"] if file.exists() else None
