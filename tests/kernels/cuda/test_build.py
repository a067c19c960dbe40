"""The function that `build` gives: what it remembers, what it writes into, and what it hands on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.formula import primitive as p
from flambeau.formula.expression import Domain, parameter, symbol
from flambeau.formula.program import Program
from flambeau.kernels.cuda.build import build

from .formulas import DTYPES, Both, NoKernel, moved_to, refuse

RANDOM = np.random.default_rng(0)
X, Y = symbol("x"), symbol("y")
FLOAT = DTYPES["float32"]


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("f4")


def into(program: Program, *, rows: bool = False) -> Any:
    dtypes = [FLOAT] * len(program.inputs)
    return build(
        program, dtypes, FLOAT, [FLOAT] * len(program.roots), "into", rows, refuse, into=True
    )


def test_parameters_are_numbers_of_each_call(xp) -> None:
    program = Program((X,), (X * parameter("a") + parameter("b"),), ("a", "b"))
    x = normal(5, 7)
    both = Both(program, "float32")
    for a, b in ((2.0, 0.5), (np.float64(-1.0), 3)):
        np.testing.assert_array_equal(
            both.on_gpu(xp, x, a, b)[0], x * np.float32(a) + np.float32(b)
        )


def test_a_call_of_a_known_case_decides_nothing(xp, monkeypatch) -> None:
    both = Both(Program((X, Y), (X + Y,)), "float32")
    x, y = normal(5, 8), normal(8)
    both.on_gpu(xp, x, y)
    monkeypatch.setattr(both.gpu.launcher, "decide", None)  # type: ignore[union-attr]
    np.testing.assert_array_equal(both.on_gpu(xp, x + 1, y)[0], x + 1 + y)
    with pytest.raises(TypeError):
        both.on_gpu(xp, normal(4, 8), y)


def test_in_place(xp) -> None:
    x, y = xp.asarray(normal(6, 8)), xp.asarray(normal(8))
    before = x.get()
    add = into(Program((X, Y), (X + Y,)))
    assert add(x, x, y) is x
    np.testing.assert_array_equal(x.get(), before + y.get())
    turned = xp.asarray(normal(8, 6)).T  # a target that lies otherwise
    expected = turned.get() + y.get()
    assert add(turned, turned, y) is turned
    np.testing.assert_array_equal(turned.get(), expected)


def test_several_targets_that_are_operands(xp) -> None:
    step = into(Program((X, Y), (X - Y, X * Y)))
    x, y = normal(7, 5), normal(7, 5)
    on_gpu = xp.asarray(x), xp.asarray(y)
    assert step(*on_gpu, *on_gpu) == on_gpu
    np.testing.assert_array_equal(on_gpu[0].get(), x - y)
    np.testing.assert_array_equal(on_gpu[1].get(), x * y)


def test_targets_that_overlap_operands_elsewhere(xp) -> None:
    """Everything is computed before the first element is written."""
    add = into(Program((X, Y), (X + Y,)))
    whole = normal(4000)
    for target, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        on_gpu = xp.asarray(whole)
        add(on_gpu[target], on_gpu[target], on_gpu[other])
        np.testing.assert_array_equal(on_gpu.get()[target], whole[target] + whole[other])
    on_gpu = xp.asarray(whole)
    add(on_gpu, on_gpu, on_gpu[:1])
    np.testing.assert_array_equal(on_gpu.get(), whole + whole[0])
    both = into(Program((X,), (X + 1.0, X + 2.0)))
    on_gpu = xp.asarray(whole)
    both(on_gpu[:1000], on_gpu[500:1500], on_gpu[2000:3000])
    np.testing.assert_array_equal(on_gpu.get()[:500], whole[2000:2500] + np.float32(1))
    np.testing.assert_array_equal(on_gpu.get()[500:1500], whole[2000:3000] + np.float32(2))


def test_targets_of_narrower_dtypes_are_written_at_once(xp, monkeypatch) -> None:
    add = into(Program((X, Y), (X + Y,)))
    x, y = normal(6, 8), normal(8)
    monkeypatch.setattr(add.launcher, "decide", None)  # what makes results first
    for name in ("float16", "bfloat16", "float64", "bool"):
        target = xp.empty((6, 8), DTYPES[name])
        assert add(target, xp.asarray(x), xp.asarray(y)) is target
        np.testing.assert_array_equal(target.get(), (x + y).astype(DTYPES[name]))
    half = xp.asarray(x.astype("f2"))  # a target that is an operand
    add(half, half, xp.asarray(y))
    np.testing.assert_array_equal(half.get(), (x.astype("f2").astype("f4") + y).astype("f2"))


def test_targets_of_other_dtypes_and_rows(xp) -> None:
    add = into(Program((X, Y), (X + Y,)))
    x, y = normal(3, 4), normal(4)
    whole = xp.empty((3, 4), np.int32)
    assert add(whole, xp.asarray(x * 9), xp.asarray(y)) is whole
    np.testing.assert_array_equal(whole.get(), (x * 9 + y).astype("i4"))
    sums = xp.empty((3, 1), np.float32)
    into(Program((X,), (p.amax(X),)), rows=True)(sums, xp.asarray(x), (-1,))
    np.testing.assert_array_equal(sums.get(), x.max(-1, keepdims=True))


def test_an_operand_may_be_given_twice(xp) -> None:
    both = Both(Program((X, Y), (X * Y,)), "float32")
    x = moved_to(xp, normal(33))
    np.testing.assert_array_equal(both.gpu(x, x).get(), x.get() * x.get())  # type: ignore[misc]


def test_shapes_that_do_not_broadcast(xp) -> None:
    both = Both(Program((X, Y), (X + Y,)), "float32")
    with pytest.raises(ValueError, match=r"shapes \(3,\), \(4,\) do not broadcast"):
        both.on_gpu(xp, normal(3), normal(4))


def test_what_no_kernel_takes_is_handed_on(xp) -> None:
    with pytest.raises(NoKernel):
        Both(Program((X, Y), (X + Y,)), "float32").on_gpu(xp, normal(0, 3), normal(3))
    with pytest.raises(NoKernel):
        Both(Program((X,), (p.amax(X),)), "float32").on_gpu(xp, normal(3, 0), (-1,))
    many = normal(*(2,) * 10).transpose(9, 7, 5, 3, 1, 8, 6, 4, 2, 0)
    with pytest.raises(NoKernel):
        Both(Program((X, Y), (X + Y,)), "float32").on_gpu(xp, many, normal(*(2,) * 10))


def test_programs_without_a_kernel() -> None:
    z = symbol("z", Domain.COMPLEX)
    kind = np.dtype(np.complex64)
    assert build(Program((z,), (z + z,)), [kind], kind, [kind], "add", False, refuse) is None
    with_int = [FLOAT], FLOAT, [np.dtype(np.int32)]
    assert build(Program((X,), (X + 1.0,)), *with_int, "add", False, refuse) is None
