"""Formula operations: a traced expression, made into a differentiable function of tensors.

An operation is traced once for each pair of operand kinds and static options (`Specialization`); the
functions that users call check that they hold such a case and run straight through, and hand
everything else to `FormulaOperation.general`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .. import kernels
from ..autograd.mode import mode
from ..autograd.node import Node, Port, next_sequence
from ..autograd.report import check_versions
from ..core.dtype import BOOL, COMPLEX, FLOAT, INTEGER, bool_, int64
from ..core.kind import Kind, kind_of
from ..core.promotion import PromotionKind, elementwise_dtypes, result_dtype
from ..core.quiet import quiet, restore, silence, silent
from ..core.tensor import Tensor, wrap
from ..formula.evaluate import compile_program, is_quiet, row_length
from ..formula.expression import INPUT, Domain, Expression, order, parameter, symbol
from ..formula.program import Gradient, Program
from .registry import OPERATIONS, is_overridden, override
from .signature import REQUIRED, arguments
from .write import broadcast, write_into, write_out

_DOMAINS = {BOOL: Domain.BOOL, INTEGER: Domain.INT, FLOAT: Domain.REAL, COMPLEX: Domain.COMPLEX}


class FormulaNode(Node):
    """A recorded formula operation. Its class, one for each case, knows the gradient program."""

    __slots__ = ("kept", "parameters")

    kernel: Callable[..., Any]
    record: Callable[..., FormulaNode]
    wanted: tuple[bool, ...]
    gradient: Any
    specialization: Specialization
    checked: tuple[int, ...]
    single: bool
    live: tuple[int, ...]

    def backward(self, g: Any) -> Sequence[Any]:
        if self.cells:
            check_versions(self)
        saved = self.saved if self.notes is None else unpacked(self)
        if self.outputs > 1:
            parts = self.kernel(*self.completed(g), *saved, *self.parameters)
        else:
            if self.kept is not None:
                g = g.reshape(self.kept)
            parts = self.kernel(g, *saved, *self.parameters)
        return (parts,) if self.single else parts

    def completed(self, gs: Sequence[Any]) -> list[Any]:
        """Zeros where nothing arrived for an output."""
        xp = self.kind.xp
        full = [
            xp.broadcast_to(xp.zeros((), port[1].numpy), port[0]) if g is None else g
            for g, port in zip(gs, self.shape)
        ]
        if self.kept is None:
            return full
        return [g.reshape(self.kept) if g.ndim < len(self.kept) else g for g in full]

    def backward_recorded(self, g: Any) -> Sequence[Any]:
        check_versions(self)
        gs = (
            [g]
            if self.outputs == 1
            else [
                wrap(part, port[1]) if not isinstance(part, Tensor) else part
                for part, port in zip(self.completed(g), self.shape)
            ]
        )
        if self.kept is not None and self.outputs == 1:
            gs = [part.reshape(self.kept) for part in gs]
        again = derived(self)
        parts = again.apply((*gs, *self.saved_tensors()), self.parameters)
        return parts if isinstance(parts, tuple) else (parts,)

    def saved_tensors(self) -> list[Tensor]:
        """The saved operands and outputs as tensors with their history."""
        spec, gradient = self.specialization, self.gradient
        arrays = unpacked(self)
        edges = iter(self.edges)
        edge_of = {i: next(edges) if on else None for i, on in enumerate(self.wanted)}
        tensors = []
        for i, array in zip(gradient.inputs, arrays):
            tensor = wrap(array, spec.kind_for(array))
            tensor._node = edge_of[i]
            tensors.append(tensor)
        for i, array in zip(gradient.outputs, arrays[len(gradient.inputs) :]):
            tensor = wrap(array, spec.kind_for(array))
            shape = self.shape if self.outputs == 1 else self.shape[i][0]
            dropped = self.kept is not None and len(shape) < len(self.kept)
            if dropped:
                tensor = wrap(array.reshape(shape), spec.kind_for(array))
            tensor._node = self
            if self.outputs > 1:
                tensor._node = Port(self, i, tensor._array.shape, tensor._kind)
            if dropped:
                tensor = tensor.reshape(self.kept)  # type: ignore[attr-defined]
            tensors.append(tensor)
        return tensors

    def origin(self, i: int) -> tuple[Any, Any]:
        count = len(self.specialization.program.inputs)
        edges = iter(self.edges)
        operands = [next(edges) if on else None for on in self.wanted]
        return self.saved[self.checked.index(i)], operands[i] if i < count else self

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        edges = iter(self.edges)
        found = [next(edges) if on else None for on in self.wanted]
        return tuple((None, 0) if edge is None else (edge.node, edge.index) for edge in found)


def unpacked(node: Node) -> tuple:
    """The saved arrays, through the saved-tensor hook if one packed them."""
    saved = node.saved
    if node.notes is not None and "unpack" in node.notes:
        saved = tuple(node.notes["unpack"](item)._array for item in saved)
    return saved


class Plans(dict):
    """The node class for each set of operands that want a gradient, made when first met."""

    def __init__(self, specialization: Specialization):
        self.specialization = specialization

    def __missing__(self, wanted: tuple[bool, ...]) -> type[FormulaNode]:
        made = self[wanted] = self.specialization.node_class(wanted)
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
        aside: frozenset[int] = frozenset(),
    ):
        self.operation, self.program, self.common = operation, program, common
        self.kinds, self.compute, self.results, self.aside = kinds, compute, results, aside
        self.result = results[0]
        self.floating = any(kind.dtype.category >= FLOAT for kind in results)
        self.plans = Plans(self)
        self.run, native = self.compiled(program)
        self.loud = compute.kind in "fc" and not native and not is_quiet(program)
        self.reduces = not program.roots[0].full
        self.straight = not self.loud and len(program.roots) == 1

    def compiled(self, program: Program) -> tuple[Callable, bool]:
        """The program's kernel, and whether it is native: else it is made of NumPy calls.

        The program may be this one, extended by values that the gradient wants saved.
        """
        results = [kind.numpy for kind in self.results]
        interpreter = self.interpreter(program, results)
        if any(root.primitive is INPUT for root in program.roots):
            interpreter = _copying(interpreter, program)
        native = self.native(program, results, interpreter)
        return native or interpreter, native is not None

    @cached_property
    def flat(self) -> Callable:
        """`run` of a reduction, whose result loses the axes of its rows."""
        results = [kind.numpy for kind in self.results]
        native = self.native(self.program, results, self.interpreter(self.program, results), True)
        if native is not None:
            return native

        def reshaped(*arguments: Any) -> Any:
            value, axes = self.run(*arguments), arguments[-1]
            return value.reshape(()) if axes is None else value.squeeze(axes)

        return reshaped

    @cached_property
    def into(self) -> Callable:
        """`run` that writes its one result into its first argument, of any dtype, and gives that."""
        results = [kind.numpy for kind in self.results]
        interpreter = self.interpreter(self.program, results)
        native = self.native(self.program, results, interpreter, into=True)
        if native is not None:
            return native

        def copied(target: Any, *arguments: Any) -> Any:
            np.copyto(target, self.run(*arguments), casting="unsafe")
            return target

        return copied

    def native(
        self,
        program: Program,
        results: list[Any],
        interpreter: Callable,
        drop: bool = False,
        into: bool = False,
    ) -> Callable | None:
        return kernels.build(
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
        plain = all(kind.numpy == compute or i in self.aside for i, kind in enumerate(self.kinds))
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
            and (self.compute.kind in "fc" or x in {self.program.inputs[j] for j in self.aside})
        )

    def natural(self, root: Expression) -> Any:
        """The dtype in which the kernel gives a root."""
        if root.domain == Domain.BOOL:
            return np.dtype(bool)
        if root.domain == Domain.INT and (
            self.compute.kind not in "iu"
            or any(item.primitive.name in ("sum", "prod") for item in (root,))
        ):
            return np.dtype(np.int64)
        if root.domain == Domain.REAL and self.compute.kind == "c":
            return np.empty(0, self.compute).real.dtype
        return self.compute

    def kind_for(self, array: Any) -> Kind:
        from ..core.dtype import BY_NUMPY

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
        extended = self.compiled(program.extended(gradient.extras))[0] if gradient.extras else None
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
                "live": self.live(wanted),
                "extended": None if extended is None else staticmethod(extended),
                "derived": None,
            },
        )
        made.record = staticmethod(_recorder(made, picked, count, roots, len(gradient.extras)))
        return made

    def live(self, wanted: tuple[bool, ...]) -> tuple[int, ...]:
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

    def compiled_gradient(self, gradient: Gradient) -> Callable:
        inputs = [kind.numpy for kind in self.kinds]
        results = [kind.numpy for kind in self.results]
        interpreter = self.gradient_interpreter(gradient.program)
        native = kernels.build(
            gradient.program,
            [
                *results,
                *(inputs[i] for i in gradient.inputs),
                *(results[i] for i in gradient.outputs),
                *map(self.natural, gradient.extras),
            ],
            self.compute,
            [*map(self.natural, gradient.program.roots)],
            self.operation.name + "_gradient",
            self.operation.rows,
            interpreter,
        )
        return native or interpreter

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
            kind.numpy == compute or i in self.aside for i, kind in enumerate(self.kinds)
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
    if compute.kind == "c" and array.dtype.kind != "c":
        return np.empty(0, compute).real.dtype
    return compute


def _recorder(
    cls: type[FormulaNode], picked: Sequence[int], operands: int, roots: int, extras: int
) -> Callable[..., FormulaNode]:
    """A function that makes a node of the class, written out so that it keeps just what this class wants.

    record(edges, *arrays, *results, *cells, shape, kind, parameters, kept): the arrays of the operands, the
        results and extra values; the version cells of operands and results.
    """
    make = kernels.constructor(
        cls, "edges", "saved", "cells", "versions", "sequence", "shape", "kind", "parameters",
        "kept", "hooks", "notes",
    )  # fmt: skip
    arrays = [f"a{i}" for i in range(operands + roots + extras)]
    cells = [f"c{i}" for i in range(operands + roots)]
    saved = "".join(f"a{i}, " for i in picked)
    kept = "".join(f"c{i}, " for i in cls.checked)
    versions = "".join(f"c{i}[0], " for i in cls.checked)
    source = (
        f"def record(edges, {', '.join((*arrays, *cells))}, shape, kind, parameters, kept):\n"
        f"    return make(edges, ({saved}), ({kept}), ({versions}), next_sequence(), shape, kind, "
        "parameters, kept, None, None)\n"
    )
    scope: dict[str, Any] = {"make": make, "next_sequence": next_sequence}
    exec(source, scope)
    return scope["record"]


def record_unary(
    spec: Specialization,
    result: Tensor,
    x: Tensor,
    a: Any,
    y: Any = None,
    parameters: tuple = (),
    kept: tuple[int, ...] | None = None,
) -> None:
    """Make `result`'s node; x is its operand, a that one's array.

    For a reduction y is the kernel's result, before `kept` axes of size 1 went away.
    """
    array = result._array
    node = result._node = spec.plans[ONE].record(
        (x._node,), a, array if y is None else y, x._cell, result._cell,
        array.shape, result._kind, parameters, kept,
    )  # fmt: skip
    for watch in mode.watchers:
        watch(node, (result,))


ONE = (True,)
BOTH, FIRST, SECOND = (True, True), (True, False), (False, True)


def record_binary(
    spec: Specialization, result: Tensor, x: Any, y: Any, a: Any, b: Any, left: Any, right: Any
) -> None:
    """The same for two operands, one of which may be a number. left and right are their nodes."""
    if left is None:
        cls, edges = spec.plans[SECOND], (right,)
    elif right is None:
        cls, edges = spec.plans[FIRST], (left,)
    else:
        cls, edges = spec.plans[BOTH], (left, right)
    array = result._array
    node = result._node = cls.record(
        edges, a, b, array,
        NO_CELL if x.__class__ in NUMBERS else x._cell,
        NO_CELL if y.__class__ in NUMBERS else y._cell,
        result._cell, array.shape, result._kind, (), None,
    )  # fmt: skip
    for watch in mode.watchers:
        watch(node, (result,))


NO_CELL = [0]
NUMBERS = frozenset((int, float))


def derived(node: Any) -> DerivedOperation:
    """The operation that computes a node's gradient on tensors, recorded."""
    cls = type(node)
    if cls.derived is None:
        cls.derived = DerivedOperation(cls.specialization, cls.gradient.again)
    return cls.derived


class DerivedOperation:
    """A gradient program as an operation of its own, so that it can be differentiated again."""

    def __init__(self, origin: Specialization, program: Program):
        self.name = f"{origin.operation.name}_gradient"
        self.label = f"{origin.operation.label}Backward"
        self.origin, self.program, self.rows = origin, program, origin.operation.rows
        self.specializations: dict[Any, Specialization] = {}

    def apply(self, operands: tuple[Tensor, ...], parameters: tuple) -> Any:
        kinds = tuple(x._kind for x in operands)
        spec = self.specializations.get(kinds)
        if spec is None:
            origin = self.origin
            aside = frozenset(
                i for i, x in enumerate(self.program.inputs) if x.domain < Domain.REAL
            )
            common = kind_of(_dtype_of(origin.compute), origin.common.device)
            results = tuple(
                common
                if root.domain == Domain.COMPLEX
                or origin.compute.kind != "c"
                or root.domain != Domain.REAL
                else common.with_dtype(common.dtype.to_real())
                for root in self.program.roots
            )
            spec = self.specializations[kinds] = Specialization(
                self, self.program, common, kinds, origin.compute, results, aside
            )
        return apply(spec, operands, tuple(x._array for x in operands), parameters, None)


def _dtype_of(numpy_dtype: Any) -> Any:
    from ..core.dtype import BY_NUMPY

    return BY_NUMPY[numpy_dtype]


def apply(
    spec: Specialization,
    operands: Sequence[Any],
    arrays: Sequence[Any],
    parameters: tuple,
    kept: tuple | None,
) -> Any:
    """Run a specialisation and record it if a gradient is wanted.

    operands: tensors or numbers; arrays: what is computed with. kept: for a reduction whose axes do
        not stay, the result's shape with and without them; a third item says that full results drop
        their one axis too (the operand was 0-d).
    """
    wanted = tuple([isinstance(x, Tensor) and x._node is not None for x in operands])
    recording = mode.recording and True in wanted and spec.floating
    cls = spec.plans[wanted] if recording else None
    if cls is not None and not cls.live:
        cls = None
    run = spec.run if cls is None or cls.extended is None else cls.extended
    with quiet():
        values = run(*arrays, *parameters)
    roots = len(spec.program.roots)
    several = type(values) is tuple
    values = values if several else (values,)
    values = [
        v if isinstance(v, spec.common.xp.ndarray) else spec.common.xp.asarray(v) for v in values
    ]
    shaped = values[:roots]
    if kept is not None:
        shaped = [
            v if root.full and len(kept) == 2 else v.reshape(kept[1])
            for v, root in zip(shaped, spec.program.roots)
        ]
    results = [wrap(v, kind) for v, kind in zip(shaped, spec.results)]
    if cls is not None:
        if cls.gradient.counted:
            parameters = (*parameters[:-1], row_length(arrays[0], parameters[-1]), parameters[-1])
        if roots == 1:
            shape, kind = shaped[0].shape, spec.result
        else:
            shape = tuple((v.shape, k) for v, k in zip(shaped, spec.results))
            kind = spec.result
        node = cls.record(
            tuple([x._node for x, on in zip(operands, wanted) if on]),
            *arrays,
            *values,
            *[x._cell if isinstance(x, Tensor) else NO_CELL for x in operands],
            *[x._cell for x in results],
            shape,
            kind,
            parameters,
            None if kept is None else kept[0],
        )
        if roots == 1:
            results[0]._node = node
        else:
            for i in cls.live:
                result = results[i]
                result._node = Port(node, i, result._array.shape, result._kind)
        for watch in mode.watchers:
            watch(node, results)
    return results[0] if roots == 1 else tuple(results)


class FormulaOperation:
    """What a formula's decorator makes: the definition, and its specialisations.

    Args:
        formula: The Python function; arguments without defaults are operands (arrays), those with a
            number are parameters (passed at each call), other defaults are static (traced anew).
        kind: How dtypes promote.
        names: The public names of the arguments, in order.
        optional: Operands that may be None.
        aside: Operands that do not take part in promotion (a condition, an index).
        reduced: Operands with one value a row.
        numbers: Operands that may be Python numbers, as long as one is a tensor; "*": all may.
        refuses: Kinds of dtypes that it has no meaning for: "bool", "int", "half", "float", "complex".
        rows: Is it computed over rows?
        registered: Is it one of the package's own?
    """

    def __init__(
        self,
        formula: Callable,
        kind: PromotionKind,
        *,
        names: str | None = None,
        label: str = "",
        aside: str = "",
        reduced: str = "",
        static: str = "",
        numbers: str | None = None,
        refuses: str = "",
        rows: bool = False,
        differentiable: bool = True,
        registered: bool = True,
    ):
        self.formula, self.promotion, self.rows = formula, kind, rows
        self.name = formula.__name__.rstrip("_")
        self.label = label or "".join(part.capitalize() for part in self.name.split("_"))
        signature, notes = arguments(formula), formula.__annotations__
        self.operands = tuple(
            n
            for n, default in signature.items()
            if default is REQUIRED or notes.get(n) in ("operand", "Operand", Operand)
        )
        self.defaults = {n: v for n, v in signature.items() if n not in self.operands}
        self.optional = frozenset(n for n in self.operands if signature[n] is None)
        statics = static.split()
        self.parameters = tuple(
            n
            for n, v in self.defaults.items()
            if n not in statics and isinstance(v, (int, float)) and not isinstance(v, bool)
        )
        self.complex = frozenset(n for n in self.parameters if notes.get(n) in ("complex", complex))
        self.statics = tuple(n for n in self.defaults if n not in self.parameters)
        public = names.split() if names else []
        usual = {"x": "input", "y": "other"}
        self.public = {
            n: public[i] if i < len(public) else usual.get(n, n) for i, n in enumerate(signature)
        }
        self.aside, self.reduced = frozenset(aside.split()), frozenset(reduced.split())
        self.all_numbers = numbers == "*"
        self.numbers = frozenset(
            self.operands if numbers is None or self.all_numbers else numbers.split()
        )
        self.refuses = frozenset(refuses.split())
        self.differentiable = differentiable
        self.explicit: Callable | None = None
        self.specializations: dict[Any, Specialization] = {}
        self.same: dict[Kind, Specialization] = {}
        self.function: Callable = self.formula
        self.__doc__ = formula.__doc__
        if registered:
            OPERATIONS[self.name] = self

    def gradient(self, rule: Callable) -> Callable:
        """Decorator: the gradient as a formula of g, the operands and y, where it beats the derived one."""
        self.explicit = rule
        return rule

    def specialize(
        self, kinds: tuple[Kind | None, ...], common: Kind, statics: tuple
    ) -> Specialization:
        """The operation traced for operands of these kinds (None: absent) and static options."""
        key = kinds, common, statics
        found = self.specializations.get(key)
        if found is None:
            found = self.specializations[key] = self._trace(kinds, common, statics)
        return found

    def _trace(
        self, kinds: tuple[Kind | None, ...], common: Kind, statics: tuple
    ) -> Specialization:
        self.check_dtype(common.dtype)
        compute, result = elementwise_dtypes(self.promotion, common.dtype)
        domain = _DOMAINS[compute.category]
        symbols: dict[str, Expression | None] = {}
        for name, kind in zip(self.operands, kinds):
            own = (
                domain if name not in self.aside or kind is None else _DOMAINS[kind.dtype.category]
            )
            symbols[name] = None if kind is None else symbol(name, own, name not in self.reduced)
        numbers = {name: self.number(name, domain) for name in self.parameters}
        root = self.formula(**symbols, **numbers, **dict(zip(self.statics, statics)))
        roots = root if isinstance(root, tuple) else (root,)
        for each in roots:
            if not isinstance(each, Expression):
                raise TypeError(
                    f"the formula {self.name}() returned {each!r}, which is no expression: return what is "
                    "computed from its symbols, or a tuple of such"
                )
        present = tuple(x for x in symbols.values() if x is not None)
        program = Program(present, roots, self.parameters, self.bound_gradient(statics, domain))
        results = tuple(kind_of(self.result_dtype(r, result), common.device) for r in roots)
        aside = frozenset(
            i
            for i, x in enumerate(n for n, k in zip(self.operands, kinds) if k is not None)
            if x in self.aside
        )
        return Specialization(
            self,
            program,
            kind_of(compute, common.device),
            tuple(k for k in kinds if k is not None),
            compute.numpy,
            results,
            aside,
        )

    def check_dtype(self, dtype: Any) -> None:
        """Raises NotImplementedError for a dtype that the operation refuses."""
        sort = SORTS[dtype.category]
        if sort not in self.refuses and not (
            sort == "float" and dtype.itemsize == 2 and "half" in self.refuses
        ):
            return
        taken = [TITLES[sort] for sort in SORTS if sort not in self.refuses]
        raise NotImplementedError(
            f"\"{self.name}_cpu\" not implemented for '{dtype.legacy}': {self.name}() takes "
            f"{' or '.join(taken)} tensors; convert with .to(dtype)"
        )

    def number(self, name: str, domain: Domain) -> Expression:
        """A parameter; one that is annotated so is complex where the operands are."""
        return parameter(
            name, domain if name in self.complex and domain == Domain.COMPLEX else Domain.REAL
        )

    def bound_gradient(self, statics: tuple, domain: Domain) -> Callable | None:
        if self.explicit is None:
            return None
        accepted = arguments(self.explicit)
        extra = {n: v for n, v in zip(self.statics, statics) if n in accepted}
        extra.update({n: self.number(n, domain) for n in self.parameters if n in accepted})
        rule = self.explicit
        return lambda *symbols: rule(*symbols, **extra)

    def result_dtype(self, root: Expression, result: Any) -> Any:
        if root.domain == Domain.BOOL and self.promotion is PromotionKind.ALWAYS_BOOL:
            return bool_
        if root.domain == Domain.INT and root.primitive.name in ("sum", "prod"):
            return int64
        if root.domain == Domain.REAL and result.is_complex:
            return result.to_real()
        return result

    def agreed_kind(self, operands: Sequence[Any]) -> Kind | None:
        """The kind of all operands where they have one, and numbers do not change it: the usual case."""
        kind: Kind | None = None
        for name, x in zip(self.operands, operands):
            if x is None or name in self.aside:
                continue
            if isinstance(x, Tensor):
                if kind is None:
                    kind = x._kind
                elif x._kind is not kind:
                    return None
            elif kind is None or x.__class__ not in kind.numbers:
                return None
        if kind is not None and self.aside:
            for x in operands:
                if isinstance(x, Tensor) and x._kind.device is not kind.device:
                    return None
        return kind

    def common_kind(self, operands: Sequence[Any]) -> Kind:
        """The kind that the operands are computed in, by promotion; checks that devices agree."""
        agreed = self.agreed_kind(operands)
        if agreed is not None:
            return agreed
        tensors = [x for x in operands if isinstance(x, Tensor)]
        voters = [
            x for n, x in zip(self.operands, operands) if n not in self.aside and x is not None
        ]
        if not any(isinstance(x, Tensor) for x in voters):
            dtype = result_dtype((), (), voters)
        else:
            dtype = result_dtype(
                [x.dtype for x in voters if isinstance(x, Tensor) and x._array.ndim],
                [x.dtype for x in voters if isinstance(x, Tensor) and not x._array.ndim],
                [x for x in voters if not isinstance(x, Tensor)],
            )
        return kind_of(dtype, common_device(tensors, self.name))

    def general(
        self,
        operands: tuple,
        statics: tuple = (),
        parameters: tuple = (),
        out: Tensor | None = None,
        inplace: bool = False,
    ) -> Any:
        """Any call: overriding classes, numbers, promotion, devices, out= and in-place."""
        if any(x is not None and is_overridden(x) for x in operands):
            return self.overridden(operands, statics, parameters, out, inplace)
        operands = self.accepted(operands)
        if parameters and any(isinstance(value, Tensor) for value in parameters):
            parameters = self.plain_numbers(parameters)
        common = self.common_kind(operands)
        arrays, kinds = self.arrays(operands, common)
        spec = self.specialize(kinds, common, statics)
        alone = len(spec.program.roots) == 1  # the fast paths know one result only
        if alone and not statics and all(kind is common or kind is None for kind in kinds):
            self.same.setdefault(common, spec)
        present = tuple(x for x in operands if x is not None)
        broadcast([a.shape for a in arrays])
        if inplace:
            return write_into(present[0], self, spec, present, arrays, parameters)
        result = apply(spec, present, arrays, parameters, None)
        return result if out is None else write_out(out, result, self.name)

    def accepted(self, operands: tuple) -> tuple:
        """The operands, each a tensor, a Python number or None.

        Raises:
            TypeError: One is nothing of these, or a number where only a tensor will do.
        """
        operands = tuple(self.accept(i, x) for i, x in enumerate(operands))
        if not self.all_numbers and not any(isinstance(x, Tensor) for x in operands):
            raise self.refusal(0, operands[0])
        return operands

    def accept(self, i: int, x: Any) -> Any:
        if (x is None and self.operands[i] in self.optional) or isinstance(x, Tensor):
            return x
        if self.operands[i] in self.numbers:
            if isinstance(x, np.generic):
                return x.item()
            if isinstance(x, (bool, int, float, complex)):
                return x
        raise self.refusal(i, x)

    def plain_numbers(self, parameters: tuple) -> tuple:
        """The parameters as numbers.

        Raises:
            TypeError: One is a tensor that wants a gradient, which it would not get.
        """
        found = []
        for name, value in zip(self.parameters, parameters):
            if isinstance(value, Tensor):
                if value._node is not None:
                    raise TypeError(
                        f"{self.name}(): the parameter '{self.public[name]}' is a number and gets no "
                        "gradient: make it an operand (an argument without a default), or detach() it"
                    )
                value = value.item()  # type: ignore[attr-defined]
            found.append(value)
        return tuple(found)

    def refusal(self, i: int, x: Any) -> TypeError:
        if isinstance(x, Expression):
            return TypeError(
                f"{self.name}() takes tensors, and was given a symbol of a formula: use the function of "
                "that name in flambeau.formula.primitive"
            )
        return TypeError(
            f"{self.name}(): argument '{self.public[self.operands[i]]}' (position {i + 1}) must be "
            f"Tensor, not {type(x).__name__}: wrap it with torch.tensor(...) first"
        )

    def arrays(self, operands: tuple, common: Kind) -> tuple[list[Any], tuple[Kind | None, ...]]:
        """The operands' arrays, and the kinds that the specialisation is made for.

        A tensor of a higher category than its 0-d neighbour keeps its dtype; where an operand has
        another dtype than the common one it is cast by the specialisation.
        """
        arrays, kinds = [], []  # type: ignore[var-annotated]
        compute, _ = elementwise_dtypes(self.promotion, common.dtype)
        for _name, x in zip(self.operands, operands):
            if x is None:
                kinds.append(None)  # type: ignore[arg-type]
            elif isinstance(x, Tensor):
                array = x._array
                if common.device is not x._kind.device and array.ndim == 0:
                    array = common.xp.asarray(array)
                arrays.append(array)
                kinds.append(kind_of(x.dtype, common.device))
            else:
                arrays.append(number_array(x, common.xp, compute))
                kinds.append(kind_of(compute, common.device))
        return arrays, tuple(kinds)

    def overridden(
        self, operands: tuple, statics: tuple, parameters: tuple, out: Any, inplace: bool
    ) -> Any:
        keywords = dict(zip(self.statics, statics)) | dict(zip(self.parameters, parameters))
        keywords = {self.public[n]: v for n, v in keywords.items() if v != self.defaults[n]}
        if out is not None:
            keywords["out"] = out
        function = getattr(Tensor, self.name + "_") if inplace else self.function
        return override(function, operands, operands, keywords)


SORTS = ("bool", "int", "float", "complex")
TITLES = {"bool": "bool", "int": "integer", "float": "floating-point", "complex": "complex"}


class Operand:
    """Annotation of a formula's argument that is an array although it has a default."""


def number_array(value: Any, xp: Any, dtype: Any) -> Any:
    """A Python number as a 0-d array; integers wrap around as PyTorch's do."""
    compute = dtype.compute
    try:
        with quiet():
            return xp.asarray(value, compute)
    except OverflowError:
        bits = 8 * compute.itemsize
        return xp.asarray(int(value) % (1 << bits), f"u{compute.itemsize}").astype(compute)


def common_device(tensors: Sequence[Tensor], name: str) -> Any:
    """The one device of the tensors; 0-d CPU tensors go along with any.

    Raises:
        RuntimeError: There are two.
    """
    devices = list(
        dict.fromkeys(
            x._kind.device for x in tensors if x._array.ndim or x._kind.device.type != "cpu"
        )
    )
    if len(devices) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{devices[0]} and {devices[1]}! (in {name}; move one with .to({str(devices[0])!r}))"
        )
    if devices:
        return devices[0]
    from ..core.device import CPU

    return tensors[0]._kind.device if tensors else CPU


__all__ = [
    "FormulaNode",
    "FormulaOperation",
    "Operand",
    "apply",
    "common_device",
    "record_binary",
    "record_unary",
    "restore",
    "silence",
    "silent",
]
