"""One program by the CPU's kernel and by that of the simulated GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from flambeau import kernels
from flambeau.formula.evaluate import compile_program
from flambeau.formula.program import Program
from flambeau.kernels.cuda.build import build

DTYPES = {
    name: np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    for name in (
        *("bool", "int8", "uint8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64"),
    )
}


class NoKernel(Exception):
    """Arrays were handed to the interpreter."""


def refuse(*given: Any) -> Any:
    raise NoKernel


class Both:
    """A program for operands of certain dtypes.

    Args:
        program: The program.
        dtypes: Of its operands, and then of its results; one for all will do.
        rows: Is it over axes?
    """

    def __init__(
        self, program: Program, *dtypes: str, rows: bool | None = None, drop: bool = False
    ):
        given = [DTYPES[name] for name in dtypes]
        count = len(program.inputs)
        self.inputs = given[:count] if len(given) > 1 else given * count
        self.results = given[count:] or [self.inputs[0]] * len(program.roots)
        self.rows = program.rowwise if rows is None else rows
        half = self.inputs[0].name in ("float16", "bfloat16")
        self.compute = DTYPES["float32"] if half else self.inputs[0]
        self.facts = (program, self.inputs, self.compute, self.results, "case", self.rows)
        self.drop = drop
        self.program = program
        self.gpu = build(*self.facts, refuse, drop)
        self._cpu: Callable | None = None

    @property
    def cpu(self) -> Callable:
        if self._cpu is None:
            plain = compile_program(self.program, np, self.compute, "case", self.rows)
            self._cpu = kernels.build(*self.facts, plain, self.drop)
        return self._cpu  # type: ignore[return-value]

    def on_cpu(self, *given: Any) -> tuple[np.ndarray, ...]:
        return _several(self.cpu(*given))

    def on_gpu(self, xp: Any, *given: Any) -> tuple[np.ndarray, ...]:
        moved = [moved_to(xp, x) if isinstance(x, np.ndarray) else x for x in given]
        return tuple(x.get() for x in _several(self.gpu(*moved)))  # type: ignore[misc]


def moved_to(xp: Any, x: np.ndarray) -> Any:
    """A copy on the GPU that lies in memory as this array does in the one that it is a view of."""
    base = x
    while isinstance(base.base, np.ndarray):
        base = base.base
    flat = xp.asarray(base).reshape(-1)
    first = (x.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // x.itemsize
    return xp.ndarray(x.shape, x.dtype, memptr=flat.data + first * x.itemsize, strides=x.strides)


def _several(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def assert_same(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    """Equal bits, but for those of nan."""
    assert len(found) == len(expected)
    for x, y in zip(found, expected):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        both = x.astype("f8"), y.astype("f8")
        np.testing.assert_array_equal(*both)
        np.testing.assert_array_equal(*map(np.signbit, (a[~np.isnan(a)] for a in both)))


def assert_close(
    found: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float
) -> None:
    """Apart by no more than so much of the largest value: sums were taken in another order."""
    assert len(found) == len(expected)
    for x, y in zip(found, expected):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        x, y = x.astype("f8"), y.astype("f8")
        largest = np.abs(y[np.isfinite(y)]).max(initial=1e-30)
        np.testing.assert_allclose(x / largest, y / largest, rtol=0, atol=tolerance)
