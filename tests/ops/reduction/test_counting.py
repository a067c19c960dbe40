"""searchsorted and its kin with nan: places recorded from PyTorch, which goes on by halves."""

import math

import pytest

import flambeau as torch

nan, inf = math.nan, math.inf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    ("edges", "values", "right", "wanted"),
    [
        ([0.0, 1.0], [nan, 0.5], False, [2, 1]), ([0.0, 1.0, nan, nan], [1.0, 0.0, -1.0], True, [4, 4, 4]),
        ([inf, nan], [nan, inf], False, [2, 2]), ([1.0, 2.0, nan, nan], [1.0, 2.0], True, [4, 4]),
        ([0.0, 1.0], [0.0, 1.0], False, [0, 1]),
    ],
)  # fmt: skip
def test_searchsorted_with_nan(edges, values, right, wanted, dtype):
    edges, values = torch.tensor(edges, dtype=dtype), torch.tensor(values, dtype=dtype)
    assert torch.searchsorted(edges, values, right=right).tolist() == wanted
    assert torch.bucketize(values, edges, right=right).tolist() == wanted
    rows = torch.searchsorted(edges.expand(2, -1), values.expand(2, -1), right=right)
    assert rows.tolist() == [wanted] * 2


def test_count_nonzero_of_a_scalar_along_a_dimension():
    assert torch.count_nonzero(torch.tensor(3.0), 0).item() == 1
    assert torch.count_nonzero(torch.tensor(0), -1).item() == 0
    with pytest.raises(IndexError):
        torch.count_nonzero(torch.tensor(3.0), 1)


def test_histogram_has_a_hundred_bins_by_default():
    found = torch.histogram(torch.tensor([1.0, 2.0, 3.0]))
    assert (found.hist.shape, found.bin_edges.shape) == ((100,), (101,))
    assert found.hist.sum().item() == 3
