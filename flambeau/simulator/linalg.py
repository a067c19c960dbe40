"""Linear algebra, as `cupy.linalg`: cuSOLVER's in CuPy, NumPy's LAPACK here.

CuPy does not look whether a matrix was singular unless `cupyx.errstate(linalg="raise")` asks for it, for looking means
to wait for the GPU. Where there is none and nobody looks, there is garbage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from . import signatures
from .array import computed, ndarray
from .call import call, host, table, written
from .capture import synchronizes
from .cupyx import geterr
from .memory import GARBAGE


def _solver(function: Callable, *args: Any, **options: Any) -> Any:
    """A function of matrices that may have no result."""
    hosts = [host(x) for x in args]
    return computed(lambda: _attempt(function, hosts, options))


def _attempt(function: Callable, hosts: list[Any], options: dict[str, Any]) -> Any:
    checked = geterr()["linalg"] == "raise"
    if checked:
        synchronizes()
    try:
        return function(*hosts, **options)
    except LinAlgError as error:
        if checked or not _is_numerical(error):
            raise
    matrices = hosts[0]
    if matrices.ndim == 2:
        usual = function(np.eye(*matrices.shape, dtype=matrices.dtype), *hosts[1:], **options)
        return _garbage_like(usual)
    parts = [
        _attempt(
            function,
            [x[i] if isinstance(x, np.ndarray) and x.ndim > 1 else x for x in hosts],
            options,
        )
        for i in range(len(matrices))
    ]
    if isinstance(parts[0], tuple):
        return tuple(np.stack(part) for part in zip(*parts, strict=True))
    return np.stack(parts)


def _is_numerical(error: LinAlgError) -> bool:
    """Is it about a matrix's values? What is about shapes CuPy says too."""
    return any(
        word in str(error) for word in ("Singular", "converge", "positive definite", "Incorrect")
    )


def _garbage_like(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_garbage_like, result))
    return np.full(result.nbytes, GARBAGE, np.uint8).view(result.dtype).reshape(result.shape)


def solve(a: ndarray, b: ndarray) -> ndarray:
    """The solution of a x = b; batches are not broadcast.

    Raises:
        ValueError: The shapes do not fit as CuPy wants them.
    """
    if b.ndim == 0:
        raise ValueError("b must have at least one dimension")
    if b.ndim == 1:
        if a.shape[-1] != b.size:
            raise ValueError(
                "a must have (..., M, M) shape and b must have (M,) for one-dimensional b"
            )
    elif a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            "a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b"
        )
    return _solver(np.linalg.solve, a, b)


def eig(a: ndarray) -> tuple[ndarray, ndarray]:
    """Eigenvalues and eigenvectors, which are complex for every matrix."""
    return _solver(lambda x: _complex(np.linalg.eig(x)), a)


def eigvals(a: ndarray) -> ndarray:
    return _solver(lambda x: _complex((np.linalg.eigvals(x),))[0], a)


def _complex(results: Any) -> tuple[np.ndarray, ...]:
    return tuple(x.astype(np.result_type(x, np.complex64)) for x in results)


_SOLVERS = ("cholesky", "eigh", "eigvalsh", "inv", "qr", "svd")


def _function(name: str, line: str) -> Any:
    through = _solver if name in _SOLVERS else call
    return written(line, getattr(np.linalg, name), through)


globals().update(
    {
        name: _function(name, line)
        for name, line in table(signatures.LINALG).items()
        if name not in globals()
    }
)

__all__ = ["LinAlgError", *table(signatures.LINALG)]
