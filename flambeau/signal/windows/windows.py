"""Window functions: torch.signal.windows.

Each takes the number of points M, and `sym`: False gives a window for spectral analysis, which is
a symmetric one of M + 1 points without its last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...core import window
from ...core.device import device as Device
from ...core.device import resolve
from ...core.dtype import dtype as DType
from ...core.dtype import float64, get_default_dtype
from ...core.number import integer
from ...core.tensor import Tensor
from ...ops.create.data import array_of, as_tensor


def _make(
    name: str,
    M: int,
    sym: bool,
    dtype: DType | None,
    layout: Any,
    device: Any,
    requires_grad: bool,
    values: Callable[[int, int], np.ndarray],
) -> Tensor:
    """`values(count, size)` as a tensor; one point is 1, none is empty."""
    dtype = get_default_dtype() if dtype is None else dtype
    M = integer(M, name, "M", 1)
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and str(layout) != "torch.strided":
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype.name not in ("float32", "float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    array = values(M, M if sym else M + 1) if M > 1 else np.ones(M)
    result = as_tensor(array, dtype=dtype, device=resolve(device))
    return result.requires_grad_() if requires_grad else result


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle with zeros at its ends.

    Source: torch.signal.windows.bartlett

    Example:
        >>> import flambeau as torch
        >>> torch.signal.windows.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _make("bartlett", M, sym, dtype, layout, device, requires_grad, window.bartlett)


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of cosines with the weights a, of alternating signs.

    Raises:
        TypeError: The weights are no list or tuple.
        ValueError: There are none.

    Source: torch.signal.windows.general_cosine
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    weights = array_of(weights, float64)[0].tolist()
    return _make(
        "general_cosine",
        M,
        sym,
        dtype,
        layout,
        device,
        requires_grad,
        lambda count, size: window.cosines(count, size, weights),
    )


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Blackman's window.

    Source: torch.signal.windows.blackman
    """
    return general_cosine(M, a=window.BLACKMAN, sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's window, with the smallest side lobes of four cosines.

    Source: torch.signal.windows.nuttall
    """
    return general_cosine(M, a=window.NUTTALL, sym=sym, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(x).

    Source: torch.signal.windows.general_hamming
    """
    return general_cosine(M, a=(alpha, 1.0 - alpha), sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hamming's window: 0.54 - 0.46 cos(x).

    Source: torch.signal.windows.hamming
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hann's window: 0.5 - 0.5 cos(x).

    Source: torch.signal.windows.hann

    Example:
        >>> import flambeau as torch
        >>> torch.signal.windows.hann(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a period of a sine.

    Source: torch.signal.windows.cosine
    """
    return _make("cosine", M, sym, dtype, layout, device, requires_grad, window.cosine)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau).

    Args:
        M: The number of points.
        center: Where the window is 1. Default: in its middle; symmetric windows have no other.
        tau: How far it takes to fall to 1/e.
        sym: Symmetric, or periodic.
        dtype: Of the result.
        layout: torch.strided.
        device: Of the result.
        requires_grad: Record operations on it.

    Raises:
        ValueError: tau is not positive, or center is given for a symmetric window.

    Source: torch.signal.windows.exponential
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return _make(
        "exponential",
        M,
        sym,
        dtype,
        layout,
        device,
        requires_grad,
        lambda count, size: window.exponential(
            count, (size - 1) / 2 if center is None else center, tau
        ),
    )


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A normal distribution's density, 1 in the middle.

    Raises:
        ValueError: std is not positive.

    Source: torch.signal.windows.gaussian
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _make(
        "gaussian",
        M,
        sym,
        dtype,
        layout,
        device,
        requires_grad,
        lambda count, size: window.gaussian(count, size, std),
    )


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = None,
    device: Device | str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window; a larger beta has smaller side lobes and a wider main one.

    Raises:
        ValueError: beta is negative.

    Source: torch.signal.windows.kaiser
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _make(
        "kaiser",
        M,
        sym,
        dtype,
        layout,
        device,
        requires_grad,
        lambda count, size: window.kaiser(count, size, beta),
    )


__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]
