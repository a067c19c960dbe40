"""What a sweep found: figures by size, and the rows that are slower than PyTorch's, the worst first."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from .row import Row

SLOW, TWICE = 1.20, 2.0
KINDS = ("tiny", "middle", "big", "backward", "dtypes", "layouts")


class Measured(NamedTuple):
    """A row and its figures.

    Attributes:
        ours, theirs, other: Seconds of a call; of PyTorch, and of another flambeau if one was given.
        complaint: What differs from PyTorch's results, or why it was refused.
    """

    row: Row
    family: str
    ours: float | None
    theirs: float | None
    other: float | None
    complaint: str

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.ours and self.theirs else None

    @property
    def change(self) -> float | None:
        """The seconds divided by those of the other flambeau."""
        return self.ours / self.other if self.ours and self.other else None

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "row": self.row._asdict()}

    @classmethod
    def of_json(cls, item: dict[str, Any]) -> Measured:
        return cls(**{**item, "row": Row(**item["row"])})


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(r) for r in ratios]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def groups(found: list[Measured]) -> dict[tuple[str, int], list[Measured]]:
    """The rows that have a ratio, by kind and threads."""
    made: dict[tuple[str, int], list[Measured]] = defaultdict(list)
    for item in found:
        if item.ratio is not None:
            made[item.row.kind, item.row.threads].append(item)
    return {key: made[key] for key in sorted(made, key=lambda k: (k[1], KINDS.index(k[0])))}


def summary(found: list[Measured]) -> str:
    """A line for each kind and number of threads."""
    lines = [
        "| rows | threads | number | geometric mean | above 1.20 | above 2 | beside the other flambeau |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (kind, threads), items in groups(found).items():
        ratios = [item.ratio or 0.0 for item in items]
        slow, twice = (
            100 * sum(r > limit for r in ratios) / len(ratios) for limit in (SLOW, TWICE)
        )
        changes = [item.change for item in items if item.change]
        change = f"{mean(changes):.2f}" if changes else ""
        lines.append(
            f"| {kind} | {threads} | {len(items)} | {mean(ratios):.2f} | {slow:.1f} % | {twice:.1f} % | {change} |"
        )
    return "\n".join(lines)


def families(found: list[Measured]) -> str:
    """The geometric mean of each family of operations in each kind, with one thread."""
    table: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    least = min((item.row.threads for item in found), default=1)
    for item in found:
        if item.ratio is not None and item.row.threads == least:
            table[item.family][item.row.kind].append(item.ratio)
    kinds = [k for k in KINDS if any(k in row for row in table.values())]
    lines = [f"| family | {' | '.join(kinds)} |", f"| --- |{' ---: |' * len(kinds)}"]
    for name, row in sorted(table.items()):
        cells = (f"{mean(row[k]):.2f}" if k in row else "" for k in kinds)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def slow(items: list[Measured]) -> str:
    """The rows above the limit, the worst first."""
    every = sorted((i for i in items if (i.ratio or 0) > SLOW), key=lambda i: -(i.ratio or 0))
    lines = [f"{'ratio':>6} {'flambeau':>12} {'PyTorch':>12} {'before':>7}  family, row"]
    for item in every:
        change = f"{item.change:7.2f}" if item.change else " " * 7
        ours, theirs = 1e6 * (item.ours or 0), 1e6 * (item.theirs or 0)
        where = item.row.size if item.row.kind in ("backward", "dtypes", "layouts") else ""
        lines.append(
            f"{item.ratio:6.2f} {ours:9.1f} us {theirs:9.1f} us {change}  {item.family:28} {item.row} {where}"
        )
    return "\n".join(lines)


def report(found: list[Measured]) -> str:
    """Everything, for a terminal."""
    parts = [summary(found), "", families(found)]
    for (kind, threads), items in groups(found).items():
        text = slow(items)
        parts += ["", f"{kind}, {threads} threads: rows above {SLOW}", text]
    wrong = [item for item in found if item.complaint]
    if wrong:
        parts += ["", f"{len(wrong)} rows are unlike PyTorch's:"]
        parts += [f"  {i.row} {i.row.size} {i.row.layout}: {i.complaint}" for i in wrong]
    return "\n".join(parts)
