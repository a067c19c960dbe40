"""From a program to a callable kernel, and what it does with arrays that the machine code is not made for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ...formula.evaluate import dropping, silently, writing
from ...formula.program import Program
from ..array.copy import contiguous, in_order
from ..llvm import Code, Module
from ..runtime.later import builtin_later
from ..runtime.layout import builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from . import arrangement, split_reduction
from .broadcast import UNFIT, load_fit, row_lengths
from .column import ColumnEntryPoint, ColumnNest
from .entry import MANY, SHORT, EntryPoint
from .nest import Nest
from .strided import StridedNest
from .strided_entry import StridedEntryPoint
from .values import Unsupported


def build_native(
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
    """The native function; None where the program has no native form.

    It is compiled at its first call, as are those that it falls back to.
    """
    facts = program, inputs, compute, results, rows

    def nest() -> Nest:
        return nest_of(program, inputs, compute, results, rows)

    try:
        nest()
    except Unsupported:
        return None
    first = len(program.roots) if into else 0
    interpreter = noted(silently(interpreter), Recipe(lambda: module_text(*facts), nest))
    is_lone = rows and len(inputs) == 1 and not into
    serves = Served(inputs, 0, rows, False)
    plain = builtin_later(name, written(*facts), serves, interpreter, interpreter)
    columns = Columns(program, inputs, compute, results, name) if rows else None
    turns = is_lone and not any(root.full for root in program.roots)
    if columns is not None:
        fallback = arranged_rows(plain, columns, program, interpreter)
        fallback = turned(fallback, columns) if turns else fallback
    else:
        fallback = arranged(plain, program, interpreter)
    otherwise = interpreter
    if drop:
        fallback, otherwise = dropping(fallback), dropping(otherwise)
    elif into:
        fallback, otherwise = writing(fallback, first), writing(otherwise, first)

    def build(dtypes: Sequence[Any]) -> Callable | None:
        return build_native(program, dtypes, compute, results, name, rows, interpreter, drop, into)

    if columns is not None and not into and not any(root.full for root in program.roots):
        fallback = few_in_order(fallback, lambda: others.kernel)
    recipe = Recipe(lambda: module_text(*facts, drop, into, turns), nest, first)
    writes = program.orders
    others = OtherDtypes(inputs, first, fallback, build, not rows, is_lone, writes)
    chosen: Callable = others
    if columns is not None and not into:
        chosen = columns.first(chosen, drop)
    text, serves = written(*facts, drop, into, turns), Served(inputs, first, rows, is_lone)
    made = others.kernel = builtin_later(name, text, serves, noted(chosen, recipe), otherwise)
    return made


def written(*facts: Any) -> Callable[[], str | None]:
    """What writes a module, or gives None where something in it has no native form."""

    def text() -> str | None:
        load_fit()
        try:
            return module_text(*facts)
        except Unsupported:
            return None

    return text


class Served:
    """Is a kernel made for these arguments? Roughly: whatever it says, the machine code looks at all of them.

    Args:
        inputs: The dtypes of the program's arrays.
        first: How many arrays to write into stand before them.
        rows: Do axes stand at the end, along which the arrays are to lie in order?
        is_lone: Does it take rows of one array that lie in strides, if the elements of a row lie together?
    """

    def __init__(self, inputs: Sequence[Any], first: int, rows: bool, is_lone: bool):
        self.inputs, self.first, self.rows, self.is_lone = inputs, first, rows, is_lone

    def __call__(self, *given: Any) -> bool:
        if self.rows and given[-1].__class__ is tuple and given[-1][-1:] != (-1,):
            return False  # the rows lie across memory, as in each sum over a batch
        arrays = given[self.first : self.first + len(self.inputs)]
        fit = len(arrays) == len(self.inputs) and all(
            type(a) is np.ndarray and a.dtype == dtype for a, dtype in zip(arrays, self.inputs)
        )
        if not fit or not self.rows:
            return fit
        # What is one value everywhere is no array to be put in order: a mean's gradient, say.
        axes = given[-1]
        if self.is_lone and not arrays[0].flags.c_contiguous:
            return _has_lines(arrays[0], axes)
        ordered = all(a.flags.c_contiguous or not any(a.strides) for a in arrays)
        if not isinstance(axes, tuple):
            return ordered
        return ordered and axes == tuple(range(-len(axes), 0))


def _has_lines(array: Any, axes: Any) -> bool:
    """Do elements of a row along these axes lie together?"""
    size, ndim = array.itemsize, array.ndim
    return any(
        step == size and n != 1 and (axes is None or i in axes or i - ndim in axes)
        for i, (n, step) in enumerate(zip(array.shape, array.strides))
    )


def module_text(
    program: Program, inputs: Sequence[Any], compute: Any, results: Sequence[Any], rows: bool,
    drop: bool = False,
    into: bool = False,
    turns: bool = False,
) -> str:  # fmt: skip
    """The whole module in LLVM's intermediate language.

    Raises:
        Unsupported: The program has no native form.
    """
    nest = nest_of(program, inputs, compute, results, rows)
    if isinstance(nest, StridedNest):
        return nest_module(nest, lambda module: StridedEntryPoint(nest, module, into))
    return nest_module(nest, lambda module: EntryPoint(nest, module, rows, drop, into, turns))


def nest_of(
    program: Program, inputs: Sequence[Any], compute: Any, results: Sequence[Any], rows: bool
) -> Nest:
    """The loops of a program: of single elements, over arrays of any strides, or of rows."""
    cls = Nest if rows else StridedNest
    return cls(program, inputs, compute, results, machine().bits, rows)


def nest_module(nest: Nest, entry: Callable[[Module], EntryPoint]) -> str:
    """The module of a nest with its entry point."""
    module = Module()
    module.add(nest.text(Code(nest.lanes, module.declarations)))
    if split_reduction.is_divisible(nest):
        for text in (split_reduction.part_text, split_reduction.finish_text):
            module.add(text(nest, Code(nest.lanes, module.declarations)))
    entry(module).write()
    return module.text()


class OtherDtypes:
    """The fallback; for arrays of other dtypes than the kernel's, kernels for those, made when first met.

    So a number meets a half type as a float32, unrounded. The first call of a strided kernel, or with arrays that do not
    lie in order, brings what those need, and goes back to the kernel.

    Args:
        strided: Is the kernel one of single elements?
        is_lone: Does it have rows of one operand?
        writes: Has it results with a value an element?
    """

    carries_recipe = True
    recipe: Recipe
    kernel: Callable

    def __init__(
        self,
        inputs: Sequence[Any],
        first: int,
        fallback: Callable,
        build: Callable,
        strided: bool,
        is_lone: bool,
        writes: bool,
    ):
        self.places, self.strided = slice(first, first + len(inputs)), strided
        self.is_lone, self.writes = is_lone, writes
        self.fallback, self.build = fallback, build
        self.kernels: dict[tuple, Callable] = {tuple(inputs): fallback}

    def __call__(self, *given: Any) -> Any:
        if (self.strided or self.is_unordered(given)) and arrangement.load():
            return self.kernel(*given)
        if self.is_lone and self.is_scattered(given[0]):
            return self.kernel(contiguous(given[0]), *given[1:])
        if not self.strided and self.is_mixed(given):
            ordered = [contiguous(a) if is_scattered(a) else a for a in given[self.places]]
            return self.kernel(*given[: self.places.start], *ordered, *given[self.places.stop :])
        try:
            dtypes = tuple([a.dtype for a in given[self.places]])
        except AttributeError:  # a number, or nothing
            return self.fallback(*given)
        kernel = self.kernels.get(dtypes)
        if kernel is None:
            kernel = self.kernels[dtypes] = self.build(dtypes) or self.fallback
        return kernel(*given)

    def is_unordered(self, given: Sequence[Any]) -> bool:
        return any(
            a.__class__ is np.ndarray and not a.flags.c_contiguous for a in given[self.places]
        )

    def is_scattered(self, array: Any) -> bool:
        """Is it an array whose rows are better copied first: no two of its elements are neighbours, or what is
        written is to lie in order?"""
        return (
            array.__class__ is np.ndarray
            and not array.flags.c_contiguous
            and (self.writes or array.itemsize not in array.strides)
        )

    def is_mixed(self, given: Sequence[Any]) -> bool:
        """Are there arrays to be put in order before rows along the last dimensions are looked at, and no order of
        dimensions that all have? One is broadcast from fewer (a norm's weight), or the first lies in order."""
        arrays, axes = given[self.places], given[-1]
        if axes.__class__ is not tuple or axes != _LAST[len(axes)]:
            return False
        if not all(a.__class__ is np.ndarray for a in arrays):
            return False
        first = max(arrays, key=_dimensions)
        apart = first.flags.c_contiguous or any(0 < a.ndim < first.ndim for a in arrays)
        return apart and any(map(is_scattered, arrays))


_LAST = tuple(tuple(range(-n, 0)) for n in range(65))
_dimensions = attrgetter("ndim")


def is_scattered(array: Any) -> bool:
    """Does it lie out of order, and is not merely expanded?"""
    return not array.flags.c_contiguous and 0 not in array.strides


class Columns:
    """A row program whose rows lie across memory; its kernels are made when first called for."""

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Any],
        compute: Any,
        results: Sequence[Any],
        name: str,
    ):
        self.program, self.inputs, self.compute = program, inputs, compute
        self.results, self.name = results, name
        self.supported = True

    @cached_property
    def kernel(self) -> Callable:
        """Gives NotImplemented for arrays that lie in another way."""

        def refuse(*given: Any) -> Any:
            return NotImplemented

        return self.build(refuse) or refuse

    def build(self, fallback: Callable, drop: bool = False) -> Callable | None:
        """The function of arrays, parameters and axes; None where the program has no such form."""
        load_fit()
        try:
            text = self.text(drop)
        except Unsupported:
            self.supported = False
            return None
        recipe = Recipe(lambda: self.text(drop), self.nest)
        return builtin(self.name, machine().address(text), noted(fallback, recipe))

    def first(self, fallback: Callable, drop: bool) -> Callable:
        """`fallback`, but for calls that these kernels are made for."""
        kernel: Callable | None = None
        alone = len(self.program.inputs) == 1 and not any(x.full for x in self.program.roots)

        def function(*given: Any) -> Any:
            nonlocal kernel
            if kernel is None:
                if not self.supported or not _crosses(given[0], given[-1], alone):
                    return fallback(*given)
                kernel = self.build(lambda *given: fallback(*given), drop) or fallback
            return kernel(*given)

        return function

    def nest(self) -> ColumnNest:
        return ColumnNest(
            self.program, self.inputs, self.compute, self.results, machine().bits, True
        )

    def text(self, drop: bool) -> str:
        nest = self.nest()
        return nest_module(nest, lambda module: ColumnEntryPoint(nest, module, True, drop))


def _crosses(array: Any, axes: Any, alone: bool) -> bool:
    """Do rows along these axes of an array lie across its memory?"""
    if axes.__class__ is not tuple or array.__class__ is not np.ndarray:
        return False
    if array.flags.c_contiguous or not alone:
        return 0 < len(axes) < array.ndim and axes[-1] < -1 and array.flags.c_contiguous
    size = array.itemsize
    return any(
        step == size and n != 1 and i - array.ndim not in axes
        for i, (n, step) in enumerate(zip(array.shape, array.strides))
    )


def arranged(plain: Callable, program: Program, interpreter: Callable) -> Callable:
    """Elementwise programs on arrays that do not lie in order, or broadcast in several places."""
    count = len(program.inputs)

    def fallback(*given: Any) -> Any:
        arrays = given[:count]
        if not all(type(a) is np.ndarray for a in arrays):
            return interpreter(*given)
        shape = broadcast_shapes(*(a.shape for a in arrays))
        order = memory_order(arrays, shape)
        if order is not None:
            back = np.argsort(order)
            moved = [a.transpose(order) if a.ndim == len(shape) else a for a in arrays]
            values = plain(*map(ready(moved), moved), *given[count:])
            if type(values) is tuple:
                return tuple(v.transpose(back) for v in values)
            return values.transpose(back)
        return plain(*map(ready(arrays, shape), arrays), *given[count:])

    return fallback


def memory_order(arrays: Sequence[Any], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of dimensions in which the first array of that shape lies in memory, if it is permuted and fills its
    memory so: as in PyTorch, results lie like the first operand."""
    for array in arrays:
        if array.shape == shape and array.ndim > 1:
            if array.flags.c_contiguous or 0 in array.strides or min(array.strides) < 0:
                return None
            order = tuple(sorted(range(array.ndim), key=lambda i: -array.strides[i]))
            if array.transpose(order).flags.c_contiguous and all(
                a.ndim in (0, array.ndim) for a in arrays
            ):
                return order
            return None
    return None


def ready(arrays: Sequence[Any], shape: tuple[int, ...] | None = None) -> Callable[[Any], Any]:
    """Makes an array such as the machine code takes: in order, broadcast only as it can."""
    shape = broadcast_shapes(*(a.shape for a in arrays)) if shape is None else shape
    lengths = row_lengths([a.shape for a in arrays], shape)
    simple = len(lengths) <= 1 and UNFIT not in lengths

    def make(array: Any) -> Any:
        if not simple and array.size > 1 and array.shape != shape:
            array = np.broadcast_to(array, shape)
        if array.flags.c_contiguous and array.flags.aligned:
            return array
        return contiguous(array)

    return make


def rows_order(
    arrays: Sequence[Any], full: Sequence[bool], shape: tuple[int, ...], dims: Sequence[int]
) -> tuple[int, ...] | None:
    """The order of dimensions in which a permuted array lies in memory, if the rows stay as they are in it."""
    order = memory_order([a for a, is_full in zip(arrays, full) if is_full], shape)
    if order is None or [dim for dim in order if dim in dims] != list(dims):
        return None
    return order


_FEW = 1 << 11
"""Elements of which a copy takes less time than finding out how they lie."""


def few_in_order(fallback: Callable, kernel: Callable[[], Callable]) -> Callable:
    """Reductions of a few elements that do not lie in order: the kernel is given copies that do."""

    def reduced(*given: Any) -> Any:
        array = given[0]
        if type(array) is np.ndarray and array.size <= _FEW and not array.flags.c_contiguous:
            return kernel()(array.copy(), *given[1:])
        return fallback(*given)

    return reduced


def turned(fallback: Callable, columns: Columns) -> Callable:
    """Reductions of many rows of few elements: as columns, of which as many are reduced at once as a vector has lanes."""

    def reduced(*given: Any) -> Any:
        array, axes = given[0], given[-1]
        if (
            type(array) is not np.ndarray
            or array.size < MANY
            or axes.__class__ is not tuple
            or tuple(axes) != tuple(range(-len(axes), 0))
            or not array.flags.c_contiguous
        ):
            return fallback(*given)
        kept = array.shape[: array.ndim - len(axes)]
        length = array.size // math.prod(kept)
        if length * array.itemsize > SHORT:
            return fallback(*given)
        values = columns.kernel(contiguous(array.reshape(-1, length).T), *given[1:-1], (-2,))
        if values is NotImplemented:
            return fallback(*given)
        shape = kept + (1,) * len(axes)
        if type(values) is tuple:
            return tuple(value.reshape(shape) for value in values)
        return values.reshape(shape)

    return reduced


def arranged_rows(
    plain: Callable, columns: Columns, program: Program, interpreter: Callable
) -> Callable:
    """Row programs over other dimensions than the last, or on arrays that do not lie in order."""
    count = len(program.inputs)
    full = [x.full for x in program.inputs]
    roots = [x.full for x in program.roots]

    def fallback(*given: Any) -> Any:
        arrays, axes = given[:count], given[-1]
        if not all(type(a) is np.ndarray for a in arrays):
            return interpreter(*given)
        shape = arrays[0].shape if count == 1 else broadcast_shapes(*(a.shape for a in arrays))
        if not shape or 0 in shape:
            return interpreter(*given)
        ndim = len(shape)
        dims = list(range(ndim)) if axes is None else sorted(axis % ndim for axis in axes)
        values = columns.kernel(*given) if dims[-1] < ndim - 1 else NotImplemented
        if values is not NotImplemented:
            return values
        order = rows_order(arrays, full, shape, dims)
        if order is not None:
            moved = [a.reshape((1,) * (ndim - a.ndim) + a.shape).transpose(order) for a in arrays]
            moved = [contiguous(a) if a.size == math.prod(shape) else a for a in moved]
            there = tuple(i - ndim for i, dim in enumerate(order) if dim in dims)
            values = fallback(*moved, *given[count:-1], there)
            back = np.argsort(order)
            several = values if type(values) is tuple else (values,)
            made = tuple(
                v.transpose(back) if is_full else in_order(v.transpose(back))
                for v, is_full in zip(several, roots)
            )
            return made if type(values) is tuple else made[0]
        kept = [i for i in range(ndim) if i not in dims]
        order = (*kept, *dims)
        length = math.prod(shape[i] for i in dims)
        rows = math.prod(shape[i] for i in kept)

        def arrange(array: Any, is_full: bool) -> Any:
            padded = array.reshape((1,) * (ndim - array.ndim) + array.shape)
            if not is_full:
                rest = tuple(1 if i in dims else shape[i] for i in range(ndim))
                return in_order(np.broadcast_to(padded, rest).transpose(order)).reshape(rows, 1)
            if array.size == 1:
                return np.broadcast_to(padded.reshape(1, 1), (rows, length))
            if all(padded.shape[i] == 1 for i in kept) and all(
                padded.shape[i] == shape[i] for i in dims
            ):
                return in_order(padded.transpose(order)).reshape(length)
            return in_order(np.broadcast_to(padded, shape).transpose(order)).reshape(rows, length)

        flat = [arrange(a, f) for a, f in zip(arrays, full)]
        if not any(f and a.ndim == 2 for a, f in zip(flat, full)):
            i = full.index(True)
            flat[i] = np.array(np.broadcast_to(flat[i], (rows, length)))
        values = plain(*flat, *given[count:-1], (-1,))
        several = type(values) is tuple
        back = np.argsort(order)
        results = []
        for value, is_full in zip(values if several else (values,), roots):
            sizes = [shape[i] if is_full or i not in dims else 1 for i in order]
            results.append(value.reshape(sizes).transpose(back))
        return tuple(results) if several else results[0]

    return fallback
