"""Regular grids sent through affine maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..matmul.matmul import ELEMENTS
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel


class Sizes(NamedTuple):
    """Of the grid but for the last dimension: rows of an image are `height` times `depth`."""

    height: int
    depth: int


def mapped(theta: Any, axes: Sequence[Any]) -> Any:
    """(N, sizes, n): theta (N, n, n + 1) times each point of a grid and a 1.

    Args:
        axes: The grid's numbers along each dimension, the last one, x, first.

    Returns: NotImplemented for what this is not made for.
    """
    element = ELEMENTS.get(theta.dtype) if theta.__class__ is np.ndarray else None
    if element is None:
        return NotImplemented
    n = len(axes)
    made = memory.empty((len(theta), *(len(axis) for axis in axes[::-1]), n), theta.dtype)
    given = [np.ascontiguousarray(axis, theta.dtype) for axis in axes] + [axes[0][:0]] * (3 - n)
    width, height, depth = (*map(len, axes), 1)[:3]
    job = Job(rows=len(theta) * depth * height, length=width, weight=made.size, divisible=False)
    if made.size:
        _kernel(element, n)(in_order(theta), *given, made, *job, *Sizes(height=height, depth=depth))
    return made


@cache
def _kernel(element: str, dims: int) -> Callable[..., int]:
    def write(code: Body) -> None:
        n, p = code.n, code.p
        with code.rows() as row:
            above = code.emit(f"udiv i64 {row.name}, {n.height.name}", "i64")
            image = code.emit(f"udiv i64 {above.name}, {n.depth.name}", "i64")
            place = {1: row - above * n.height, 2: above - image * n.depth}
            theta = code.at(p["theta"], element, image * (dims * (dims + 1)))
            rest = []
            for i in range(dims):
                value = code.get(theta, element, code.number(i * (dims + 1) + dims))
                for k in range(1, dims):
                    by = code.get(theta, element, code.number(i * (dims + 1) + k))
                    value = code.get(p[f"axis{k}"], element, place[k]).multiply_add(by, value)
                rest.append(value)
            by = [code.get(theta, element, code.number(i * (dims + 1))) for i in range(dims)]
            made = code.at(p["made"], element, row * n.length * dims)
            with code.loop(code.zero, n.length) as j:
                x = code.get(p["axis0"], element, j)
                for i in range(dims):
                    code.put(x.multiply_add(by[i], rest[i]), made, j * dims + i)

    names = ("theta", "axis0", "axis1", "axis2", "made")
    return kernel("affine_grid", names, Sizes, write, 1, makes=True)
