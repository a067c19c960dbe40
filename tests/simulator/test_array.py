"""Arrays on a simulated GPU: views of memory with addresses, which never meet arrays of the host."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.simulator.index import Misuse

X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    "key",
    [
        1,
        -1,
        (1, 2),
        (slice(None), 1),
        slice(1, None, 2),
        (slice(None, None, -1), None),
        Ellipsis,
        (..., 2),
        (),
        None,
    ],
)
def test_basic_keys_are_views(cupy: ModuleType, key: Any) -> None:
    x = cupy.asarray(X)
    part = x[key]
    assert part.shape == X[key].shape
    np.testing.assert_array_equal(part.get(), X[key])
    expected = X.copy()
    part[...] = -7
    expected[key] = -7
    np.testing.assert_array_equal(x.get(), expected)


@pytest.mark.parametrize(
    "key",
    [
        np.array([2, 0]),
        (np.array([2, 0]), np.array([1, 3])),
        (slice(None), np.array([[1, 2], [3, 0]])),
        X > 4,
        X[:, 0] > 3,
        (np.array([0, 2]), slice(1, 3)),
    ],
)
def test_index_arrays_give_copies_and_take_values(cupy: ModuleType, key: Any) -> None:
    x = cupy.asarray(X)
    on_device = tuple(
        cupy.asarray(k) if isinstance(k, np.ndarray) else k
        for k in (key if type(key) is tuple else (key,))
    )
    part = x[on_device]
    np.testing.assert_array_equal(part.get(), X[key])
    assert not cupy.shares_memory(part, x)
    expected = X.copy()
    expected[key] = 9
    x[on_device] = 9
    np.testing.assert_array_equal(x.get(), expected)


def test_addresses_follow_strides(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    start = x.data.ptr
    assert x[1].data.ptr == start + 16
    assert x[:, ::-1].data.ptr == start + 12
    assert x[:, ::-1].strides == (16, -4)
    assert x.T.data.ptr == start
    assert x.view(np.int32)[2, 1].data.ptr == start + 36
    assert x.data.mem.ptr == start
    assert x[1].data.mem is x.data.mem
    assert cupy.moveaxis(x, 0, 1).base.data.ptr == x[1].base.data.ptr == start
    assert start % 512 == 0


def test_an_array_at_an_address(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    y = cupy.ndarray((2, 2), np.float32, x.data + 16, strides=(16, 8))
    np.testing.assert_array_equal(y.get(), [[4, 6], [8, 10]])
    y[0, 0] = 100
    assert x[1, 0] == 100


def test_memory_lives_as_long_as_a_view(cupy: ModuleType) -> None:
    pool = cupy.cuda.MemoryPool()
    before = pool.used_bytes()
    with cupy.cuda.using_allocator(pool.malloc):
        view = cupy.asarray(X)[1:]
    assert pool.used_bytes() == before + 512
    np.testing.assert_array_equal(view.get(), X[1:])
    del view
    assert pool.used_bytes() == before


@pytest.mark.parametrize(
    "mix",
    [
        lambda cupy, x: x + X,
        lambda cupy, x: X + x,
        lambda cupy, x: np.add(x, X),
        lambda cupy, x: cupy.add(x, X),
        lambda cupy, x: cupy.where(x > 1, x, X),
        lambda cupy, x: cupy.concatenate([x, X]),
        lambda cupy, x: cupy.sum(X),
        lambda cupy, x: cupy.matmul(x, X.T),
        lambda cupy, x: cupy.linalg.svd(X),
        lambda cupy, x: x.__setitem__(Ellipsis, X),
        lambda cupy, x: x.__iadd__(X),
        lambda cupy, x: np.asarray(x),
        lambda cupy, x: cupy.arange(x[0, 0]),
        lambda cupy, x: X[x.astype(int)],
    ],
)
def test_host_arrays_are_refused(cupy: ModuleType, mix: Callable) -> None:
    with pytest.raises((TypeError, IndexError)):
        mix(cupy, cupy.asarray(X))


def test_numbers_are_allowed(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    for number in (2, 2.0, np.float32(2), np.float64(2)):
        got, expected = number * x - number, number * X - number
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.get(), expected)


def test_numpys_functions_stay_on_the_device(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    for got in (np.add(x, x), np.exp(x), np.concatenate([x, x]), np.sum(x), np.where(x > 3, x, 0)):
        assert type(got) is cupy.ndarray
    assert type(np.linalg.svd(x)[0]) is cupy.ndarray


def test_reductions_are_arrays(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    for got in (x.sum(), x.max(), cupy.all(x), cupy.array_equal(x, x), cupy.dot(x[0], x[0])):
        assert type(got) is cupy.ndarray
        assert got.shape == ()
    assert float(x.sum()) == 66
    assert x.max().item() == 11
    assert bool(x[0, 0]) is False


def test_what_cupy_does_not_reduce(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    for name in ("maximum", "minimum", "logical_and", "logical_or", "bitwise_or"):
        with pytest.raises(NotImplementedError):
            getattr(cupy, name).reduce(x)
    np.testing.assert_array_equal(cupy.add.reduce(x, axis=1).get(), X.sum(1))


def test_an_index_out_of_bounds_is_an_error_where_cupy_wraps(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    three = cupy.asarray(np.array([3]))
    for misuse in (
        lambda: x[three],
        lambda: x.__setitem__(three, 1),
        lambda: cupy.take(x, three, axis=0),
        lambda: cupy.take_along_axis(x, three[None], 0),
    ):
        with pytest.raises(Misuse, match="out of bounds"):
            misuse()
    with pytest.raises(IndexError):
        x[3]


def test_two_values_for_one_element_are_an_error(cupy: ModuleType) -> None:
    x = cupy.zeros(3)
    twice = cupy.asarray(np.array([1, 1]))
    with pytest.raises(Misuse, match="more than once"):
        x[twice] = cupy.asarray(np.array([1.0, 2.0]))
    x[twice] = cupy.asarray(np.array([np.nan, np.nan]))
    cupy.add.at(x, cupy.asarray(np.array([0, 0, 2])), 1)
    np.testing.assert_array_equal(x.get(), [2, np.nan, 1])


def test_short_floats(cupy: ModuleType) -> None:
    x = cupy.ones(3000, ml_dtypes.bfloat16)
    assert x.sum().item() == 3008  # 3000, rounded once; in bfloat16 a sum of ones ends at 256
    assert cupy.exp(x).dtype == x.dtype
    assert (x @ x).item() == 3008
    assert cupy.ones(4096, np.float16).sum().item() == 4096
    for name in ("float8_e5m2", "float8_e4m3fn"):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            cupy.empty(3, getattr(ml_dtypes, name))
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.asarray(np.array(["a"]))


def test_layouts(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    assert x.T.flags.f_contiguous
    assert not x.T.flags.c_contiguous
    assert (x.T + 1).strides == (4, 16)  # CuPy's results keep Fortran's order
    assert x.T.copy().strides == (12, 4)
    assert x.T.copy("K").strides == (4, 16)
    assert cupy.zeros_like(x.T).strides == (4, 16)
    assert cupy.ascontiguousarray(x[:, ::2]).flags.c_contiguous
    assert cupy.empty((2, 3), order="F").strides == (8, 16)
    permuted = cupy.zeros((2, 3, 4)).transpose(1, 0, 2)
    assert cupy.empty_like(permuted).strides == permuted.strides
    assert cupy.lib.stride_tricks.as_strided(x, (2, 2), (4, 4)).get().tolist() == [[0, 1], [1, 2]]
    with pytest.raises(ValueError, match="size of buffer"):
        cupy.lib.stride_tricks.as_strided(x, (100,), (4,))


def test_empty_and_single(cupy: ModuleType) -> None:
    empty = cupy.zeros((0, 3))
    assert (empty + 1).shape == (0, 3)
    assert empty.sum().item() == 0
    assert empty.data.ptr == 0
    assert cupy.concatenate([empty, empty]).shape == (0, 3)
    one = cupy.asarray(np.float64(2))
    assert one.shape == ()
    assert one[()].item() == 2
    assert len(cupy.zeros((4, 0))) == 4
    with pytest.raises(TypeError):
        iter(one)


def test_to_the_host_and_back(cupy: ModuleType) -> None:
    x = cupy.empty((3, 4), np.float32)
    x.set(X)
    out = np.empty_like(X)
    assert x.get(out=out) is out
    np.testing.assert_array_equal(out, X)
    np.testing.assert_array_equal(cupy.asnumpy(x.T), X.T)
    assert cupy.asnumpy(x).flags.owndata
    assert x.tolist() == X.tolist()
    with pytest.raises(ValueError, match="Shape mismatch"):
        x.set(X.T)
    with pytest.raises(TypeError):
        x.set(X.astype(float))
    assert np.array_equal(pickle.loads(pickle.dumps(x)).get(), X)
    twin = copy.deepcopy(x)
    twin[...] = 0
    assert x.sum() == 66
    assert repr(x) == repr(X)
    assert f"{x[0, 1]:.2f}" == "1.00"


def test_casts(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    assert x.astype(np.float32, copy=False) is x
    assert x.astype(np.int64).dtype == np.int64
    assert cupy.asarray(x) is x
    assert cupy.array(x) is not x
    assert cupy.asarray(x, dtype=np.int8).dtype == np.int8
    assert cupy.asarray([[1, 2], [3, 4]], dtype=np.float32).get().tolist() == [[1, 2], [3, 4]]
    assert cupy.array([x[0, 1], 5.0]).get().tolist() == [1, 5]
    with pytest.raises(TypeError):
        x += 1j
    complex_ones = x + 1j
    complex_ones.imag[...] = 5
    assert complex_ones[0, 0].item() == 5j


def test_operators(cupy: ModuleType) -> None:
    x, y = cupy.asarray(X), cupy.asarray(X + 1)
    assert_equal = np.testing.assert_array_equal
    assert_equal((x // y).get(), X // (X + 1))
    assert_equal((3 % y).get(), 3 % (X + 1))
    assert_equal((x**2).get(), X**2)
    assert_equal((-abs(-x)).get(), -X)
    assert_equal((x < y).get(), X < X + 1)
    assert_equal((~(x > 3)).get(), ~(X > 3))
    assert_equal(divmod(x, y)[1].get(), divmod(X, X + 1)[1])
    z = x
    z -= 1
    assert z is x
    assert_equal(x.get(), X - 1)
    assert (x == "text") is False


def test_out_and_where(cupy: ModuleType) -> None:
    x = cupy.asarray(X)
    out = cupy.zeros_like(x)
    assert cupy.multiply(x, 2, out=out) is out
    assert cupy.add(x, 1, out) is out
    assert cupy.sum(x, axis=1, out=out[:, 0]).base is not None
    np.testing.assert_array_equal(out[:, 0].get(), X.sum(1))
    with pytest.raises(TypeError):
        cupy.add(x, 1, out=np.empty_like(X))
    with pytest.raises(TypeError):
        cupy.add(x, 1, subok=True)
    cupy.copyto(out, 5, where=x > 3)
    assert out[2, 3] == 5


@pytest.mark.parametrize("max_version", [None, (1, 0)])
@pytest.mark.parametrize(
    "dtype", [np.float32, np.bool_, np.complex64, np.int64, ml_dtypes.bfloat16]
)
def test_dlpack(cupy: ModuleType, dtype: Any, max_version: Any) -> None:
    class Other:
        """Another library's array, of the same memory."""

        def __init__(self, x: Any):
            self.x = x

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.x.__dlpack_device__()

        def __dlpack__(self, stream: int) -> Any:
            return self.x.__dlpack__(stream=stream, max_version=max_version)

    x = cupy.asarray(X).astype(dtype)
    for part in (x[:0], x, x.T, x[2, 3], x[1:, ::-2]):
        made = cupy.from_dlpack(Other(part))
        assert (made.shape, made.dtype, made.strides) == (part.shape, part.dtype, part.strides)
        np.testing.assert_array_equal(made.get(), part.get())
        assert not part.size or made.data.ptr == part.data.ptr
    capsule = x.__dlpack__(max_version=max_version)
    Once = type("Once", (Other,), {"__dlpack__": lambda self, stream: capsule})
    cupy.from_dlpack(Once(x))
    with pytest.raises(ValueError, match="multiple times"):
        cupy.from_dlpack(Once(x))
    expected = part.get()
    del part, x
    np.testing.assert_array_equal(made.get(), expected)  # the memory lives as long as one has it
    with pytest.raises(BufferError, match="on CUDA"):
        cupy.from_dlpack(X)
    with pytest.raises((BufferError, RuntimeError, ValueError)):
        np.from_dlpack(made)


def test_integers_to_negative_powers(cupy: ModuleType) -> None:
    x = cupy.asarray(np.array([2, 1, -1, -1, 0, 3]))
    y = cupy.asarray(np.array([-1, -5, -3, -2, -1, 2]))
    assert (x**y).get().tolist() == [0, 1, -1, 1, 0, 9]
    assert cupy.power(x, y, out=cupy.empty_like(x)).get().tolist() == [0, 1, -1, 1, 0, 9]
    assert (x**-1).get().tolist() == [0, 1, -1, -1, 0, 0]


def test_dtypes_that_cupy_lacks(cupy: ModuleType) -> None:
    z = cupy.ones(3, np.complex64)
    for refused in (lambda: cupy.logical_and(z, z), lambda: cupy.clip(z, 0, 1)):
        with pytest.raises(TypeError, match="not supported for the input types"):
            refused()
    assert cupy.clip(cupy.ones(3, ml_dtypes.bfloat16), 0, 1).dtype == np.float32
    with pytest.raises(TypeError, match="condition"):
        cupy.where(True, z, z)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.int64, [0, 2**63 - 1, -(2**63), -3, 2**33, 300]),
        (np.int32, [0, 2**31 - 1, -(2**31), -3, 2**31 - 1, 300]),
        (np.int8, [0, -1, 0, -3, -1, 44]),
        (np.uint64, [0, 2**64 - 1, 0, 0, 2**33, 300]),
        (np.uint32, [0, 2**32 - 1, 0, 0, 2**32 - 1, 300]),
        (np.uint8, [0, 255, 0, 0, 255, 44]),
    ],
)
def test_floats_become_the_nearest_integers(
    cupy: ModuleType, dtype: Any, expected: list[int]
) -> None:
    x = cupy.asarray(np.array([np.nan, np.inf, -np.inf, -3.7, 2.0**33, 300.9]))
    assert x.astype(dtype).get().tolist() == expected
    made = cupy.empty(6, dtype)
    made[...] = x
    assert made.get().tolist() == expected
    cupy.copyto(made, x.astype(np.float32), casting="unsafe")
    assert made.get().tolist() == expected
