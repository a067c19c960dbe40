"""Fourier transforms of arrays, along one dimension after the other.

Sizes whose prime factors are all small have kernels; NumPy does the others, and single long rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import contiguous, in_order
from ..runtime import memory
from ..runtime.entry import Job
from .butterfly import RADICES
from .transform_kernel import Form, Numbers, lanes_of, transforming

PARTS = {np.dtype(np.complex64): "float", np.dtype(np.complex128): "double"}
REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
COMPLEX = {"float": np.dtype(np.complex64), "double": np.dtype(np.complex128)}
REAL = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}
FEW = 64
"""Points up to which a row has a kernel although it is alone."""


def complex_to_complex(x: Any, dims: Sequence[int], scale: int, forward: bool) -> Any:
    """The transform along several dimensions of n points in all, times 1, 1 / sqrt(n) or 1 / n.

    Returns: NotImplemented for what this is not made for.
    """
    return _run(x, _steps(x.dtype, x.shape, tuple(dims), "", 0, scale, forward))


def real_to_complex(x: Any, dims: Sequence[int], scale: int) -> Any:
    """The first half of the spectrum of real numbers, of which the last dimension is halved."""
    return _run(x, _steps(x.dtype, x.shape, tuple(dims), "in", 0, scale, True))


def complex_to_real(x: Any, dims: Sequence[int], size: int, scale: int) -> Any:
    """The signal of half a spectrum: `size` real numbers along the last dimension."""
    return _run(x, _steps(x.dtype, x.shape, tuple(dims), "out", size, scale, False))


class Step(NamedTuple):
    """The transform along one dimension.

    Attributes:
        moved: The dimension, if it is moved to the end first.
        shape, dtype: Of the result, so moved.
        given: What the kernel is told, behind the two arrays.
    """

    kernel: Callable[..., int]
    moved: int | None
    shape: tuple[int, ...]
    dtype: Any
    given: tuple


def _run(x: Any, steps: tuple[Step, ...] | None) -> Any:
    if steps is None or x.__class__ is not np.ndarray:
        return NotImplemented
    for step in steps:
        if step.moved is not None:
            x = np.moveaxis(x, step.moved, -1)
        made = memory.empty(step.shape, step.dtype)
        step.kernel(in_order(x), made, *step.given)
        x = made if step.moved is None else contiguous(np.moveaxis(made, -1, step.moved))
    return x


@lru_cache(1024)
def _steps(
    dtype: Any, shape: tuple[int, ...], dims: tuple[int, ...], real: str, size: int, scale: int,
    forward: bool,
) -> tuple[Step, ...] | None:  # fmt: skip
    """What is done one after the other; None where there are no kernels for that.

    Args:
        real: As of `Form`.
        size: Points of the last dimension, where a signal is made of half its spectrum.
    """
    element = (REALS if real == "in" else PARTS).get(dtype)
    if element is None or not dims or not math.prod(shape):
        return None
    if size and shape[dims[-1]] != size // 2 + 1:
        return None
    sizes = {dim: shape[dim] for dim in dims}
    sizes[dims[-1]] = size or shape[dims[-1]]
    if not all(_can(shape, dim, n, element) for dim, n in sizes.items()):
        return None
    # The dimension of which one half is enough comes first where numbers become complex, last where they become real.
    order = list(sizes) if real == "out" else list(sizes)[::-1]
    factor, found = float(math.prod(sizes.values()) ** (-scale / 2)), []
    for dim in order:
        form = Form(element, real if dim == dims[-1] else "", True, ())
        step = _step(shape, dim, sizes[dim], form, factor, forward)
        found.append(step)
        own = list(shape)
        own[dim] = step.shape[-1 if step.moved is not None else dim]
        shape, factor = tuple(own), 1.0
    return tuple(found)


def _can(shape: tuple[int, ...], dim: int, size: int, element: str) -> bool:
    """Is there a kernel, and are its lanes used?"""
    if factors(size) is None:
        return False
    others = math.prod(shape[:dim] + shape[dim + 1 :])
    return size <= FEW or 2 * others >= lanes_of(element)


@lru_cache(1024)
def factors(size: int) -> tuple[int, ...] | None:
    """Those of `RADICES` whose product it is; None where there are others."""
    found = []
    for radix in RADICES:
        while size % radix == 0:
            found.append(radix)
            size //= radix
    return tuple(found) if size == 1 else None


def _step(
    shape: tuple[int, ...], dim: int, size: int, form: Form, factor: float, forward: bool
) -> Step:
    across, lanes = math.prod(shape[dim + 1 :]), lanes_of(form.element)
    if 1 < across < lanes // 2 and lanes <= math.prod(shape) // shape[dim]:  # most would be idle
        there = *shape[:dim], *shape[dim + 1 :], shape[dim]
        return _step(there, len(shape) - 1, size, form, factor, forward)._replace(moved=dim)
    stages = factors(size)
    assert stages is not None
    half = size // 2 + 1
    own = half if form.real == "in" else size
    dtype = REAL[form.element] if form.real == "out" else COMPLEX[form.element]
    outer, rows = math.prod(shape[:dim]), across == 1
    group = lanes * (2 if form.real else 1)
    blocks = -(-outer // group) if rows else -(-across // group)
    job = Job(
        rows=blocks if rows else blocks * outer, length=1,
        weight=outer * across * size * max(1, len(stages)), divisible=False,
    )  # fmt: skip
    numbers = Numbers(
        n=size, half=half, inner=across, count=outer if rows else 0, blocks=blocks,
        swap=int(not forward), stages=len(stages),
    )  # fmt: skip
    kernel = transforming(form._replace(rows=rows, radices=tuple(sorted(set(stages)))))
    given = table(size, form.element, factor), np.array(stages or (1,), np.int64), *job, *numbers
    return Step(kernel, None, (*shape[:dim], own, *shape[dim + 1 :]), dtype, given)


@lru_cache(64)
def table(size: int, element: str, factor: float) -> Any:
    """exp(-2 pi i k / size) for each k, as pairs of numbers, and the factor."""
    eighths = np.arange(size) * (8.0 / size)
    found = np.empty(2 * size + 1, REAL[element])
    found[0:-1:2], found[1::2] = _circle(eighths)
    found[-1] = factor
    return found


def _circle(eighths: Any) -> tuple[Any, Any]:
    """Cosines, and sines with the other sign, of so many eighths of a circle, exact where they are simple."""
    turn = np.round(eighths / 2)
    rest = (eighths - 2 * turn) * (math.pi / 4)
    cosine, sine = np.cos(rest), np.sin(rest)
    quarter = turn.astype(np.int64) % 4
    cosines = np.choose(quarter, (cosine, -sine, -cosine, sine))
    sines = np.choose(quarter, (sine, cosine, -sine, -cosine))
    return cosines, -sines
