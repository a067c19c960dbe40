"""One program over many groups of arrays: layouts, shared memory, threads, guard zones."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.formula.expression import parameter, symbol
from flambeau.formula.program import Program
from flambeau.kernels.runtime.recipe import recipe_of

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

SIZES = [(), (0,), (1,), (7,), (3, 5), (64,), (65, 3), (200, 301), (0, 4), (40_000,), (2, 3, 4)]
ZONE = 64


def interpreter(x, y, g, scale):
    """x += scale g, y = g x: as NumPy, in float64 and rounded, so that it is right whatever the kernel does."""
    new = x.astype(np.float64) + np.asarray(scale, x.dtype).astype(np.float64) * g
    return new.astype(x.dtype), g * x


def program() -> Program:
    x, y, g = symbol("x"), symbol("y"), symbol("g")
    # Halves and small integers: every step is exact, so any order of it gives the same bits.
    return Program((x, y, g), (x + parameter("scale") * g, g * x), ("scale",))


def made(dtype=np.float32, fallback=interpreter):
    function = kernels.loops.foreach.build(program(), dtype, "step", fallback)
    assert function is not None
    return function


def refuse(*given):
    raise AssertionError("the machine code did not take the arrays")


def whole(shape, dtype, seed) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(dtype)


def guarded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The array between zones that must not change, and the whole of it."""
    room = np.full(array.size + 2 * ZONE, 1234.5, array.dtype)
    inner = room[ZONE : ZONE + array.size].reshape(array.shape)
    inner[...] = array
    return inner, room


def groups(dtype, sizes=SIZES):
    return [
        [whole(shape, dtype, 3 * i + j) for i, shape in enumerate(sizes)] for j in range(3)
    ]  # fmt: skip


def expected(xs, ys, gs, scale=0.5):
    return [x + x.dtype.type(scale) * g for x, g in zip(xs, gs)], [g * x for x, g in zip(xs, gs)]


def assert_stepped(xs, ys, want) -> None:
    for got, wanted in zip([*xs, *ys], [*want[0], *want[1]], strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_groups_step_and_nothing_around_them(dtype, each_number_of_threads):
    for _ in each_number_of_threads:
        xs, ys, gs = groups(dtype)
        want = expected(xs, ys, gs)
        rooms = [[guarded(a) for a in column] for column in (xs, ys, gs)]
        xs, ys, gs = ([inner for inner, _ in column] for column in rooms)
        before = [g.copy() for g in gs]
        made(dtype, refuse)(*xs, *ys, *gs, 0.5)
        assert_stepped(xs, ys, want)
        for g, b in zip(gs, before):
            np.testing.assert_array_equal(g, b)
        for column in rooms:
            for inner, room in column:
                assert (room[:ZONE] == 1234.5).all()
                assert (room[ZONE + inner.size :] == 1234.5).all()


def test_columns_in_memory_are_as_good_as_rows():
    xs, ys, gs = (
        [np.asfortranarray(a) for a in column]
        for column in groups(np.float32, [(3, 5), (200, 301), (2, 3, 4)])
    )
    want = expected(xs, ys, gs)
    made(np.float32, refuse)(*xs, *ys, *gs, 0.5)
    assert_stepped(xs, ys, want)


def test_gradients_that_lie_otherwise_are_put_in_order():
    xs, ys, gs = groups(np.float32, [(3, 5), (200, 301), (9,)])
    gs[0], gs[1] = np.asfortranarray(gs[0]), np.asfortranarray(gs[1])
    gs[2] = np.repeat(gs[2], 2)[::2]
    want = expected(xs, ys, gs)
    made(np.float32, refuse)(*xs, *ys, *gs, 0.5)
    assert_stepped(xs, ys, want)


def test_values_that_lie_anyhow_step_by_numpy():
    room = whole((6, 10), np.float32, 1)
    outside = room[:, 1::2].copy()
    xs, ys, gs = [room[:, ::2]], [whole((6, 5), np.float32, 2)], [whole((6, 5), np.float32, 3)]
    want = expected(xs, ys, gs)
    made()(*xs, *ys, *gs, 0.5)
    assert_stepped(xs, ys, want)
    np.testing.assert_array_equal(room[:, 1::2], outside)


@pytest.mark.parametrize("size", [50, 70_000])
def test_groups_that_share_memory_step_in_turn(size):
    room = whole(size * 2, np.float32, 1)
    xs = [room[:size], room[size // 2 : size // 2 + size]]
    ys, gs = [whole(size, np.float32, i) for i in (2, 3)], [whole(size, np.float32, 4)] * 2
    reference = room.copy()
    want_y = []
    for begin in (0, size // 2):
        part = reference[begin : begin + size]
        want_y.append(gs[0] * part)
        part += np.float32(0.5) * gs[0]
    made()(*xs, *ys, *gs, 0.5)
    np.testing.assert_array_equal(room, reference)
    for got, want in zip(ys, want_y):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("size", [50, 70_000])
@pytest.mark.parametrize("shift", [0, 1])
def test_a_gradient_that_is_another_groups_value_is_read_in_turn(size, shift):
    room = whole(size + 1, np.float32, 1)
    x, other = room[:size], whole(size, np.float32, 2)
    ys, gs = [np.zeros(size, np.float32) for _ in range(2)], [room[shift : size + shift], x]
    reference, other_reference = room.copy(), other.copy()
    step = np.float32(0.5) * reference[shift : size + shift]
    reference[:size] += step
    other_reference += np.float32(0.5) * reference[:size]
    made()(x, other, *ys, *gs, 0.5)
    np.testing.assert_array_equal(room, reference)
    np.testing.assert_array_equal(other, other_reference)


@pytest.mark.parametrize("odd", ["dtype", "shape", "read-only", "number"])
def test_what_it_is_not_made_for_goes_to_the_interpreter(odd):
    x, y, g = (
        whole(70_000, np.float32, 1),
        whole(70_000, np.float32, 2),
        whole(70_000, np.float32, 3),
    )
    seen = []

    def note(*given):
        seen.append(given)
        return given[0] + 0, given[1] + 0

    scale: object = 0.5
    if odd == "dtype":
        g = g.astype(np.float64)
    elif odd == "shape":
        g = g[:1]
    elif odd == "read-only":
        y.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            made(fallback=note)(x, y, g, scale)
        return
    else:
        scale = np.float32(0.5)
    made(fallback=note)(x, y, g, scale)
    assert len(seen) == 1


@pytest.mark.parametrize("arguments", [(), (0.5,), (np.zeros(3, np.float32), 0.5)])
def test_a_wrong_number_of_arguments_is_refused(arguments):
    with pytest.raises(TypeError, match="takes 3 arrays for each group"):
        made(fallback=refuse)(*arguments)


def test_its_recipe_tells_what_it_touches():
    xs, ys, gs = groups(np.float32, [(3, 5), (9,)])
    recipe = recipe_of(made())
    given = (*xs, *ys, *gs, 0.5)
    assert recipe.written(given) == 4
    assert recipe.extent(given) == (1, 24)
    assert "@foreach" in recipe.text()


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_types_are_computed_in_float32_and_rounded_once(name):
    dtype = getattr(torch, name)
    p, g = torch.randn(5000).to(dtype), torch.randn(5000).to(dtype)
    weight = torch.nn.Parameter(p.clone())
    weight.grad = g.clone()
    torch.optim.SGD([weight], lr=0.1, weight_decay=0.01).step()
    exact = p.double() - 0.1 * (g.double() + 0.01 * p.double())
    unit = torch.finfo(dtype).eps / 2
    assert ((weight.detach().double() - exact).abs() <= unit * 1.001 * exact.abs() + 1e-6).all()
