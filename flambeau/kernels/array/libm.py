"""The C library's float64 functions of whole arrays: PyTorch's scalar kernels call them, and their last bits show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..llvm import external
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from .copy import in_order

DOUBLE = np.dtype(np.float64)
NAMES = ("cos", "exp", "log", "log1p", "sin", "tan")


def each(name: str, x: Any) -> Any:
    """One of `NAMES` of every element of a float64 array."""
    return _run((name,), x)[0]


def cos_sin(x: Any) -> Sequence[Any]:
    """Cosine and sine of every element."""
    return _run(("cos", "sin"), x)


def fused(x: Any, y: float, z: float) -> Any:
    """x * y + z, rounded once."""
    made, facts = memory.empty(x.shape, DOUBLE), np.array([y, z])
    _fuser()(in_order(x), facts, made, 1, x.size, x.size, 1)
    return made


def _run(names: tuple[str, ...], x: Any) -> list[Any]:
    made = [memory.empty(x.shape, DOUBLE) for _ in names]
    _caller(names)(in_order(x), *made, 1, x.size, 16 * x.size, 1)
    return made


@cache
def _caller(names: tuple[str, ...]) -> Callable[..., int]:
    def write(code: Body) -> None:
        functions = [external(f"double @{name}(double)") for name in names]
        with code.loop(code.begin, code.end) as i:
            x = code.get(code.p["x"], "double", i)
            for k, function in enumerate(functions):
                code.put(code.run(function, x), code.p[f"y{k}"], i)

    arrays = ("x", *(f"y{k}" for k in range(len(names))))
    return kernel("_".join(names), arrays, NoNumbers, write, 1, makes=True)


@cache
def _fuser() -> Callable[..., int]:
    def write(code: Body) -> None:
        y, z = (code.get(code.p["facts"], "double", code.number(k)) for k in (0, 1))
        with code.loop(code.begin, code.end) as i:
            code.put(code.get(code.p["x"], "double", i).fma(y, z), code.p["made"], i)

    return kernel("fused", ("x", "facts", "made"), NoNumbers, write, 1, makes=True)
