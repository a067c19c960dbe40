"""Copies between layouts, against NumPy's."""

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.array import concatenate, copy, fill, masked_fill

DTYPES = [np.int8, np.float16, np.float32, np.float64, np.complex128]
VIEWS = {
    "in order": lambda x: x,
    "columns": lambda x: x.T,
    "part": lambda x: x[1:-1, 3:-2],
    "aligned part": lambda x: x[:, 16:32],
    "every other": lambda x: x[::2, ::3],
    "backwards": lambda x: x[::-1, ::-1],
    "row backwards": lambda x: x[:, ::-1],
    "one row": lambda x: x[3:4],
    "one element": lambda x: x[2, 5, ...],
    "empty": lambda x: x[:0],
    "moved": lambda x: x.reshape(5, 8, 50).transpose(2, 0, 1),
    "swapped": lambda x: x.reshape(5, 8, 50).transpose(0, 2, 1),
    "four": lambda x: x.reshape(5, 4, 2, 50)[:, ::2].transpose(1, 3, 2, 0),
}


def numbers(shape, dtype):
    x = np.arange(np.prod(shape)).reshape(shape)
    return (x % 251 - 100).astype(dtype) if dtype is not np.int8 else (x % 127).astype(dtype)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_contiguous(xp, dtype, view):
    x = numbers((40, 50), dtype)
    made = copy.contiguous(VIEWS[view](xp.asarray(x)))
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made.get(), VIEWS[view](x))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.complex128])
def test_copy_into(xp, dtype, view):
    target = numbers((40, 50), dtype)
    there = xp.asarray(target)
    source = numbers(VIEWS[view](target).shape, dtype)[...] * dtype(3)
    copy.copy_into(VIEWS[view](there), xp.asarray(source))
    VIEWS[view](target)[...] = source
    np.testing.assert_array_equal(there.get(), target)


def test_broadcast_and_overlap(xp):
    x = np.arange(4000.0).reshape(50, 80)
    there = xp.asarray(x)
    copy.copy_into(there, xp.asarray(x[:, :1]))
    np.testing.assert_array_equal(there.get(), np.broadcast_to(x[:, :1], x.shape))
    there = xp.asarray(x)
    copy.copy_into(there[1:], there[:-1])
    np.testing.assert_array_equal(there.get()[1:], x[:-1])


NAMES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "float16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("source", [*NAMES, "uint64", "complex64", "bfloat16"])
def test_converts(xp, source):
    source = ml_dtypes.bfloat16 if source == "bfloat16" else source
    x = numbers((12, 10), np.float32)
    x = (abs(x) if np.dtype(source).kind in "u" else x).astype(source)
    for target in (*NAMES, "uint64", "complex64", ml_dtypes.bfloat16):
        if np.dtype(source).kind == "c" and np.dtype(target).kind != "c":
            continue
        if np.dtype(source).kind in "fV" and np.dtype(target) == np.uint64:
            continue  # CuPy's, of which negative numbers become 0
        there = xp.zeros((10, 12), target)
        copy.copy_into(there, xp.asarray(x).T)
        wide = (
            x.astype(np.int64)
            if np.dtype(source).kind in "fV" and np.dtype(target).kind in "iu"
            else x
        )
        np.testing.assert_array_equal(there.get(), wide.T.astype(target))


def test_converting_rounds_half_to_even_and_keeps_nan(xp):
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, np.nan, np.inf, -0.0, 65520, 2**-25], np.float32)
    for target in (np.float16, ml_dtypes.bfloat16):
        there = xp.zeros(x.shape, target)
        copy.copy_into(there, xp.asarray(x))
        with np.errstate(over="ignore"):
            expected = x.astype(target).astype(np.float32)
        np.testing.assert_array_equal(there.get().astype(np.float32), expected)


def test_in_order_is_the_array_itself(xp):
    x = xp.zeros((3, 4))
    assert copy.in_order(x) is x
    assert copy.in_order(x.T).flags.c_contiguous


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_fill(xp, dtype, view):
    x = numbers((40, 50), dtype)
    there = xp.asarray(x)
    fill.write(VIEWS[view](there), 7)
    VIEWS[view](x)[...] = 7
    np.testing.assert_array_equal(there.get(), x)
    fill.fill(there, xp.asarray(dtype(3)))
    assert (there.get() == 3).all()


@pytest.mark.parametrize("mask", ["whole", "row", "column", "one", "strided"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_fill(xp, dtype, mask):
    x = numbers((24, 48), dtype)
    n = np.arange(24 * 48).reshape(24, 48)
    masks = {"whole": n % 3 == 0, "row": n[0] % 3 == 0, "column": n[:, :1] % 3 == 0,
             "one": np.array(True), "strided": np.arange(48 * 24).reshape(48, 24).T % 5 == 0}  # fmt: skip
    given = masks[mask]
    there, flags = xp.asarray(x), xp.asarray(given)
    expected = np.where(given, dtype(7), x)
    np.testing.assert_array_equal(masked_fill.filled(there, flags, dtype(7)).get(), expected)
    value = xp.asarray(dtype(7))
    np.testing.assert_array_equal(masked_fill.filled(there[::2], flags, value).get()
                                  if given.ndim < 2 else expected,
                                  expected[::2] if given.ndim < 2 else expected)  # fmt: skip
    masked_fill.fill(there, flags, np.asarray(7, dtype))
    np.testing.assert_array_equal(there.get(), expected)


def test_masked_fill_broadcasts_x(xp):
    x, mask = np.arange(4.0), np.eye(4, dtype=bool)
    made = masked_fill.filled(xp.asarray(x), xp.asarray(mask), 9.0)
    np.testing.assert_array_equal(made.get(), np.where(mask, 9.0, x))
    with pytest.raises(ValueError, match="broadcast"):
        masked_fill.fill(xp.asarray(x), xp.asarray(mask), 9.0)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_concatenate(xp, dtype, dim):
    parts = [np.moveaxis(numbers((n, 6, 8), dtype), 0, dim) for n in (1, 3, 0, 16)]
    made = concatenate.concatenate([xp.asarray(p) for p in parts], dim)
    np.testing.assert_array_equal(made.get(), np.concatenate(parts, dim))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_stack_of_many(xp, dim):
    parts = [numbers((5, 8), np.float32) + k for k in range(21)]
    made = concatenate.stack([xp.asarray(p) for p in parts], dim)
    np.testing.assert_array_equal(made.get(), np.stack(parts, dim))


def test_concatenate_views_and_dtypes(xp):
    x = numbers((6, 7), np.float32)
    there = xp.asarray(x)
    made = concatenate.concatenate([there.T, there.T[:, ::2]], 1)
    np.testing.assert_array_equal(made.get(), np.concatenate([x.T, x.T[:, ::2]], 1))
    made = concatenate.concatenate([there, there.astype(np.float64)], 0)
    assert made.dtype == np.float64
