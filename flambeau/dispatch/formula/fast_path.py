"""The fast path of a formula operation: its usual call, written out from its signature.

`FormulaOperation.general` takes any call and looks at everything that a call can be. Nearly all calls are one
case: tensors of one kind, Python numbers that fit it, nothing to promote, no class that overrides. For that
case a function is written, once for each set of operands that are there. Where kinds differ, or a number has another
category than the tensors, a second function looks up what the general path worked out for such kinds. What
neither can take goes to the general path, which does the call anew and explains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from ..._source import Source, listed
from ...autograd.location import UNSAVED, note_write
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import state
from ...core.tensor import UNVERSIONED, wrap_dim
from ...formula.evaluate import row_length
from .formula_node import NO_CELL, REAL

FALLBACK = (AttributeError, KeyError, ValueError, TypeError, OverflowError, IndexError)
"""What a fast path may stumble over; the general path does the call again and explains."""


PYTHON = frozenset((*REAL, bool))
"""The classes of Python numbers that promotion looks at."""


class FastPath(dict):
    """The function for each tuple that says which operands are there, written when first asked for.

    form: "new" for ``f(*operands, statics, numbers)``, "into" for the same in place, "out" for
        ``f(*operands, statics, numbers, out)``, "rows" for
        ``f(*operands, statics, numbers, dim, keepdim)``. Absent operands are None.
    """

    def __init__(self, operation: Any, form: str, mixes: bool = False):
        self.operation, self.form, self.mixes = operation, form, mixes

    @cached_property
    def mixed(self) -> FastPath:
        """The functions for operands of several kinds, which give None for what they cannot take."""
        return FastPath(self.operation, self.form, True)

    def __missing__(self, present: tuple[bool, ...]) -> Callable:
        made = self[present] = FORMS[self.form](self.operation, present, self.mixes).function()
        return made


class Axes(dict):
    """The axes of a row kernel, counted from the end, for each `dim` and number of dimensions."""

    def __missing__(self, key: tuple[Any, int]) -> tuple[int, ...] | None:
        dim, ndim = key
        if not ndim:
            raise KeyError(key)
        if dim is None or dim == ():
            return None
        dims = [wrap_dim(int(d), ndim) for d in (dim if isinstance(dim, tuple) else (dim,))]
        if len(set(dims)) < len(dims):
            raise KeyError(key)
        axes = self[key] = tuple(d - ndim for d in sorted(dims))
        return axes


AXES = Axes()


class _Written:
    """Writes the function of one form, for the operands that are `present`.

    For ``lerp(x, y, weight)``, whose weight may be a number, the form "new" is::

        def lerp(x, y, weight, statics, numbers):
            while True:  # once: `break` leads to the general path
                try:
                    kind = x._kind
                    a0, n0 = x._array, x._node
                    if y._kind is not kind: break
                    a1, n1 = y._array, y._node
                    if weight.__class__ in REAL:
                        if weight.__class__ not in kind.numbers: break
                        a2, n2 = kind.scalar(weight), None
                    else:
                        if weight._kind is not kind: break
                        a2, n2 = weight._array, weight._node
                    spec = known.get(kind)
                    if spec is None:
                        spec = known[kind] = specializations[(kind, kind, kind), kind, statics]
                    if not spec.has_fast_path: break
                    array = spec.run(a0, a1, a2, *numbers)
                except FALLBACK:
                    break
                ... the result is made and recorded
                return result
            return general((x, y, weight), statics, numbers)
    """

    title, further, again = "", "", "statics, numbers"
    table = ""
    """The operation's table of these functions, where there are some for several kinds."""

    def __init__(self, operation: Any, present: tuple[bool, ...], mixes: bool = False):
        self.operation, self.present, self.mixes = operation, present, mixes
        self.names = [n for n, there in zip(operation.operands, present) if there]
        self.number = {name: i for i, name in enumerate(self.names)}
        self.arrays = [f"a{i}" for i in self.number.values()]
        self.nodes = [f"n{i}" for i in self.number.values()]
        self.there = [f"{node} is not None" for node in self.nodes]
        self.wanted = f"({' or '.join(self.there)}) and mode.recording"
        self.plan = f"spec.plans[{listed(f'{node} is not None' for node in self.nodes)}]"
        self.source = Source(
            f"{operation.name}({', '.join(self.names)}){self.title}",
            specializations=operation.specializations,
            promoted=operation.promoted,
            general=operation.slow if operation.rows else operation.general,
            **_SCOPE,
        )
        if self.table and not mixes:
            self.source.scope["mixed"] = getattr(operation, self.table).mixed

    def function(self) -> Callable:
        source, operation = self.source, self.operation
        head = f"{', '.join(operation.operands)}, statics, numbers{self.further}"
        given = listed(n if n in self.number else "None" for n in operation.operands)
        with source.block(f"def {operation.name}({head}):"):
            with source.block("while True:  # once: `break` leads to the general path"):
                with source.block("try:"):
                    self.take_operands()
                    self.find_specialization()
                    self.compute()
                with source.block("except FALLBACK:"):
                    source("break")
                self.finish()
            if self.mixes:
                source("return None")
            elif self.table:
                source(f"""
                    found = mixed[{self.present}]({", ".join(operation.operands)}, statics, numbers{self.further})
                    if found is not None: return found
                    """)
            if not self.mixes:
                source(f"return general({given}, {self.again})")
        return source.function(operation.name)

    def take_operands(self) -> None:
        """Arrays a0, a1, ... and nodes n0, n1, ..., where the operands are of one kind."""
        source, operation = self.source, self.operation
        if self.mixes:
            self.take_mixed()
            return
        first = next(n for n in self.names if n not in operation.not_promoted)
        source(f"kind = {first}._kind")
        for name, i in self.number.items():
            take = f"a{i}, n{i} = {name}._array, {name}._node"
            if name == first:
                source(take)
            elif name in operation.not_promoted:
                source(f"k{i} = {name}._kind")
                source(f"if k{i}.device is not kind.device: break")
                source(take)
            elif name not in operation.numbers:
                source(f"if {name}._kind is not kind: break")
                source(take)
            else:
                source(f"""
                    if {name}.__class__ in REAL:
                        if {name}.__class__ not in kind.numbers: break
                        a{i}, n{i} = kind._scalars.get({name}), None
                        if a{i} is None: a{i} = kind.scalar({name})
                    else:
                        if {name}._kind is not kind: break
                        {take}
                    """)

    def take_mixed(self) -> None:
        """The same of operands of any kinds, with what promotion asks of each: p0, p1, ..."""
        for name, i in self.number.items():
            take = f"a{i}, n{i}, k{i} = {name}._array, {name}._node, {name}._kind"
            if name in self.operation.numbers:
                self.source(f"""
                    if {name}.__class__ in PYTHON: p{i}, a{i}, n{i} = {name}.__class__, None, None
                    else:
                        {take}
                        p{i} = k{i}, a{i}.ndim > 0
                    """)
            else:
                self.source(take)
                self.source(f"p{i} = k{i}, a{i}.ndim > 0")

    def find_promoted(self) -> None:
        """The specialisation that promotion chose for such operands before; of numbers, the arrays."""
        operation = self.operation
        asked = [
            f"p{self.number[n]}" if n in self.number else "NoneType" for n in operation.operands
        ]
        for i in range(len(operation.parameters)):
            self.source(f"if numbers[{i}].__class__ not in REAL: break")
        self.source(f"""
            spec = promoted[statics, state.default, {", ".join(asked)}]
            if not spec.has_fast_path: break
            kinds = spec.kinds
            """)
        for name, i in self.number.items():
            differs = f"if k{i} is not kinds[{i}]: break"
            if name in operation.numbers:
                self.source(f"""
                    if a{i} is None: a{i} = kinds[{i}].scalar({name})
                    el{differs}
                    """)
            else:
                self.source(differs)

    def find_specialization(self) -> None:
        if self.mixes:
            self.find_promoted()
            return
        apart = self.operation.not_promoted
        kinds = listed(
            "None" if n not in self.number else f"k{self.number[n]}" if n in apart else "kind"
            for n in self.operation.operands
        )
        for i in range(len(self.operation.parameters)):
            self.source(f"if numbers[{i}].__class__ not in REAL: break")
        # Of operands that are there one kind is known, and a key of few words is found sooner.
        key = [f"k{i}" for n, i in self.number.items() if n in apart]
        key = ["kind", *key, *["statics"] * bool(self.operation.statics)]
        known = self.source.scope["known"] = {}
        self.operation.tables.append(known)
        self.source(f"""
            spec = known.get({key[0] if len(key) == 1 else listed(key)})
            if spec is None:
                spec = known[{", ".join(key)}] = specializations[{kinds}, kind, statics]
            """)
        self.check_specialization()

    def check_specialization(self) -> None:
        """Is it one that what follows serves?"""
        self.source("if not spec.has_fast_path: break")

    def compute(self) -> None:
        """What may stumble, and then the general path does it."""
        raise NotImplementedError

    def finish(self) -> None:
        """What follows when it is computed."""
        raise NotImplementedError

    def run(self, before: str = "", after: str = "") -> str:
        """The arguments of a kernel."""
        return f"{before}{', '.join(self.arrays)}, *numbers{after}"


class _New(_Written):
    """A new tensor::

    result = handle.make(array, spec.result, None, [0], None)
    if (n0 is not None or n1 is not None) and mode.recording and spec.floating:
        cls = spec.plans[(n0 is not None, n1 is not None)]
        edges = tuple([n for n in (n0, n1) if n is not None])
        cls.record(edges, a0, a1, array, x._cell, y._cell, result, numbers, None)
    return result
    """

    table = "fast"

    def check_specialization(self) -> None:
        self.source(f"""
            if not spec.has_fast_path:
                if not spec.is_uniform or ({self.wanted} and spec.floating): break
                return each(spec, spec.run({self.run()}))
            """)

    def compute(self) -> None:
        self.source(f"array = spec.run({self.run()})")

    def finish(self) -> None:
        nodes = listed(self.nodes)
        edges = nodes if len(self.nodes) == 1 else f"tuple([n for n in {nodes} if n is not None])"
        values, cells = ", ".join([*self.arrays, "array"]), ", ".join(map(self.cell, self.names))
        self.source(f"""
            if array.__class__ is not ndarray: array = spec.common.xp.asarray(array)
            result = handle.make(array, spec.result, None, [0], None)
            if {self.wanted} and spec.floating:
                cls, edges = {self.plan}, {edges}
                cls.record(
                    edges, {values},
                    {cells}, result, numbers, None,
                )
            return result
            """)

    def cell(self, name: str) -> str:
        if name in self.operation.numbers:
            return f"NO_CELL if {name}.__class__ in PYTHON else {name}._cell"
        return f"{name}._cell"


class _Into(_Written):
    """In place, where the first operand can hold the result and no history is involved."""

    title, again, table = " in place", "statics, numbers, None, True", "into"

    def compute(self) -> None:
        target = self.names[0]
        self.source(f"""
            write = spec.writers[{target}._kind]
            if not (a0.flags.carray or is_free(a0)): break
            base, cell = {target}._base, {target}._cell
            if {" or ".join(["(base is not None and base._node is not None)", *self.there])}:
                if mode.recording: break
            if cell[0] is UNVERSIONED: break
            write({self.run("a0, ")})
            """)

    def finish(self) -> None:
        self.source(f"""
            cell[0] += 1
            if getrefcount(cell) > UNSAVED: note_write(cell)
            return {self.names[0]}
            """)


class _Out(_Written):
    """Into `out`, where that has the shape of an operand: a larger result is refused when it is written."""

    title, further, again = " into out", ", out", "statics, numbers, out"
    table = "out"

    def compute(self) -> None:
        differs = " and ".join(f"shape != {array}.shape" for array in self.arrays)
        self.source(f"""
            array = out._array
            shape = array.shape
            write = spec.writers[out._kind]
            if {differs} or not (array.flags.carray or is_free(array)): break
            base, cell = out._base, out._cell
            if {" or ".join(["out._node is not None or (base is not None and base._node is not None)", *self.there])}:
                if mode.recording: break
            if cell[0] is UNVERSIONED: break
            write({self.run("array, ")})
            """)

    def finish(self) -> None:
        self.source("""
            cell[0] += 1
            if getrefcount(cell) > UNSAVED: note_write(cell)
            return out
            """)


class _Rows(_Written):
    """A new tensor of a function of rows::

    axes = AXES[dim, a0.ndim]
    drops = not keepdim and spec.reduces
    if (n0 is not None or n1 is not None) and mode.recording and spec.floating:
        cls = spec.plans[(n0 is not None, n1 is not None)]
        values = (spec.run(a0, a1, *numbers, axes),) if ... else cls.extended(...)
    else:
        cls, array = None, (spec.flat if drops else spec.run)(a0, a1, *numbers, axes)

    Where there are several results and nothing is recorded, it is `each` of them that becomes a tensor.
    """

    title, further, again = (
        " by rows",
        ", dim, keepdim",
        "dim, keepdim, None, None, statics, numbers",
    )

    def check_specialization(self) -> None:
        self.source(f"""
            if not spec.has_fast_path:
                if not spec.is_uniform or ({self.wanted} and spec.floating): break
                run = spec.run if keepdim or not spec.reduces else spec.flat
                return each(spec, run({self.run(after=", AXES[dim, a0.ndim]")}))
            """)

    def compute(self) -> None:
        arguments = self.run(after=", axes")
        self.source(f"""
            axes = AXES[dim, a0.ndim]
            drops = not keepdim and spec.reduces
            if {self.wanted} and spec.floating:
                cls = {self.plan}
                values = (spec.run({arguments}),) if cls.extended is None else cls.extended({arguments})
            else:
                cls, array = None, (spec.flat if drops else spec.run)({arguments})
            """)

    def finish(self) -> None:
        operands, arrays, nodes = map(listed, (self.names, self.arrays, self.nodes))
        self.source(f"""
            if cls is not None:
                kept = dropped(a0, axes) if drops else None
                return recorded(cls, values, {operands}, {arrays}, {nodes}, (*numbers, axes), kept)
            if array.__class__ is not ndarray: array = spec.common.xp.asarray(array)
            return handle.make(array, spec.result, None, [0], None)
            """)


def is_free(array: Any) -> bool:
    """May each of its elements be written to, and is none seen at two indices?"""
    return array.__class__ is ndarray and array.flags.writeable and 0 not in array.strides


FORMS = {"new": _New, "into": _Into, "out": _Out, "rows": _Rows}


def dropped(array: Any, axes: tuple[int, ...] | None) -> tuple[tuple, tuple]:
    """The shape of a reduction's result with its axes kept as 1, and without them."""
    ndim = array.ndim
    if axes is None:
        return (1,) * ndim, ()
    shape = array.shape
    return (
        tuple([1 if i - ndim in axes else n for i, n in enumerate(shape)]),
        tuple([n for i, n in enumerate(shape) if i - ndim not in axes]),
    )


def each(spec: Any, values: tuple) -> tuple:
    """Tensors of several results."""
    if values[0].__class__ is not np.ndarray:
        values = tuple(spec.common.xp.asarray(value) for value in values)
    return tuple([handle.make(v, k, None, [0], None) for v, k in zip(values, spec.results)])


def recorded(
    cls: Any,
    values: tuple,
    operands: tuple,
    arrays: tuple,
    nodes: tuple,
    parameters: tuple,
    kept: tuple | None,
) -> Any:
    """The recorded result of a function of rows; kept: see `dropped`."""
    array, spec = values[0], cls.specialization
    if kept is not None:
        array, kept = array.reshape(kept[1]), kept[0]
    elif array.__class__ is not np.ndarray:
        array = spec.common.xp.asarray(array)
        values = (array, *values[1:])
    if cls.gradient.counted:
        parameters = (*parameters[:-1], row_length(arrays[0], parameters[-1]), parameters[-1])
    result = handle.make(array, spec.result, None, [0], None)
    cls.record(
        nodes if None not in nodes else tuple([node for node in nodes if node is not None]),
        *arrays,
        *values,
        *[NO_CELL if x.__class__ in REAL else x._cell for x in operands],
        result,
        parameters,
        kept,
    )
    return result


_SCOPE: dict[str, Any] = {
    "handle": handle, "mode": mode, "state": state, "ndarray": np.ndarray, "NoneType": type(None),
    "FALLBACK": FALLBACK, "REAL": REAL, "PYTHON": PYTHON, "NO_CELL": NO_CELL,
    "UNVERSIONED": UNVERSIONED, "UNSAVED": UNSAVED, "note_write": note_write, "recorded": recorded,
    "getrefcount": getrefcount, "AXES": AXES, "each": each, "dropped": dropped, "is_free": is_free,
}  # fmt: skip

__all__ = ["AXES", "FALLBACK", "FastPath", "dropped", "each"]
