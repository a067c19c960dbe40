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
from ...dispatch.registry import public
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


def _hamming(n: Tensor, last: int, alpha: float = 0.54, beta: float = 0.46) -> Tensor:
    return (n * (2 * math.pi / last)).cos() * -beta + alpha


def _hann(n: Tensor, last: int) -> Tensor:
    return _hamming(n, last, 0.5, 0.5)


def _blackman(n: Tensor, last: int) -> Tensor:
    n = n * (math.pi / last)
    return (n * 4).cos() * 0.08 - (n * 2).cos() * 0.5 + 0.42


def _bartlett(n: Tensor, last: int) -> Tensor:
    rising = n * (2 / last)
    array = rising._array
    falling = array[(last >> 1) + 1 :]
    falling[...] = 2 - falling
    return rising


def _kaiser(n: Tensor, last: int, beta: float = 12.0) -> Tensor:
    x = 2 * n._array.astype(np.float64) / last - 1
    y = np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / float(np.i0(beta))
    return made(y.astype(n._kind.numpy), n._kind)


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
