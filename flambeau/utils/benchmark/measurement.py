"""What a timer saw: times of a task, their median, their spread, and whether to trust them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...kernels import get_num_threads, set_num_threads

# The middle half of the measurements within a tenth of their median is a stable measurement.
STEADY = 0.1
NOISY = 0.25
# Below these times the clock and the call weigh too much for more than so many digits.
LEAST_TIME = 100e-9
_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))
_ENGLISH = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}


@dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What is timed: the statement, and the words that name it in tables.

    Args:
        label: What is compared, the title of a table: "softmax".
        sub_label: The row: "n=100".
        description: The column: "before".
        env: Where it ran, part of the row's name.
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The name of the task: label and sub-label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt
        under = f"\n{'-' * max(map(len, self.stmt.splitlines()))}"
        return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}{under}\n{self.stmt}"

    @property
    def as_row_name(self) -> str:
        return self.sub_label or self.stmt or "[Unknown]"

    def setup_str(self) -> str:
        return "" if self.setup in ("", "pass") else _listing("setup", self.setup)

    def summarize(self) -> str:
        """Title, description and setup, a line each."""
        parts = (self.title, self.description or "", self.setup_str())
        return "\n".join(part for part in parts if part)


def _listing(name: str, text: str) -> str:
    return f"{name}: {text}" if "\n" not in text else f"{name}:\n{textwrap.indent(text, '  ')}"


_TASK_NAMES = tuple(TaskSpec.__dataclass_fields__)


@dataclass(init=True, repr=False)
class Measurement:
    """The times of one task, in seconds: what :class:`Timer` returns.

    Args:
        number_per_run: How often the statement ran for each of `raw_times`.
        raw_times: Seconds of each run, all its repetitions together.
        task_spec: What was timed.

    Example:
        >>> from flambeau.utils.benchmark import Measurement, TaskSpec
        >>> m = Measurement(10, [20.0, 30.0, 40.0], TaskSpec("f(x)", "pass"))
        >>> m.median, m.times
        (3.0, [2.0, 3.0, 4.0])
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    def __getattr__(self, name: str) -> Any:
        if name in _TASK_NAMES or name in ("title", "as_row_name", "setup_str"):
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute '{name}'")

    @cached_property
    def times(self) -> list[float]:
        """Seconds of one execution, for each run."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def median(self) -> float:
        return float(np.median(self.times))

    @property
    def mean(self) -> float:
        return float(np.mean(self.times))

    @property
    def iqr(self) -> float:
        """The interquartile range: how wide the middle half of the times lies."""
        low, high = self._quartiles
        return high - low

    @property
    def _quartiles(self) -> tuple[float, float]:
        low, high = np.percentile(self.times, (25, 75))
        return float(low), float(high)

    @property
    def significant_figures(self) -> int:
        """How many decimal digits of the median the spread allows, at least one.

        The median of n normal values has a standard error of about 1.25 sigma / sqrt(n), and
        sigma is 0.74 interquartile ranges; digits below that error say nothing.
        """
        error = 1.25 * 0.74 * self.iqr / math.sqrt(len(self.times))
        error = max(error, LEAST_TIME / self.number_per_run, 1e-3 * self.median)
        lost = math.floor(math.log10(self.median)) - math.floor(math.log10(error))
        return max(lost, 1)

    @property
    def has_warnings(self) -> bool:
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = STEADY) -> bool:
        """Whether the middle half of the times is no wider than `threshold` medians."""
        return self.iqr / self.median < threshold

    @property
    def _noise(self) -> str:
        share = self.iqr / self.median
        if share < STEADY:
            return ""
        cause = "is likely influenced" if share < NOISY else "is dominated"
        return (
            f"  WARNING: the middle half of the times spans {100 * share:.1f}% of the median.\n"
            f"           The result {cause} by what else the machine does."
        )

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        digits = self.significant_figures

        def shown(seconds: float) -> str:
            return f"{trim_sigfig(seconds, digits) / scale:.{_decimals(seconds / scale, digits)}f}"

        count = len(self.times)
        lines = [repr_head(self), self.task_spec.summarize()]
        lines.append(f"  {'Median: ' if count > 1 else ''}{shown(self.median)} {unit}")
        if count > 3:
            low, high = self._quartiles
            lines.append(f"  IQR:    {shown(self.iqr)} {unit} ({shown(low)} to {shown(high)})")
        plural, threads = (
            "s" * (count > 1),
            f"{self.num_threads} thread{'s' * (self.num_threads > 1)}",
        )
        per = f"{self.number_per_run} runs {'per measurement' if count > 1 else ''}"
        lines.append(f"  {count} measurement{plural}, {per}, {threads}")
        if count > 3 and self._noise:
            lines.append(self._noise)
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Measurements of the same task as one each, in the order of their first."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for measurement in measurements:
            groups.setdefault(measurement.task_spec, []).append(measurement)
        return [
            Measurement(1, [time for m in group for time in m.times], task, None)
            for task, group in groups.items()
        ]


def repr_head(measurement: Measurement) -> str:
    return object.__repr__(measurement)


def _decimals(value: float, digits: int) -> int:
    """Decimal places that show so many significant digits of a value."""
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0) if value else 0


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time is best read, and how many seconds it is.

    Example:
        >>> from flambeau.utils.benchmark import select_unit
        >>> select_unit(2e-5)
        ('us', 1e-06)
    """
    scale, unit = max((pair for pair in _UNITS if t >= pair[0]), default=_UNITS[0])
    return unit, scale


def unit_to_english(u: str) -> str:
    """The word for a unit of time: "us" is a microsecond."""
    return _ENGLISH[u]


def trim_sigfig(x: float, n: int) -> float:
    """`x` to `n` significant digits.

    Example:
        >>> from flambeau.utils.benchmark import trim_sigfig
        >>> trim_sigfig(1234.5, 2)
        1200.0
    """
    return float(f"{x:.{n - 1}e}")


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Each element once, in the order of its first appearance."""
    return list(dict.fromkeys(elements))


@contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Within the block, kernels use `n` threads."""
    before = get_num_threads()
    try:
        set_num_threads(n)
        yield
    finally:
        set_num_threads(before)
