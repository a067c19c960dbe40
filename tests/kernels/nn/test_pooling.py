"""Pooling against loops over windows in plain Python and against transposes by definition, with
guard zones."""

import itertools
import math

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SEEDS = np.random.SeedSequence(20263).generate_state(24)


class Case:
    """A random window over random planes."""

    def __init__(self, seed, dilated=True):
        self.rng = rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
        size, stride, dilation = draw(1, 4), draw(1, 4), draw(1, 3 if dilated else 2)
        before = tuple(int(rng.integers(0, k // 2 + 1)) for k in size)
        self.window = size, stride, dilation, before, before
        reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
        spare = rng.integers(0, (60, 20, 6)[n - 1], n)
        self.sizes = tuple(int(r + v) for r, v in zip(reach, spare))
        self.counts = tuple(
            (m + 2 * p - r) // s + 1 for m, p, r, s in zip(self.sizes, before, reach, stride)
        )
        self.lead = draw(1, 4)

    def seen(self, place):
        """The flattened places that the window sees from one of its places."""
        size, stride, dilation, before, _ = self.window
        for tap in itertools.product(*map(range, size)):
            at = [u * s + t * d - p for u, s, t, d, p in zip(place, stride, tap, dilation, before)]
            if all(0 <= i < m for i, m in zip(at, self.sizes)):
                yield int(np.ravel_multi_index(at, self.sizes))

    def places(self):
        return itertools.product(*map(range, self.counts))


def enclosed(values):
    memory = np.full(values.size + 128, np.nan, values.dtype)
    inside = memory[64 : 64 + values.size].reshape(values.shape)
    inside[:] = values
    return inside


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_places_of_maxima(seed, dtype):
    from flambeau.kernels.nn import pooling

    case = Case(seed)
    x = enclosed(case.rng.integers(-9, 9, (*case.lead, *case.sizes)).astype(dtype))
    x[case.rng.random(x.shape) < 0.1] = -np.inf
    values, found = pooling.largest(x, case.window, case.counts)
    planes = x.reshape(-1, math.prod(case.sizes))
    for plane, places, tops in zip(
        planes, found.reshape(-1, *case.counts), values.reshape(-1, *case.counts)
    ):
        for place in case.places():
            seen = list(case.seen(place))
            assert places[place] == seen[int(plane[seen].argmax())]  # the first of equal ones
            assert tops[place] == plane[seen].max()


def test_nan_is_largest():
    from flambeau.kernels.nn import pooling

    x = np.array([[1, np.nan, 3, np.inf, np.nan, 0]], "f4")
    window = ((3,), (3,), (1,), (0,), (0,))
    values, places = pooling.largest(x, window, (2,))
    assert places.tolist() == [[1, 4]]
    assert np.isnan(values).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_means_and_their_transpose(seed, dtype):
    from flambeau.kernels.nn import pooling

    case = Case(seed, dilated=False)
    planes = math.prod(case.lead)
    x = enclosed(case.rng.standard_normal((*case.lead, *case.sizes)).astype(dtype))
    g = enclosed(case.rng.standard_normal((*case.lead, *case.counts)).astype(dtype))
    divisor = case.rng.integers(1, 9, case.counts)
    mean = pooling.averaged(x, case.window, case.counts, divisor).reshape(planes, *case.counts)
    back = pooling.shared(g, case.window, case.counts, divisor, case.sizes)
    expected_back = np.zeros((planes, math.prod(case.sizes)))
    flat = x.reshape(planes, -1).astype(np.float64)
    for place in case.places():
        seen = list(case.seen(place))
        expected = flat[:, seen].sum(1) / divisor[place]
        assert np.abs(mean[(slice(None), *place)] - expected).max() <= 20 * np.finfo(dtype).eps
        share = g.reshape(planes, *case.counts)[(slice(None), *place)] / divisor[place]
        expected_back[:, seen] += share[:, None]
    scale = 20 * np.finfo(dtype).eps * (1 + np.abs(expected_back).max())
    assert np.abs(back.reshape(planes, -1) - expected_back).max() <= scale


class Parts(Case):
    """Random planes cut into parts, which overlap where sizes do not divide."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        draw = lambda high: tuple(int(v) for v in rng.integers(1, high, n))  # noqa: E731
        self.sizes, self.counts = draw((90, 24, 9)[n - 1]), draw((40, 24, 7)[n - 1])
        self.lead = tuple(int(v) for v in rng.integers(1, 4, 2))

    def seen(self, place):
        cut = [
            range(math.floor(u * m / k), math.ceil((u + 1) * m / k))
            for u, m, k in zip(place, self.sizes, self.counts)
        ]
        for at in itertools.product(*cut):
            yield int(np.ravel_multi_index(at, self.sizes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_parts(seed, dtype):
    from flambeau.kernels.nn import pooling

    case = Parts(seed)
    planes = math.prod(case.lead)
    x = enclosed(case.rng.standard_normal((*case.lead, *case.sizes)).astype(dtype))
    g = enclosed(case.rng.standard_normal((*case.lead, *case.counts)).astype(dtype))
    values, found = pooling.largest_of_parts(x, case.counts)
    mean = pooling.averaged_of_parts(x, case.counts).reshape(planes, *case.counts)
    back = pooling.shared_of_parts(g, case.counts, case.sizes).reshape(planes, -1)
    flat = x.reshape(planes, -1).astype(np.float64)
    shares = np.zeros_like(flat)
    for place in case.places():
        seen, at = list(case.seen(place)), (slice(None), *place)
        best = np.array(seen)[flat[:, seen].argmax(1)]
        assert (found.reshape(planes, *case.counts)[at] == best).all()
        assert (values.reshape(planes, *case.counts)[at] == flat[range(planes), best]).all()
        assert np.abs(mean[at] - flat[:, seen].mean(1)).max() <= 20 * np.finfo(dtype).eps
        shares[:, seen] += g.reshape(planes, *case.counts)[at][:, None] / len(seen)
    scale = 20 * np.finfo(dtype).eps * (1 + np.abs(shares).max())
    assert np.abs(back - shares).max() <= scale


def test_taking_and_spreading():
    from flambeau.kernels.nn import pooling

    rng = np.random.default_rng(2)
    x, g = enclosed(rng.standard_normal((3, 4, 50))), enclosed(rng.standard_normal((3, 4, 70)))
    places = rng.integers(0, 50, (3, 4, 70))
    assert (pooling.taken(x, places) == np.take_along_axis(x, places, -1)).all()
    expected = np.zeros((12, 50))
    np.add.at(expected, (np.arange(12)[:, None], places.reshape(12, 70)), g.reshape(12, 70))
    assert (pooling.spread(g, places, (50,)).reshape(12, 50) == expected).all()


@pytest.mark.parametrize("wrong", [-1, 50, 1 << 40])
def test_a_place_outside_is_left_to_numpy(wrong):
    from flambeau.kernels.nn import pooling

    places = np.zeros((2, 7), np.int64)
    places[1, 3] = wrong
    assert pooling.taken(np.ones((2, 50)), places) is NotImplemented
    assert pooling.spread(np.ones((2, 7)), places, (50,)) is NotImplemented


def test_what_is_left_to_numpy():
    from flambeau.kernels.nn import pooling

    window = ((2,), (2,), (1,), (0,), (0,))
    for x in (np.ones((2, 6), "i4"), np.ones((0, 6), "f4")):
        assert pooling.largest(x, window, (3,)) is NotImplemented
        assert pooling.averaged(x, window, (3,), np.ones(3)) is NotImplemented


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(97,), (400,), (5, 130), (3, 4, 70)])
def test_wide_parts(size, dtype, each_number_of_threads):
    """Vectors walk along these; lanes find the first of equal ones, and the last nan."""
    from flambeau.kernels.nn import pooling, pooling_parts

    rng = np.random.default_rng(len(size))
    counts = (2,) * len(size)
    x = rng.integers(-3, 3, (6, *size)).astype(dtype)
    x[1] = -np.inf
    x[2].flat[[3, 5, x[2].size - 2]] = np.nan
    flat = x.reshape(6, -1)
    for _ in each_number_of_threads:
        values, found = pooling.largest_of_parts(x, counts)
        mean = pooling.averaged_of_parts(x, counts)
        for place in np.ndindex(counts):
            cut = [range(u * m // 2, -(-(u + 1) * m // 2)) for u, m in zip(place, size)]
            seen = np.array([np.ravel_multi_index(at, size) for at in itertools.product(*cut)])
            here = (slice(None), *place)
            best = [
                seen[np.flatnonzero(np.isnan(row[seen]))[-1]] if np.isnan(row[seen]).any()
                else seen[row[seen].argmax()]
                for row in flat
            ]  # fmt: skip
            assert found[here].tolist() == best
            np.testing.assert_array_equal(values[here], flat[range(6), best])
            expected = flat[:, seen].astype(np.float64).mean(1).astype(dtype)
            np.testing.assert_allclose(
                mean[here], expected, rtol=2e-7 if dtype == np.float32 else 1e-15
            )
    assert pooling_parts.maxima.cache_info().currsize  # these kernels were used


def test_a_long_mean_keeps_its_digits():
    from flambeau.kernels.nn import pooling

    x = np.full((1, 3_000_000), 0.1, np.float32)
    np.testing.assert_allclose(pooling.averaged_of_parts(x, (2,)), 0.1, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", [(9, 40), (5, 6, 40)])
@pytest.mark.parametrize("width", [2, 25])
def test_windows_at_random_places(size, width, dtype):
    """Against NumPy, which takes each window's elements at places that it computes on its own."""
    from flambeau.kernels.nn import pooling
    from flambeau.ops.nn.pooling_fractional import _largest

    rng = np.random.default_rng(width)
    windows = (*(2,) * (len(size) - 1), width)
    x = rng.standard_normal((4, 33, *size)).astype(dtype)
    samples = rng.random((4, 33, len(size))).astype(dtype)
    for counts in ((3,) * len(size), (1,) * len(size), (4,) * (len(size) - 1) + (9,)):
        found, expected = (
            f(x, samples, windows, counts) for f in (pooling.largest_at_random, _largest)
        )
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_are_computed_in_single_and_rounded_once(dtype):
    import ml_dtypes

    from flambeau.kernels.nn import pooling

    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 21)).astype(dtype)
    wide, window, divisor = x.astype("f4"), ((3,), (2,), (1,), (0,), (0,)), np.full(10, 3)
    for function, more in (
        (pooling.averaged, (window, (10,), divisor)), (pooling.averaged_of_parts, ((4,),)),
        (pooling.shared, (window, (21,), np.full(21, 3), (43,))),
        (pooling.shared_of_parts, ((21,), (50,))),
        (pooling.spread, (rng.integers(0, 5, (2, 3, 21)), (5,))),
    ):  # fmt: skip
        found = function(x, *more)
        assert found.dtype == dtype
        assert found.tobytes() == function(wide, *more).astype(dtype).tobytes()
    for function, more in ((pooling.largest, (window, (10,))), (pooling.largest_of_parts, ((4,),))):
        (found, places), (values, expected) = function(x, *more), function(wide, *more)
        assert found.dtype == dtype
        assert found.astype("f4").tobytes() == values.tobytes()
        assert np.array_equal(places, expected)
