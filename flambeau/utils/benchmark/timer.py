"""A timer that chooses how often to run a statement, warms it up, and holds threads fixed."""

from __future__ import annotations

import enum
import itertools
import math
import textwrap
import timeit
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .measurement import STEADY, Measurement, TaskSpec, set_torch_threads

timer = timeit.default_timer
# Runs shorter than this are measured with the clock's own cost in them.
LEAST_RUN = 1e-4


class Language(enum.Enum):
    """What a statement is written in."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times a Python statement.

    Args:
        stmt: The statement, a line or more.
        setup: What runs once before.
        global_setup: Only for C++, which is not timed here.
        timer: A clock, in seconds.
        globals: The names that the statement sees.
        label, sub_label, description, env: Words for tables, see :class:`TaskSpec`.
        num_threads: Threads of kernels while it runs.
        language: Python.

    Raises:
        NotImplementedError: for C++: statements would need a compiler.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.benchmark import Timer
        >>> x = torch.ones(3)
        >>> m = Timer("x + x", globals={"x": x}).timeit(20)
        >>> m.number_per_run, len(m.times)
        (20, 1)

    Source:
        torch.utils.benchmark.Timer
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError(f"stmt has to be a string, not {type(stmt).__name__}")
        if language not in (Language.PYTHON, "py", "python"):
            raise NotImplementedError("Timer: only Python is timed, C++ would need a compiler")
        if global_setup:
            raise ValueError("global_setup is for C++ statements; write it in setup")
        stmt, setup = _unindented(stmt), _unindented(setup)
        self._task_spec = TaskSpec(
            stmt=stmt,
            setup=setup,
            label=label,
            sub_label=sub_label,
            description=description,
            env=env,
            num_threads=num_threads,
        )
        self._timer = timeit.Timer(stmt, setup, timer, globals=dict(globals or {}))

    def _seconds(self, number: int) -> float:
        # A clock may be too coarse to see a short run; a time of zero would divide.
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One run of `number` executions, after a warmup of a hundredth of them."""
        with set_torch_threads(self._task_spec.num_threads):
            self._seconds(max(number // 100, 2))
            return Measurement(number, [self._seconds(number)], self._task_spec)

    def autorange(self, callback: Callable[[int, float], NoReturn] | None = None) -> NoReturn:
        """timeit's; use :meth:`blocked_autorange`."""
        raise NotImplementedError("Timer.autorange: use Timer.blocked_autorange")

    def repeat(self, repeat: int = -1, number: int = -1) -> NoReturn:
        """timeit's; use :meth:`blocked_autorange`."""
        raise NotImplementedError("Timer.repeat: use Timer.blocked_autorange")

    def blocked_autorange(
        self,
        callback: Callable[[int, float], None] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Blocks of executions until `min_run_time` seconds were measured in all.

        A block is long enough that the clock's cost is below a thousandth of it.

        Args:
            callback: Called with the executions and seconds of each block.
        """
        with set_torch_threads(self._task_spec.num_threads):
            number, times = self._block_size(min_run_time), list[float]()
            while sum(times) < min_run_time or len(times) < 2:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = STEADY,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], None] | None = None,
    ) -> Measurement:
        """Blocks of executions until their spread is below `threshold` of the median.

        It stops at `max_run_time` seconds at the latest.
        """
        with set_torch_threads(self._task_spec.num_threads):
            number, times = self._block_size(min_run_time), list[float]()
            for _ in itertools.count():
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
                seen, steady = sum(times), Measurement(number, times[:], self._task_spec)
                enough = len(times) > 3 and seen > min_run_time
                if seen > max_run_time or (enough and steady.meets_confidence(threshold)):
                    return steady
        raise AssertionError("unreachable")

    def _block_size(self, min_run_time: float) -> int:
        """Executions in a block: LEAST_RUN long, or 1,000 times what reading the clock costs."""
        clock = float(np.median([timeit.Timer("pass").timeit(1) for _ in range(5)]))
        enough = max(1000 * clock, min(LEAST_RUN, min_run_time / 1000))
        self._seconds(1)  # the first execution may compile and load what it needs
        number = 1
        while True:
            seconds = min(self._seconds(number) for _ in range(2))
            if seconds >= enough or number >= 1 << 40:
                return number
            number *= 10 if seconds < enough / 10 else math.ceil(enough / seconds) + 1

    def collect_callgrind(self, *args: object, **kwargs: object) -> NoReturn:
        """Instruction counts of C++ code; flambeau has none."""
        raise NotImplementedError(
            "Timer.collect_callgrind counts instructions of PyTorch's C++; use blocked_autorange, "
            "or run `valgrind --tool=callgrind python your_script.py`"
        )


def _unindented(text: str) -> str:
    """A statement written as an indented block, without its common margin."""
    text = textwrap.dedent(text).strip("\n").rstrip()
    return text or "pass"
