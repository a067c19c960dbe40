"""What NumPy's linear algebra and Fourier transforms give for arrays without elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import MetaArray
from .function import gives


def _inexact(x: Any) -> Any:
    return x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)


def _real_dtype(x: Any) -> Any:
    return np.empty(0, _inexact(x)).real.dtype


@gives("inv", "cholesky", "pinv")
def _square(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, _inexact(x))


@gives("det")
def _det(x: Any) -> Any:
    return MetaArray(x.shape[:-2], _inexact(x))


@gives("slogdet")
def _slogdet(x: Any) -> Any:
    return MetaArray(x.shape[:-2], _inexact(x)), MetaArray(x.shape[:-2], _real_dtype(x))


@gives("solve")
def _solve(x: Any, y: Any) -> Any:
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return MetaArray((*shape, *y.shape[-2:]), np.result_type(x.dtype, y.dtype))


@gives("svd")
def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True, **options: Any) -> Any:
    *batch, m, n = x.shape
    k = min(m, n)
    values = MetaArray((*batch, k), _real_dtype(x))
    if not compute_uv:
        return values
    a, b = (m, n) if full_matrices else (k, k)
    return MetaArray((*batch, m, a), _inexact(x)), values, MetaArray((*batch, b, n), _inexact(x))


@gives("qr")
def _qr(x: Any, mode: str = "reduced") -> Any:
    *batch, m, n = x.shape
    if mode == "raw":
        return MetaArray((*batch, n, m), _inexact(x)), MetaArray((*batch, min(m, n)), _inexact(x))
    k = m if mode == "complete" else min(m, n)
    r = MetaArray((*batch, k, n), _inexact(x))
    return r if mode == "r" else (MetaArray((*batch, m, k), _inexact(x)), r)


@gives("eigh")
def _eigh(x: Any, UPLO: str = "L") -> Any:
    return MetaArray(x.shape[:-1], _real_dtype(x)), MetaArray(x.shape, _inexact(x))


@gives("eigvalsh")
def _eigvalsh(x: Any, UPLO: str = "L") -> Any:
    return MetaArray(x.shape[:-1], _real_dtype(x))


@gives("eig")
def _eig(x: Any) -> Any:
    dtype = np.result_type(_inexact(x), np.complex64)
    return MetaArray(x.shape[:-1], dtype), MetaArray(x.shape, dtype)


# ------------------------------------------------------------------------------------ Fourier


def _transform(name: str, kind: str, several: bool) -> None:
    @gives(name)
    def shaped(
        x: Any, s: Any = None, axis: Any = None, norm: Any = None, out: Any = None, n: Any = None,
        axes: Any = None,
    ) -> Any:  # fmt: skip
        sizes = s if n is None else n
        where = axis if axes is None else axes
        if not several:
            where = (-1 if where is None else where,)
            sizes = None if sizes is None else (sizes,)
        elif where is None:
            where = tuple(range(-len(sizes), 0)) if sizes is not None else tuple(range(-x.ndim, 0))
        shape = list(x.shape)
        for i, dim in enumerate(where):
            if sizes is not None and sizes[i] not in (None, -1):
                shape[dim] = sizes[i]
        last = where[-1]
        if kind == "to half":
            shape[last] = shape[last] // 2 + 1
        elif kind == "from half" and (sizes is None or sizes[-1] is None):
            shape[last] = 2 * (x.shape[last] - 1)
        wide = np.result_type(x.dtype, np.complex64)
        return MetaArray(shape, np.empty(0, wide).real.dtype if kind == "from half" else wide)


for _name in ("fft", "ifft"):
    _transform(_name, "", False)
    _transform(_name + "n", "", True)
_transform("rfft", "to half", False)
_transform("rfftn", "to half", True)
_transform("irfft", "from half", False)
_transform("irfftn", "from half", True)
