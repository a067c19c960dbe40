"""From a program to a function of device arrays, with the contract of `kernels.build`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..._source import Source
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
    return (Into if into else Launcher)(planner, interpreter, drop).function()


class Launcher:
    """Launches a program's kernels. What was decided for arrays of some shapes is remembered.

    Args:
        planner: Decides.
        interpreter: Computes the same by CuPy's functions, for arrays that no kernel is made for.
        drop: Does the result lose the axes?
    """

    def __init__(self, planner: Planner, interpreter: Callable, drop: bool = False):
        self.facts = planner.facts
        self.planners: dict[tuple, Planner | None] = {
            (self.facts.inputs, self.facts.results): planner
        }
        self.drop = drop
        self.interpreter = dropping(interpreter) if drop else interpreter
        self.plans: dict[tuple, Any] = {}

    def function(self) -> Callable:
        """``f(*arrays, *parameters[, axes])``, written out: a call of a known case looks it up and launches it."""
        facts = self.facts
        names = [f"a{i}" for i in range(len(facts.inputs))]
        numbers = [f"n{i}" for i in range(len(facts.program.parameters))]
        axes = ["axes"] if facts.rows else []
        source = Source(f"launch {facts.name}", plans=self.plans, remember=self.remember)
        with source.block(f"def launch({', '.join([*names, *numbers, *axes])}):"):
            source(f"key = ({_key(names)} {', '.join(axes)})")
            source("plan = plans.get(key)")
            with source.block("if plan is None:"):
                source(f"plan = remember(key, ({_listed(names)}), ({_listed(axes)}))")
            source(f"return plan(({_listed(names)}), ({_listed(numbers)}))")
        return self.named(source)

    def named(self, source: Source) -> Callable:
        """The function `launch` of a text, as others see it."""
        made = source.function("launch")
        made.__name__ = made.__qualname__ = self.facts.name
        made.launcher = self  # type: ignore[attr-defined]
        return made

    def remember(self, key: tuple, arrays: Sequence[Any], axes: tuple) -> Any:
        """What a call with arrays such as these comes to."""
        if len(self.plans) >= REMEMBERED:
            self.plans.clear()
        found = self.plans[key] = self.decide(arrays, axes)
        return found

    def decide(self, arrays: Sequence[Any], axes: tuple) -> Callable:
        planner = self.planner(arrays) if all(a.size for a in arrays) else None
        if planner is None:
            return Plain(self.interpreter, axes)
        try:
            return planner.plan(arrays, axes[0] if axes else None, self.drop)
        except Unsupported:
            return Plain(self.interpreter, axes)

    def planner(self, arrays: Sequence[Any], targets: Sequence[Any] = ()) -> Planner | None:
        """For arrays of other dtypes than was said one of its own: so a number meets a half type unrounded."""
        results = tuple([a.dtype for a in targets]) or self.facts.results
        dtypes = tuple([a.dtype for a in arrays]), results
        if dtypes not in self.planners:
            try:
                self.planners[dtypes] = Planner(self.facts.of(*dtypes))
            except Unsupported:
                self.planners[dtypes] = None
        return self.planners[dtypes]


class Plain:
    """What stands in a plan's place where there is no kernel."""

    __slots__ = ("axes", "interpreter")

    def __init__(self, interpreter: Callable, axes: tuple):
        self.interpreter, self.axes = interpreter, axes

    def __call__(self, arrays: Sequence[Any], numbers: Sequence[float]) -> Any:
        return self.interpreter(*arrays, *numbers, *self.axes)


class Into(Launcher):
    """The same, writing the results into its first arguments."""

    def function(self) -> Callable:
        """``f(*targets, *arrays, *parameters[, axes])``."""
        facts, making = self.facts, super().function()
        targets = [f"t{i}" for i in range(len(facts.results))]
        names = [f"a{i}" for i in range(len(facts.inputs))]
        numbers = [f"n{i}" for i in range(len(facts.program.parameters))]
        axes = ["axes"] if facts.rows else []
        every = [*targets, *names]
        source = Source(
            f"launch {facts.name}", plans=self.plans, remember=self.remember_into, making=making, apart=_are_apart
        )  # fmt: skip
        with source.block(f"def launch({', '.join([*every, *numbers, *axes])}):"):
            source(f"key = ({_key(every)})")
            source("found = plans.get(key)")
            with source.block("if found is None:"):
                source(f"found = remember(key, ({_listed(targets)}), ({_listed(names)}))")
            places = ", ".join(f"{name}.data.ptr" for name in every)
            with source.block(f"if found and apart({len(targets)}, ({places}), found[1]):"):
                source(
                    f"found[0].run(({_listed(targets)}), ({_listed(names)}), ({_listed(numbers)}))"
                )
            with source.block("else:"):
                source(f"made = making({', '.join([*names, *numbers, *axes])})")
                for i, target in enumerate(targets):
                    source(f"{target}[...] = made{f'[{i}]' if len(targets) > 1 else ''}")
            source(f"return {', '.join(targets)}")
        return self.named(source)

    def remember_into(self, key: tuple, targets: Sequence[Any], arrays: Sequence[Any]) -> tuple:
        """A plan, with the memory that each array takes; empty where results are made first and then copied."""
        if len(self.plans) >= REMEMBERED:
            self.plans.clear()
        found = self.plans[key] = self.decide_into(targets, arrays)
        return found

    def decide_into(self, targets: Sequence[Any], arrays: Sequence[Any]) -> tuple:
        shape = broadcast_shapes(*(a.shape for a in arrays))
        fits = all(
            # What is rounded to a dtype before it is written as another is made first.
            target.shape == shape and target.size and dtype in (target.dtype, self.facts.compute)
            for target, dtype in zip(targets, self.facts.results)
        )
        planner = self.planner(arrays, targets) if fits else None
        if planner is None or not planner.is_elementwise:
            return ()
        try:
            plan = planner.into(targets, arrays)
        except Unsupported:
            return ()
        return plan, [_extent(a) for a in (*targets, *arrays)]


def _listed(names: Sequence[str]) -> str:
    """As a tuple has them."""
    return "".join(f"{name}, " for name in names)


def _key(names: Sequence[str]) -> str:
    """What a plan is remembered by: all that decides it."""
    return "".join(f"{x}.shape, {x}.strides, {x}.dtype, {x}.data.ptr & 15, " for x in names)


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
