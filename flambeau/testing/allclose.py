"""assert_allclose: the older comparison, whose tolerances are wider and which lets dtypes differ."""

from __future__ import annotations

from typing import Any

from .._caller import warn
from ..core.tensor import Tensor
from ..ops.create.data import tensor
from .comparison import assert_close

_TOLERANCES = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
"""Relative and absolute, by dtype; 0 for all others."""


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere; use `assert_close`.

    Args:
        actual, expected: Tensors, or what makes one.
        rtol, atol: Give both or none; by default those of the wider dtype.
        equal_nan: Is nan equal to nan?
        msg: The error's message instead.

    Raises:
        AssertionError: They differ.
        ValueError: One of rtol and atol is given without the other.

    Source: torch.testing.assert_allclose
    """
    warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
    )
    x = actual if isinstance(actual, Tensor) else tensor(actual)
    y = expected if isinstance(expected, Tensor) else tensor(expected, dtype=x.dtype)
    if rtol is None and atol is None:
        both = [_TOLERANCES.get(z.dtype.name, (0.0, 0.0)) for z in (x, y)]
        rtol, atol = map(max, zip(*both))
    assert_close(
        x, y, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None
    )
