"""Orthogonal polynomials and the Hurwitz zeta function: recurrences whose length is data."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import kernels
from ...core.dtype import float32, float64
from ...core.kind import kind_of
from ...core.promotion import PromotionKind, elementwise_dtypes, result_dtype
from ...core.tensor import Tensor, class_name, wrap
from ...dispatch.formula.operand import common_device, number_array
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...formula.dimensions import broadcast_arrays
from ...formula.quiet import quiet
from ...formula.special.coefficient import BERNOULLI

LONGEST_WALK = 100_000
"""How far below zero the zeta function's sum begins at most."""
_STRAIGHT = frozenset((float32, float64))
"""Dtypes in which the degree is computed as it is given."""
LONGEST = 2048
"""The highest degree that is computed; above it the answer is nan, as PyTorch's is for Hermite's."""


def _computed(name: str, function: Callable, operands: tuple, out: Tensor | None) -> Tensor:
    """The function on the operands' promoted arrays; these functions have no gradient."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    if not tensors:
        raise TypeError(
            f"{name}(): argument 'input' must be Tensor, not {class_name(operands[0])}: one "
            "of the two has to be a tensor"
        )
    common = result_dtype(
        [x.dtype for x in tensors if x._array.ndim],
        [x.dtype for x in tensors if not x._array.ndim],
        [x for x in operands if not isinstance(x, Tensor)],
    )
    compute, result = elementwise_dtypes(PromotionKind.INT_TO_FLOAT, common)
    if compute.is_complex:
        raise NotImplementedError(
            f'"{name}" not implemented for complex numbers: it takes real ones'
        )
    kind = kind_of(result, common_device(tensors, name))
    arrays = [
        x._array.astype(compute.numpy)
        if isinstance(x, Tensor)
        else number_array(x, kind_of(compute, kind.device))
        for x in operands
    ]
    if not kind.has_elements:
        value = kind.xp.empty(np.broadcast_shapes(*[x.shape for x in arrays]), kind.numpy)
    else:
        with quiet():
            value = kind.xp.asarray(function(*broadcast_arrays(*arrays))).astype(kind.numpy)
    made = wrap(value, kind)
    return made if out is None else write_out(out, made, name)


class Family(NamedTuple):
    """A recurrence, over numbers, arrays, or values of machine code (see kernels/array/recurrence.py).

    Attributes:
        first: The value of degree 1 at x; that of degree 0 is 1.
        following: That of degree k, of (k, x, value of degree k - 1, of degree k - 2).
        longest: The highest degree; above it all is nan.
    """

    name: str
    first: Callable
    following: Callable
    longest: int = LONGEST


def _by_numpy(family: Family, x: np.ndarray, degree: np.ndarray) -> np.ndarray:
    n = np.trunc(np.where(np.abs(degree) < 2**63, degree, -1))  # what int64 cannot hold is below 0
    before, value = np.ones_like(x), np.asarray(family.first(x), x.dtype)
    result = np.where(n == 0, before, np.where(n == 1, value, np.zeros_like(x)))
    result = np.where(n > family.longest, np.nan, result)
    for k in range(2, int(min(np.max(n, initial=0), family.longest)) + 1):
        before, value = value, np.asarray(family.following(k, x, value, before), x.dtype)
        result = np.where(n == k, value, result)
    return result


def _of_arrays(family: Family, x: Any, degree: Any) -> Any:
    return (
        _by_numpy(family, x, degree)
        if x.__class__ is not np.ndarray
        else _native(family, x, degree)
    )


_native = kernels.Native("array.recurrence", "values", _by_numpy)


def _polynomial(name: str, meaning: str, first: Callable, following: Callable) -> Callable:
    """A family of polynomials: degree 1 from x, degree k from (k, x, degree k - 1, degree k - 2)."""
    family = Family(name, first, following)

    def function(input: Any, n: Any, *, out: Tensor | None = None) -> Tensor:
        if out is None and input.__class__ is Tensor:
            kind, x = input._kind, input._array
            if kind.dtype in _STRAIGHT and x.__class__ is np.ndarray:
                degree = None
                if n.__class__ is Tensor and n._kind is kind and n._array.shape == x.shape:
                    degree = n._array
                elif n.__class__ in kind.numbers and x.ndim:
                    degree = kind.scalar(n)
                if degree is not None:
                    return wrap(_native(family, x, degree), kind)
        return _computed(name, partial(_of_arrays, family), (input, n), out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{meaning} of degree n at input; 0 for a negative degree.

    Args:
        input: Where to evaluate: a tensor or a number.
        n: The degrees: a tensor or a number.
        out: Where to write the result.

    Source: torch.special.{name}
    """
    return public(f"special.{name}")(function)


def _double(k: int, x: Any, value: Any, before: Any) -> Any:
    return 2 * x * value - before


def _shifted(k: int, x: Any, value: Any, before: Any) -> Any:
    return (4 * x - 2) * value - before


for _letter, _first in {
    "t": lambda x: x,
    "u": lambda x: 2 * x,
    "v": lambda x: 2 * x - 1,
    "w": lambda x: 2 * x + 1,
}.items():
    _polynomial(
        f"chebyshev_polynomial_{_letter}",
        f"The Chebyshev polynomial {_letter.upper()}",
        _first,
        _double,
    )
    _polynomial(
        f"shifted_chebyshev_polynomial_{_letter}",
        f"The Chebyshev polynomial {_letter.upper()}, shifted to [0, 1],",
        lambda x, first=_first: first(2 * x - 1),
        _shifted,
    )
_polynomial(
    "hermite_polynomial_h",
    "The physicists' Hermite polynomial",
    lambda x: 2 * x,
    lambda k, x, value, before: 2 * x * value - 2 * (k - 1) * before,
)
_polynomial(
    "hermite_polynomial_he",
    "The probabilists' Hermite polynomial",
    lambda x: x,
    lambda k, x, value, before: x * value - (k - 1) * before,
)
_polynomial(
    "laguerre_polynomial_l",
    "The Laguerre polynomial",
    lambda x: 1 - x,
    lambda k, x, value, before: ((2 * k - 1 - x) * value - (k - 1) * before) / k,
)
_polynomial(
    "legendre_polynomial_p",
    "The Legendre polynomial",
    lambda x: x,
    lambda k, x, value, before: ((2 * k - 1) * x * value - (k - 1) * before) / k,
)


def _zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Terms until q is past 9, then Euler and Maclaurin's formula."""
    s, q = s.astype(np.float64), q.astype(np.float64)
    below = np.min(np.where(np.isfinite(q), q, 0), initial=0)
    total = np.zeros_like(q)
    y = q.copy()
    for _ in range(10 + int(min(-below, LONGEST_WALK))):
        more = y < 10
        total, y = np.where(more, total + y**-s, total), np.where(more, y + 1, y)
    total = total + y ** (1 - s) / (s - 1) + y**-s / 2
    factor, power = s, y ** (-s - 1)
    for i, bernoulli in enumerate(BERNOULLI):
        total = total + factor * bernoulli / math.factorial(2 * i + 2) * power
        factor, power = factor * (s + 2 * i + 1) * (s + 2 * i + 2), power / (y * y)
    whole = (q <= 0) & (q == np.floor(q))
    fractional = (q <= 0) & (s != np.floor(s))
    total = np.where(whole, np.inf, np.where(fractional, np.nan, total))
    return np.where(s == 1, np.inf, np.where(s < 1, np.nan, total))


@public("special.zeta")
def zeta(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The Hurwitz zeta function: the sum of (k + other)^-input over k = 0, 1, ...

    Args:
        input: The exponents: a tensor or a number.
        other: The shifts: a tensor or a number.
        out: Where to write the result.

    Source: torch.special.zeta
    """
    return _computed("zeta", _zeta, (input, other), out)
