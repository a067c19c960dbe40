"""A process that runs cases: it reads their names and seeds, and answers with what they gave.

It runs by itself so that a crash or a hang in machine code ends it, and not the one who counts.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

MEMORY = 8 << 30
"""Bytes that a process may have: a call that wants more is refused."""
ROOT = Path(__file__).parents[2]


class Gone(NamedTuple):
    """What became of a process that did not answer."""

    how: str


class Child:
    """A process and its pipes.

    Args:
        library: Whose functions it calls: "flambeau" or "torch"; "cuda" is flambeau on a GPU.
        judges: Does it compare with what is known, or only run?
        kernels: Are flambeau's kernels on?
        python: The interpreter.
        timeout: Seconds that a case may take.
    """

    def __init__(
        self,
        library: str = "flambeau",
        *,
        judges: bool = True,
        kernels: bool = True,
        python: str = sys.executable,
        timeout: float = 60.0,
    ):
        self.options = [library, "judge" if judges else "run"]
        self.python, self.timeout = python, timeout
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        if not kernels:
            self.environment["FLAMBEAU_KERNELS"] = "0"
        self.process: Any = None

    def command(self) -> list[str]:
        """What the process runs."""
        program = "import sys; from benchmarks.fuzz.child import serve; serve(*sys.argv[1:])"
        return [self.python, "-c", program, *self.options]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def ask(self, path: str, seed: int, without: Iterable[str], always: Iterable[str]) -> None:
        """Let it run a case; `answer` waits for it."""
        self.send((path, seed, tuple(without), tuple(always)))

    def send(self, question: tuple) -> None:
        if self.process is None:
            self.start()
        with contextlib.suppress(BrokenPipeError):  # `answer` says what became of it
            write(self.process.stdin, question)

    def answer(self) -> Any:
        """What it says of the case, or how it went."""
        end = time.monotonic() + self.timeout
        data = self._read(4, end)
        if isinstance(data, bytes):
            data = self._read(struct.unpack("<I", data)[0], end)
        if isinstance(data, bytes):
            return pickle.loads(data)
        self.stop()
        return data

    def _read(self, count: int, end: float) -> bytes | Gone:
        found = b""
        while len(found) < count:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return Gone(f"no answer in {self.timeout:.0f} s")
            part = os.read(self.process.stdout.fileno(), count - len(found))
            if not part:
                code = self.process.wait()
                name = signal.Signals(-code).name if code < 0 else f"status {code}"
                return Gone(f"the process ended: {name}")
            found += part
        return found


def write(pipe: BinaryIO, item: Any) -> None:
    data = pickle.dumps(item, protocol=5)
    pipe.write(struct.pack("<I", len(data)) + data)
    pipe.flush()


def read(pipe: BinaryIO) -> Any:
    head = pipe.read(4)
    return pickle.loads(pipe.read(struct.unpack("<I", head)[0])) if len(head) == 4 else None


def serve(library: str, task: str) -> None:
    """Answer until nobody asks any more."""
    from .case import Case
    from .judge import judge
    from .registry import entries
    from .side import side as side_of

    if library != "cuda":  # whose drivers reserve more addresses than there is memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints goes elsewhere
    side, known = side_of(library), entries()
    while (question := read(sys.stdin.buffer)) is not None:
        path, *drawn = question
        try:
            case = Case(known[path], *drawn)
            write(pipe, judge(case, side) if task == "judge" else case.run(side))
        except Exception as error:
            error.add_note(f"in case {path}: {drawn}")
            write(pipe, Gone(f"the fuzzer failed: {''.join(traceback.format_exception(error))}"))
