"""Places of maxima, as kernels and NumPy find them."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F

NAN, INF = float("nan"), float("inf")
ROWS = [
    ([1.0, NAN, 3.0, NAN], 3),
    ([NAN, 2.0, 1.0, 0.0], 0),
    ([3.0, 1.0, 3.0, 2.0], 0),
    ([-INF, -INF, -INF, -INF], 0),
    ([1.0, INF, INF, 0.0], 1),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("row", "place"), ROWS)
def test_the_first_of_equal_maxima_and_the_last_nan(
    row: list, place: int, dtype: torch.dtype
) -> None:
    """Recorded from PyTorch 2.13."""
    x = torch.tensor([[row]], dtype=dtype)
    assert F.max_pool1d(x, 4, return_indices=True)[1].item() == place
