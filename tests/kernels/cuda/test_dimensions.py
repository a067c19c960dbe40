"""Dimensions that one index walks: merged, sorted, and divided without divisions."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.kernels.cuda import driver
from flambeau.kernels.cuda.dimensions import (
    APART,
    FLAT,
    NEXT,
    SAME,
    STILL,
    Steps,
    Walk,
    Ways,
    steps_over,
)
from flambeau.kernels.cuda.thread import Thread


def test_merging() -> None:
    assert Steps((2, 3, 4), ((12, 4, 1), (12, 4, 1))).merged() == Steps((24,), ((1,), (1,)))
    assert Steps((2, 3, 4), ((12, 4, 1), (0, 0, 1))).merged() == Steps((6, 4), ((4, 1), (0, 1)))
    assert Steps((2, 3, 4), ((12, 4, 1), (3, 1, 0))).merged() == Steps((6, 4), ((4, 1), (1, 0)))
    assert Steps((2, 1, 4), ((4, 7, 1), (4, 0, 1))).merged() == Steps((8,), ((1,), (1,)))
    assert Steps((1, 1), ((0, 0), (5, 5))).merged() == Steps((), ((), ()))


def test_ways() -> None:
    steps = Steps((6, 4), ((4, 1), (0, 1), (1, 0), (0, 0), (1, 6), (-4, -1)))
    assert steps.ways() == Ways(2, (FLAT, NEXT, SAME, STILL, APART, APART))
    assert Steps((), ((), ())).ways() == Ways(0, (STILL, STILL))


def test_vectors_begin_at_multiples() -> None:
    assert Steps((6, 8), ((8, 1), (0, 1))).divides(4)
    assert not Steps((6, 6), ((6, 1), (0, 1))).divides(4)
    assert Steps((6, 6), ((6, 1), (0, 1))).divides(2)
    assert not Steps((6, 8), ((9, 1),)).divides(2)
    assert not Steps((6, 8), ((1, 6),)).divides(2)
    assert Steps((7,), ((1,), (0,))).divides(4)  # the last ones are taken one by one


def test_the_longest_steps_come_first() -> None:
    steps = Steps((3, 5), ((1, 3), (5, 1)))
    assert steps.sorted(0) == Steps((5, 3), ((3, 1), (1, 5)))


def test_steps_over_a_shape() -> None:
    x = np.zeros((4, 1, 6), np.float32)
    assert steps_over(x, (2, 4, 5, 6)) == (0, 6, 0, 1)
    assert steps_over(x[::-1, :, ::2], (4, 1, 3)) == (-6, 6, 2)


SIZES = (1, 2, 3, 7, 640, 641, (1 << 16) + 1, (1 << 30) - 1, (1 << 31) - 1)


@pytest.mark.parametrize("word", ["i32", "i64"])
def test_indices_are_divided(word: str, xp) -> None:
    """For sizes and indices at the edges of 31 bits."""
    code = Thread()
    out, index = code.takes("ptr out", "ptr index")
    count = code.takes(f"{word} count")[0]
    walk = Walk(code, Ways(2, (FLAT, APART)), word, "walk")
    with code.loop(code.first(word), count, code.threads(word)) as i:
        given = code.load(code.at(index, word, i), word)
        code.store(walk.offsets(given)[1], code.at(out, word, i))
    kernel = driver.Kernel("divided", code.kernel("divided"))
    number = np.int32 if word == "i32" else np.int64
    numbers = np.array(
        [0, 1, 2, 6, 7, 639, 640, 641, 12345678, (1 << 31) - 2, (1 << 31) - 1], number
    )
    for size in SIZES:
        steps = Steps((1 << 40, size), ((size, 1), (1, 0)))
        ways = Ways(2, (FLAT, APART))
        made = xp.empty(numbers.shape, number)
        kernel(1, 32, made, xp.asarray(numbers), number(numbers.size), *steps.numbers(ways, number))
        np.testing.assert_array_equal(made.get(), numbers // size)
