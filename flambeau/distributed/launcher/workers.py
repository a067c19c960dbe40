"""The processes of one machine: starting them, hearing of the first that fails, ending the others."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRACE = 5.0
"""Seconds between the request to end and the kill."""


@dataclass
class Failure:
    """How a process has failed.

    Attributes:
        rank, local_rank, pid: Which it was.
        code: Its exit code; of a signal, the number below zero.
        trace: Its traceback, if it has left one.
        time: When, by the clock of its machine.
        follows: Did it fail because another had?
    """

    rank: int
    local_rank: int
    pid: int
    code: int
    trace: str
    time: float
    follows: bool = False

    def __str__(self) -> str:
        how = f"exit code {self.code}"
        if self.code < 0:
            with contextlib.suppress(ValueError):
                how = f"signal {signal.Signals(-self.code).name}"
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        text = f"rank {self.rank} (local rank {self.local_rank}, process {self.pid}) failed with {how} at {when}"
        return f"{text}\n{self.trace.rstrip()}" if self.trace else text


def _order(failure: Failure) -> tuple[int, float]:
    """Causes before what follows from them: who raised by itself, who was killed, then who missed another."""
    kind = 3 if failure.follows else 0 if failure.trace else 1 if failure.code < 0 else 2
    return kind, failure.time


def _die_with_parent() -> None:
    """Ask the system (Linux) to end this process when its launcher ends."""
    if sys.platform == "linux":
        _PRCTL(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


try:
    _PRCTL: Any = ctypes.CDLL(None).prctl
except (OSError, AttributeError, TypeError):  # no such library

    def _PRCTL(*given: int) -> int:
        return 0


class Workers:
    """The processes of this machine, of one attempt.

    Args:
        command: What each runs.
        environments: The environment of each.
        log_dir: Where files go for what they print; None for a temporary directory.
        redirected, teed: For each, what is printed to files, and what to files and here (1 stdout, 2 stderr).
        shown: The local ranks whose prints come here; empty for all.
        role: What to call them.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        log_dir: str | None,
        redirected: Sequence[int],
        teed: Sequence[int],
        shown: set[int],
        role: str,
        attempt: int,
    ) -> None:
        self.role = role
        self._failed: dict[int, Failure] = {}
        self._folder = (
            Path(log_dir or tempfile.mkdtemp(prefix="flambeau-run-")) / f"attempt_{attempt}"
        )
        self._kept = log_dir is not None
        self.processes: list[subprocess.Popen] = []
        self.ranks = [int(e["RANK"]) for e in environments]
        self._errors: list[Path] = []
        self._pumps: list[threading.Thread] = []
        self._files: list[Any] = []
        for i, environment in enumerate(environments):
            folder = self._folder / str(i)
            folder.mkdir(parents=True, exist_ok=True)
            error = folder / "error.json"
            error.unlink(missing_ok=True)
            self._errors.append(error)
            streams = [
                self._stream(folder, i, bit, redirected[i], teed[i], not shown or i in shown)
                for bit in (1, 2)
            ]
            self.processes.append(
                subprocess.Popen(
                    list(command),
                    env={**environment, "TORCHELASTIC_ERROR_FILE": str(error)},
                    stdout=streams[0],
                    stderr=streams[1],
                    preexec_fn=_die_with_parent if os.name == "posix" else None,
                )
            )
            self._pump(i, streams, teed[i], not shown or i in shown)

    def _stream(
        self, folder: Path, i: int, bit: int, redirected: int, teed: int, shown: bool
    ) -> Any:
        if teed & bit:
            return subprocess.PIPE
        if redirected & bit or not shown:
            file = (folder / ("stdout.log" if bit == 1 else "stderr.log")).open("wb")
            self._files.append(file)
            return file
        return None

    def _pump(self, i: int, streams: Sequence[Any], teed: int, shown: bool) -> None:
        """Print what a process prints, with its name, and to a file."""
        process = self.processes[i]
        for bit, source, target in (
            (1, process.stdout, sys.stdout),
            (2, process.stderr, sys.stderr),
        ):
            if not teed & bit or source is None:
                continue
            path = self._folder / str(i) / ("stdout.log" if bit == 1 else "stderr.log")

            def run(source: Any = source, target: Any = target, path: Path = path) -> None:
                with path.open("wb") as file:
                    for line in source:
                        file.write(line)
                        file.flush()
                        if shown:
                            target.write(f"[{self.role}{i}]:{line.decode(errors='replace')}")
                            target.flush()

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            self._pumps.append(thread)

    def failure(self) -> Failure | None:
        """The first that has failed; None while none has."""
        for i, process in enumerate(self.processes):
            code = process.poll()
            if code and i not in self._failed:
                self._failed[i] = self._described(i, code)
        return min(self._failed.values(), key=_order, default=None)

    def _described(self, i: int, code: int) -> Failure:
        trace, when, follows = "", time.time(), False
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(self._errors[i].read_text(encoding="utf-8"))
            info = said["message"]["extraInfo"]
            trace, when = info["py_callstack"], float(info["timestamp"])
            follows = info.get("misses_another") == "True"
        return Failure(self.ranks[i], i, self.processes[i].pid, code, trace, when, follows)

    def done(self) -> bool:
        """Have all ended well?"""
        return all(process.poll() == 0 for process in self.processes)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask all to end, and kill those that do not."""
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
        deadline = time.monotonic() + GRACE
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.close()

    def close(self) -> None:
        """Read what they have printed to its end."""
        for thread in self._pumps:
            thread.join(2)
        for file in self._files:
            file.close()
        if not self._kept:
            import shutil

            shutil.rmtree(self._folder.parent, ignore_errors=True)


def environments(
    count: int,
    first: int,
    node: int,
    nodes: int,
    size: int,
    address: str,
    port: int,
    options: Any,
    attempt: int,
    secret: str,
) -> list[dict[str, str]]:
    """The environment of each process of this machine: torchrun's variables."""
    common = dict(os.environ)
    common |= {
        "GROUP_RANK": str(node),
        "GROUP_WORLD_SIZE": str(nodes),
        "LOCAL_WORLD_SIZE": str(count),
        "WORLD_SIZE": str(size),
        "ROLE_WORLD_SIZE": str(size),
        "ROLE_NAME": options.role,
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RESTART_COUNT": str(attempt),
        "TORCHELASTIC_MAX_RESTARTS": str(options.max_restarts),
        "TORCHELASTIC_RUN_ID": options.rdzv_id,
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "FLAMBEAU_DISTRIBUTED_SECRET": secret,
    }
    if "OMP_NUM_THREADS" not in os.environ:
        common["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // count))
    return [
        {**common, "RANK": str(first + i), "ROLE_RANK": str(first + i), "LOCAL_RANK": str(i)}
        for i in range(count)
    ]
