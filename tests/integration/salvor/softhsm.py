# SPDX-License-Identifier: Apache-2.0
"""Tokens of SoftHSM in a folder of their own, and keys on them made by pkcs11-tool."""

import os
import re
import subprocess

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "71524"
SO_PIN = "99887766"


class SoftHSM:
    """Every program that is to see the tokens runs with `environment`."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "tokens").mkdir(parents=True)
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(conf)}

    def run(self, *command):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.environment})  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    def add_token(self, label):
        """Returns its serial number."""
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN)
        slots = self.run("softhsm2-util", "--show-slots")
        return re.search(r"Serial number:\s+(\w+)\s+Initialized:\s+yes\s+User PIN init\.:\s+yes\s+Label:\s+%s\s" % label,
                         slots)[1]  # fmt: skip

    def tool(self, label, *args):
        return self.run("pkcs11-tool", "--module", MODULE, "--token-label", label, "--login", "--pin", PIN, *args)

    def add_key(self, token, kind, label, number="01"):
        """kind: as pkcs11-tool names it, for example EC:edwards25519."""
        self.tool(token, "--keypairgen", "--key-type", kind, "--usage-sign", "--label", label, "--id", number)

    def drop(self, token, kind, label):
        """kind: privkey or pubkey."""
        self.tool(token, "--delete-object", "--type", kind, "--label", label)
