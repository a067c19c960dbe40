"""The product of two tensors, summed over dimensions that both have: what einsum and tensordot are made of.

It is one operation, whose gradients are contractions too; where nothing is summed, it is a multiplication. How operands
are seen as stacks of matrices is worked out once for their shapes; no dimension that only numbers the matrices of a
stack is moved in memory.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from ...core.tensor import Tensor
from ...dispatch.rule.rule_operation import operation
from ..elementwise.arithmetic import mul
from .matmul import conjugate, stacked


class Terms(NamedTuple):
    """A letter for each dimension of both operands and of the result; each operand's are among the others'."""

    x: str
    y: str
    out: str


class Layout(NamedTuple):
    """How a contraction is a product of matrices.

    Attributes:
        left, right: Order and shape of the operands as stacks of matrices; None where they are so already.
        swaps: Is the second operand the left one?
        shape, order: What the product's shape and then its order become; None where they are so already.
    """

    left: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    right: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    swaps: bool
    shape: tuple[int, ...] | None
    order: tuple[int, ...] | None


def contracted(x: Tensor, y: Tensor, terms: Terms) -> Tensor:
    """The product, summed over the letters that the result does not have; sizes of a letter agree."""
    if _sums(terms):
        return contract(x, y, terms)
    views = _views(terms, x._array.shape, y._array.shape)
    return mul(*(_seen(tensor, *view) for tensor, view in zip((x, y), views)))


@lru_cache(2048)
def _sums(terms: Terms) -> bool:
    return not set(terms.x + terms.y) <= set(terms.out)


def _seen(x: Any, order: Any, shape: Any) -> Any:
    x = x if order is None else x.permute(order)
    return x if shape is None else x.reshape(shape)


@lru_cache(2048)
def _views(terms: Terms, *shapes: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """The order and then the shape in which operands have the result's dimensions; None where they have them."""
    found = []
    for term, shape in zip((terms.x, terms.y), shapes):
        sizes = dict(zip(term, shape))
        order = [term.index(letter) for letter in terms.out if letter in sizes]
        same, full = order == sorted(order), len(term) == len(terms.out)
        wide = None if full else [sizes.get(letter, 1) for letter in terms.out]
        found.append((None if same else order, wide))
    return found


@operation(operands="x y", label="Bmm")
def contract(x: Any, y: Any, terms: Terms) -> Any:
    """The product, summed over the letters that the result does not have; sizes of a letter agree."""
    layout = _layout(terms, x.shape, y.shape)
    if layout.swaps:
        x, y = y, x
    for order, shape in (layout.left,):
        x = x if order is None else x.transpose(order)
        x = x if shape is None else x.reshape(shape)
    for order, shape in (layout.right,):
        y = y if order is None else y.transpose(order)
        y = y if shape is None else y.reshape(shape)
    product = stacked(x, y)
    if layout.shape is not None:
        product = product.reshape(layout.shape)
    return product if layout.order is None else product.transpose(layout.order)


@contract.gradient
def _(g: Tensor, x: Tensor, y: Tensor, terms: Terms, needs: tuple[bool, bool]) -> tuple:
    by_x, by_y = Terms(terms.out, terms.y, terms.x), Terms(terms.x, terms.out, terms.y)
    return (
        contracted(g, conjugate(y), by_x) if needs[0] else None,
        contracted(conjugate(x), g, by_y) if needs[1] else None,
    )


contract.product()


@lru_cache(2048)
def _layout(terms: Terms, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Layout:
    a, b, out = terms
    size = dict(zip(a, x_shape)) | dict(zip(b, y_shape))
    batch = "".join(letter for letter in out if letter in a and letter in b)
    rows = "".join(letter for letter in out if letter not in b)
    columns = "".join(letter for letter in out if letter not in a)
    inner = "".join(letter for letter in a if letter not in out)
    swaps = out != batch + rows + columns and out == batch + columns + rows
    if swaps:
        a, b, rows, columns = b, a, columns, rows
    made = batch + rows + columns

    def seen(term: str, *groups: str) -> tuple[Any, Any]:
        order = tuple(term.index(letter) for letter in batch + "".join(groups))
        shape = (
            *(size[x] for x in batch),
            *(math.prod(size[x] for x in group) for group in groups),
        )
        same = all(len(group) == 1 for group in groups)
        return None if order == tuple(range(len(order))) else order, None if same else shape

    shape = tuple(size[letter] for letter in made)
    order = tuple(made.index(letter) for letter in out)
    return Layout(
        seen(a, rows, inner), seen(b, inner, columns), swaps,
        None if len(rows) == 1 == len(columns) else shape,
        None if order == tuple(range(len(order))) else order,
    )  # fmt: skip
