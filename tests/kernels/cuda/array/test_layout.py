"""Which dimensions are merged, how many neighbours are taken together, and division by multiplication."""

import numpy as np
import pytest

from flambeau.kernels.cuda.array import layout as layouts
from flambeau.kernels.cuda.array.layout import layout, merged


def told(array, address=0):
    steps = tuple(step // array.itemsize for step in array.strides)
    return array.itemsize, steps, address


def test_arrays_in_order_are_one_dimension_of_packs():
    x = np.empty((6, 5, 8), np.float32)
    made = layout(x.shape, told(x), told(x))
    assert made.form == layouts.Form(1, 2, 4, (True, True), "i32")
    assert made.count == 60


def test_order_is_the_first_arrays():
    x = np.empty((3, 4, 5))
    assert merged(x.transpose(2, 0, 1).shape, [told(x.transpose(2, 0, 1))[1]]) == [(60, 1)]


def test_negative_steps_are_merged():
    x = np.empty((4, 6))[::-1, ::-1]
    assert merged(x.shape, [told(x)[1]]) == [(24, -1)]


@pytest.mark.parametrize(
    ("address", "size", "pack"), [(0, 16, 8), (8, 16, 4), (2, 16, 1), (0, 12, 4), (0, 15, 1)]
)
def test_a_pack_is_aligned_and_divides(address, size, pack):
    x = np.empty((3, 32), np.float16)[:, :size]
    made = layout(x.shape, told(x), told(x, address))
    assert made.form.pack == pack


def test_one_element_for_a_pack():
    x, row = np.empty((8, 16), np.float32), np.empty((8, 1), np.float32)
    steps = (1, 0)
    made = layout(x.shape, told(x), (row.itemsize, steps, 4))
    assert made.form.pack == 4
    assert made.form.moves == (True, False)


def test_an_index_moves_by_single_elements():
    x = np.empty(16, np.float32)
    index = np.empty(16, np.int64)
    assert layout(x.shape, told(x), told(index), still=1).form.pack == 1


def test_an_index_of_64_bits():
    assert layout((1 << 20, 1 << 10), (1, (1 << 10, 1), 0)).form.index == "i32"
    assert layout((1 << 20, 1 << 10), (1, (1 << 12, 1), 0)).form.index == "i64"


def test_division_by_multiplication():
    random = np.random.default_rng(0)
    numbers = [*range(1, 70), *random.integers(1, 2**31, 300).tolist(), 2**31 - 1]
    for n in numbers:
        factor, shift = layouts._divisor(n)
        for x in {0, 1, n - 1, n, n + 1, 2**31 - 1, *random.integers(0, 2**31, 20).tolist()}:
            if x < 2**31:
                high = (x * (int(factor) & 0xFFFF_FFFF)) >> 32
                assert high + x < 2**32
                assert (high + x) >> int(shift) == x // n
