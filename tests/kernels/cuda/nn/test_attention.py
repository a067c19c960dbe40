"""Attention of device arrays in one pass, against the matrix of all scores in float64."""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda import driver
from flambeau.kernels.cuda.nn import attention
from flambeau.ops.nn.attention import _attended, _attended_back

DTYPES = [np.dtype("f4"), np.dtype("f2"), np.dtype("f8"), np.dtype(ml_dtypes.bfloat16)]
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.5e-2, "float32": 3e-6, "float64": 1e-13}
RANDOM = np.random.default_rng(0)


class Case(NamedTuple):
    """lead, queries, keys, size and depth; the mask; causal; the heads within the length?"""

    lead: tuple[int, ...]
    queries: int
    keys: int
    size: int
    depth: int
    mask: str = ""
    causal: bool = False
    seated: bool = False


CASES = {
    "small": Case((2,), 5, 7, 4, 6),
    "odd sizes, a mask of bools": Case((1, 2), 70, 66, 17, 23, "bool"),
    "causal, heads within the length": Case((1, 2), 33, 70, 40, 32, "", True, True),
    "wide, a mask of numbers": Case((1,), 66, 34, 72, 128, "own", True),
    "a mask of float32": Case((), 3, 65, 16, 16, "float32"),
}


def normal(shape, dtype):
    return RANDOM.normal(size=shape).astype(dtype)


def mask_of(case, dtype):
    if case.mask == "bool":
        mask = RANDOM.random((case.queries, case.keys)) > 0.3
        mask[0] = False  # a query that sees nothing
        return mask
    kind = dtype if case.mask == "own" else np.dtype("f4")
    return normal((*(1,) * len(case.lead), 1, case.keys), kind) if case.mask else None


def assert_near(got, want, tolerance):
    assert got.shape == want.shape
    there = np.isfinite(want)
    made = got.get().astype("f8")
    np.testing.assert_array_equal(made[~there], want[~there])
    tolerance *= np.abs(want[there]).max()
    np.testing.assert_allclose(made[there], want[there], rtol=0, atol=tolerance)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # in the reference
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for i, name in enumerate(CASES) for dtype in DTYPES[: 4 if i < 2 else 2]],
    ids=str,
)
def test_both_ways(xp, name, dtype):
    case = CASES[name]
    shapes = (case.queries, case.size), (case.keys, case.size), (case.keys, case.depth)
    given = [normal((*case.lead, *shape), dtype) for shape in shapes]
    exact, there = [x.astype("f8") for x in given], [xp.asarray(x) for x in given]
    if case.seated:
        there = [xp.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) for x in there]
    mask = mask_of(case, dtype)
    on_device = None if mask is None else xp.asarray(mask)
    if mask is not None and mask.dtype != bool:
        mask = mask.astype("f8")
    options = case.size**-0.5, case.causal
    want, want_logs = _attended(*exact, mask, *options)
    out, logs = attention.forward(*there, on_device, *options)
    tolerance = TOLERANCE[dtype.name]
    assert out.dtype == dtype
    assert_near(out, want, tolerance)
    assert_near(logs, want_logs, tolerance)
    g = normal(want.shape, dtype)
    want = _attended_back(g.astype("f8"), *exact, want, want_logs, mask, *options)
    made = attention.backward(xp.asarray(g), *there, out, logs, on_device, *options)
    for x, y in zip(made, want, strict=True):
        assert x.dtype == dtype
        assert_near(x, y, 2 * tolerance)
    again = attention.backward(xp.asarray(g), *there, out, logs, on_device, *options)
    for x, y in zip(made, again, strict=True):
        np.testing.assert_array_equal(x.get(), y.get())


def test_heads_lie_within_the_length(xp):
    q = xp.ones((2, 3, 5, 8), "f4")
    out, _ = attention.forward(q, q, q, None, 1.0, False)
    assert out.transpose(0, 2, 1, 3).flags.c_contiguous


def test_half_types_without_tensor_cores(xp, monkeypatch):
    monkeypatch.setattr(driver, "architecture", lambda device: "sm_75")
    given = [normal((2, 9, 8), np.dtype("f2")) for _ in range(4)]
    g, *there = [xp.asarray(x) for x in given]
    slope, *exact = [x.astype("f8") for x in given]
    out, logs = attention.forward(*there, None, 0.5, False)
    want, want_logs = _attended(*exact, None, 0.5, False)
    assert_near(out, want, 2e-3)
    made = attention.backward(g, *there, out, logs, None, 0.5, False)
    for x, y in zip(made, _attended_back(slope, *exact, want, want_logs, None, 0.5, False)):
        assert_near(x, y, 4e-3)


def test_what_it_is_not_made_for(xp):
    q = xp.ones((2, 3, 129), "f4")
    assert attention.forward(q, q, q, None, 1.0, False) is NotImplemented
    q = xp.ones((2, 3, 4), np.complex64)
    assert attention.forward(q, q, q, None, 1.0, False) is NotImplemented
    q, k = xp.ones((2, 3, 4), "f4"), xp.ones((1, 3, 4), "f4")
    assert attention.forward(q, k, k, None, 1.0, False) is NotImplemented
