#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of this folder: keys, signatures and envelopes that are almost right, made from the definitions
(RFC 8032, FIPS 186-4, SEC 1, X.690, DSSE 1.0) in plain integers, the same bytes each time.

    make_vectors.py            writes ed25519.json, p256.json, dsse.json
    make_vectors.py --check    compares them with what it would write, and the honest ones with python3-cryptography
"""

import json
import pathlib
import sys

import dsse
import ed25519
import p256

FOLDER = pathlib.Path(__file__).parent


def main():
    bad = 0
    for module in (ed25519, p256, dsse):
        table = module.make()
        path = FOLDER / f"{module.__name__}.json"
        text = json.dumps(table, indent=0) + "\n"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
            continue
        if hasattr(module, "confirm"):
            module.confirm(table)
        if not path.exists() or path.read_text() != text:
            print(f"{path.name} is not what make_vectors.py writes; run it", file=sys.stderr)
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
