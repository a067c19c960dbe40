"""Discrete Fourier transforms, by kernels where sizes have small factors alone, or else on NumPy's pocketfft.

All of torch.fft are three operations (complex to complex, real to half, half to real), each scaled
by 1, 1/sqrt(n) or 1/n; a transform's gradient is the adjoint one with the same scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.decided import decided
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula.quiet import quiet
from ..create.arange import is_counted_by_kernel
from ..create.factory import factory, of_arguments
from ..join.cat import cat
from ..tensor.convert import clone, in_dtype

FORWARD: tuple[Any, ...] = ("backward", "ortho", "forward")
"""NumPy's norm for a forward transform scaled by 1, 1/sqrt(n), 1/n; reversed for an inverse one."""


def _complex_to_complex(x: Any, dims: Any, scale: int, forward: bool) -> Any:
    if len(dims) == 1:
        if forward:
            return np.fft.fft(x, axis=dims[0], norm=FORWARD[scale])
        return np.fft.ifft(x, axis=dims[0], norm=FORWARD[2 - scale])
    if forward:
        return np.fft.fftn(x, axes=dims, norm=FORWARD[scale])
    return np.fft.ifftn(x, axes=dims, norm=FORWARD[2 - scale])


_c2c_map = kernels.Native("fourier.transform", "complex_to_complex", _complex_to_complex)


@operation(label="FftC2C")
def c2c_(x: Any, dims: Any, scale: int, forward: bool) -> Any:
    """Complex to complex."""
    return _c2c_map(x, dims, scale, forward)


@c2c_.gradient
def _(g: Tensor, dims: Any, scale: int, forward: bool) -> Tensor:
    return c2c_(g, dims, scale, not forward)


def _real_to_complex(x: Any, dims: Any, scale: int) -> Any:
    if len(dims) == 1:
        return np.fft.rfft(x, axis=dims[0], norm=FORWARD[scale])
    return np.fft.rfftn(x, axes=dims, norm=FORWARD[scale])


_r2c_map = kernels.Native("fourier.transform", "real_to_complex", _real_to_complex)


@operation(label="FftR2C")
def r2c_(x: Any, dims: Any, scale: int) -> Any:
    """Real to complex, of which the last dimension's first half is given."""
    return _r2c_map(x, dims, scale)


@r2c_.gradient
def _(g: Tensor, dims: Any, scale: int, shape_x: tuple[int, ...]) -> Tensor:
    whole = resized(g, (dims[-1],), (shape_x[dims[-1]],))
    return c2c_(whole, dims, scale, False).real


def _complex_to_real(x: Any, dims: Any, size: int, scale: int) -> Any:
    if len(dims) == 1:
        return np.fft.irfft(x, size, dims[0], norm=FORWARD[2 - scale])
    sizes = [x.shape[i] for i in dims[:-1]] + [size]
    return np.fft.irfftn(x, sizes, dims, norm=FORWARD[2 - scale])


_c2r_map = kernels.Native("fourier.transform", "complex_to_real", _complex_to_real)


@operation(label="FftC2R")
def c2r_(x: Any, dims: Any, size: int, scale: int) -> Any:
    """The first half of a Hermitian spectrum to real numbers."""
    return _c2r_map(x, dims, size, scale)


@c2r_.gradient
def _(g: Tensor, dims: Any, size: int, scale: int, shape_x: tuple[int, ...]) -> Tensor:
    half = r2c_(g, dims, scale)
    twice = size - shape_x[dims[-1]]  # each of these stood for its mirror image too
    if twice <= 0:
        return half
    weights = np.ones(shape_x[dims[-1]])
    weights[1 : 1 + twice] = 2
    shape = [1] * g.ndim
    shape[dims[-1]] = -1
    return half * wrap(weights.reshape(shape).astype(half._kind.numpy), half._kind)


def resized(x: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """`x` cut, or padded with zeros at the end, to these sizes."""
    for dim, size in zip(dims, sizes):
        own = x.shape[dim]
        if size < own:
            x = x.narrow(dim, 0, size)
        elif size > own:
            missing = list(x.shape)
            missing[dim] = size - own
            x = cat([x, x.new_zeros(missing)], dim)
    return x


def _scale(norm: str | None, forward: bool) -> int:
    if norm not in (None, *FORWARD):
        raise RuntimeError(
            f'Invalid normalization mode: "{norm}"; it is one of "backward", "ortho", "forward"'
        )
    place = FORWARD.index(norm or "backward")
    return place if forward else 2 - place


def _promoted(x: Tensor, to_complex: bool) -> Tensor:
    """Floating, or complex, as a transform wants it."""
    if x.dtype.is_reduced:
        raise RuntimeError(f"Unsupported dtype {x.dtype.legacy}: convert to float32 first")
    if x.dtype.category < 2:
        from ...core.dtype import get_default_dtype

        x = x.to(get_default_dtype())
    return x.to(x.dtype.to_complex()) if to_complex and not x.dtype.is_complex else x


def _one(x: Tensor, n: int | None, dim: int, size: int) -> tuple[int, int]:
    """The dimension, counted from the front, and the number of points along it."""
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = wrap_dim(dim, x.ndim)
    return at, _points(x.shape[at] if n is None else n, size)


def _points(n: int, least: int = 1) -> int:
    if n < least:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _several(
    x: Tensor, s: Any, dim: Any, last: int | None = None
) -> tuple[tuple[int, ...], list[int]]:
    """The dimensions and the numbers of points along them."""
    if isinstance(s, int):
        s = (s,)
    if isinstance(dim, int):
        dim = (dim,)
    if dim is None:
        count = x.ndim if s is None else len(s)
        if count > x.ndim:
            raise RuntimeError(
                f"Got shape with {count} values but input tensor only has {x.ndim} dimensions."
            )
        dims = tuple(range(x.ndim - count, x.ndim))
    else:
        dims = tuple(wrap_dim(d, x.ndim) for d in dim)
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    sizes = [x.shape[d] for d in dims] if s is None else list(s)
    sizes = [x.shape[d] if n == -1 else n for d, n in zip(dims, sizes)]
    if last is not None and dims and (s is None or s[-1] == -1):
        sizes[-1] = 2 * (x.shape[dims[-1]] - 1)
    for n in sizes:
        _points(n)
    return dims, sizes


Run = Callable[[Tensor], Tensor]


def _complex(x: Tensor, dims: Any, sizes: Any, norm: str | None, forward: bool) -> Run:
    scale = _scale(norm, forward)
    if not dims:
        return lambda x: clone(_promoted(x, True))
    if _is_ready(x, True, dims, sizes):
        return lambda x: c2c_(x, dims, scale, forward)
    if _is_ready(x, False, dims, sizes):
        wide = x.dtype.to_complex()
        return lambda x: c2c_(in_dtype(x, wide), dims, scale, forward)
    return lambda x: c2c_(resized(_promoted(x, True), dims, sizes), dims, scale, forward)


def _real(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None, forward: bool) -> Run:
    if x.dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {x.dtype.legacy}")
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    scale = _scale(norm, forward)
    if forward and _is_ready(x, False, dims, sizes):
        return lambda x: r2c_(x, dims, scale)

    def run(x: Tensor) -> Tensor:
        half = r2c_(resized(_promoted(x, False), dims, sizes), dims, scale)
        return half if forward else half.conj()

    return run


def _half(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None, forward: bool) -> Run:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    scale, size = _scale(norm, forward), sizes[-1]
    halved = [*sizes[:-1], size // 2 + 1]
    if not forward and _is_ready(x, True, dims, halved):
        return lambda x: c2r_(x, dims, size, scale)

    def run(x: Tensor) -> Tensor:
        x = resized(_promoted(x, True), dims, halved)
        return c2r_(x.conj() if forward else x, dims, size, scale)

    return run


def _is_ready(x: Tensor, is_complex: bool, dims: Sequence[int], sizes: Sequence[int]) -> bool:
    """Is it of the dtype and of the sizes that a transform takes?"""
    if not x.dtype.is_complex if is_complex else x.dtype.category < 2 or x.dtype.is_reduced:
        return False
    return all(x.shape[dim] == size for dim, size in zip(dims, sizes))


_OPTIONS = """
    Args:
        input: The signal{kind}.
        {sizes}
        norm: "backward" (1/n on inverse transforms), "forward" (on forward ones), "ortho".

    Raises:
        RuntimeError: There are no points, or no such norm.

    Source: torch.fft.{name}
    """
_ONE = (
    "n: The number of points; the signal is cut, or padded with zeros.\n        dim: The dimension."
)
_MANY = "s: The numbers of points along the dimensions.\n        dim: The dimensions."
_KINDS = {
    "fft": ("The Fourier transform", "", True),
    "ifft": ("The inverse Fourier transform", "", False),
    "rfft": ("The first half of the Fourier transform of real numbers", ", real", True),
    "irfft": ("The inverse of rfft, real", ": the first half of a spectrum", False),
    "hfft": ("The Fourier transform of a Hermitian signal, real", ": its first half", True),
    "ihfft": ("The inverse of hfft", ", real", False),
}


def _run(kind: str, name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Run:
    """What transforms all tensors like x."""
    forward = _KINDS[kind][2]
    if kind in ("fft", "ifft"):
        return _complex(x, dims, sizes, norm, forward)
    run = _real if kind in ("rfft", "ihfft") else _half
    return run(name, x, dims, sizes, norm, forward)


def _define(kind: str) -> None:
    """The transform over one dimension, over two, and over any number."""
    half = kind in ("irfft", "hfft")
    what, detail, _ = _KINDS[kind]

    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Run:
        if half and n is None and input.ndim:
            n = 2 * (input.shape[wrap_dim(dim, input.ndim)] - 1)
        at, size = _one(input, n, dim, 1)
        return _run(kind, kind, input, (at,), [size], norm)

    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Run:
        return _run(kind, kind + "2", input, *_several(input, s, dim, 0 if half else None), norm)

    def several(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Run:
        return _run(kind, kind + "n", input, *_several(input, s, dim, 0 if half else None), norm)

    for function, suffix, where in (
        (one, "", ""),
        (two, "2", " over two dimensions"),
        (several, "n", " over several dimensions"),
    ):
        name = kind + suffix
        sizes = _MANY if suffix else _ONE
        options = _OPTIONS.format(kind=detail, sizes=sizes, name=name)
        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"{what}{where}.\n{options}"
        public(f"fft.{name}", out=True, tensors="input")(decided(function))


for _kind in _KINDS:
    _define(_kind)


def _frequencies(name: str, kind: Any, n: int, span: float, count: int, half: int) -> Any:
    """i / span for the first half of so many numbers, and (i - n) / span for the others."""
    chosen = kind()
    if chosen.dtype.category < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype, got {chosen.dtype}")
    if is_counted_by_kernel(chosen.dtype, count) and span and math.isfinite(1.0 / span):
        step = 1.0 / span
        made = kernels.array.ramp.between(0.0, -step, step, count, half, chosen.numpy)
        return chosen.xp.asarray(made), chosen
    steps = np.arange(count)
    steps[half:] -= n
    with quiet():  # of no points, or of no time between them, the frequencies are not finite
        values = (steps / span).astype(chosen.numpy)
    return chosen.xp.asarray(values), chosen


@public("fft.fftfreq")
@of_arguments
@factory
def fftfreq(kind: Any, n: int, d: float = 1.0) -> Any:
    """The frequencies of `fft`'s results, in cycles a unit: 0, 1, ..., -2, -1 over n d.

    Args:
        n: The number of points.
        d: The time between two of them.

    Source: torch.fft.fftfreq

    Example:
        >>> import flambeau as torch
        >>> torch.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", kind, n, n * d, n, (n + 1) // 2)


@public("fft.rfftfreq")
@of_arguments
@factory
def rfftfreq(kind: Any, n: int, d: float = 1.0) -> Any:
    """The frequencies of `rfft`'s results, in cycles a unit.

    Args:
        n: The number of points of the signal.
        d: The time between two of them.

    Source: torch.fft.rfftfreq

    Example:
        >>> import flambeau as torch
        >>> torch.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", kind, n, n * d, n // 2 + 1, n // 2 + 1)


def _shifted(x: Tensor, dim: Any, back: bool) -> Tensor:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = [wrap_dim(d, x.ndim) for d in dims]
    if not axes:
        return clone(x)
    return x.roll([(x.shape[d] + back) // 2 for d in axes], axes)


@public("fft.fftshift", out=True, tensors="input")
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Move the zero frequency to the middle.

    Source: torch.fft.fftshift

    Example:
        >>> import flambeau as torch
        >>> torch.fft.fftshift(torch.fft.fftfreq(4))
        tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted(input, dim, False)


@public("fft.ifftshift", out=True, tensors="input")
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Undo `fftshift`.

    Source: torch.fft.ifftshift
    """
    return _shifted(input, dim, True)
