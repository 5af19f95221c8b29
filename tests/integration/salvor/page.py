# SPDX-License-Identifier: Apache-2.0
"""The commands of a page of the documentation, read from the page and run as a person would: at a terminal.

In a ```console block a line `PROMPT$ COMMAND` (or `PROMPT# …`) is a command; one that ends with `\\` goes on in the next line.
What follows is what it prints: `…` stands for any text in a line, a line `...` for any lines, and `(exit N)` for its exit code.
Without any such line but `...` only the exit code counts."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from types import SimpleNamespace

from .wait import ROOT, SLOWER

PROMPT = re.compile(r"^([a-z]+)[$#] (.*)$")


def section(page, title):
    """The commands of the section with this title, in their order."""
    text = (ROOT / page).read_text()
    found = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text)
    assert found, f"{page} has no section {title!r}"
    commands = []
    for block in re.findall(r"(?ms)^```console\n(.*?)^```", found[1]):
        lines = iter(block.splitlines())
        for line in lines:
            prompt = PROMPT.match(line)
            if not prompt:
                commands[-1].says.append(line)
                continue
            where, command = prompt.groups()
            while command.endswith("\\"):
                command = command[:-1].rstrip() + " " + next(lines).strip()
            commands.append(SimpleNamespace(where=where, command=command, says=[], code=0))
    assert commands, title
    for command in commands:
        if command.says and (code := re.fullmatch(r"\(exit (\d+)\)", command.says[-1])):
            command.code = int(code[1])
            command.says.pop()
    return commands


def pattern(says):
    """The expected lines as an expression over the whole output."""
    out = ""
    for line in says:
        if line == "...":
            out += r"(?:[^\n]*\n)*?"
        else:
            out += ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
    return out


def at_terminal(command, folder, environment, answers, seconds=30):
    """Runs a command at a terminal of its own; a question of `answers` gets the answer. -> (code, output)"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("bash", ["bash", "-e", "-c", command], environment)
    seen, asked, end, status = "", 0, time.monotonic() + seconds * SLOWER, None
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        try:
            data = os.read(terminal, 4096) if ready else b""
        except OSError:  # nobody has it open: between two programs, or for good
            data = b""
        seen += data.decode()
        for question, answer in answers.items():
            if found := re.search(question, seen[asked:]):
                asked += found.end()
                os.write(terminal, answer.encode() + b"\n")
        if not data and status is not None:
            break
        if not data:
            ended, ending = os.waitpid(pid, os.WNOHANG)
            status = ending if ended else None  # what it wrote last is still to be read
            if not ended and time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise AssertionError(f"{command!r} does not end: {seen!r}")
            if not ended and ready:
                time.sleep(0.005)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), seen.replace("\r\n", "\n")


def play(commands, folder, environment, answers, instead):
    """Plays them in a folder. `instead` maps commands that belong to the machine to functions that do the same here."""
    for step in commands:
        if step.command in instead:
            instead[step.command]()
            continue
        code, output = at_terminal(step.command, folder, environment, answers)
        assert code == step.code, f"{step.where}$ {step.command}\nexit {code}, the page says {step.code}:\n{output}"
        if any(line != "..." for line in step.says):
            assert re.fullmatch(pattern(step.says), output), (
                f"{step.where}$ {step.command}\nsays\n{output}\nand the page says\n" + "\n".join(step.says))


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60 * SLOWER, **kw)
