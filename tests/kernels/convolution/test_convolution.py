"""Convolution, its transpose and its weight's gradient against sums over taps in float64, with
guard zones."""

import itertools

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.convolution.window import Window

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SEEDS = np.random.SeedSequence(20262).generate_state(40)


class Case:
    """A random convolution and its three maps by definition."""

    def __init__(self, seed, dtype):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype = dtype
        n = int(rng.integers(1, 4))
        draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
        self.window = Window(draw(1, 4), draw(1, 4), draw(1, 3), draw(0, 3), draw(0, 3))
        size, _, dilation, before, after = self.window
        reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
        spare = rng.integers(0, (45, 14, 6)[n - 1], n)
        self.sizes = tuple(
            max(1, int(r + more - a - b)) for r, more, a, b in zip(reach, spare, before, after)
        )
        self.groups = int(rng.choice([1, 1, 2, 5]))
        channels, rows = int(rng.integers(1, 6)), int(rng.choice([1, 2, 5, 9, 13]))
        images = int(rng.integers(1, 4))
        self.x_shape = (images, self.groups * channels, *self.sizes)
        self.w_shape = (self.groups * rows, channels, *size)
        places = tuple(
            (m + a + b - r) // s + 1
            for m, a, b, r, s in zip(self.sizes, before, after, reach, self.window[1])
        )
        self.y_shape = (images, self.groups * rows, *places)

    def draw(self, shape):
        return enclosed(self.rng.standard_normal(shape).astype(self.dtype), np.nan)[1]

    def met(self, padded):
        """For each tap, the part of a padded image that the window's places see through it."""
        size, stride, dilation = self.window[:3]
        for at in itertools.product(*map(range, size)):
            part = tuple(
                slice(i * d, i * d + s * (m - 1) + 1, s)
                for i, d, s, m in zip(at, dilation, stride, self.y_shape[2:])
            )
            yield at, padded[(..., *part)]

    def padded(self, x):
        pads = ((0, 0), (0, 0), *zip(*self.window[3:]))
        return np.pad(x.astype(np.float64), pads)

    def split(self, a, axis):
        shape = a.shape
        return a.reshape(*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])

    def forward(self, x, w):
        y = np.zeros(self.split(np.zeros(self.y_shape), 1).shape)
        for at, seen in self.met(self.padded(x)):
            tap = self.split(w.astype(np.float64)[(..., *at)], 0)
            y += np.einsum("goc,ngc...->ngo...", tap, self.split(seen, 1))
        return y.reshape(self.y_shape)

    def transposed(self, y, w):
        whole = self.padded(np.zeros(self.x_shape))
        y = self.split(y.astype(np.float64), 1)
        for at, seen in self.met(whole):
            tap = self.split(w.astype(np.float64)[(..., *at)], 0)
            seen += np.einsum("goc,ngo...->ngc...", tap, y).reshape(seen.shape)
        inside = tuple(slice(p, p + n) for p, n in zip(self.window[3], self.sizes))
        return whole[(..., *inside)]

    def weight(self, y, x):
        w = np.zeros(self.w_shape)
        flat = lambda a: (lambda b: b.reshape(*b.shape[:3], -1))(self.split(a, 1))  # noqa: E731
        for at, seen in self.met(self.padded(x)):
            tap = np.einsum("ngop,ngcp->goc", flat(y.astype(np.float64)), flat(seen))
            w[(..., *at)] = tap.reshape(self.w_shape[:2])
        return w


def enclosed(values, zone):
    """A zone of one value, and the array within it."""
    memory = np.full(values.size + 128, zone, values.dtype)
    inside = memory[64 : 64 + values.size].reshape(values.shape)
    inside[:] = values
    return memory, inside


def assert_near(found, expected):
    scale = 30 * np.finfo(found.dtype).eps * (1 + np.abs(expected).max())
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= scale


def assert_zone(memory):
    assert (memory[:64] == 7).all()
    assert (memory[-64:] == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_any_window(seed, dtype):
    assert_maps(Case(seed, dtype))


def assert_maps(case):
    """All three maps are right, and nothing is written beside their results."""
    from flambeau.kernels.convolution import convolution

    dtype = case.dtype
    x, w, g = case.draw(case.x_shape), case.draw(case.w_shape), case.draw(case.y_shape)
    bias = case.draw(case.y_shape[1:2])
    across = bias.reshape(-1, *(1,) * len(case.sizes))
    memory, y = enclosed(np.full(case.y_shape, np.nan, dtype), 7)
    found = convolution.forward_plan(np.dtype(dtype), x.shape, w.shape, case.window, case.groups)
    found.run(x, w, bias, y)
    assert_near(y, case.forward(x, w) + across)
    assert_zone(memory)
    memory, back = enclosed(np.full(case.x_shape, np.nan, dtype), 7)
    facts = case.window, case.groups, case.sizes
    found = convolution.transposed_plan(np.dtype(dtype), g.shape, w.shape, *facts)
    found.run(g, w, None, back)
    assert_near(back, case.transposed(g, w))
    assert_zone(memory)
    found = convolution.weight(g, x, case.window, case.groups, case.w_shape)
    assert_near(found, case.weight(g, x))


class Wide(Case):
    """A convolution with channels enough for vectors of them, and windows as layers have them."""

    def __init__(self, seed, dtype=np.float32):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype = dtype
        size, dilation = int(rng.choice([3, 3, 3, 1, 2, 5])), int(rng.choice([1] * 5 + [2]))
        stride = int(rng.choice([1, 1, 1, 1, 2, 3]))
        pads = tuple(tuple(int(v) for v in rng.integers(0, 4, 2)) for _ in range(2))
        self.window = Window((size,) * 2, (stride,) * 2, (dilation,) * 2, *pads)
        reach = dilation * (size - 1) + 1
        self.sizes = tuple(int(max(reach, v)) for v in (rng.integers(1, 20), rng.integers(14, 45)))
        self.groups = int(rng.choice([1, 1, 2]))
        depth = (lambda: 1) if rng.random() < 0.15 else (lambda: int(rng.integers(14, 40)))
        channels, rows, images = depth(), depth(), int(rng.integers(1, 4))
        self.x_shape = (images, self.groups * channels, *self.sizes)
        self.w_shape = (self.groups * rows, channels, size, size)
        places = tuple(
            (m + a + b - reach) // stride + 1 for m, a, b in zip(self.sizes, *self.window[3:])
        )
        self.y_shape = (images, self.groups * rows, *places)

    def taken(self):
        """Is it one that patches are made for?"""
        from flambeau.kernels.convolution import winograd

        rows, channels = self.y_shape[1] // self.groups, self.x_shape[1] // self.groups
        return winograd.suits(self.dtype, self.window, channels, rows, self.y_shape[2:])


class Apart(Case):
    """Windows that do not overlap: a single place, whose padding may be all around it, or patches side by side."""

    def __init__(self, seed, dtype=np.float32):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype = dtype
        n = int(rng.integers(1, 4))
        draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
        single, self.groups = bool(rng.random() < 0.5), 1
        size, dilation = draw(1, 6), draw(1, 3) if rng.random() < 0.3 else (1,) * n
        reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
        before = after = (0,) * n
        if single:
            before = tuple(int(rng.integers(0, r)) for r in reach)
            after = tuple(int(rng.integers(0, r - b)) for r, b in zip(reach, before))
            self.sizes = tuple(r - a - b for r, a, b in zip(reach, before, after))
            stride = draw(1, 4)
        else:
            stride = tuple(r + int(rng.integers(0, 2)) for r in reach)
            count = draw(1, (30, 9, 4)[n - 1])
            self.sizes = tuple(
                (m - 1) * s + r + int(rng.integers(0, 3)) for m, s, r in zip(count, stride, reach)
            )
        self.window = Window(size, stride, dilation, before, after)
        places = self.window.places(self.sizes)
        images, channels, rows = (int(rng.choice(v)) for v in ((1, 2, 9), (1, 3, 11), (1, 5, 33)))
        self.x_shape = (images, channels, *self.sizes)
        self.w_shape, self.y_shape = (rows, channels, *size), (images, rows, *places)


@pytest.mark.parametrize("seed", range(40))
def test_windows_that_do_not_overlap(seed):
    assert_maps(Apart(seed, (np.float32, np.float64)[seed % 2]))


class Deep(Case):
    """Small images of many channels."""

    def __init__(self, seed, dtype=np.float32):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype, self.groups = dtype, 1
        size, stride = int(rng.choice([3, 3, 2, 1])), int(rng.choice([1, 2, 2]))
        pads = tuple(tuple(int(v) for v in rng.integers(0, size, 2)) for _ in range(2))
        self.window = Window((size,) * 2, (stride,) * 2, (1, 1), *pads)
        self.sizes = tuple(int(v) for v in rng.integers(size, 10, 2))
        places = self.window.places(self.sizes)
        images, channels, rows = (int(rng.choice(v)) for v in ((1, 3, 5), (30, 65), (64, 70)))
        self.x_shape = (images, channels, *self.sizes)
        self.w_shape, self.y_shape = (rows, channels, size, size), (images, rows, *places)


@pytest.mark.parametrize("seed", range(24))
def test_small_images_of_many_channels(seed):
    assert_maps(Deep(seed, (np.float32, np.float64)[seed % 2]))


class Point(Case):
    """Windows of a point over many places."""

    def __init__(self, seed, dtype=np.float32):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype, self.groups = dtype, int(rng.choice([1, 1, 3]))
        self.window = Window((1, 1), (1, 1), (1, 1), (0, 0), (0, 0))
        self.sizes = tuple(int(v) for v in rng.integers(6, 16, 2))
        images, channels, rows = (int(rng.choice(v)) for v in ((1, 2, 5), (8, 17), (9, 20)))
        self.x_shape = (images, channels * self.groups, *self.sizes)
        self.w_shape = (rows * self.groups, channels, 1, 1)
        self.y_shape = (images, rows * self.groups, *self.sizes)


@pytest.mark.parametrize("seed", range(16))
def test_windows_of_a_point(seed):
    assert_maps(Point(seed, (np.float32, np.float64)[seed % 2]))


def test_images_are_taken_in_parts(monkeypatch):
    from flambeau.kernels.convolution import columns

    monkeypatch.setattr(columns, "ROOM", 5000)
    for case in (Deep(3), Deep(4), Apart(6), Apart(8)):
        assert_maps(case)


def test_the_gradient_towards_few_pixels_does_not_meet_what_is_not_finite():
    """A weight may hold infinities where no zeros are multiplied with it."""
    from flambeau.kernels.convolution import convolution

    y, w = np.ones((2, 64, 2, 2), "f4"), np.ones((64, 64, 3, 3), "f4")
    w[0, 5, 1, 1] = np.inf
    x = convolution.transposed(
        y, w, None, Window((3, 3), (2, 2), (1, 1), (1, 1), (1, 1)), 1, (4, 4)
    )
    assert np.isinf(x).sum() == 2 * 4
    assert not np.isnan(x).any()
    assert np.isinf(x[:, 5, ::2, ::2]).all()


def test_a_bias_on_the_way_back_reaches_all_elements():
    from flambeau.kernels.convolution import convolution

    y, w, bias = np.ones((2, 3, 2, 2), "f4"), np.ones((3, 4, 2, 2), "f4"), np.arange(4, dtype="f4")
    window = Window((2, 2), (3, 3), (1, 1), (0, 0), (0, 0))
    x = convolution.transposed(y, w, bias, window, 1, (6, 5))
    wanted = np.zeros((6, 5))
    for i, j in itertools.product((0, 3), (0, 3)):
        wanted[i : i + 2, j : j + 2] = 3
    assert np.array_equal(x, np.broadcast_to(wanted + bias[:, None, None], x.shape))


@pytest.mark.parametrize("seed", range(60))
def test_windows_over_many_channels(seed):
    assert_maps(Wide(seed))


def test_the_wide_cases_meet_each_kernel():
    from flambeau.kernels.convolution import convolution
    from flambeau.kernels.convolution.columns import Forward, Overlapping
    from flambeau.kernels.convolution.plan import ByChannel, ByPixel, Depthwise

    cases = [Wide(seed) for seed in range(60)]
    assert sum(case.taken() for case in cases) >= 5
    found = {
        type(convolution.forward_plan(F4, c.x_shape, c.w_shape, c.window, c.groups).passes[0])
        for c in [*cases, *(Case(seed, np.float32) for seed in SEEDS), *map(Apart, range(9))]
    }
    assert found == {ByChannel, ByPixel, Depthwise, Forward}
    deep = [Deep(seed) for seed in range(24)]
    made = [convolution.forward_plan(F4, c.x_shape, c.w_shape, c.window, 1) for c in deep]
    held = [m.passes[0].held for m in made if isinstance(m.passes[0], Forward)]
    assert sum(isinstance(h, Overlapping) for h in held) >= 5


def test_patches_are_as_accurate_as_sums_over_the_window():
    """Half of the products' rounding errors, more or less: not of another order."""
    from flambeau.kernels.convolution import convolution

    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((2, 64, 28, 28), "f4"), rng.standard_normal((64, 64, 3, 3), "f4")
    g = rng.standard_normal(x.shape, "f4")
    found, plain = np.empty_like(x), np.empty_like(x)
    made = convolution.forward_plan(F4, x.shape, w.shape, WINDOW, 1)
    assert made.patches.run(x, w, None, found)
    made.passes[0].run(x, w, None, plain)
    right = convolution.forward(x.astype("f8"), w.astype("f8"), None, WINDOW, 1)
    error = lambda a: np.sqrt(np.mean((a - right) ** 2))  # noqa: E731
    assert error(found) <= 2 * error(plain)
    found_w = np.empty_like(w)
    made = convolution.weight_plan(F4, g.shape, x.shape, WINDOW, 1, w.shape)
    assert made.patches.run(g, x, found_w)
    right = convolution.weight(g.astype("f8"), x.astype("f8"), WINDOW, 1, w.shape)
    assert np.sqrt(np.mean((found_w - right) ** 2)) <= 1e-6 * np.abs(right).max()


def test_small_whole_numbers_stay_exact_in_patches():
    from flambeau.kernels.convolution import convolution

    rng = np.random.default_rng(5)
    x = rng.integers(-4, 5, (1, 16, 10, 40)).astype("f4")
    w = rng.integers(-4, 5, (16, 16, 3, 3)).astype("f4")
    y = convolution.forward(x, w, None, WINDOW, 1)
    wide = convolution.forward(x.astype("f8"), w.astype("f8"), None, WINDOW, 1)
    assert (y == wide).all()
    found = convolution.weight(y % 5, x, WINDOW, 1, w.shape)
    assert (
        found == convolution.weight((y % 5).astype("f8"), x.astype("f8"), WINDOW, 1, w.shape)
    ).all()


def test_what_is_not_finite_does_not_spread_within_a_patch():
    from flambeau.kernels.convolution import convolution

    x, w = np.ones((1, 16, 20, 40), "f4"), np.ones((16, 16, 3, 3), "f4")
    x[0, 3, 8, 20] = np.inf
    x[0, 5, 15, 7] = 3e38  # finite, and sums with it are not
    x[0, 6, 15, 7] = 3e38
    y = convolution.forward(x, w, None, WINDOW, 1)
    assert np.isinf(y).sum() == 16 * 18
    assert not np.isnan(y).any()
    back = convolution.transposed(x, w, None, WINDOW, 1, (20, 40))
    assert np.isinf(back).sum() == 16 * 18
    g = np.zeros((1, 16, 20, 40), "f4")
    g[0, 0, 8, 20] = 1
    found = convolution.weight(g, np.minimum(x, 1e30, where=x < np.inf, out=x), WINDOW, 1, w.shape)
    assert np.isinf(found).sum() == 1
    assert np.isinf(found[0, 3, 1, 1])


def test_arrays_that_lie_otherwise():
    from flambeau.kernels.convolution import convolution

    case = Case(5, np.float32)
    x, w = case.draw(case.x_shape), case.draw(case.w_shape)
    expected = convolution.forward(x, w, None, case.window, case.groups)
    moved = np.asfortranarray(x)[::-1].copy(order="F")[::-1]
    assert not moved.flags.c_contiguous
    found = convolution.forward(moved, np.asfortranarray(w), None, case.window, case.groups)
    assert (found == expected).all()


WINDOW = Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
F4 = np.dtype(np.float32)


def test_infinity_stays_where_it_is_seen():
    from flambeau.kernels.convolution import convolution

    x, w = np.ones((1, 1, 9, 9), "f4"), np.ones((1, 1, 3, 3), "f4")
    x[0, 0, 4, 8] = np.inf  # beside the padding, which the next row begins behind
    y = convolution.forward(x, w, None, WINDOW, 1)
    assert np.isinf(y).sum() == 6
    assert np.isfinite(y[0, 0, :, :7]).all()
    g = np.zeros((1, 1, 9, 9), "f4")
    g[0, 0, 1, 0] = 1
    assert np.isfinite(convolution.weight(g, np.where(x > 2, 1, x), WINDOW, 1, w.shape)).all()
    x[0, 0, 4, 8], x[0, 0, 0, 0] = 1, np.inf
    found = convolution.weight(np.ones_like(g), x, WINDOW, 1, w.shape)
    # The first element is met by the taps that reach up or left of a place, and by its own.
    assert np.isinf(found[0, 0]).tolist() == [[True] * 2 + [False]] * 2 + [[False] * 3]


def test_the_same_bits_on_any_number_of_threads():
    from flambeau.kernels.convolution import convolution

    cases = [Wide(seed) for seed in range(12)]
    cases = [(c.draw(c.x_shape), c.draw(c.w_shape), c.draw(c.y_shape), c) for c in cases]
    threads = kernels.get_num_threads()
    results = []
    try:
        for number in (1, 2, 3, 8):
            kernels.set_num_threads(number)
            results.append([])
            for x, w, g, c in cases:
                facts = c.window, c.groups
                results[-1] += [
                    convolution.forward(x, w, None, *facts),
                    convolution.transposed(g, w, None, *facts, c.sizes),
                    convolution.weight(g, x, *facts, w.shape),
                ]
    finally:
        kernels.set_num_threads(threads)
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other))


def test_what_is_left_to_numpy():
    from flambeau.kernels.convolution import convolution

    x, w = np.ones((1, 1, 4, 4), "f4"), np.ones((1, 1, 3, 3), "f4")
    for a, b in (
        (x, w.astype("f8")),
        (x.astype("i4"), w.astype("i4")),
        (x[:0], w),
        (x[:, :, :1, :0], w),
    ):
        assert convolution.forward(a, b, None, WINDOW, 1) is NotImplemented


@pytest.mark.parametrize("sizes", [(3, 40, 5, 530), (1, 530, 6, 24), (1, 24, 9, 512)])
def test_results_of_few_patches_are_shared_by_halves(sizes):
    """Of many results, whose number is no multiple of vectors; on one and on two threads the same bits."""
    images, channels, size, rows = sizes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, channels, size, size)).astype(np.float32)
    w = rng.standard_normal((rows, channels, 3, 3)).astype(np.float32)
    wanted = np.zeros((images, rows, size, size))
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    for i, j in np.ndindex(3, 3):
        part = wide[:, :, i : i + size, j : j + size]
        wanted += np.einsum("nchw,oc->nohw", part, w[:, :, i, j].astype(np.float64))
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(
            torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1).numpy()
        )
    torch.set_num_threads(before)
    assert np.array_equal(*found)
    assert np.abs(found[0] - wanted).max() < 2e-6 * np.abs(wanted).max()
