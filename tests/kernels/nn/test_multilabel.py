"""Margins of several labels, against sums over pairs in double."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.ops.loss.margin import _lacking

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def pairs(x: np.ndarray, labels: list[int]) -> tuple[float, np.ndarray]:
    total, slope = 0.0, np.zeros(len(x))
    for label in labels:
        for c in set(range(len(x))) - set(labels):
            if 1 - x[label] + x[c] > 0:
                total += 1 - float(x[label]) + float(x[c])
                slope[label] -= 1
                slope[c] += 1
    return total, slope


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [1, 5, 16, 33, 700])
def test_sums_and_slopes(dtype: str, classes: int, each_number_of_threads) -> None:
    from flambeau.kernels.nn import multilabel

    rng = np.random.default_rng(classes)
    x = rng.standard_normal((6, classes)).astype(dtype)
    x[2, classes // 2] = np.nan
    labels = np.full((6, classes), -1)
    for row, count in enumerate((0, classes, 1, classes // 2, classes // 3, 2)):
        labels[row, :count] = rng.integers(0, classes, min(count, classes))
    for _ in each_number_of_threads:
        for function in (multilabel.lacking, _lacking):
            sums, slopes = function(x, labels)
            for row in range(6):
                count = (labels[row] >= 0).tolist().index(False) if -1 in labels[row] else classes
                total, slope = pairs(x[row], labels[row, :count].tolist())
                assert sums[row] == pytest.approx(total, rel=1e-5 if dtype == "f4" else 1e-13)
                assert np.array_equal(slopes[row], slope)


def test_what_is_no_class_is_reported() -> None:
    from flambeau.kernels.nn import multilabel

    for wrong in (-2, 3, 1 << 40):
        assert multilabel.lacking(np.ones((1, 3)), np.array([[0, wrong, -1]])) is NotImplemented
