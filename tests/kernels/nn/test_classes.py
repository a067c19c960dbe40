"""Losses of classes, against what they mean."""

import numpy as np
import pytest

from flambeau.kernels.nn import classes

SHAPES = [
    ((4,), ()),
    ((3, 5), (3,)),
    ((2, 3, 4, 5), (2, 4, 5)),
    ((0, 3), (0,)),
    ((2, 7, 1), (2, 1)),
]


def expected(x, target, weight, ignored):
    dim = min(x.ndim - 1, 1)
    rows = np.moveaxis(x, dim, -1).astype(np.float64)
    losses, scales = np.zeros(target.shape), np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        if target[at] != ignored:
            scales[at] = 1 if weight is None else weight[target[at]]
            losses[at] = -rows[at][target[at]] * scales[at]
    return losses, scales


def cases(dtype):
    rng = np.random.default_rng(1)
    for shape, targets in SHAPES:
        count = shape[min(len(shape) - 1, 1)]
        x = rng.standard_normal(shape).astype(dtype)
        for ignored in (-100, 1):
            target = rng.integers(0, count, targets)
            if ignored < 0 and target.size > 1:
                target.reshape(-1)[-1] = ignored
            for weight in (None, rng.random(count).astype(dtype)):
                yield x, np.asarray(target), weight, ignored


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_backward(dtype):
    close = {"rtol": 1e-6 if dtype == "float32" else 1e-14}
    for x, target, weight, ignored in cases(dtype):
        losses, scales = expected(x, target, weight, ignored)
        with np.errstate(all="ignore"):
            want = {0: losses, 1: losses.sum() / scales.sum(), 2: losses.sum()}
        for how, value in want.items():
            found, total = classes.picked(x, target, weight, ignored, how)
            assert found.dtype == x.dtype
            np.testing.assert_allclose(found, value, **close)
            again, _ = classes.weighed(
                classes.picked(x, target, None, ignored, 0)[0], target, weight, ignored, how
            )
            np.testing.assert_allclose(again, value, **close)
            if not target.size:
                continue
            g = np.random.default_rng(2).standard_normal(found.shape).astype(dtype)
            back = classes.picked_back(g, target, weight, total, x.shape, ignored, how)
            share = np.broadcast_to(g, target.shape) * scales
            with np.errstate(all="ignore"):
                share = share / scales.sum() if how == 1 else share
            dim = min(x.ndim - 1, 1)
            steps = np.arange(x.shape[dim]).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
            here = np.expand_dims(target, dim) == steps
            counted = here & np.expand_dims(target != ignored, dim)
            want_back = np.where(counted, -np.expand_dims(share, dim), 0)
            np.testing.assert_allclose(back, want_back, **close)
            own = classes.weighed_back(g, target, weight, total, target.shape, ignored, how)
            np.testing.assert_allclose(own, np.where(target != ignored, share, 0), **close)


def test_what_is_no_class_or_does_not_fit_is_refused():
    x, target = np.zeros((3, 5), np.float32), np.array([0, 1, 5])
    assert classes.picked(x, target, None, -100, 1) is NotImplemented
    assert classes.fitting(target, 5, -100) is NotImplemented
    assert classes.fitting(target, 6, -100) == 1
    assert classes.fitting(target, 5, 5) == 2
    good = np.array([0, 1, 4])
    assert classes.picked(x, good[:2], None, -100, 1) is NotImplemented
    assert classes.picked(x, good.astype(np.int32), None, -100, 1) is NotImplemented
    assert classes.picked(x, good, np.zeros(4, np.float32), -100, 1) is NotImplemented
    assert classes.picked(x, good, np.zeros(5), -100, 1) is NotImplemented
    assert classes.picked(x.T, good, None, -100, 1) is NotImplemented
    assert classes.picked(x.astype(np.float16), good, None, -100, 1) is NotImplemented
    g, total = np.zeros(3, np.float32), np.zeros((), np.float32)
    assert classes.picked_back(g, good, None, total, (3, 4, 2), -100, 0) is NotImplemented
    assert classes.picked_back(g[:2], good, None, total, (3, 5), -100, 0) is NotImplemented


def test_ignored_rows_may_hold_anything():
    x = np.array([[np.nan, np.inf], [1.0, 2.0]], np.float32)
    value, total = classes.picked(x, np.array([-1, 1]), None, -1, 1)
    assert (float(value), float(total)) == (-2.0, 1.0)
