"""Every elementary and special function as users call it, against mpmath, in units in the last place.

`benchmarks/accuracy.py` measures the same with more samples and writes docs/accuracy.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from tests.kernels.accuracy_table import DENSE, FUNCTIONS, densest, exact, samples, worst

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
TABLE = Path(__file__).parents[2] / "docs" / "accuracy.md"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_its_limit(name: str, dtype: Any) -> None:
    operands = samples(name, dtype, 120)
    assert np.isfinite(operands).all()
    error = worst(torch, name, operands, exact(name, operands))
    assert 0 < error <= FUNCTIONS[name].limits[dtype is np.float64]


@pytest.mark.parametrize("name", DENSE)
def test_dense_samples_of_float32(name: str) -> None:
    assert 0.4 < densest(torch, name) <= FUNCTIONS[name].limits[0]


def test_the_table_has_every_function_and_no_error_beyond_its_limit() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|(.*)\|$", TABLE.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == list(FUNCTIONS)
    for name, cells in rows:
        ours = [float(cells.split("|")[i]) for i in (0, 2)]
        assert ours[0] <= FUNCTIONS[name].limits[0], name
        assert ours[1] <= FUNCTIONS[name].limits[1], name
