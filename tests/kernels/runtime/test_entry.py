"""Kernels called with arrays and numbers: their frame, pieces, reports and errors."""

from typing import NamedTuple

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


class By(NamedTuple):
    by: int


def scaled(code):
    """out[i] = x[i] * by + row, and a report of the largest x."""
    with code.rows() as row, code.loop(code.begin, code.end) as i:
        at = row * code.n.length + i
        value = code.get(code.p["x"], "i64", at)
        code.put(value * code.n.by + row, code.p["out"], at)
        code.report(value)


@pytest.fixture(scope="module")
def function():
    from flambeau.kernels.runtime.entry import kernel

    return kernel("scaled", ("x", "out"), By, scaled, 4)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("rows", "length", "divisible"), [(3, 5, 0), (1, 90_000, 1), (700, 90, 0)])
def test_rows_and_pieces(function, threads, rows, length, divisible):
    before = kernels.get_num_threads()
    x = np.random.default_rng(0).integers(0, 10**6, (rows, length))
    out = np.full((rows + 2, length), -7)
    try:
        kernels.set_num_threads(threads)
        status = function(x, out[1:], rows, length, x.size, divisible, 3)
    finally:
        kernels.set_num_threads(before)
    assert status == x.max()
    assert np.array_equal(out[1:-1], x * 3 + np.arange(rows)[:, None])
    assert (out[[0, -1]] == -7).all()


class Line(NamedTuple):
    start: int
    step: int


class Turned(NamedTuple):
    step: int
    start: int


def line(code):
    with code.loop(code.begin, code.end) as i:
        code.put(code.n.start + i * code.n.step, code.p["out"], i)


@pytest.mark.parametrize("numbers", [Line, Turned])
def test_the_order_of_a_declaration_is_of_no_account(numbers):
    from flambeau.kernels.runtime.entry import Job, kernel

    function = kernel("line", ("out",), numbers, line, 4)
    job = Job(rows=1, length=5, weight=5, divisible=True)
    out = np.zeros(5, np.int64)
    function(out, *job, *numbers(start=3, step=100))
    assert out.tolist() == [3, 103, 203, 303, 403]


def test_unknown_and_missing_numbers_are_errors():
    from flambeau.kernels.runtime.entry import kernel

    with pytest.raises(AttributeError, match="step"):
        kernel("line", ("out",), By, lambda code: code.n.step, 4)
    with pytest.raises(TypeError):
        Line(start=3)
    with pytest.raises(TypeError):
        Line(start=3, step=1, stop=5)


def test_wrong_arguments_are_errors(function):
    x = np.zeros(4, np.int64)
    for given in ((x, x, 1, 4, 4, 0), (x, [1], 1, 4, 4, 0, 3), (x, x, 1, 4, 4, 0, 3, 3)):
        with pytest.raises(TypeError):
            function(*given)
    with pytest.raises(TypeError):
        function(x, x, 1, 4, 4, 0, 2.5)
    with pytest.raises(OverflowError):
        function(x, x, 1, 4, 4, 0, 1 << 70)
    assert function(x, x, 1, 4, 4, 0, -1) == 0


class Sizes(NamedTuple):
    size: int
    used: int


def test_a_piece_without_memory_is_a_memory_error():
    from flambeau.kernels.runtime.entry import kernel

    def greedy(code):
        memory = code.scratch(code.n.size)
        with code.loop(code.zero, code.n.used) as i:
            code.put(i, memory, i)
        code.put(code.get(memory, "i64", code.n.used - 1), code.p["out"], code.zero)
        code.free(memory)

    function = kernel("greedy", ("out",), Sizes, greedy, 4)
    out = np.zeros(1, np.int64)
    with pytest.raises(MemoryError, match="greedy"):
        function(out, 1, 1, 1, 0, 1 << 62, 6)
    assert out[0] == 0
    assert function(out, 1, 1, 1, 0, 64, 6) == 0
    assert out[0] == 5
