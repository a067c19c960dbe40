"""Window functions by their old names, torch.hann_window and its sisters; see also torch.signal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.mode import no_grad
from ...core.dtype import state
from ...core.number import integer
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...formula.expression import Expression
from ...formula.primitive import cos, minimum, sqrt
from ...formula.special.bessel import i0
from .arange import arange
from .factory import check_placement, made, named_dtype, of_arguments, pinned

_DOC = """{what}.

    Args:
        window_length: How many numbers.
        periodic: For spectral analysis: the window of one more, without its last number.
{own}        dtype: A floating one; default: the default dtype.
        layout: Only the strided one.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?

    Raises:
        RuntimeError: The length is negative, or the dtype is not floating.

    Source: torch.{name}; Harris, On the use of windows for harmonic analysis, Proc. IEEE 66 (1978).

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(4, periodic=False).shape
        torch.Size([4])
    """


def _window(name: str, what: str, own: str, shape: Callable) -> None:
    """Define a window by `shape`, a function of 0, 1, ... and of the last of them."""

    def function(
        window_length: int,
        periodic: bool = True,
        *args: float,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        **options: float,
    ) -> Tensor:
        length = integer(window_length, name, "window_length", 1)
        if layout is not None or pin_memory is not False:
            check_placement(name, layout, pin_memory)
        found = state.default if dtype is None else named_dtype(dtype, name)
        if found.category < 2:
            raise RuntimeError(
                f"{name} expects floating point dtypes, got: {found}; pass one such as torch.float32"
            )
        if length < 0:
            raise RuntimeError(
                f"{name} requires non-negative window_length, got window_length={length}"
            )
        if found.is_complex:
            raise NotImplementedError(f"\"{name}\" not implemented for '{found.legacy}'")
        count = length + 1 if periodic and length > 1 else length
        with no_grad():
            n = arange(count, dtype=found, device=device)
            values = shape(n, max(count - 1, 1), *args, **options)
        if length == 1:
            values = values.fill_(1)
        array = values._array[:length]
        if pin_memory:
            array = pinned(array, values._kind)
        return made(array, values._kind, requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(name=name, what=what, own=own)
    public(name)(of_arguments(function))


@pointwise(namespace="", method=False, inplace=False, numbers="", label="Window")
def _cosine(
    n: Expression, step: float = 1.0, height: float = 1.0, middle: float = 0.0
) -> Expression:
    return cos(n * step) * height + middle


@pointwise(namespace="", method=False, inplace=False, numbers="", label="Window")
def _cosines(n: Expression, step: float = 1.0) -> Expression:
    x = n * step
    return cos(x * 4) * 0.08 - cos(x * 2) * 0.5 + 0.42


@pointwise(namespace="", method=False, inplace=False, numbers="", label="Window")
def _rising(n: Expression, step: float = 1.0) -> Expression:
    x = n * step
    return minimum(x, 2 - x)


@pointwise(namespace="", method=False, inplace=False, numbers="", label="Window")
def _bessel(n: Expression, step: float = 1.0, beta: float = 12.0, scale: float = 1.0) -> Expression:
    part = n * step  # 1 - (2 part - 1) ** 2, without a difference of what is nearly equal
    return i0(sqrt(part * (1 - part)) * (2 * beta)) * scale


def _is_rounded_often(n: Tensor) -> bool:
    """Is each step rounded to 16 bits, as in PyTorch? Then one formula would give other numbers."""
    return n._kind.dtype.itemsize < 4


def _hamming(n: Tensor, last: int, alpha: float = 0.54, beta: float = 0.46) -> Tensor:
    step = 2 * math.pi / last
    if _is_rounded_often(n):
        return (n * step).cos() * -beta + alpha
    return _cosine(n, step, -beta, alpha)  # type: ignore[return-value, arg-type]


def _hann(n: Tensor, last: int) -> Tensor:
    return _hamming(n, last, 0.5, 0.5)


def _blackman(n: Tensor, last: int) -> Tensor:
    if _is_rounded_often(n):
        n = n * (math.pi / last)
        return (n * 4).cos() * 0.08 - (n * 2).cos() * 0.5 + 0.42
    return _cosines(n, math.pi / last)  # type: ignore[return-value, arg-type]


def _bartlett(n: Tensor, last: int) -> Tensor:
    return _rising(n, 2 / last)  # type: ignore[return-value, arg-type]


def _kaiser(n: Tensor, last: int, beta: float = 12.0) -> Tensor:
    wide = n.double() if _is_rounded_often(n) else n
    made = _bessel(wide, 1 / last, beta, 1 / float(np.i0(beta)))  # type: ignore[arg-type]
    return made.to(n.dtype)  # type: ignore[attr-defined, no-any-return]


_window("hann_window", "A raised cosine (Hann)", "", _hann)
_window(
    "hamming_window",
    "A raised cosine that does not reach zero (Hamming)",
    "        alpha: The constant part.\n        beta: The part of the cosine.\n",
    _hamming,
)
_window("blackman_window", "A sum of two cosines (Blackman)", "", _blackman)
_window("bartlett_window", "A triangle (Bartlett)", "", _bartlett)
_window(
    "kaiser_window",
    "Kaiser's, of Bessel functions",
    "        beta: How fast it falls.\n",
    _kaiser,
)
