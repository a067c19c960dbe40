"""What tests of elementary functions share: the native function, and its error in units in the last place."""

from collections.abc import Callable, Sequence

import mpmath
import numpy as np

from flambeau import kernels
from flambeau.formula.declaration import PRIMITIVES
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program


def native(name: str, dtype: type, operands: int = 1) -> Callable:
    """The machine code of one primitive."""
    dtype = np.dtype(dtype)
    domain = Domain.REAL if dtype.kind == "f" else Domain.INT
    symbols = tuple(symbol("xyz"[i], domain) for i in range(operands))
    program = Program(symbols, (PRIMITIVES[name](*symbols),))

    def refuse(*given):
        raise AssertionError("the machine code did not take the array")

    function = kernels.build(program, [dtype] * operands, dtype, [dtype], name, False, refuse)
    assert function is not None
    return function


def ulps(got: np.ndarray, exact: Sequence[mpmath.mpf]) -> float:
    """The largest error over results that are finite and not subnormal."""
    facts, worst = np.finfo(got.dtype), 0.0
    for value, wanted in zip(got.tolist(), exact, strict=True):
        if not facts.tiny <= abs(wanted) <= facts.max:
            continue
        unit = mpmath.mpf(2) ** (mpmath.frexp(wanted)[1] - facts.nmant - 1)
        error = abs(mpmath.mpf(value) - wanted) / unit
        worst = max(worst, float(error) if mpmath.isfinite(error) else np.inf)
    return worst


def edges(dtype: type) -> np.ndarray:
    facts = np.finfo(dtype)
    half = [0.0, 0.5, 1, 2, 3, 7.5, 1e17, facts.smallest_subnormal, facts.tiny / 2]
    half += [facts.max, np.inf]
    return np.array([*half, *(-x for x in half), np.nan], dtype)


def assert_same(got: np.ndarray, want: np.ndarray, units: int = 0) -> None:
    """Equal within so many units, with the same signs of zeros; nan where nan is wanted."""
    with np.errstate(all="ignore"):
        near = np.abs(got - want) <= units * np.abs(np.spacing(want))
    same = (got == want) | near | (np.isnan(got) & np.isnan(want))
    same &= np.isnan(want) | (np.signbit(got) == np.signbit(want))
    assert same.all(), (got[~same][:5], want[~same][:5])
