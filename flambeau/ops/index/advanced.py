"""Operations that read and write at index arrays, and their gradients."""

from __future__ import annotations

import functools
from typing import Any

from ... import kernels
from ...autograd.mode import mode
from ...core.tensor import Tensor, wrap
from ...dispatch.rule.rule_operation import Operation, operation
from ...kernels.gather.plan import Along, snapshot


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
    )
    made.arguments, made.write = operation.arguments, operation.write
    made.gradient(operation.rule)  # type: ignore[arg-type]
    return made


def _zero_like(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros((), x._kind.numpy), x._kind)


def own_key(key: tuple) -> tuple:
    """A key of arrays that may be the user's, as a recorded operation keeps it."""
    return snapshot(key) if mode.recording else key


def gathered(x: Tensor, key: tuple, by: Operation = index_advanced) -> Tensor:
    """`index_advanced` by arrays that may be the user's: a recorded one keeps its own copies."""
    if x._node is None:
        return wrap(taken(x._array, key), x._kind)
    return by(x, own_key(key))
