"""Evaluation with NumPy: a program becomes one straight-line Python function of array calls.

The function is ordinary source that a debugger can step into. Temporaries are written over as soon
as nobody needs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from .._source import Source
from . import primitive as p
from .expansion import expand, usual_side
from .expression import (
    CONSTANT,
    INPUT,
    LENGTH,
    PARAMETER,
    POSITION,
    Domain,
    Expression,
    order,
)
from .program import Program
from .quiet import restore, silence, silent


def is_quiet(program: Program) -> bool:
    """Can no step of it raise a floating-point flag?"""
    return all(item.primitive.quiet or not item.args for item in order(expand(program.roots)))


def compile_program(
    program: Program, xp: ModuleType, dtype: object, name: str = "formula", rows: bool | None = None
) -> Callable:
    """``kernel(*arrays, *parameters[, axes])``: the roots' values, a tuple if there are several.

    The arrays have `dtype` (bool, index and reduced inputs have their own). A row program takes the
    row's axes, counted from the end; what it reduces keeps those axes with size 1. With `rows` it
    takes them even if it has no use for them.
    """
    rows = program.rowwise if rows is None else rows
    whole = _Writer(program, xp, dtype).function(f"{name}_kernel", rows)
    roots, conditions = usual_side(expand(program.roots))
    if conditions and has_elements(xp):
        usual = Program(program.inputs, (*roots, *conditions), program.parameters)
        quick = _Writer(usual, xp, dtype).function(f"{name}_usual_kernel", rows)
        whole = _either(quick, whole, len(roots), len(program.inputs))
    lies = program.orders or not any(root.full for root in program.roots)
    return _ordered(whole) if rows and lies else whole


def _ordered(kernel: Callable) -> Callable:
    """The kernel, with results that lie in order."""

    def ordered(*given: Any) -> Any:
        values = kernel(*given)
        if values.__class__ is tuple:
            return tuple([x if x.flags.c_contiguous else x.copy(order="C") for x in values])
        return values if values.flags.c_contiguous else values.copy(order="C")

    return ordered


def has_elements(xp: ModuleType) -> bool:
    """Are there numbers in a module's arrays, which conditions could be asked of?"""
    return xp.__name__ != "meta"


def _either(quick: Callable, whole: Callable, count: int, inputs: int) -> Callable:
    """`quick` gives `count` results and conditions; where one does not hold, `whole` gives the results."""

    def kernel(*given: Any) -> Any:
        values = quick(*given)
        # Nothing is to be gained, and no largest element to be found, where there are no elements.
        if all(held.all() for held in values[count:]) or any(not x.size for x in given[:inputs]):
            return values[0] if count == 1 else values[:count]
        return whole(*given)

    return kernel


def silently(function: Callable) -> Callable:
    """The function without NumPy's warnings: machine code gives none either."""

    def silenced(*given: Any) -> Any:
        token = silence(silent)
        try:
            return function(*given)
        finally:
            restore(token)

    return silenced


def writing(making: Callable, count: int) -> Callable:
    """A function that writes what `making` makes into its first arguments, one for each result."""

    def written(*given: Any) -> Any:
        targets = given[:count]
        values = making(*given[count:])
        for target, value in zip(targets, values if count > 1 else (values,)):
            np.copyto(target, value, casting="unsafe")
        return targets if count > 1 else targets[0]

    return written


def dropping(keeping: Callable) -> Callable:
    """A function whose results lose the axes, its last argument, that `keeping` leaves with size 1."""

    def dropped(*given: Any) -> Any:
        value, axes = keeping(*given), given[-1]
        if value.__class__ is tuple:
            return tuple(v.reshape(()) if axes is None else v.squeeze(axes) for v in value)
        return value.reshape(()) if axes is None else value.squeeze(axes)

    return dropped


class _Writer:
    """Writes the source of one function."""

    def __init__(self, program: Program, xp: ModuleType, dtype: object):
        self.program, self.xp, self.dtype = program, xp, xp.dtype(dtype)
        self.roots = expand(program.roots)
        self.nodes = order(self.roots)
        self.scope: dict[str, object] = {}
        self.hidden = {*(x.value[0] for x in program.inputs), *program.parameters}  # type: ignore[index]
        self.names: dict[Expression, str] = {}
        self.lines: list[str] = []
        self.everything = frozenset(x for x in program.inputs)
        self.support: dict[Expression, frozenset] = {}
        self.fresh: set[Expression] = set()
        self.last_use = {arg: item for item in self.nodes for arg in item.args}
        self.kept = set(self.roots)
        self.found: dict[str, object] = {}
        self.reuses = False

    def function(self, name: str, rows: bool) -> Callable:
        arguments = [x.value[0] for x in self.program.inputs]  # type: ignore[index]
        arguments += self.program.parameters
        if rows:
            arguments.append("axes")
        for item in self.nodes:
            self.visit(item)
        if self.is_one_call() and len(arguments) == len(self.program.inputs):
            return self.lookup(self.roots[0].primitive.value)  # type: ignore[return-value]
        results = [self.names[root] for root in self.roots]
        body = self.lines
        if self.reuses:
            body, results = self.lifting_scalars(body, results)
        result = results[0] if len(results) == 1 else f"({', '.join(results)},)"
        source = Source(name, **self.scope)
        with source.block(f"def {name}({', '.join(arguments)}):"):
            source("\n".join([*body, f"return {result}"]))
        return source.function(name)

    def is_one_call(self) -> bool:
        """Is the program nothing but one array function of its inputs, in their order?"""
        root = self.roots[0]
        return (
            len(self.roots) == 1
            and not root.primitive.reduces
            and bool(root.args)
            and root.primitive not in (p.real, p.imag, p.make_complex, p.held)
            and len(root.args) == len(self.program.inputs)
            and all(a is b for a, b in zip(root.args, self.program.inputs))
        )

    def visit(self, item: Expression) -> None:
        kind = item.primitive
        self.support[item] = (
            frozenset().union(*(self.support[arg] for arg in item.args))
            if item.args
            else frozenset((item,) if kind is INPUT else ())
        )
        if kind is INPUT:
            self.names[item] = item.value[0]  # type: ignore[index]
        elif kind is PARAMETER:
            self.names[item] = str(item.value)
        elif kind is CONSTANT:
            self.names[item] = self.bind("c", self.constant(item.value))
        elif kind is LENGTH:
            self.define(item, f"{self.bind('row_length', row_length)}({self.widest()}, axes)")
        elif kind is POSITION:
            self.support[item] = frozenset({item})  # the shape of one row, which is no operand's
            self.define(
                item,
                f"{self.bind('row_position', self.lookup(row_position, True))}({self.widest()}, axes)",
            )
        elif kind is p.held:
            self.names[item] = self.names[item.args[0]]
            if item.args[0] in self.kept or item in self.last_use:
                self.last_use[item.args[0]] = self.last_use.get(item, item)
        else:
            self.define(item, self.call(item))
            self.fresh.add(item)

    def define(self, item: Expression, value: str) -> None:
        self.names[item] = f"t{len(self.lines)}"
        self.lines.append(f"{self.names[item]} = {value}")

    def call(self, item: Expression) -> str:
        kind, args = item.primitive, [self.names[arg] for arg in item.args]
        if not self.support[item] and not kind.reduces:
            return self.number(item)
        if kind in (p.real, p.imag):
            self.fresh.discard(item)
            return f"{args[0]}.{kind.name}"
        if kind is p.make_complex:
            return f"{self.bind('join', self.join)}({args[0]}, {args[1]})"
        function = self.bind(kind.name, self.lookup(kind.value, kind.reduces))
        if kind.reduces:
            return f"{function}({args[0]}, axes, {self.sum_dtype(item)}, None, True)"
        target = self.reusable(item)
        return f"{function}({', '.join(args)}{f', out={target}' if target else ''})"

    def number(self, item: Expression) -> str:
        """What depends on parameters and lengths alone, as a Python number.

        NumPy's own scalars would decide the dtype of an array that they meet: float64 for float32's.
        """
        kind = item.primitive
        args = [
            self.bind("n", self.plain(arg.value)) if arg.primitive is CONSTANT else self.names[arg]
            for arg in item.args
        ]
        if kind in (p.real, p.imag):
            return f"{args[0]}.{kind.name}"
        if kind is p.make_complex:
            return f"complex({args[0]}, {args[1]})"
        function = self.bind(kind.name, self.lookup(kind.value))
        return f"{function}({', '.join(args)}).item()"

    def reusable(self, item: Expression) -> str | None:
        """A temporary of the result's shape and dtype that nobody reads after this."""
        if not item.primitive.writes or not self.support[item] >= self.everything:
            return None
        for arg in item.args:
            if (
                arg in self.fresh
                and arg.full
                and arg not in self.kept
                and item.full
                and self.last_use.get(arg) is item
                and arg.domain == item.domain
                and self.support[arg] >= self.everything
                and arg.primitive not in (p.real, p.imag)
            ):
                self.reuses = True
                return self.names[arg]
        return None

    def lifting_scalars(self, body: list[str], results: list[str]) -> tuple[list[str], list[str]]:
        """NumPy gives scalars for 0-d arrays, and nothing can be written into those."""
        names = [x.value[0] for x in self.program.inputs]  # type: ignore[index]
        test = " and ".join(f"{name}.ndim == 0" for name in names)
        lift = [f"scalar = {test}", "if scalar:"] + [
            f"    {name} = {name}.reshape(1)" for name in names
        ]
        lower = ["if scalar:", f"    return {', '.join(f'{r}.reshape(())' for r in results)}"]
        return [*lift, *body, *lower], results

    def sum_dtype(self, item: Expression) -> str:
        """int64 where integers or bools are added, the array's own otherwise."""
        counts = item.primitive.counts and item.domain <= Domain.INT
        return self.bind("int64", self.xp.int64) if counts else "None"

    def bind(self, name: str, value: object) -> str:
        """`value` under a name of the function's scope that no argument hides."""
        while name in self.hidden or self.scope.setdefault(name, value) is not value:
            name += "_"
        return name

    def constant(self, value: object) -> object:
        if isinstance(value, bool):
            return self.xp.asarray(value)
        dtype = self.dtype
        if dtype.kind == "c" and not isinstance(value, complex):
            dtype = self.xp.empty(0, dtype).real.dtype
        if dtype.kind == "b":
            return value
        return self.xp.asarray(value, dtype)

    def plain(self, value: object) -> object:
        """A constant as the Python number that has the precision of all others."""
        keeps = isinstance(value, (bool, complex)) or self.dtype.kind not in "fc"
        return value if keeps else float(value)  # type: ignore[arg-type]

    def lookup(self, path: str | Callable | None, reduces: bool = False) -> object:
        if callable(path):
            return self.xp.own(path, reduces) if hasattr(self.xp, "own") else path
        if path not in self.found:
            value: object = self.xp
            for part in (path or "").split("."):
                value = getattr(value, part)
            self.found[path or ""] = value
        return self.found[path or ""]

    def widest(self) -> str:
        return next(x.value[0] for x in self.program.inputs if x.full)  # type: ignore[index]

    def join(self, real: object, imag: object) -> object:
        xp = self.xp
        shape = xp.broadcast_shapes(xp.shape(real), xp.shape(imag))
        dtype = xp.result_type(xp.asarray(real).dtype, xp.complex64)
        whole = xp.empty(shape, dtype)
        whole.real, whole.imag = real, imag
        return whole


def row_length(x, axes: tuple[int, ...] | None) -> int:  # type: ignore[no-untyped-def]
    """How many elements lie along `axes`."""
    return x.size if axes is None else math.prod(x.shape[axis] for axis in axes)


def row_position(x, axes: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """Each element's index within its row, shaped to broadcast along `axes`."""
    axes = tuple(range(-x.ndim, 0)) if axes is None else axes
    sizes = [x.shape[axis] for axis in sorted(axes)]
    shape = [x.shape[axis] if axis in axes else 1 for axis in range(-x.ndim, 0)]
    return np.arange(math.prod(sizes)).reshape(shape)
