"""How operands meet the shape that they broadcast to: the rule against NumPy, in Python and in machine code."""

import itertools

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.loops.broadcast import (
    FORM,
    FULL,
    LEADING,
    ROWS,
    SCALAR,
    TRAILING,
    UNFIT,
    load_fit,
    meeting,
    row_lengths,
)

SIZES = (1, 2, 3)


def cases():
    """Every shape of up to five dimensions of these sizes, with every operand that broadcasts to it."""
    for ndim in range(6):
        for shape in itertools.product(SIZES, repeat=ndim):
            for own_ndim in range(ndim + 1):
                choices = [sorted({1, size}) for size in shape[ndim - own_ndim :]]
                for own in itertools.product(*choices):
                    yield own, shape


def places(own, shape) -> np.ndarray:
    """For each element of the result, which element of the operand it sees."""
    array = np.arange(int(np.prod(own, dtype=int))).reshape(own)
    return np.broadcast_to(array, shape).ravel()


def is_right(word: int, own, shape) -> bool:
    """Does the operand lie as the word says?"""
    seen = places(own, shape)
    at, length = np.arange(seen.size), word >> ROWS
    expected = {
        SCALAR: 0 * at,
        FULL: at,
        TRAILING: at % max(length, 1),
        LEADING: at // max(length, 1),
    }[word & FORM]
    return bool((seen == expected).all()) and (length > 0) == (word & FORM in (TRAILING, LEADING))


def fits_rows(own, shape) -> bool:
    """Is the operand a repeated row, or a value a row, of rows of any length?"""
    seen = places(own, shape)
    at = np.arange(seen.size)
    return any(
        (seen == at % n).all() or (seen == at // n).all() for n in range(1, seen.size + 1)
    )  # fmt: skip


def test_the_rule_is_numpys():
    count = 0
    for own, shape in cases():
        word = meeting(own, shape)
        right = not fits_rows(own, shape) if word == UNFIT else is_right(word, own, shape)
        assert right, (own, shape, word)
        count += 1
    assert count > 8000


def test_row_lengths_are_those_of_operands_that_make_rows():
    assert row_lengths([(2, 3), (), (1, 1)], (2, 3)) == set()
    assert row_lengths([(3,), (2, 1)], (2, 3)) == {3}
    assert row_lengths([(4,), (3, 1, 1)], (3, 2, 4)) == {4, 8}
    assert UNFIT in row_lengths([(2, 1, 2)], (2, 3, 2))


@pytest.fixture(scope="module")
def fit():
    """``fit(array, like, dtype)``: how the machine code says that the array meets the shape of `like`."""
    if not kernels.enabled():
        pytest.skip("kernels are off")
    from flambeau.kernels.llvm import Module
    from flambeau.kernels.runtime.layout import builtin
    from flambeau.kernels.runtime.process import machine
    from flambeau.kernels.runtime.vectorcall import Vectorcall, array_field

    load_fit()
    module = Module()
    f = Vectorcall(module)
    array, like, dtype = f.arguments(3)
    ndim = array_field(like, "ndim", "i32").convert("i64")
    word = f.code.call(f.fact("fit"), "i64", array, dtype, ndim, array_field(like, "dims"))
    f.give([f.python("PyLong_FromLongLong", "ptr", word)])
    f.bad_argument()
    return builtin("fit", machine().address(module.text()), None)


def test_machine_code_follows_the_same_rule(fit):
    for own, shape in cases():
        found = fit(np.zeros(own), np.zeros(shape), np.dtype(float))
        assert found == meeting(own, shape), (own, shape)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_shapes_without_elements(fit, shape):
    empty = np.zeros(shape)
    assert fit(empty, empty, empty.dtype) == meeting(shape, shape) == FULL
    assert fit(np.zeros(()), empty, empty.dtype) == meeting((), shape) == SCALAR


def test_what_machine_code_takes(fit):
    like, x = np.zeros((2, 3)), np.zeros((4, 6))
    expanded = np.broadcast_to(np.float64(1), (2, 3))
    unaligned = np.zeros(49, np.uint8)[1:].view(np.float64).reshape(2, 3)
    assert fit(expanded, like, like.dtype) == SCALAR
    assert fit(np.broadcast_to(np.zeros(3), (2, 3)), like, like.dtype) == UNFIT
    assert fit(np.broadcast_to(np.float64(1), (2, 2)), like, like.dtype) == UNFIT
    assert fit(np.broadcast_to(np.float64(1), (4, 2, 3)), like, like.dtype) == UNFIT
    assert fit(x[::2, ::2], like, like.dtype) == UNFIT
    assert fit(unaligned, like, like.dtype) == UNFIT
    assert fit(like.astype(np.float32), like, like.dtype) == UNFIT
    assert fit(np.zeros((2, 2)), like, like.dtype) == UNFIT
    assert fit(np.zeros((1, 2, 3)), like, like.dtype) == UNFIT
