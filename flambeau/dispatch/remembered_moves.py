"""Cases of functions that show or move elements, learned from their own results; see `remembered`.

A view's case is where it lies in its operand's memory. A moved one's is found by running the function on tensors that
hold the numbers of their elements.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..autograd.mode import enable_grad, mode, no_grad
from ..autograd.node import Leaf, next_sequence
from ..autograd.record import tell_watchers
from ..core import tensor as handle
from ..core.device import CPU
from ..core.dtype import FLOAT, float64
from ..core.kind import kind_of
from ..core.memory import address, extent
from ..core.tensor import Tensor

_MOST = 1 << 16
"""Elements of what is moved at most."""


def learned(
    call: Callable[[Any], Any], operands: tuple, single: bool, result: Any, note: Callable | None
) -> Callable[..., Any] | None:
    """The case of a function that gave a result for these operands; None where it is not learned.

    Args:
        call: The function of what is moved.
        operands: What is moved.
        single: Is that one tensor, rather than a sequence?
        result: What the call gave.
        note: See `remembered.study`.
    """
    if not operands or not all(isinstance(x, Tensor) for x in operands):
        return None
    x = operands[0]
    if isinstance(result, (tuple, list)):
        if result.__class__ not in (tuple, list):
            return None
        return _several(call, operands, single, result)
    if result is x and single:
        return _itself
    if result.__class__ is not Tensor:
        return None
    if any(result._cell is y._cell for y in operands):
        return _view(call, x, result, note or _noting(call, x)) if single else None
    return _move(call, operands, single, result)


# ---------------------------------------------------------------------------------------- views


def _itself(x: Any) -> Any:
    return x


def _view(
    call: Callable[[Any], Any], x: Tensor, result: Any, note: Callable | None = None
) -> Callable | None:
    """A view of the same memory; `note` gives that of a tensor with a history its own, or the function itself makes it."""
    if result.__class__ is not Tensor or result is x or result._cell is not x._cell:
        return None
    array, own = result._array, x._array
    if (
        array.__class__ is not np.ndarray or not array.size or handle.views is None
        or array.itemsize > own.itemsize  # which may begin between two elements
        or array.flags.writeable is not own.flags.writeable
        or not _is_inside(array, own)  # of other memory that the operand does not show
    ):  # fmt: skip
        return None
    facts = array.shape, array.strides, address(array) - address(own)
    other = () if result._kind is x._kind else (result._kind, array.dtype)
    if note is None:
        made: Callable = handle.views.view(*facts, call, *other)
        return made
    bare = handle.views.view(*facts, None, *other)

    def show(x: Any) -> Any:
        made = bare(x)
        if mode.recording:
            note(x, made)
        return made

    noted: Callable = handle.views.view(*facts, show, *other)
    return noted


def _is_inside(array: Any, own: Any) -> bool:
    """Does an array look at nothing but memory from the first to the last element of another?"""
    (first, size), (start, room) = extent(array), extent(own)
    return start <= first and first + size <= start + room


def _noting(call: Callable[[Any], Any], x: Tensor) -> Callable | None:
    """What gives such views their history, where it is one node of a view operation."""
    if x._kind.dtype.category < FLOAT:
        return None
    like = handle.make(x._array, x._kind, None, x._cell, x._base)
    leaf = like._node = Leaf(like, x._array.shape)
    try:
        with enable_grad():
            view = call(like)
    except RuntimeError:
        return None  # it asks for the memory around the operand, which `like` does not know
    node = view._node
    if (
        view._kind is not x._kind
    ):  # real numbers of complex ones: the operation's nodes have its operand's kind
        return None
    note = getattr(getattr(node, "operation", None), "note", None)
    if note is None or node.outputs > 1 or node.edges != (leaf,):
        return None
    options = node.options
    if any(isinstance(option, np.ndarray) for option in options):
        return None  # the case would keep this operand's memory
    return lambda x, view: note(x, view, options)


def _several(
    call: Callable[[Any], Any], operands: tuple, single: bool, results: Any
) -> Callable | None:
    """Views, each of one of the operands, or that operand itself; of two in one memory it cannot be told which."""
    if len({id(x._cell) for x in operands}) < len(operands):
        return None
    views = []
    for part in results:
        of = next((i for i, x in enumerate(operands) if getattr(part, "_cell", x) is x._cell), None)
        if of is None:
            return None
        view = _itself if part is operands[of] else _view(call, operands[of], part)
        if view is None:
            return None
        views.append((of, view))
    cls = results.__class__

    def show(*tensors: Any) -> Any:
        for x in tensors:
            if x._node is not None:
                return call(x if single else tensors)
        found = [view(tensors[of]) for of, view in views]
        return found if cls is list else tuple(found)

    return show


# -------------------------------------------------------------------------------- moved elements


def _move(
    call: Callable[[Any], Any], operands: tuple, single: bool, result: Tensor
) -> Callable | None:
    """A new tensor of elements of the operands, and one other value at most."""
    kind, array = result._kind, result._array
    arrays = [x._array for x in operands]
    if (
        kind.device is not CPU or any(x._kind is not kind for x in operands)
        or not 0 < array.size <= _MOST or not array.flags.c_contiguous
        or any(not 0 < a.size <= _MOST or min(a.strides, default=0) < 0 for a in arrays)
    ):  # fmt: skip
        return None
    found = _places(call, arrays, single, array)
    if found is None:
        return None
    from ..kernels.array.placement import placing
    from ..kernels.array.runs import moving

    facts = array.shape, array.dtype, *found, len(arrays)
    run = moving(*facts) or placing(*facts)
    if run is None or run(*arrays).tobytes() != array.tobytes():
        return None
    recipes: dict[tuple[bool, ...], tuple] = {}
    _note_recipe(recipes, operands, result)
    return (_move_one if single else _move_many)(call, run, kind, recipes)


def _places(
    call: Callable[[Any], Any], arrays: list, single: bool, result: Any
) -> tuple[Any, bytes] | None:
    """Where each element comes from, and the bytes of those that come from nowhere."""
    kind = kind_of(float64, CPU)
    answers = []
    for scale, shift in ((1, 0.25), (-3, 0.5)):
        probes = [_numbered(a, i, scale, shift) for i, a in enumerate(arrays)]
        if None in [p if p is None else True for p in probes]:
            return None
        tensors = [handle.make(p, kind, None, [0], None) for p in probes]
        try:
            with no_grad():
                answer = call(tensors[0] if single else tensors)._array
        except Exception:
            return None  # it is not for every dtype
        if answer.shape != result.shape or answer.dtype != np.float64:
            return None
        answers.append(answer.reshape(-1))
    numbers = answers[0] - 0.25
    moved = (numbers == np.floor(numbers)) & (answers[1] == -3 * numbers + 0.5)
    if not np.array_equal(answers[0][~moved], answers[1][~moved], equal_nan=True):
        return None
    numbers = np.where(moved, numbers, 0).astype(np.int64)
    sources, elements = numbers >> _NUMBER_BITS, numbers & (1 << _NUMBER_BITS) - 1
    offsets = np.zeros_like(elements)
    for i, a in enumerate(arrays):
        own = sources == i
        indices = np.unravel_index(np.where(own, elements, 0), a.shape) if a.ndim else ()
        reach = sum(n * step for n, step in zip(indices, a.strides))
        offsets = np.where(own, reach, offsets)
    rest = np.unique(np.frombuffer(result.tobytes(), f"V{result.itemsize}")[~moved])
    if len(rest) > 1:
        return None
    from ..kernels.array.placement import places

    return places(np.where(moved, sources, -1), offsets), rest[0].tobytes() if len(rest) else b""


_NUMBER_BITS = 20


def _numbered(array: Any, operand: int, scale: int, shift: float) -> Any:
    """An array of the same layout, of float64, that holds its elements' numbers; None where there is none."""
    if any(step % array.itemsize for step in array.strides):
        return None
    steps = [step // array.itemsize * 8 for step in array.strides]
    room = np.zeros(1 + sum((n - 1) * step for n, step in zip(array.shape, steps)) // 8)
    made = np.ndarray(array.shape, np.float64, room, 0, tuple(steps))
    numbers = np.arange(prod(array.shape), dtype=np.float64) + (operand << _NUMBER_BITS)
    made[...] = (numbers * scale + shift).reshape(array.shape)
    return made


def _move_one(call: Callable, run: Callable, kind: Any, recipes: dict) -> Callable:
    def move(x: Any) -> Any:
        node = x._node
        if node is not None and mode.recording:
            return _recorded(call, run, kind, recipes, (x,), x)
        return handle.make(run(x._array), kind, None, [0], None)

    return move


def _move_many(call: Callable, run: Callable, kind: Any, recipes: dict) -> Callable:
    def move(*tensors: Any) -> Any:
        if mode.recording:
            for x in tensors:
                if x._node is not None:
                    return _recorded(call, run, kind, recipes, tensors, list(tensors))
        return handle.make(run(*[x._array for x in tensors]), kind, None, [0], None)

    return move


def _recorded(
    call: Callable, run: Callable, kind: Any, recipes: dict, operands: tuple, moved: Any
) -> Any:
    """The result with its history: a node like the function's own, if that saves no values."""
    nodes = tuple([x._node for x in operands])
    recipe = recipes.get(tuple([node is not None for node in nodes]))
    if recipe is None:
        result = call(moved)
        _note_recipe(recipes, operands, result)
        return result
    make, options = recipe
    if make is None:
        return call(moved)
    array = run(*[x._array for x in operands])
    result = handle.make(array, kind, None, [0], None)
    node = result._node = make(
        nodes, (), (), (), next_sequence(), array.shape, kind, None, None, _NONE, options, []
    )
    if mode.watchers:
        tell_watchers(node, (result,))
    return result


_NONE = range(0)


def _note_recipe(recipes: dict, operands: tuple, result: Tensor) -> None:
    """How the history of a result is made anew; there is no way where its node saved values, or is of several."""
    node, nodes = result._node, tuple([x._node for x in operands])
    if node is None:
        return
    anew = getattr(node, "anew", None)
    found = None if anew is None or tuple(node.edges) != nodes else anew()
    recipes[tuple([n is not None for n in nodes])] = found or (None, None)
