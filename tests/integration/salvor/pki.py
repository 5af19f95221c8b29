# SPDX-License-Identifier: Apache-2.0
"""Certificates, issued with the openssl program from the CAs that `salvorctl init` made, or from others."""

import subprocess


def _openssl(*args, **kw):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, **kw)
    assert done.returncode == 0, f"openssl {' '.join(map(str, args))}: {done.stderr}"
    return done.stdout


def make_ca(folder, name):
    """A CA of its own; returns (certificate, key)."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt,
             "-days", "10", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return crt, key


def issue(folder, ca, common_name, expired=False, usage="clientAuth", names=None, file=None):
    """A certificate for a client (or with usage serverAuth for a server); returns (certificate, key)."""
    ca_crt, ca_key = ca
    file = file or common_name.replace(":", "_").replace("/", "_")
    crt, key, csr, ext = (folder / f"{file}.{s}" for s in ("crt", "key", "csr", "ext"))
    _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
             "-subj", f"/CN={common_name}")
    text = f"basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
    if names:
        text += f"subjectAltName={names}\n"
    ext.write_text(text)
    if expired:
        _sign_expired(folder, ca_crt, ca_key, csr, crt, ext)
    else:
        _openssl("x509", "-req", "-in", csr, "-CA", ca_crt, "-CAkey", ca_key, "-set_serial", serial(), "-days", "5",
                 "-extfile", ext, "-out", crt)
    return crt, key


_serial = 0x5A1000


def serial():
    global _serial
    _serial += 1
    return str(_serial)


def _sign_expired(folder, ca_crt, ca_key, csr, crt, ext):
    """`openssl x509` cannot set past dates; `openssl ca` can."""
    base = folder / f"{crt.stem}.ca"
    base.mkdir()
    (base / "index.txt").write_text("")
    (base / "serial").write_text("5A17\n")
    conf = base / "ca.conf"
    conf.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\nnew_certs_dir={base}\n"
                    "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
    _openssl("ca", "-batch", "-notext", "-config", conf, "-cert", ca_crt, "-keyfile", ca_key, "-in", csr, "-out", crt,
             "-extfile", ext, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
