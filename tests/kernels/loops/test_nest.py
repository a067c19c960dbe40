"""Machine code against NumPy: shapes, strides, dtypes, guard zones, rows and columns."""

import itertools

import numpy as np
import pytest

from flambeau import kernels
from flambeau.formula import primitive as p
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expression import Domain, length, parameter, position, symbol
from flambeau.formula.program import Program

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

F4, F8, I4, I8, B1 = (np.dtype(code) for code in ("f4", "f8", "i4", "i8", "b1"))
SHAPES = [
    (),
    (1,),
    (5,),
    (16,),
    (33,),
    (3, 4),
    (1, 7),
    (7, 1),
    (2, 3, 17),
    (4, 1, 5),
    (0, 3),
    (130,),
]


def both(program: Program, inputs, compute, results, rows=False):
    """The native function, and the interpreter as one that says so when it is used."""
    interpreter = compile_program(program, np, compute, "test", rows)
    native = kernels.build(program, inputs, compute, results, "test", rows, interpreter)
    assert native is not None
    return native, interpreter


def binary(formula, dtype=F4, result=None):
    domain = Domain.REAL if dtype.kind == "f" else Domain.INT
    x, y = symbol("x", domain), symbol("y", domain)
    return both(Program((x, y), (formula(x, y),)), [dtype, dtype], dtype, [result or dtype])


def random(shape, dtype, rng):
    if dtype == B1:
        return rng.random(shape) < 0.5
    if dtype.kind == "i":
        return rng.integers(-50, 50, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def layouts(array):
    """The same values lying in memory in other ways."""
    yield array
    if array.ndim:
        yield np.asfortranarray(array)
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1] + 3), array.dtype)
        wide[..., 1 : 2 * array.shape[-1] : 2] = array
        yield wide[..., 1 : 2 * array.shape[-1] : 2]
        yield np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    unaligned = raw.view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    yield unaligned


@pytest.mark.parametrize("dtype", [F4, F8, I4, I8])
def test_broadcasting_and_layouts(dtype):
    native, _ = binary(lambda x, y: x * y - y, dtype)
    rng = np.random.default_rng(1)
    for a, b in itertools.product(SHAPES, SHAPES):
        try:
            np.broadcast_shapes(a, b)
        except ValueError:
            continue
        x, y = random(a, dtype, rng), random(b, dtype, rng)
        want = x * y - y
        for u, v in zip(layouts(x), layouts(y)):
            got = native(u, v)
            assert got.shape == want.shape
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, want)


def test_expanded_arrays_are_read_as_they_are():
    native, _ = binary(lambda x, y: x + y)
    x = np.broadcast_to(np.float32(2), (3, 5))
    y = np.broadcast_to(np.arange(5, dtype=np.float32), (3, 5))
    np.testing.assert_array_equal(native(x, y), x + y)


def test_permuted_operands_give_a_permuted_result():
    native, _ = binary(lambda x, y: x + y)
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    got = native(x, x)
    np.testing.assert_array_equal(got, 2 * x)
    assert got.strides == x.strides


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: p.where(x > y, x, y * 2),
        lambda x, y: p.maximum(x, y) - p.minimum(x, y),
        lambda x, y: p.sqrt(p.absolute(x)) / (p.square(y) + 1),
        lambda x, y: p.floor(x * 3) + p.rint(y * 3) + p.trunc(x) - p.ceil(y),
        lambda x, y: p.where(p.logical_and(x > 0, p.logical_not(y > 0)), 1.0, p.sign(x * y)),
        lambda x, y: p.copysign(x, y) + p.fmax(x, y) + p.fmin(x, y),
    ],
)
@pytest.mark.parametrize("dtype", [F4, F8])
def test_exact_primitives_agree_to_the_bit(make, dtype):
    native, interpreter = binary(make, dtype)
    rng = np.random.default_rng(2)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 1.5, 2.5, 1e-40], dtype)
    x = np.concatenate([np.repeat(special, 10), random((77,), dtype, rng)])
    y = np.concatenate([np.tile(special, 10), random((77,), dtype, rng)])
    with np.errstate(all="ignore"):
        want = interpreter(x, y)
    np.testing.assert_array_equal(native(x, y), want)


def test_comparisons_give_bools():
    native, _ = binary(lambda x, y: x <= y, F4, B1)
    x = np.array([1, 2, np.nan, 3], np.float32)
    got = native(x, np.float32([1, 1, 1, 4]))
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got, [True, False, False, True])


def test_mixed_dtypes_and_parameters():
    mask, x, s = symbol("m", Domain.BOOL), symbol("x"), parameter("s")
    program = Program((mask, x), (p.where(mask, x * s, x),), ("s",))
    native, _ = both(program, [B1, F8], F4, [F4])
    m = np.arange(19) % 3 == 0
    v = np.linspace(-1, 1, 19)
    np.testing.assert_allclose(native(m, v, 2.5), np.where(m, v * 2.5, v), rtol=1e-6)
    np.testing.assert_allclose(native(m, v, 3), np.where(m, v * 3, v), rtol=1e-6)


def test_nothing_outside_the_result_is_written():
    """Results are allocated by NumPy; a canary allocator would need its own NumPy, so the tails are tried
    at every length around the vector's, with operands that end where their memory ends."""
    native, _ = binary(lambda x, y: x + y)
    for n in range(1, 70):
        block = np.full(n + 32, 7, np.float32)
        x = block[16 : 16 + n]
        before = block.copy()
        np.testing.assert_array_equal(native(x, x), np.full(n, 14, np.float32))
        np.testing.assert_array_equal(block, before)


# ------------------------------------------------------------------------------------------ rows


def softmax(x):
    e = p.exp(x - p.amax(x))
    return e / p.sum(e)


ROWS = {
    "sum": (p.sum, lambda x, axis: x.sum(axis, keepdims=True)),
    "amax": (p.amax, lambda x, axis: x.max(axis, keepdims=True)),
    "amin": (p.amin, lambda x, axis: x.min(axis, keepdims=True)),
    "prod": (p.prod, lambda x, axis: x.prod(axis, keepdims=True)),
    "mean": (lambda x: p.sum(x) / length(), lambda x, axis: x.mean(axis, keepdims=True)),
    "variance": (
        lambda x: p.sum(p.square(x - p.sum(x) / length())) / length(),
        lambda x, axis: x.var(axis, keepdims=True),
    ),
    "softmax": (
        softmax,
        lambda x, axis: (
            np.exp(x - x.max(axis, keepdims=True))
            / np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True)
        ),
    ),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", [F4, F8])
def test_rows_over_any_dimensions(name, dtype):
    formula, reference = ROWS[name]
    x = symbol("x")
    native, _ = both(Program((x,), (formula(x),)), [dtype], dtype, [dtype], rows=True)
    rng = np.random.default_rng(3)
    tolerance = 2e-6 if dtype == F4 else 1e-13
    for shape in [(1,), (7,), (300,), (3, 5), (40, 70), (2, 3, 4), (5, 1, 130), (2, 3, 2, 19)]:
        array = random(shape, dtype, rng)
        for count in range(1, len(shape) + 1):
            for axes in itertools.combinations(range(-len(shape), 0), count):
                want = reference(array.astype(np.float64), axes)
                for laid in layouts(array):
                    got = native(laid, axes)
                    assert got.shape == want.shape
                    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
        whole = reference(array.astype(np.float64), None)
        np.testing.assert_allclose(native(array, None), whole, rtol=tolerance, atol=tolerance)


def test_operands_with_one_value_a_row_and_weights():
    x, weight, mean = symbol("x"), symbol("w"), symbol("m", full=False)
    program = Program((x, weight, mean), ((x - mean) * weight, p.sum((x - mean) * weight)))
    native, interpreter = both(program, [F4] * 3, F4, [F4, F4], rows=True)
    rng = np.random.default_rng(4)
    for shape, axes in [((6, 40), (-1,)), ((2, 3, 17), (-1,)), ((5, 4, 3), (-2, -1))]:
        array = random(shape, F4, rng)
        rest = tuple(1 if i - len(shape) in axes else n for i, n in enumerate(shape))
        means = random(rest, F4, rng)
        weights = random(tuple(shape[axis] for axis in axes), F4, rng)
        got = native(array, weights, means, axes)
        want = interpreter(array, weights, means, axes)
        for a, b in zip(got, want):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_positions_within_a_row():
    x, index = symbol("x"), symbol("i", Domain.INT, full=False)
    program = Program((x, index), (p.sum(p.where(p.equal(position(), index), x, 0.0)),))
    native, _ = both(program, [F4, I8], F4, [F4], rows=True)
    array = np.arange(40, dtype=np.float32).reshape(4, 10)
    picked = np.array([[3], [0], [9], [5]])
    np.testing.assert_array_equal(native(array, picked, (-1,)), [[3], [10], [29], [35]])
    np.testing.assert_array_equal(native(array.T.copy().T, picked, (-1,)), [[3], [10], [29], [35]])
    turned = native(np.ascontiguousarray(array.T), picked.T.copy(), (-2,))
    np.testing.assert_array_equal(turned, [[3, 10, 29, 35]])


@pytest.mark.parametrize("axes", [(-1,), (-2,), None])
def test_float32_sums_stay_accurate(axes):
    x = symbol("x")
    native, _ = both(Program((x,), (p.sum(x),)), [F4], F4, [F4], rows=True)
    array = np.random.default_rng(5).random((1 << 10, 1 << 10), np.float32)
    exact = array.astype(np.float64).sum(axes, keepdims=True)
    assert np.abs(native(array, axes) / exact - 1).max() < 4e-7


def test_whatever_has_no_native_form_is_left_to_the_interpreter():
    x = symbol("x", Domain.COMPLEX)
    program = Program((x,), (x * x,))
    c8 = np.dtype("c8")
    assert kernels.build(program, [c8], c8, [c8], "square", False, lambda *a: None) is None


@pytest.mark.parametrize("dtype", [F4, F8, I8])
def test_writing_into_an_array_leaves_its_surroundings(dtype):
    domain = Domain.REAL if dtype.kind == "f" else Domain.INT
    x, y = symbol("x", domain), symbol("y", domain)
    program = Program((x, y), (x * y + x,))
    interpreter = compile_program(program, np, dtype, "test", False)
    native = kernels.build(
        program, [dtype, dtype], dtype, [dtype], "test", False, interpreter, into=True
    )
    assert native is not None
    rng = np.random.default_rng(6)
    for n in (1, 3, 15, 16, 17, 63, 64, 65, 130, 40_000):
        block = random((3 * n + 64,), dtype, rng)
        other = random((n,), dtype, rng)
        for offset, operand in ((16, other), (17, np.array(3, dtype)), (16, None), (16, "before")):
            zone = block.copy()
            target = zone[offset : offset + n]
            # An operand that overlaps the target without being it is read before it is written.
            given = target if operand is None else operand
            if isinstance(operand, str):
                given = zone[offset - 1 : offset - 1 + n]
            want = target * given + target
            assert native(target, target, given) is target
            np.testing.assert_array_equal(target, want)
            np.testing.assert_array_equal(zone[:offset], block[:offset])
            np.testing.assert_array_equal(zone[offset + n :], block[offset + n :])


def test_writing_into_other_layouts_and_dtypes():
    x = symbol("x")
    program = Program((x,), (x * 2,))
    interpreter = compile_program(program, np, F4, "test", False)
    native = kernels.build(program, [F4], F4, [F4], "test", False, interpreter, into=True)
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    for target in (np.zeros((4, 3), np.float32).T, np.zeros((3, 8), np.float32)[:, ::2]):
        native(target, values)
        np.testing.assert_array_equal(target, values * 2)
    wide = np.zeros((3, 4))
    native(wide, values)
    np.testing.assert_array_equal(wide, values * 2)
    fixed = np.zeros((3, 4), np.float32)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        native(fixed, values)
    with pytest.raises(ValueError, match="broadcast"):
        native(np.zeros((2, 4), np.float32), values)


def test_several_results_are_written_in_one_pass():
    p_, g, m = symbol("p"), symbol("g"), symbol("m")
    rate = parameter("rate")
    momentum = m * 0.9 + g
    program = Program((p_, g, m), (p_ - rate * momentum, momentum), ("rate",))
    interpreter = compile_program(program, np, F4, "step", False)
    native = kernels.build(program, [F4] * 3, F4, [F4] * 2, "step", False, interpreter, into=True)
    rng = np.random.default_rng(8)
    for shape in [(7,), (33, 5), (300, 300)]:
        weights, grads, state = (random(shape, F4, rng) for _ in range(3))
        want_state = (state * np.float32(0.9) + grads).astype(np.float32)
        want = weights - np.float32(0.1) * want_state
        given = weights, state
        assert native(weights, state, weights, grads, state, 0.1) == given
        np.testing.assert_allclose(weights, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(state, want_state, rtol=1e-5, atol=1e-6)
    # Targets that overlap are not written side by side.
    block = random((40,), F4, rng)
    a, b, c = block[:20].copy(), block[10:30].copy(), block[20:].copy()
    zone = block.copy()
    native(zone[:20], zone[10:30], a, b, c, 0.1)
    np.testing.assert_allclose(zone[10:30], c * np.float32(0.9) + b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [(1 << 17) - 1, 1 << 17, 200_001, (1 << 25) + 77])
def test_long_rows_are_reduced_in_pieces(n):
    x = symbol("x")
    roots = (p.sum(x) / length(), p.amax(x), p.sqrt(p.sum(p.square(x))))
    native, _ = both(Program((x,), roots), [F4], F4, [F4] * 3, rows=True)
    array = np.random.default_rng(9).random(n, np.float32)
    array[n // 3] = 2
    mean, largest, norm = native(array, None)
    exact = array.astype(np.float64)
    np.testing.assert_allclose(mean, [exact.mean()], rtol=3e-7)
    np.testing.assert_array_equal(largest, [2])
    np.testing.assert_allclose(norm, [np.sqrt((exact**2).sum())], rtol=3e-7)
    array[-1] = np.nan
    assert np.isnan(native(array, None)[1]).all()
