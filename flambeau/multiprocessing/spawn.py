"""Several processes that run one function: starting them, and hearing of the first that fails.

Source: torch.multiprocessing.spawn
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Callable
from multiprocessing import connection
from pathlib import Path
from typing import Any

from .._caller import warn

ENV_VAR_PARALLEL_START = "TORCH_MP_PARALLEL_START"
"""PyTorch's variable; processes are started one after the other here, whatever it says."""
_GRACE = 30.0
_log = logging.getLogger(__name__)


class ProcessException(Exception):
    """A process of several has failed.

    Attributes:
        msg: How.
        error_index: Its number.
        error_pid: Its id.
    """

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid = msg, error_index, error_pid

    def __reduce__(self) -> tuple:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """An exception has ended it; the message has its traceback."""


class ProcessExitedException(ProcessException):
    """A signal has ended it, or it has left with an exit code.

    Attributes:
        exit_code: The code; of a signal, its number below zero.
        signal_name: "SIGKILL" or the like; None where it was no signal.
    """

    def __init__(
        self,
        msg: str,
        error_index: int,
        error_pid: int,
        exit_code: int,
        signal_name: str | None = None,
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> tuple:
        return type(self), (*super().__reduce__()[1], self.exit_code, self.signal_name)


def _run(fn: Callable, index: int, args: tuple, report: str) -> None:
    """What a process does: call the function, and write down what it raises."""
    _end_with_parent()
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted too
    except Exception:
        Path(report).write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(1)


def _end_with_parent() -> None:
    """Ask the system (Linux) to interrupt this process when its parent ends."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT, 0, 0, 0)  # PR_SET_PDEATHSIG


class ProcessContext:
    """Processes that were started together.

    Source: torch.multiprocessing.ProcessContext
    """

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for the next process to end. If it has failed, the others are ended too.

        Args:
            timeout: Seconds to wait; None for as long as it takes.
            grace_period: Seconds that the others get to end by themselves after a failure, and once more
                after they were told to.

        Returns:
            Have all of them ended?

        Raises:
            ProcessRaisedException, ProcessExitedException: One has failed.
        """
        if not self.sentinels:
            return True
        for sentinel in connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            process = self.processes[index]
            process.join()
            if process.exitcode:
                self._end_all(grace_period)
                raise self._failure(index)
        return not self.sentinels

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))

    def _end_all(self, grace: float | None) -> None:
        if grace is not None:
            self._wait(grace)
        for process in self.processes:
            if process.is_alive():
                _log.warning("Terminating process %s via signal SIGTERM", process.pid)
                process.terminate()
        self._wait(_GRACE if grace is None else grace)
        for process in self.processes:
            if process.is_alive():
                _log.warning("Process %s does not end; killing it via SIGKILL", process.pid)
                process.kill()
            process.join()

    def _failure(self, index: int) -> ProcessException:
        process, report = self.processes[index], Path(self.error_files[index])
        if report.exists():
            text = report.read_text(encoding="utf-8")
            return ProcessRaisedException(
                f"\n\n-- Process {index} terminated with the following error:\n{text}",
                index,
                process.pid,
            )
        code, name = process.exitcode, None
        if code < 0:
            known = -code in set(signal.Signals)
            name = signal.Signals(-code).name if known else f"<Unknown signal {-code}>"
        how = f"exit code {code}" if name is None else f"signal {name}"
        return ProcessExitedException(
            f"process {index} terminated with {how}", index, process.pid, code, name
        )


class SpawnContext(ProcessContext):
    """The old name of `ProcessContext`."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        warn("SpawnContext is renamed to ProcessContext since 1.4 release.")
        super().__init__(processes, error_files)


def start_processes(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call ``fn(i, *args)`` in `nprocs` processes, i from 0.

    Args:
        fn: A function of a module, so that a new interpreter finds it.
        join: Wait until all have ended. False gives the `ProcessContext` at once.
        daemon: End them with this process.
        start_method: "spawn", "fork" or "forkserver".

    Raises:
        ProcessRaisedException, ProcessExitedException: One has failed; the others were ended.

    Source: torch.multiprocessing.start_processes
    """
    method = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="flambeau-errors-")  # which nobody else may write into
    reports = [os.path.join(folder, f"{i}.txt") for i in range(nprocs)]
    processes = []
    for i, report in enumerate(reports):
        process: Any = method.Process(target=_run, args=(fn, i, args, report), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
    context = ProcessContext(processes, reports)
    weakref.finalize(context, shutil.rmtree, folder, ignore_errors=True)
    if not join:
        return context
    while not context.join():
        pass
    return None


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`start_processes` with new interpreters.

    Source: torch.multiprocessing.spawn
    """
    if start_method != "spawn":
        warn(
            f"This method only supports start_method=spawn (got: {start_method}).\nTo use a different start_method "
            "use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
        )
    return start_processes(fn, args, nprocs, join, daemon, "spawn")
