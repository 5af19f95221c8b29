# SPDX-License-Identifier: Apache-2.0
"""The signing process of salvord, spoken to directly: what a daemon could say to it that is no longer itself.

Messages (server/signer/internal.h): "SAL", a kind, a length, a body of fields; numbers are big-endian, bytes and texts
have their length before them, a text counts its NUL."""

import os
import socket
import subprocess

from .server import SANITIZER, program

REQUEST, READY, ANSWER, REFUSAL = range(4)
FILES = ("root", "timestamp", "snapshot", "targets", "campaigns")
MADE = ("timestamp", "snapshot", "campaigns")
ADMISSIONS = ("yes", "envelope", "signatures", "payload", "trust-domain", "name", "revoked", "expired", "twice",
              "too-many", "internal")
SOCKET = 3  # the descriptor that the process expects


class Refused(Exception):
    """The signer made nothing; the text says why."""


def field(data):
    return len(data).to_bytes(4, "big") + data


def text(value):
    return field(value.encode() + b"\0")


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        assert len(taken) == count, "the message is cut off"
        return taken

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def field(self):
        return self.take(self.number(4))

    def error(self):
        self.number(4)
        detail, *_ = [self.field().rstrip(b"\0").decode() for _ in range(4)]
        return detail


class Answer:
    """files: role -> bytes; versions: role -> int; verdicts: (slug, why) per envelope; listed: how many."""

    def __init__(self, body):
        reader = Reader(body)
        self.files, self.versions, self.anew = {}, {}, {}
        for role in FILES:
            self.anew[role] = bool(reader.number(1))
            self.versions[role] = reader.number(8)
            reader.number(8)
            if role in MADE:
                self.files[role] = reader.field()
        self.listed = reader.number(4)
        self.verdicts = []
        for _ in range(reader.number(4)):
            slug = ADMISSIONS[reader.number(1)]
            self.verdicts.append((slug, "" if slug == "yes" else reader.error()))
        assert reader.data == b""


class Signer:
    """The process, with its pinned root, its key and a folder for its marks."""

    def __init__(self, root, key, marks):
        self.arguments = ["salvord: signer", "--as-signer", str(root), str(marks), "new", str(key)]
        self.process = None
        self.start()

    def start(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.process = subprocess.Popen(self.arguments, executable=program("salvord"), pass_fds=(SOCKET,),
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), SOCKET), stderr=subprocess.PIPE)
        theirs.close()
        self.socket = ours
        kind, body = self.receive()
        if kind == REFUSAL:
            raise Refused(Reader(body).error())
        assert kind == READY and body == b""

    def stop(self):
        """It ends by itself when nobody is there any more."""
        self.socket.close()
        said = self.process.stderr.read()
        assert not SANITIZER.search(said), said.decode()
        return self.process.wait(timeout=20)

    def restart(self):
        self.stop()
        self.start()

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the signer has ended")
            data += part
        return data

    def receive(self):
        head = self.exactly(8)
        assert head[:3] == b"SAL"
        return head[3], self.exactly(int.from_bytes(head[4:], "big"))

    def make(self, files=None, policy=b"", envelopes=(), roots=(), renew=False):
        """files: role -> bytes; envelopes: (path, bytes). -> Answer, or Refused"""
        files = files or {}
        body = bytes([renew]) + len(roots).to_bytes(4, "big") + b"".join(field(r) for r in roots)
        body += b"".join(field(files.get(role, b"")) for role in FILES[1:]) + field(policy)
        body += len(envelopes).to_bytes(4, "big") + b"".join(text(p) + field(e) for p, e in envelopes)
        self.socket.sendall(b"SAL" + bytes([REQUEST]) + field(body))
        kind, body = self.receive()
        if kind == REFUSAL:
            raise Refused(Reader(body).error())
        assert kind == ANSWER
        return Answer(body)
