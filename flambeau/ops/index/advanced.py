"""Operations that read and write at index arrays, and their gradients."""

from __future__ import annotations

import functools
from typing import Any

from ... import kernels
from ...autograd.mode import mode
from ...core.device import CPU
from ...core.dtype import int64
from ...core.kind import kind_of
from ...core.tensor import UNVERSIONED, Tensor, wrap
from ...dispatch.rule.rule_operation import Operation, operation
from ...dispatch.write import finish_write
from ...kernels.gather.plan import Along, snapshot

_INDEX = kind_of(int64, CPU)


def along(index: Any, dim: int) -> tuple:
    """The key that reads or writes along a dimension at `index`, where no index is negative."""
    return Along(index, dim)


def taken(x: Any, key: tuple) -> Any:
    """The elements at index arrays, in row-major order."""
    return kernels.gather.indexed.take(x, key)


def add_at(whole: Any, key: tuple, values: Any) -> None:
    """Add values at index arrays, again and again where an index repeats."""
    kernels.gather.indexed.add_at(whole, key, values)


@operation(operands="x", label="Index")
def index_advanced(x: Any, key: tuple) -> Any:
    """The elements at index arrays and masks: a copy."""
    return taken(x, key)


@index_advanced.gradient
def _(g: Tensor, key: tuple, shape_x: tuple[int, ...]) -> Tensor:
    return add_advanced(g, key, shape_x)


@operation
def add_advanced(g: Any, key: tuple, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` added where `index_advanced` looked."""
    return kernels.gather.indexed.spread(shape, key, g)


@add_advanced.gradient
def _(g: Tensor, key: tuple) -> Tensor:
    return index_advanced(g, key)


@operation(operands="x values", label="IndexPut", writes=True)
def put_advanced(x: Any, values: Any, key: tuple, accumulate: bool) -> None:
    """`x` with values written, or added, at index arrays and masks."""
    write = kernels.gather.indexed.add_at if accumulate else kernels.gather.indexed.put_at
    write(x, key, values)


@put_advanced.afresh
def _(x: Any, values: Any, key: tuple, accumulate: bool) -> Any:
    return kernels.gather.indexed.placed(x, key, values, accumulate)


@put_advanced.gradient
def _(
    g: Tensor,
    key: tuple,
    accumulate: bool,
    needs: tuple[bool, ...],
    shape_values: tuple[int, ...],
) -> list[Any]:
    own = g if accumulate or not needs[0] else put_advanced(g, _zero_like(g), key, False)
    given = index_advanced(g, key)._fit(shape_values) if needs[1] else None
    return [own if needs[0] else None, given]


def sibling(operation: Operation, label: str) -> Operation:
    """The same operation under another name: what torch calls the node of a call."""

    @functools.wraps(operation.compute)
    def compute(*args: Any) -> Any:
        return operation.compute(*args)

    compute.__name__ = label
    made = Operation(
        compute,
        " ".join(operation.operands),
        operation.view,
        label,
        operation.differentiable,
        " ".join(operation.outputs),
        moves=operation.moves,
    )
    made.arguments, made.write = operation.arguments, operation.write
    made.gradient(operation.rule)  # type: ignore[arg-type]
    return made


def _zero_like(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros((), x._kind.numpy), x._kind)


def write_few(how: str, along: bool, x: Any, dim: Any, index: Any, values: Any) -> bool:
    """Write at a few indices of a tensor without history; False, and nothing done, for all other calls.

    Args:
        how: "put" or "add".
        along: Is there an index for each element?
        dim: The dimension; None for indices into all elements.
        values: A tensor of its dtype, or a number.
    """
    try:
        array = None if index._kind is not _INDEX else _direct_values(x, values)
        if array is None:
            return False
        by = kernels.gather.along
        done = (
            by.write_flat(how, x._array, index._array, array)
            if dim is None
            else by.write(how, along, x._array, dim, index._array, array)
        )
    except (AttributeError, TypeError, OverflowError):
        return False  # the checks of the general way say it
    if done:
        finish_write(x, None)
    return done


def write_together(how: str, x: Any, indices: Any, values: Any) -> bool:
    """The same at several index tensors of one shape, for the first dimensions."""
    try:
        array = _direct_values(x, values)
        if array is None or any([index._kind is not _INDEX for index in indices]):  # noqa: C419
            return False
        key = tuple([index._array for index in indices])
        done = kernels.gather.flat.write(how, x._array, key, array)
    except (AttributeError, TypeError, OverflowError):
        return False  # the checks of the general way say it
    if done:
        finish_write(x, None)
    return done


def _direct_values(x: Any, values: Any) -> Any:
    """The values as an array, if x has no history, its memory may be written to, and they are of its dtype."""
    kind, base = x._kind, x._base
    if kind.device is not CPU or x._node is not None or x._cell[0] is UNVERSIONED:
        return None
    if base is not None and base._node is not None:
        return None
    return _few_values(kind, values)


def _few_values(kind: Any, values: Any) -> Any:
    """Values of `write_few` as an array of the dtype, if they are that or a number that it holds."""
    if values.__class__ is not float and values.__class__ is not int:
        return values._array if values._kind is kind and values._node is None else None
    limit = 3e38 if values.__class__ is float else 1 << 63
    held = values.__class__ in kind.numbers and kind.numpy is kind.compute
    return kind.scalar(values) if held and -limit < values < limit else None


def own_key(key: tuple) -> tuple:
    """A key of arrays that may be the user's, as a recorded operation keeps it."""
    return snapshot(key) if mode.recording else key


def gathered(x: Tensor, key: tuple, by: Operation = index_advanced) -> Tensor:
    """`index_advanced` by arrays that may be the user's: a recorded one keeps its own copies."""
    if x._node is None:
        return wrap(taken(x._array, key), x._kind)
    return by(x, own_key(key))
