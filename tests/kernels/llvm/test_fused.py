"""a * b + c rounded once, without an instruction for it: against exact fractions."""

import sys
from fractions import Fraction

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.llvm import fused
from flambeau.kernels.runtime.entry import Job, NoNumbers, kernel
from flambeau.kernels.runtime.process import machine

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
MOST = sys.float_info.max


def steps(a, b, c):
    element = {4: "float", 8: "double"}[a.itemsize]

    def write(code):
        with code.rows() as row:
            x, y, z = (code.get(code.p[name], element, row) for name in "abc")
            code.put(fused.step(x, y, z), code.p["made"], row)

    made = np.empty_like(a)
    job = Job(rows=a.size, length=1, weight=a.size, divisible=False)
    kernel("steps", ("a", "b", "c", "made"), NoNumbers, write, 1)(a, b, c, made, *job)
    return made


def exactly(dtype, a, b, c):
    return dtype(float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_is_rounded_once(dtype):
    a, b, other = np.random.default_rng(3).standard_normal((3, 2000)).astype(dtype)
    if dtype is np.float64:  # a quotient of a division in digits has no more than 52 bits
        a = (a.view(np.int64) & -2).view(np.float64)
    for c in (other, -(a * b), -(a * b) * dtype(1.5)):
        want = [exactly(dtype, *given) for given in zip(a, b, c)]
        np.testing.assert_array_equal(steps(a, b, c), np.array(want, dtype))


def test_what_a_product_of_any_float64_lost():
    a, b = np.random.default_rng(4).standard_normal((2, 2000))
    want = np.array([exactly(np.float64, *given) for given in zip(a, b, -(a * b))])
    assert (np.abs(steps(a, b, -(a * b)) - want) <= np.abs(a * b) * 2.0**-104).all()


def test_ends_of_the_range():
    a = np.array([MOST, -MOST, 2.0**600, np.inf, np.nan, -0.0, 0.0, 1.0, 0.0])
    b = np.array([0.9999999, 0.9999999, 2.0**600, 1.0, 1.0, 1.0, 1.0, np.inf, np.inf])
    c = np.array([-MOST / 2, MOST / 2, 1.0, 1.0, 1.0, -0.0, -0.0, -np.inf, 1.0])
    want = [exactly(np.float64, *given) for given in zip(a[:2], b[:2], c[:2])]
    got = steps(a, b, c)
    assert got[:2].tolist() == want
    assert got[2:4].tolist() == [np.inf, np.inf]
    assert np.isnan(got[[4, 7, 8]]).all()
    assert np.signbit(got[5:7]).tolist() == [True, False]


def test_without_the_instruction_no_text_asks_for_it(monkeypatch):
    from flambeau.formula.declaration import PRIMITIVES
    from flambeau.formula.expression import Domain, symbol
    from flambeau.formula.program import Program

    texts = []
    compiling = machine().address
    monkeypatch.setattr(fused, "is_native", lambda: False)
    monkeypatch.setattr(machine(), "address", lambda text: texts.append(text) or compiling(text))
    x = symbol("x", Domain.REAL)
    with np.errstate(all="ignore"):
        given = np.array([0.5, 2.0, 1e300, -1e22, 1e-300])
        for name in ("exp", "sin", "log", "atan"):
            formula = Program((x,), (PRIMITIVES[name](x),))
            dtype = np.dtype(np.float64)
            made = kernels.build(formula, [dtype], dtype, [dtype], name, False, print)
            expected = {"atan": np.arctan}.get(name) or getattr(np, name)
            np.testing.assert_allclose(made(given), expected(given), rtol=4e-16)
    assert len(texts) >= 4
    assert not [text for text in texts if "llvm.fma" in text]
