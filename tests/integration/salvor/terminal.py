# SPDX-License-Identifier: Apache-2.0
"""A program at a terminal of its own: what it asks is read, what a person would type is typed."""

import os
import pty
import select
import termios
import time

from salvor.server import program


class Terminal:
    """A program whose controlling terminal is ours to type at."""

    def __init__(self, *args, columns=0):
        pid, self.fd = pty.fork()
        if pid == 0:
            termios.tcsetwinsize(0, (0, columns))
            os.execv(program("salvorctl"), [program("salvorctl"), *map(str, args)])
        self.pid = pid
        self.said = ""

    def expect(self, text):
        deadline = time.monotonic() + 30
        while text not in self.said:
            assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], self.said
            self.said += os.read(self.fd, 4096).decode()
        seen, self.said = self.said.split(text, 1)
        return seen + text

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The rest of what it says, and its wait status."""
        deadline = time.monotonic() + 60
        try:
            while True:
                assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], self.said
                data = os.read(self.fd, 4096)
                if not data:
                    break
                self.said += data.decode()
        except OSError:
            pass  # the terminal is gone with the program
        os.close(self.fd)
        return self.said, os.waitpid(self.pid, 0)[1]
