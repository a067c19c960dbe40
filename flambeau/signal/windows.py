"""Window functions under torch.signal.windows' names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtype import state
from ..core.kind import Kind
from ..core.tensor import Tensor
from ..ops.data import array_of
from ..ops.factory import check_placement, kind_for, made, named_dtype

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

_DOC = """{what}

    Args:
        M: How many numbers.
{own}        sym: For filter design; False gives the periodic window of spectral analysis, which is
            that of one more, without its last number.
        dtype: float32 or float64; default: the default dtype.
        layout: Only the strided one.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?

    Raises:
        ValueError: M is negative, the dtype another one, or a parameter out of its range.

    Source: torch.signal.windows.{name}; Harris, On the use of windows for harmonic analysis,
        Proc. IEEE 66 (1978).

    Example:
        >>> import flambeau as torch
        >>> torch.signal.windows.{name}(3{example}).shape
        torch.Size([3])
    """


def _window(what: str, own: str = "", example: str = "") -> Callable:
    """Decorator: a window of a function of (M, sym, its own parameters), which gives float64."""

    def decorate(shape: Callable) -> Callable:
        name = shape.__name__

        def function(
            M: int,
            *,
            sym: bool = True,
            dtype: Any = None,
            layout: Any = None,
            device: Any = None,
            requires_grad: bool = False,
            **options: Any,
        ) -> Tensor:
            kind = _checked(name, M, dtype, layout, device)
            if M <= 1:
                shape(1, sym, **options)  # checks the parameters
                return made(np.ones(M).astype(kind.numpy), kind, requires_grad)
            values = shape(M, sym, **options)
            return made(kind.xp.asarray(values.astype(kind.numpy)), kind, requires_grad)

        function.__name__ = function.__qualname__ = name
        function.__module__ = __name__
        function.__doc__ = _DOC.format(what=what, own=own, name=name, example=example)
        return function

    return decorate


def _checked(name: str, M: Any, dtype: Any, layout: Any, device: Any) -> Kind:
    found = state.default if dtype is None else named_dtype(dtype, name)
    if not isinstance(M, (int, np.integer)) or isinstance(M, bool):
        raise TypeError(f"{name}(): argument 'M' must be int, not {type(M).__name__}")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None:
        try:
            check_placement(name, layout, None)
        except NotImplementedError:
            raise ValueError(
                f"{name} is implemented for strided tensors only, got: {layout}"
            ) from None
    if found.name not in ("float32", "float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {found}")
    return kind_for(found, device)


def _steps(M: int, sym: bool) -> tuple[np.ndarray, int]:
    """0, 1, ... and the number at which the window would end."""
    return np.arange(M, dtype=np.float64), max(M - 1 if sym else M, 1)


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"{name} must be positive, got: {value} instead.")
    return value


@_window(
    "exp(-|n - center| / tau).",
    "        center: Where the window is 1; only with sym=False.\n        tau: How fast it falls.\n",
)
def exponential(M: int, sym: bool, center: float | None = None, tau: float = 1.0) -> np.ndarray:
    _positive("Tau", tau)
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows: pass sym=False")
    n, last = _steps(M, sym)
    return np.exp(-np.abs(n - (last / 2 if center is None else center)) / tau)


@_window("Half a period of a sine.")
def cosine(M: int, sym: bool) -> np.ndarray:
    n, last = _steps(M, sym)
    return np.sin(math.pi * (n + 0.5) / (last + 1))


@_window("A normal curve.", "        std: Its standard deviation.\n")
def gaussian(M: int, sym: bool, std: float = 1.0) -> np.ndarray:
    _positive("Standard deviation", std)
    n, last = _steps(M, sym)
    return np.exp(-(((n - last / 2) / std) ** 2) / 2)


@_window("Kaiser's, of Bessel functions.", "        beta: How fast it falls.\n")
def kaiser(M: int, sym: bool, beta: float = 12.0) -> np.ndarray:
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    n, last = _steps(M, sym)
    x = 2 * n / last - 1
    return np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta)


@_window("A triangle.")
def bartlett(M: int, sym: bool) -> np.ndarray:
    n, last = _steps(M, sym)
    return 1 - np.abs(2 * n / last - 1)


def _cosines(M: int, sym: bool, coefficients: Sequence[float]) -> np.ndarray:
    n, last = _steps(M, sym)
    angle = 2 * math.pi * n / last
    terms = (a * (-1) ** k * np.cos(k * angle) for k, a in enumerate(coefficients))
    return np.sum(np.stack(list(terms)), axis=0)


@_window(
    "A sum of cosines.",
    "        a: Their coefficients; signs alternate from + on.\n",
    ", a=[0.5, 0.5]",
)
def general_cosine(M: int, sym: bool, a: Any) -> np.ndarray:
    if not isinstance(a, (list, tuple)):
        raise TypeError(f"Coefficients must be a list/tuple, got {type(a).__name__}")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _cosines(M, sym, array_of(a, state.default)[0].astype(np.float64).tolist())


@_window("A raised cosine.", "        alpha: The constant part; the cosine has the rest to 1.\n")
def general_hamming(M: int, sym: bool, alpha: float = 0.54) -> np.ndarray:
    return _cosines(M, sym, (alpha, 1 - alpha))


@_window("A raised cosine that does not reach zero.")
def hamming(M: int, sym: bool) -> np.ndarray:
    return _cosines(M, sym, (0.54, 0.46))


@_window("A raised cosine.")
def hann(M: int, sym: bool) -> np.ndarray:
    return _cosines(M, sym, (0.5, 0.5))


@_window("A sum of two cosines.")
def blackman(M: int, sym: bool) -> np.ndarray:
    return _cosines(M, sym, (0.42, 0.5, 0.08))


@_window("A sum of three cosines, Nuttall's.")
def nuttall(M: int, sym: bool) -> np.ndarray:
    return _cosines(M, sym, (0.3635819, 0.4891775, 0.1365995, 0.0106411))
