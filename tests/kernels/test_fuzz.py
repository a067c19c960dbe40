"""Kernels of formulas on arrays of every layout and dtype: right, and without a step beyond their arrays."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import pytest

from flambeau import kernels
from flambeau.formula import primitive as p
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program
from flambeau.kernels.nest import Nest
from flambeau.kernels.process import machine
from flambeau.kernels.storage import MEMORY

from .fenced import POISON, Arena, Placed

pytestmark = [
    pytest.mark.skipif(not kernels.enabled(), reason="kernels are off"),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX memory protection"),
]
DTYPES = {name: np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name) for name in MEMORY}
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "float64": 1e-12}
REAL = [name for name in DTYPES if "float" in name]
SEEDS = 300


class Formula(NamedTuple):
    """A formula of so many operands, and the same in NumPy. `rows`: over axes, in floating point."""

    operands: int
    symbolic: Callable
    reference: Callable
    floating: bool = False
    comparison: bool = False


ELEMENTWISE = {
    "multiplied": Formula(3, lambda x, y, z: x * y + z, lambda x, y, z: x * y + z),
    "larger": Formula(2, lambda x, y: p.maximum(x, y - 1), lambda x, y: np.maximum(x, y - 1)),
    "chosen": Formula(
        3, lambda x, y, z: p.where(x < y, z, x - y), lambda x, y, z: np.where(x < y, z, x - y)
    ),
    "negated": Formula(1, lambda x: -x, lambda x: -x),
    "two": Formula(2, lambda x, y: (x + y, x * y), lambda x, y: (x + y, x * y)),
    "compared": Formula(2, lambda x, y: x < y, lambda x, y: x < y, comparison=True),
    "costly": Formula(
        2, lambda x, y: p.exp(x * 0.25) / (1 + y * y), lambda x, y: np.exp(x * 0.25) / (1 + y * y),
        True,
    ),
}  # fmt: skip


def standard(x: Any, axes: tuple[int, ...]) -> Any:
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + 1)


def softmax(x: Any, axes: tuple[int, ...]) -> Any:
    e = np.exp(x - x.max(axes, keepdims=True))
    return e / e.sum(axes, keepdims=True)


def softmax_formula(x: Any) -> Any:
    e = p.exp(x - p.amax(x))
    return e / p.sum(e)


def standard_formula(x: Any) -> Any:
    centred = x - p.mean(x)
    return centred / p.sqrt(p.mean(centred * centred) + 1)


ROWS = {
    "sum": Formula(1, lambda x: p.sum(x), lambda x, axes: x.sum(axes, keepdims=True)),
    "extremes": Formula(
        1, lambda x: (p.amax(x), p.amin(x)),
        lambda x, axes: (x.max(axes, keepdims=True), x.min(axes, keepdims=True)),
    ),
    "product summed": Formula(
        2, lambda x, y: p.sum(x * y), lambda x, y, axes: (x * y).sum(axes, keepdims=True)
    ),
    "softmax": Formula(1, softmax_formula, softmax),
    "standardised": Formula(1, standard_formula, standard),
    "one a row": Formula(
        2, lambda x, r: x * r + p.amax(x), lambda x, r, axes: x * r + x.max(axes, keepdims=True)
    ),
}  # fmt: skip


# --------------------------------------------------------------------------- a kernel and its operands


@cache
def arenas() -> list[Arena]:
    return [Arena() for _ in range(6)]


def domain(dtype: np.dtype) -> Domain:
    return Domain.BOOL if dtype.kind == "b" else Domain.INT if dtype.kind in "iu" else Domain.REAL


class Kernel:
    """One formula for operands of certain dtypes, the first of which is the dtype of the arithmetic."""

    def __init__(self, name: str, dtypes: tuple[str, ...], into: bool):
        self.rows, self.into = name in ROWS, into
        self.formula = (ROWS if self.rows else ELEMENTWISE)[name]
        self.main = dtypes[0]
        self.dtypes = [DTYPES[dtype] for dtype in dtypes]
        narrow = self.main in ("float16", "bfloat16")
        self.compute = DTYPES["float32"] if narrow else self.dtypes[0]
        self.full = [not (name == "one a row" and i == 1) for i in range(len(dtypes))]
        symbols = tuple(
            symbol("xyz"[i], domain(dtype), self.full[i]) for i, dtype in enumerate(self.dtypes)
        )
        made = self.formula.symbolic(*symbols)
        self.roots = made if isinstance(made, tuple) else (made,)
        self.result = DTYPES["bool"] if self.formula.comparison else self.dtypes[0]
        results = [self.result] * len(self.roots)
        found = kernels.build(
            Program(symbols, self.roots), self.dtypes, self.compute, results, name, self.rows,
            self.refuse, into=into,
        )  # fmt: skip
        if found is None and "float16" in dtypes and not machine().has_half:
            pytest.skip("this processor does not convert float16, so there are no kernels for it")
        assert found is not None
        self.call = found

    def refuse(self, *given: Any) -> Any:
        values = self.expected(given[: len(self.dtypes)], given[len(self.dtypes) :])
        made = tuple(np.asarray(value).astype(self.result) for value in values)
        return made if len(made) > 1 else made[0]

    def expected(self, arrays: Any, axes: Any) -> tuple:
        """The results: of numbers with a fraction in float64, of integers as they wrap."""
        wide = np.float64 if self.main in REAL else self.dtypes[0]
        with np.errstate(all="ignore"):
            values = self.formula.reference(*(a.astype(wide) for a in arrays), *axes)
        return values if isinstance(values, tuple) else (values,)

    def assert_near(self, got: np.ndarray, want: np.ndarray, scale: float) -> None:
        assert got.dtype == self.result
        if self.result.kind in "biu":
            np.testing.assert_array_equal(got, want)
            return
        close = TOLERANCE[self.main]
        np.testing.assert_allclose(got.astype(float), want, rtol=close, atol=close * scale)


@cache
def kernel(name: str, dtypes: tuple[str, ...], into: bool) -> Kernel:
    return Kernel(name, dtypes, into)


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        facts = np.iinfo(dtype)
        return rng.integers(facts.min, facts.max, shape, dtype, endpoint=True)
    return (rng.integers(-32, 33, shape) / 8).astype(dtype)


def drawn_shape(rng: np.random.Generator) -> tuple[int, ...]:
    if rng.random() < 0.06:  # for several threads
        return tuple(int(n) for n in ((40_007,), (220, 191), (5, 90, 81))[rng.integers(3)])
    sizes = [0, 1, 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 70, 130]
    shape = tuple(int(n) for n in rng.choice(sizes, rng.integers(0, 4)))
    return shape if np.prod(shape) <= 20_000 else shape[:2]


class Case:
    """A random kernel with operands that lie and broadcast in some way."""

    def __init__(self, seed: int):
        self.rng = rng = np.random.default_rng([7, seed])
        table = ELEMENTWISE if rng.random() < 0.6 else ROWS
        name = str(rng.choice(list(table)))
        names = (
            REAL if table is ROWS or table[name].floating else [d for d in DTYPES if d != "bool"]
        )
        main = str(rng.choice(names))
        dtypes = [main] * table[name].operands
        if main in REAL and len(dtypes) > 1 and rng.random() < 0.25:
            dtypes[1] = str(rng.choice([*REAL, *(() if table[name].floating else ("bool",) * 2)]))
        self.into = bool(rng.random() < 0.4)
        self.kernel = kernel(name, tuple(dtypes), self.into)
        self.shape = drawn_shape(rng)
        self.axes: tuple = ()
        if table is ROWS:
            if 0 in self.shape or not self.shape:
                self.shape = (3, 7)
            self.axes = (self.drawn_axes(),)
        large = np.prod(self.shape) > 30_000
        self.operands = []
        for i, dtype in enumerate(self.kernel.dtypes):
            own = self.operand_shape(i)
            plain = bool(large or rng.random() < 0.4)
            values = draw(rng, own, dtype)
            self.operands.append(Placed(arenas()[i], values, rng, plain))
        self.arrays = [x.array for x in self.operands]
        if not large:
            self.expand()

    def drawn_axes(self) -> tuple[int, ...]:
        ndim, rng = len(self.shape), self.rng
        if rng.random() < 0.5:
            return (-1,)
        count = int(rng.integers(1, ndim + 1))
        return tuple(sorted(int(a) - ndim for a in rng.choice(ndim, count, replace=False)))

    def operand_shape(self, i: int) -> tuple[int, ...]:
        shape, rng, ndim = list(self.shape), self.rng, len(self.shape)
        if not self.kernel.full[i]:
            for axis in self.axes[0]:
                shape[axis] = 1
        elif i:  # the first one has the whole shape
            shape = [1 if rng.random() < 0.25 else n for n in shape]
            if rng.random() < 0.2:
                shape = shape[int(rng.integers(0, ndim + 1)) :]
        return tuple(shape)

    def expand(self) -> None:
        """Some of what will be broadcast is expanded with strides of 0 beforehand."""
        for i, array in enumerate(self.arrays):
            if self.kernel.full[i] and self.rng.random() < 0.4:
                self.arrays[i] = np.broadcast_to(array, self.shape)

    def run(self) -> None:
        kernel, given = self.kernel, [*self.arrays, *self.axes]
        with np.errstate(all="ignore"):
            wanted = [
                np.asarray(value).astype(kernel.result) for value in kernel.expected(self.arrays, self.axes)
            ]  # fmt: skip
        scale = float(np.max(np.abs(wanted[0]).astype(float), initial=1.0))
        if self.into:
            self.write(given, wanted, scale)
        else:
            results = kernel.call(*given)
            for got, want in zip(results if isinstance(results, tuple) else (results,), wanted):
                assert got.shape == want.shape
                kernel.assert_near(got, want, scale)
        for operand in self.operands:
            operand.assert_untouched()

    def write(self, given: list[Any], wanted: list[np.ndarray], scale: float) -> None:
        targets = []
        in_place = (
            len(wanted) == 1
            and wanted[0].shape == self.arrays[0].shape
            and self.kernel.result == self.arrays[0].dtype
            and self.rng.random() < 0.4
        )
        if in_place:
            targets = [self.operands.pop(0)]
        else:
            for i, want in enumerate(wanted):
                plain = bool(want.size > 30_000 or self.rng.random() < 0.6)
                garbage = np.full(want.shape, 1, want.dtype)
                targets.append(Placed(arenas()[3 + i], garbage, self.rng, plain))
        self.kernel.call(*(x.array for x in targets), *given)
        for target, want in zip(targets, wanted):
            self.kernel.assert_near(target.array, want, scale)
            target.assert_only_its_elements_changed()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_layouts_broadcasts_and_dtypes(seed: int) -> None:
    Case(seed).run()


def test_the_seeds_meet_every_dtype_and_form() -> None:
    cases = [Case(seed) for seed in range(SEEDS)]
    assert {case.kernel.main for case in cases} == set(DTYPES) - {"bool"}
    assert {dtype.name for case in cases for dtype in case.kernel.dtypes} == set(DTYPES)
    assert len({id(case.kernel.formula) for case in cases}) == len(ELEMENTWISE) + len(ROWS)
    strides = [stride for case in cases for a in case.arrays for stride in a.strides]
    assert min(strides) < 0
    assert any(
        0 in a.strides and n > 1 for case in cases for a in case.arrays for n in a.shape
    )  # fmt: skip
    assert any(case.into for case in cases)
    assert any(np.prod(case.shape) > 1 << 15 for case in cases)


class Poisoned:
    """The block of a fresh result, from its first element to its end, filled for the next result of that size."""

    def __init__(self, array: np.ndarray):
        base = array if array.base is None else array.base
        self.address = base.ctypes.data
        size = ctypes.c_int64.from_address(self.address - 64 + 8).value  # see kernels/allocator.py
        self.size = size - 64
        ctypes.memset(self.address, POISON, self.size)

    def rest(self, used: int) -> bytes:
        return ctypes.string_at(self.address + used, self.size - used)


@pytest.mark.parametrize("name", ["multiplied", "compared", "softmax", "sum"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (130,), (9, 1001), (70_001,), (300, 301)])
def test_nothing_is_written_around_a_fresh_result(name: str, dtype: str, shape: tuple) -> None:
    made = kernel(name, (dtype,) * (ROWS | ELEMENTWISE)[name].operands, False)
    rng = np.random.default_rng(3)
    given = [draw(rng, shape, DTYPES[dtype]) for _ in made.dtypes]
    given += [(-1,)] if made.rows else []  # type: ignore[list-item]
    first = made.call(*given)
    wanted, used = first.copy(), first.nbytes
    poisoned = Poisoned(first)
    before = poisoned.rest(used)
    del first
    again = made.call(*given)
    np.testing.assert_array_equal(again, wanted)
    base = again if again.base is None else again.base
    assert base.ctypes.data == poisoned.address, "not the same block: nothing was looked at"
    assert poisoned.rest(used) == before == bytes([POISON]) * len(before)


def test_a_step_too_far_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With masks of one element too many, some case sees it."""
    right = Nest.mask
    monkeypatch.setattr(Nest, "mask", lambda self, i, end: right(self, i, end + 1))
    x = draw(np.random.default_rng(0), (37,), DTYPES["float32"])
    broken = Kernel("negated", ("float32",), into=True)
    target = Placed(arenas()[3], np.ones_like(x), np.random.default_rng(0), plain=True)
    broken.call(target.array, x)
    with pytest.raises(AssertionError, match="beside the result"):
        target.assert_only_its_elements_changed()
