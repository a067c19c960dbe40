"""A matrix times a vector against float64, with guard zones."""

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 3, 4, 63, 64, 65, 130])
@pytest.mark.parametrize("k", [1, 7, 16, 31, 32, 33, 500])
def test_any_size(m, k, dtype):
    from flambeau.kernels.matmul.gemv import multiplied

    rng = np.random.default_rng(m * k)
    whole = np.full((2 * m + 1, k + 3), np.nan, dtype)
    a = whole[1::2, 2 : k + 2]
    a[:] = rng.standard_normal((m, k))
    x = np.full(k + 64, np.nan, dtype)[:k]
    x[:] = rng.standard_normal(k)
    zone = np.full(m + 64, 7, dtype)
    multiplied(a, x, zone[32 : 32 + m])
    expected = a.astype(np.float64) @ x.astype(np.float64)
    bound = np.abs(a).astype(np.float64) @ np.abs(x).astype(np.float64)
    assert (np.abs(zone[32 : 32 + m] - expected) <= 8 * np.finfo(dtype).eps * bound).all()
    assert (zone[:32] == 7).all()
    assert (zone[32 + m :] == 7).all()


def test_what_is_left_to_numpy():
    from flambeau.kernels.matmul.gemv import matrix_vector

    a, x = np.ones((300, 200), "f4"), np.ones(200, "f4")
    assert matrix_vector(a, x).tolist() == [200] * 300
    assert matrix_vector(a, np.ones(400, "f4")[::2]).tolist() == [200] * 300
    for b, y in (
        (a[:9], x), (a.T, np.ones(300, "f4")), (a, x.astype("f8")), (a, x[:9]),
        (a.astype("i4"), x.astype("i4")),
    ):  # fmt: skip
        assert matrix_vector(b, y) is NotImplemented
