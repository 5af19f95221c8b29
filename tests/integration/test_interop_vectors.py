# SPDX-License-Identifier: Apache-2.0
"""The tables of tests/unit/trust/vectors are what their generator writes, and its honest signatures satisfy other code."""

import subprocess
import sys

from salvor.wait import ROOT


def test_the_tables_are_what_the_generator_writes():
    script = ROOT / "tests" / "unit" / "trust" / "vectors" / "make_vectors.py"
    done = subprocess.run([sys.executable, "-B", str(script), "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
