"""How the processes of a run hear that one of them has failed.

Rank 0 listens; every process holds a connection to it. One that ends well says goodbye. A connection that breaks without,
or a traceback that a process sends before it ends, is told to all, and whoever waits for that process stops waiting.
(One that hangs says nothing: the group's timeout is for that.)
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from datetime import timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Any

from .kinds import DistBackendError, DistError
from .store import Store, TCPStore

GRACE = 3.0
"""Seconds that a process is given to leave a call of MPI that cannot be left, once another has failed."""
_LONGEST = 20_000
"""Characters of a traceback that is told."""


class Lifeline:
    """One process' hold on the run.

    Args:
        store: By which rank 0 says where it listens.
        host: Where rank 0 can be reached.
        name: Of this world, for the store.
    """

    def __init__(self, rank: int, size: int, store: Store, host: str, name: str) -> None:
        self.rank, self.size = rank, size
        self.failure = ""
        """What is known of a process that has failed."""
        self.inside: float | None = None
        """Since when this process is in a call of MPI that it cannot leave."""
        self._ended = Event()
        limit = timedelta(days=3650)
        if rank == 0:
            self.line = TCPStore(host, 0, None, True, limit, False)
            store.set(name, str(self.line.port))
        else:
            self.line = TCPStore(host, int(store.get(name)), None, False, limit, False)
        self.line.hold(f"rank {rank} has ended without a word (killed, or out of memory?)")
        self._heard = self.line.clone()
        self._wait_for_all()
        Thread(target=self._listen, name="lifeline", daemon=True).start()

    def _wait_for_all(self) -> None:
        """Rank 0 goes on when nobody needs its store before MPI is there: nothing runs beside the start of MPI."""
        if self.rank:
            self.line.come("come")
            return
        while self.line.add("come", 0) < self.size - 1:
            time.sleep(1e-3)

    def _listen(self) -> None:
        try:
            self.failure = self._heard.failure()
        except DistError:
            if not self._ended.is_set():
                self.failure = "rank 0 has ended"
        if self._ended.is_set() or not self.failure:
            return
        while self.inside is None or time.monotonic() - self.inside < GRACE:
            time.sleep(0.1)
            if self._ended.is_set():
                return
        print(f"[rank {self.rank}] ends: {self.failure}", file=sys.stderr, flush=True)
        os._exit(1)

    def check(self) -> None:
        """Raises DistBackendError if a process is known to have failed."""
        if self.failure:
            raise DistBackendError(self.failure)

    def fail(self, text: str) -> None:
        """Tell all that this process has failed."""
        with contextlib.suppress(DistError):  # nobody may listen any more
            self.line.fail(text[-_LONGEST:])

    def close(self) -> None:
        """Say goodbye."""
        if self._ended.is_set():
            return
        self._ended.set()
        self.line.release()


current: Lifeline | None = None
"""This process' own."""
has_failed = False
"""Is an exception ending this process?"""


def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What Python calls with an exception that ends it: tells the others, then does what was done before."""
    global has_failed
    has_failed = True
    if current is not None and not isinstance(error, SystemExit):
        lines = "".join(traceback.format_exception(kind, error, trace))
        write_down(error, lines)
        current.fail(f"rank {current.rank} has failed:\n{lines}")
    _before(kind, error, trace)


def write_down(error: BaseException, lines: str) -> None:
    """Leave a traceback where a launcher looks for it (torchrun's form)."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path:
        return
    info = {"py_callstack": lines[-_LONGEST:], "timestamp": str(time.time())}
    info["misses_another"] = str(isinstance(error, DistBackendError))
    with contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as file:
        json.dump(
            {"message": {"message": f"{type(error).__name__}: {error}", "extraInfo": info}}, file
        )


_before: Any = sys.excepthook


def begin(line: Lifeline) -> None:
    """Hold on to the run, and tell it if this process fails."""
    global current, _before
    current = line
    if sys.excepthook is not told:
        _before, sys.excepthook = sys.excepthook, told


def end() -> None:
    """Let go."""
    global current
    if current is not None:
        current.close()
        current = None
        if sys.excepthook is told:
            sys.excepthook = _before
