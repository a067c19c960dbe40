"""From a program to a function of device arrays, with the contract of `kernels.build`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...formula.dimensions import broadcast_shapes
from ...formula.evaluate import dropping
from ...formula.program import Program
from ..loops.values import Unsupported
from .formula import Facts
from .plan import Planner

REMEMBERED = 1024
"""Calls with arrays of different shapes whose plans are kept."""


def build(
    program: Program,
    inputs: Sequence[Any],
    compute: Any,
    results: Sequence[Any],
    name: str,
    rows: bool,
    interpreter: Callable,
    drop: bool = False,
    into: bool = False,
) -> Callable | None:
    """A function of the program's device arrays, parameters and (with `rows`) axes; see `kernels.build`."""
    facts = Facts(program, inputs, compute, results, name, rows)
    try:
        planner = Planner(facts)
    except Unsupported:
        return None
    cls = Into if into else Launcher
    return cls(planner, interpreter, drop)


class Launcher:
    """Launches a program's kernels. What was decided for arrays of some shapes is remembered.

    Args:
        planner: Decides.
        interpreter: Computes the same by CuPy's functions, for arrays that no kernel is made for.
        drop: Does the result lose the axes?
    """

    def __init__(self, planner: Planner, interpreter: Callable, drop: bool = False):
        self.facts = planner.facts
        self.planners: dict[tuple, Planner | None] = {self.facts.inputs: planner}
        self.count, self.numbers = len(self.facts.inputs), len(self.facts.program.parameters)
        self.drop = drop
        self.plain = dropping(interpreter) if drop else interpreter
        self.plans: dict[tuple, Any] = {}
        self.__name__ = self.facts.name

    def __call__(self, *given: Any) -> Any:
        count = self.count
        arrays, numbers = given[:count], [float(x) for x in given[count : count + self.numbers]]
        key = (
            *[(a.shape, a.strides, a.dtype, a.data.ptr & 15) for a in arrays],
            given[-1] if self.facts.rows else None,
        )
        plan = self.plans.get(key)
        if plan is None:
            plan = self.remember(key, self.decide(arrays, key[-1]))
        return self.plain(*given) if plan is _PLAIN else plan(arrays, numbers)

    def remember(self, key: tuple, plan: Any) -> Any:
        if len(self.plans) >= REMEMBERED:
            self.plans.clear()
        self.plans[key] = plan
        return plan

    def decide(self, arrays: Sequence[Any], axes: Any) -> Any:
        if any(not a.size for a in arrays):
            return _PLAIN
        planner = self.planner(arrays)
        try:
            return _PLAIN if planner is None else planner.plan(arrays, axes, self.drop)
        except Unsupported:
            return _PLAIN

    def planner(self, arrays: Sequence[Any]) -> Planner | None:
        """For arrays of other dtypes than was said one of its own: so a number meets a half type unrounded."""
        dtypes = tuple([a.dtype for a in arrays])
        if dtypes not in self.planners:
            facts = self.facts
            try:
                made = Planner(
                    Facts(
                        facts.program, dtypes, facts.compute, facts.results, facts.name, facts.rows
                    )
                )
            except Unsupported:
                made = None
            self.planners[dtypes] = made
        return self.planners[dtypes]


_PLAIN = object()
"""Is remembered for arrays that no kernel is made for."""


class Into(Launcher):
    """The same, writing the results into its first arguments."""

    def __call__(self, *given: Any) -> Any:
        first = len(self.facts.results)
        targets, rest = given[:first], given[first:]
        arrays, numbers = (
            rest[: self.count],
            [float(x) for x in rest[self.count : self.count + self.numbers]],
        )
        key = (
            "into",
            *[(a.shape, a.strides, a.dtype, a.data.ptr & 15) for a in given[: first + self.count]],
        )
        found = self.plans.get(key)
        if found is None:
            found = self.remember(key, self.decide_into(targets, arrays))
        if found is not _PLAIN and _are_apart(
            first, [a.data.ptr for a in given[: first + self.count]], found[1]
        ):
            found[0].run(targets, arrays, numbers)
        else:
            made = super().__call__(*rest)
            for target, value in zip(targets, made if first > 1 else (made,)):
                target[...] = value
        return targets if first > 1 else targets[0]

    def decide_into(self, targets: Sequence[Any], arrays: Sequence[Any]) -> Any:
        """A plan, with the memory that each array takes; for an elementwise program on targets such as its results are."""
        planner = self.planner(arrays)
        shape = broadcast_shapes(*(a.shape for a in arrays))
        fits = all(
            target.shape == shape and target.dtype == dtype and target.size
            for target, dtype in zip(targets, self.facts.results)
        )
        if planner is None or not planner.is_elementwise or not fits:
            return _PLAIN
        try:
            plan = planner.into(targets, arrays)
        except Unsupported:
            return _PLAIN
        return plan, [_extent(a) for a in (*targets, *arrays)]


class Extent(NamedTuple):
    """The memory of an array: its steps and dtype, and the bytes from the first element's place to its ends."""

    layout: tuple
    low: int
    high: int


def _extent(x: Any) -> Extent:
    reach = [(n - 1) * s for n, s in zip(x.shape, x.strides)]
    low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
    layout = tuple((n, s) for n, s in zip(x.shape, x.strides) if n > 1)
    return Extent((layout, x.dtype), low, high + x.itemsize)


def _are_apart(targets: int, places: Sequence[int], extents: Sequence[Extent]) -> bool:
    """May each thread write where it has read: is what overlaps a target that target, element for element?"""
    for i in range(targets):
        place, (layout, low, high) = places[i], extents[i]
        for j in range(i + 1, len(places)):
            other, (its_layout, begin, end) = places[j], extents[j]
            if place + high <= other + begin or other + end <= place + low:
                continue
            if j < targets or other != place or its_layout != layout:
                return False
    return True
