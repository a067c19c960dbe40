"""A formula traced for operands of certain kinds: its kernels, and the nodes that record it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ... import kernels
from ..._source import Source, listed
from ...autograd.mode import mode
from ...autograd.node import next_sequence
from ...autograd.record import record, record_lines, tell_watchers
from ...autograd.saved import saved_attributes
from ...core.dtype import FLOAT, is_complex
from ...core.kind import Kind, kind_of
from ...core.promotion import can_cast
from ...formula.evaluate import compile_program, dropping, is_quiet, silently, writing
from ...formula.expression import INPUT, Domain, Expression, is_constant, order
from ...formula.program import Gradient, Program
from .formula_node import FormulaNode

_FLOAT32 = np.dtype(np.float32)


class Plans(dict):
    """The node class for each set of operands that want a gradient, made when first met."""

    def __init__(self, specialization: Specialization):
        self.specialization = specialization

    def __missing__(self, wanted: tuple[bool, ...]) -> type[FormulaNode]:
        made = self[wanted] = self.specialization.node_class(wanted)
        return made


class Writers(dict):
    """What writes a result into arrays of a kind, made when first met; KeyError for a kind that cannot hold it."""

    def __init__(self, specialization: Specialization):
        self.specialization = specialization

    def __missing__(self, kind: Kind) -> Callable:
        spec = self.specialization
        fits = kind.device is spec.result.device and can_cast(spec.result.dtype, kind.dtype)
        if not fits or len(spec.results) > 1:
            raise KeyError(kind)
        made = self[kind] = spec.into if kind is spec.result else spec.into_other(kind)
        return made


class Specialization:
    """An operation traced for operands of certain kinds.

    run(*arrays, *parameters[, axes]) computes the results in their own dtypes.
    """

    def __init__(
        self,
        operation: Any,
        program: Program,
        common: Kind,
        kinds: tuple[Kind, ...],
        compute: Any,
        results: tuple[Kind, ...],
        not_promoted: frozenset[int] = frozenset(),
    ):
        self.operation, self.program, self.common = operation, program, common
        self.kinds, self.compute, self.results, self.not_promoted = (
            kinds,
            compute,
            results,
            not_promoted,
        )
        self.result = results[0]
        self.floating = any(kind.dtype.category >= FLOAT for kind in results)
        self.plans, self.writers = Plans(self), Writers(self)
        self.run = self.compiled(program)
        self.reduces = not program.roots[0].full
        self.has_fast_path = len(program.roots) == 1
        self.is_uniform = len(program.roots) > 1 and len({x.full for x in program.roots}) == 1

    def compiled(self, program: Program) -> Callable:
        """The program's kernel: a native one, or else one of NumPy calls.

        The program may be this one, extended by values that the gradient wants saved.
        """
        results = [kind.numpy for kind in self.results]
        interpreter = self.interpreter(program, results)
        if any(root.primitive is INPUT for root in program.roots):
            interpreter = _copying(interpreter, program)
        native = self.native(program, results, interpreter)
        if native is not None:
            return native
        warns = self.compute.kind in "fc" and not is_quiet(program)
        return silently(interpreter) if warns else interpreter

    @cached_property
    def flat(self) -> Callable:
        """`run` of a reduction, whose result loses the axes of its rows."""
        results = [kind.numpy for kind in self.results]
        native = self.native(self.program, results, self.interpreter(self.program, results), True)
        return native or dropping(self.run)

    @cached_property
    def into(self) -> Callable:
        """`run` that writes its results into its first arguments, of any dtype, and gives those."""
        results = [kind.numpy for kind in self.results]
        if len(results) == 1 and self.program.roots[0] is self.program.inputs[0]:
            return _kept
        interpreter = self.interpreter(self.program, results)
        native = self.native(self.program, results, interpreter, into=True)
        return native or silently(writing(self.run, len(results)))

    def into_other(self, kind: Kind) -> Callable:
        """`into` for arrays of another kind, which the kernel converts to where no rounding comes between."""
        own = self.results[0].numpy
        if kind.dtype.is_complex or own not in (self.compute, np.dtype(bool)):
            return self.into
        interpreter = self.interpreter(self.program, [own])
        native = self.native(self.program, [kind.numpy], interpreter, into=True)
        return native or self.into

    def native(
        self,
        program: Program,
        results: list[Any],
        interpreter: Callable,
        drop: bool = False,
        into: bool = False,
    ) -> Callable | None:
        return self.common.backend.build(
            self.common.device.index,
            program,
            [kind.numpy for kind in self.kinds],
            self.compute,
            [*results, *map(self.natural, program.roots[len(results) :])],
            self.operation.name,
            self.operation.rows,
            interpreter,
            drop,
            into,
        )

    def interpreter(self, program: Program, results: Sequence[Any]) -> Callable:
        """The program with NumPy, with casts around it where the operands or results need them."""
        kernel = compile_program(
            program, self.common.xp, self.compute, self.operation.name, self.operation.rows
        )
        compute = self.compute
        if compute.kind == "u" and program.parameters:
            kernel = _wrapping(kernel, len(program.inputs), compute)
        plain = all(
            kind.numpy == compute or i in self.not_promoted for i, kind in enumerate(self.kinds)
        )
        if plain and all(
            self.natural(root) == dtype for root, dtype in zip(program.roots, results)
        ):
            return kernel
        skip = self.skipped(program)

        def widened(*arguments: Any) -> Any:
            values = kernel(
                *(
                    a.astype(compute, copy=False) if i not in skip and hasattr(a, "astype") else a
                    for i, a in enumerate(arguments)
                )
            )
            if type(values) is tuple:
                return (
                    tuple(v.astype(dtype, copy=False) for v, dtype in zip(values, results))
                    + values[len(results) :]
                )
            return values.astype(results[0], copy=False)

        return widened

    def skipped(self, program: Program) -> frozenset[int]:
        """Positions of arguments that are not cast: bools, indices and what is not an array."""
        return frozenset(
            i
            for i, x in enumerate(program.inputs)
            if x.domain < Domain.REAL
            and (
                self.compute.kind in "fc"
                or x in {self.program.inputs[j] for j in self.not_promoted}
            )
        )

    def natural(self, root: Expression) -> Any:
        """The dtype in which the kernel gives a root."""
        if root.domain == Domain.BOOL:
            return np.dtype(bool)
        if root.domain == Domain.INT and (self.compute.kind not in "iu" or root.primitive.counts):
            return np.dtype(np.int64)
        if root.domain == Domain.REAL and self.compute.kind == "c":
            return np.empty(0, self.compute).real.dtype
        return self.compute

    def kind_for(self, array: Any) -> Kind:
        from ...core.dtype import BY_NUMPY

        return kind_of(BY_NUMPY[array.dtype], self.common.device)

    def node_class(self, wanted: tuple[bool, ...]) -> type[FormulaNode]:
        """The node that records this operation when the `wanted` operands want a gradient."""
        program = self.program
        gradient = program.gradient((True,) * len(program.roots), wanted)
        count, roots = len(program.inputs), len(program.roots)
        picked = [
            *gradient.inputs,
            *(count + i for i in gradient.outputs),
            *range(count + roots, count + roots + len(gradient.extras)),
        ]
        extended = self.compiled(program.extended(gradient.extras)) if gradient.extras else None
        checked = tuple(i for i in (*gradient.inputs, *(count + i for i in gradient.outputs)))
        kernel = self.compiled_gradient(gradient)
        made = type(
            node_name(self.operation.label),
            (FormulaNode,),
            {
                "__slots__": (),
                "kernel": staticmethod(kernel),
                "wanted": wanted,
                "gradient": gradient,
                "specialization": self,
                "outputs": roots,
                "checked": checked,
                "single": sum(wanted) == 1,
                "differentiable_outputs": self.differentiable_outputs(wanted),
                "extended": None if extended is None else staticmethod(extended),
                "derived": None,
                "forward": {},
                **saved_attributes((*self.saved_names, *self.operation.parameters)),
            },
        )
        made.record = staticmethod(_recorder(made, picked, count, roots, len(gradient.extras)))
        return made

    @cached_property
    def saved_names(self) -> dict[str, int]:
        """PyTorch's names of operands and results, as nodes show them, and their positions."""
        operation, roots = self.operation, len(self.program.roots)
        if not operation.operands:  # a gradient as an operation
            return {}
        operands = [operation.public[name] for name in operation.operands[: len(self.kinds)]]
        names = ["self" if name == "input" else name for name in operands]
        results = ["result"] if roots == 1 else [f"result{i}" for i in range(roots)]
        return {name: i for i, name in enumerate([*names, *results])}

    @cached_property
    def savable(self) -> frozenset[int]:
        """The positions of what is saved when all operands want a gradient."""
        floating = tuple(kind.dtype.category >= FLOAT for kind in self.kinds)
        gradient = self.program.gradient((True,) * len(self.program.roots), floating)
        count = len(self.program.inputs)
        return frozenset((*gradient.inputs, *(count + i for i in gradient.outputs)))

    def differentiable_outputs(self, wanted: tuple[bool, ...]) -> tuple[int, ...]:
        """The results that have a gradient: a lone one always, of several those that depend on `wanted`."""
        roots = self.program.roots
        if len(roots) == 1:
            return (0,)
        inputs = {x for x, on in zip(self.program.inputs, wanted) if on}
        return tuple(
            i
            for i, (root, kind) in enumerate(zip(roots, self.results))
            if kind.dtype.category >= FLOAT and not inputs.isdisjoint(order([root]))
        )

    def gradient_into(self, wanted: tuple[bool, ...]) -> Callable:
        """The gradient that writes its parts into its first arguments, one for each wanted operand."""
        return self.compiled_gradient(self.plans[wanted].gradient, into=True)

    def compiled_gradient(self, gradient: Gradient, into: bool = False) -> Callable:
        still = [i for i, root in enumerate(gradient.program.roots) if is_constant(root, 0)]
        if still and len(still) < len(gradient.program.roots) and not into:
            kernel = self.compiled_gradient(gradient.without(still))
            dtypes = [self.natural(gradient.program.roots[i]) for i in still]
            return _with_zeros(kernel, still, dtypes, self.common.xp.zeros)
        inputs = [kind.numpy for kind in self.kinds]
        results = [kind.numpy for kind in self.results]
        interpreter = self.gradient_interpreter(gradient.program)
        native = self.common.backend.build(
            self.common.device.index,
            gradient.program,
            [
                *results,
                *(inputs[i] for i in gradient.inputs),
                *(results[i] for i in gradient.outputs),
                *map(self.natural, gradient.extras),
            ],
            self.compute,
            [*map(self.natural, gradient.program.roots)] if into else self.parts(gradient),
            self.operation.name + "_gradient",
            self.operation.rows,
            interpreter,
            into=into,
        )
        if native is None and into:
            return writing(interpreter, len(gradient.program.roots))
        return native or interpreter

    def parts(self, gradient: Gradient) -> list[Any]:
        """The dtypes of a gradient's parts: those of operands of half types are rounded where they are computed."""
        own = dict(zip(self.program.inputs, self.kinds))
        natural = [self.natural(root) for root in gradient.program.roots]
        return [
            own[x].numpy if own[x].compute == dtype == _FLOAT32 else dtype
            for x, dtype in zip(gradient.operands, natural)
        ]

    def gradient_interpreter(self, program: Program) -> Callable:
        kernel = compile_program(
            program,
            self.common.xp,
            self.compute,
            self.operation.name + "_gradient",
            self.operation.rows,
        )
        compute = self.compute
        if all(
            kind.numpy == compute or i in self.not_promoted for i, kind in enumerate(self.kinds)
        ) and all(kind.numpy in (compute, np.dtype(bool)) for kind in self.results):
            return kernel
        casts = frozenset(i for i, x in enumerate(program.inputs) if x.domain >= Domain.REAL)

        def widened(*arguments: Any) -> Any:
            return kernel(
                *(
                    a.astype(_to(compute, a), copy=False) if i in casts else a
                    for i, a in enumerate(arguments)
                )
            )

        return widened


def _with_zeros(
    kernel: Callable, places: Sequence[int], dtypes: Sequence[Any], zeros: Callable
) -> Callable:
    """A gradient's kernel with a zero more for each operand that the result depends on by steps alone."""

    def gradient(*given: Any) -> list[Any]:
        parts = kernel(*given)
        parts = [*parts] if isinstance(parts, (tuple, list)) else [parts]
        for place, dtype in zip(places, dtypes):
            parts.insert(place, zeros((), dtype))
        return parts

    return gradient


def _wrapping(kernel: Callable, count: int, dtype: Any) -> Callable:
    """A kernel of unsigned integers that takes negative numbers, as PyTorch does: those that wrap into the dtype."""
    size = 1 << 8 * dtype.itemsize

    def wrapped(*given: Any) -> Any:
        numbers = [n + size if n.__class__ is int and -size < n < 0 else n for n in given[count:]]
        return kernel(*given[:count], *numbers)

    return wrapped


def _kept(target: Any, array: Any, *numbers: Any) -> Any:
    """The operand written into a target, which it mostly is already."""
    if target is not array:
        target[...] = array
    return target


def _copying(kernel: Callable, program: Program) -> Callable:
    """A kernel whose results that are its operands are copies: a result is memory of its own."""
    same = [root.primitive is INPUT for root in program.roots]

    def copied(*arguments: Any) -> Any:
        values = kernel(*arguments)
        if len(same) == 1:
            return values.copy()
        return tuple(v.copy() if again else v for v, again in zip(values, same))

    return copied


def node_name(label: str) -> str:
    """PyTorch's name of a node: of a second variant of a function it is written out, as MaxBackward1."""
    return label if label.endswith("Backward1") else f"{label}Backward0"


def _to(compute: Any, array: Any) -> Any:
    """A real array stays real in a complex computation."""
    if compute.kind == "c" and not is_complex(array.dtype):
        return np.empty(0, compute).real.dtype
    return compute


def _recorder(
    cls: type[FormulaNode], picked: Sequence[int], operands: int, roots: int, extras: int
) -> Callable[..., None]:
    """A function that records results in a node of the class, written out so that it keeps just what this
    class wants.

    For an operation of two operands whose gradient wants both::

        def record(edges, a0, a1, a2, c0, c1, result, parameters, kept):
            node = make(edges, (a0, a1), (c0, c1), (c0[0], c1[0]), next_sequence(), ...)
            result._node = node
            if mode.watchers: tell_watchers(node, (result,))

    The a are the arrays of operands and results and the extra values, the c the operands' version cells.
    """
    make = kernels.constructor(
        cls, "edges", "saved", "cells", "versions", "sequence", "shape", "kind", "parameters",
        "kept", "hooks", "notes",
    )  # fmt: skip
    arrays = [f"a{i}" for i in range(operands + roots + extras)]
    cells = [f"c{i}" for i in range(operands)]
    results = "result" if roots == 1 else "results"
    source = Source(
        f"{cls.__name__} record", make=make, mode=mode, next_sequence=next_sequence,
        tell_watchers=tell_watchers, history=record, outputs=cls.differentiable_outputs,
    )  # fmt: skip
    head = ", ".join(["edges", *arrays, *cells, results, "parameters", "kept"])
    with source.block(f"def record({head}):"):
        if roots == 1:
            shape, kind = "result._array.shape", "result._kind"
        else:
            shape, kind = "tuple([(r._array.shape, r._kind) for r in results])", "results[0]._kind"
        for i in cls.checked:
            if i >= operands:
                result = "result" if roots == 1 else f"results[{i - operands}]"
                source(f"c{i} = {result}._cell")
        saved, checked = (listed(f"{x}{i}" for i in y) for x, y in zip("ac", (picked, cls.checked)))
        versions = listed(f"c{i}[0]" for i in cls.checked)
        source(f"""
            node = make(
                edges, {saved}, {checked}, {versions}, next_sequence(),
                {shape}, {kind}, parameters, kept, None, None,
            )
            """)
        source(record_lines("result") if roots == 1 else "history(node, results, outputs)")
    return source.function("record")
