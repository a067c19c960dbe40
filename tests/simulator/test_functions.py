"""Functions of arrays on a simulated GPU give what NumPy's give, and are views where NumPy's are."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flambeau.simulator import signatures
from flambeau.simulator.call import table

X = np.linspace(-2, 3, 12, dtype=np.float32).reshape(3, 4)
Y = np.arange(12, 24, dtype=np.float32).reshape(3, 4)
V = np.array([3.0, -1.0, 2.0, 2.0])
I = np.array([2, 0, 1])  # noqa: E741
B = X > 0
Z = X + 1j * Y
S = X[:, :3] @ X[:, :3].T + 4 * np.eye(3, dtype=np.float32)
NAN = np.array([1.0, np.nan, 3.0])

CASES: dict[str, tuple] = {
    "all": (B, 0),
    "allclose": (X, X),
    "amax": (X, 1),
    "amin": (X,),
    "angle": (Z,),
    "any": (B, 1),
    "append": (X, Y, 0),
    "argmax": (X, 1),
    "argmin": (X,),
    "argpartition": (V, 1),
    "argsort": (V,),
    "argwhere": (B,),
    "around": (X, 1),
    "array_equal": (X, X),
    "array_split": (X, 2),
    "ascontiguousarray": (X.T,),
    "asfortranarray": (X,),
    "atleast_1d": (X,),
    "atleast_2d": (V,),
    "atleast_3d": (V,),
    "bincount": (I, V[:3]),
    "broadcast_arrays": (X, V),
    "broadcast_to": (V, (3, 4)),
    "clip": (X, -1, 1),
    "column_stack": ([V, V],),
    "concatenate": ([X, Y], 1),
    "convolve": (V, V),
    "count_nonzero": (B, 1),
    "cross": (X[:, :3], Y[:, :3]),
    "cumprod": (X, 1),
    "cumsum": (X, 0),
    "diag": (V,),
    "diagflat": (X,),
    "diagonal": (X, 1),
    "diff": (X, 1, 0),
    "digitize": (X, np.array([-1.0, 0.0, 1.0])),
    "dot": (X, Y.T),
    "dstack": ([X, Y],),
    "einsum": ("ij,kj->ik", X, Y),
    "expand_dims": (X, 1),
    "flatnonzero": (B,),
    "flip": (X, 0),
    "fliplr": (X,),
    "flipud": (X,),
    "hstack": ([X, Y],),
    "hsplit": (X, 2),
    "imag": (Z,),
    "inner": (X, Y),
    "interp": (V, np.array([0.0, 1.0]), np.array([5.0, 7.0])),
    "isclose": (X, Y),
    "iscomplex": (Z,),
    "isin": (I, np.array([1, 2])),
    "isneginf": (X,),
    "isposinf": (X,),
    "isreal": (Z,),
    "ix_": (I, I),
    "kron": (V, V),
    "lexsort": (np.stack([V, -V]),),
    "matmul": (X, Y.T),
    "max": (X, 0),
    "mean": (X, 1),
    "median": (X, 1),
    "meshgrid": (V, I),
    "min": (X,),
    "moveaxis": (X, 0, 1),
    "nan_to_num": (NAN,),
    "nancumsum": (NAN,),
    "nanmax": (NAN,),
    "nanmean": (NAN,),
    "nanmedian": (NAN,),
    "nanmin": (NAN,),
    "nanprod": (NAN,),
    "nanstd": (NAN,),
    "nansum": (NAN,),
    "nanvar": (NAN,),
    "nonzero": (B,),
    "ones_like": (X.T,),
    "outer": (V, V),
    "packbits": (B,),
    "pad": (X, 1),
    "permute_dims": (X, (1, 0)),
    "prod": (X, 1),
    "ptp": (X, 0),
    "quantile": (X, 0.25, 1),
    "ravel": (X,),
    "ravel_multi_index": ((I, I), (3, 4)),
    "real": (Z,),
    "repeat": (X, 2, 1),
    "reshape": (X, (4, 3)),
    "resize": (X, (5, 5)),
    "roll": (X, 1, 1),
    "rollaxis": (X, 1),
    "rot90": (X,),
    "round": (X, 1),
    "searchsorted": (np.sort(V), V),
    "select": ([B, ~B], [X, Y]),
    "setdiff1d": (I, np.array([1])),
    "sort": (V,),
    "split": (X, 2, 1),
    "squeeze": (X[None],),
    "stack": ([X, Y], 1),
    "std": (X, 0),
    "sum": (X, 1),
    "swapaxes": (X, 0, 1),
    "take": (X, I, 0),
    "take_along_axis": (X, I[None].repeat(3, 0), 1),
    "tensordot": (X, Y, 2),
    "tile": (X, 2),
    "trace": (X,),
    "transpose": (X,),
    "tril": (X,),
    "triu": (X,),
    "unique": (V, True, True, True),
    "unpackbits": (np.array([5], np.uint8),),
    "unravel_index": (I, (2, 2)),
    "vander": (V,),
    "var": (X, 1),
    "vdot": (V, V),
    "vsplit": (X, 3),
    "vstack": ([X, Y],),
    "where": (B, X, Y),
    "zeros_like": (X.T,),
}
OF_NUMBERS: dict[str, tuple] = {
    "arange": (2, 10, 3),
    "diag_indices": (3,),
    "eye": (3, 4, 1),
    "full": ((2, 3), 7),
    "identity": (3,),
    "indices": ((2, 3),),
    "linspace": (0, 1, 5),
    "logspace": (0, 2, 3),
    "ones": ((2, 3),),
    "tri": (3,),
    "tril_indices": (3,),
    "triu_indices": (3,),
    "zeros": (4,),
}
ELSEWHERE = (
    "array asarray asanyarray asnumpy astype copy copyto empty empty_like from_dlpack frombuffer fromiter full_like "
    "get_array_module get_default_memory_pool get_default_pinned_memory_pool histogram partition place put "
    "put_along_axis putmask"
)
"""Functions that other tests call, or that have no values to compare."""
LINALG: dict[str, tuple] = {
    "cholesky": (S,),
    "cond": (S,),
    "det": (S,),
    "eigh": (S,),
    "eigvalsh": (S,),
    "inv": (S,),
    "lstsq": (Y, X[:, 0]),
    "matrix_power": (S, 3),
    "matrix_rank": (X,),
    "norm": (X,),
    "pinv": (X,),
    "qr": (X,),
    "slogdet": (S,),
    "solve": (S, X),
    "svd": (X, False),
}


def moved(cupy: ModuleType, x: Any) -> Any:
    """Arguments with their arrays on the device."""
    if isinstance(x, np.ndarray):
        return cupy.asarray(x)
    if isinstance(x, list | tuple):
        return type(x)(moved(cupy, one) for one in x)
    return x


def assert_same(got: Any, expected: Any) -> None:
    if isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
        return
    host = got.get()
    assert host.shape == np.shape(expected)
    assert host.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(host, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_arrays(cupy: ModuleType, name: str) -> None:
    args = CASES[name]
    given = moved(cupy, args)
    expected = getattr(np, name)(*args)
    got = getattr(cupy, name)(*given)
    assert_same(got, expected)
    if isinstance(expected, np.ndarray) and isinstance(args[0], np.ndarray):
        assert cupy.shares_memory(got, given[0]) == np.shares_memory(expected, args[0])


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_numbers(cupy: ModuleType, name: str) -> None:
    args = OF_NUMBERS[name]
    assert_same(getattr(cupy, name)(*args), getattr(np, name)(*args))


@pytest.mark.parametrize("name", LINALG)
def test_linear_algebra(cupy: ModuleType, name: str) -> None:
    args = LINALG[name]
    assert_same(
        getattr(cupy.linalg, name)(*moved(cupy, args)), tuple_of(getattr(np.linalg, name)(*args))
    )


def tuple_of(x: Any) -> Any:
    return tuple(x) if isinstance(x, tuple) else x


@pytest.mark.parametrize(
    "name", [n for n in table(signatures.FFT) if n not in ("fftfreq", "rfftfreq")]
)
def test_transforms(cupy: ModuleType, name: str) -> None:
    x = (
        Z
        if name in ("hfft", "irfft", "irfft2", "irfftn") or ("r" not in name and name != "ihfft")
        else X
    )
    assert_same(getattr(cupy.fft, name)(cupy.asarray(x)), getattr(np.fft, name)(x))


@pytest.mark.parametrize("name", signatures.UFUNCS.split())
def test_elementwise(cupy: ModuleType, name: str) -> None:
    function, plain = getattr(cupy, name), getattr(np, name)
    integers = all(set(t.partition("->")[0]) <= set("?bhilqBHILQ") for t in function.types or ["f"])
    x = np.array([1, 6, 3]) if integers else np.array([0.25, 0.5, 0.75], np.float32)
    y = np.array([2, 4, 1]) if integers or name == "ldexp" else np.array([2, 0.5, 1], np.float32)
    args = (x, y)[: function.nin]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        expected = plain(*args)
    assert_same(function(*moved(cupy, args)), expected)


def test_every_function_is_called() -> None:
    left = {*table(signatures.FUNCTIONS)} - {*CASES} - {*OF_NUMBERS} - {*ELSEWHERE.split()}
    assert not left
    assert {*table(signatures.LINALG)} - {*LINALG} == {"eig", "eigvals"}
