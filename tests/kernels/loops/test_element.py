"""Half types are rounded once, small integers wrap: against NumPy and ml_dtypes, over every value there is."""

import ml_dtypes
import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.formula import primitive as p
from flambeau.formula.declaration import PRIMITIVES
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program
from flambeau.kernels.runtime.process import machine

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALF = pytest.param(
    np.dtype(np.float16),
    marks=pytest.mark.skipif(
        kernels.enabled() and not machine().has_half,
        reason="this processor does not convert float16, so there are no kernels for it",
    ),
)
HALVES = pytest.mark.parametrize("dtype", [HALF, BFLOAT16], ids=str)
SMALL = pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])


def build(formula, dtypes, compute, result, domain=Domain.REAL, rows=False):
    symbols = tuple(symbol("xyz"[i], domain) for i in range(len(dtypes)))
    program = Program(symbols, (formula(*symbols),))

    def refuse(*given):
        raise AssertionError("the machine code did not take the array")

    made = kernels.build(
        program,
        list(map(np.dtype, dtypes)),
        np.dtype(compute),
        [np.dtype(result)],
        "f",
        rows,
        refuse,
    )
    assert made is not None
    return made


def every(dtype) -> np.ndarray:
    return np.arange(65536, dtype=np.uint16).view(dtype)


def widened(x: np.ndarray) -> np.ndarray:
    """As float32. Some processors say that signalling nans are invalid, as IEEE 754 wants, and some do not."""
    with np.errstate(invalid="ignore"):
        return x.astype(np.float32)


@HALVES
def test_every_value_is_read_as_it_is(dtype) -> None:
    x = every(dtype)
    got = build(lambda x: -x, [dtype], np.float32, np.float32)(x)
    np.testing.assert_array_equal(got, -widened(x))


@HALVES
def test_storing_rounds_to_nearest_even(dtype) -> None:
    known = np.sort(widened(every(dtype)))
    known = known[np.isfinite(known)]
    with np.errstate(all="ignore"):
        between = known[:-1] / 2 + known[1:] / 2
        near = [np.nextafter(between, np.float32(end)) for end in (-np.inf, np.inf)]
    ends = np.array([np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 65520, 65519.996, 1e-45], np.float32)
    x = np.concatenate([known, between, *near, ends])
    got = build(lambda x: -x, [np.float32], np.float32, dtype)(x)
    with np.errstate(all="ignore"):
        want = (-x).astype(dtype)
    assert got.dtype == dtype
    kept = ~np.isnan(x)
    np.testing.assert_array_equal(got[kept].view(np.uint16), want[kept].view(np.uint16))
    assert np.isnan(got[~kept].astype(np.float32)).all()


@HALVES
def test_a_formula_rounds_once(dtype) -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((2, 1001)).astype(dtype)
    run = build(lambda x, y: x * y + x, [dtype, dtype], np.float32, dtype)
    wide = x.astype(np.float32), y.astype(np.float32)
    np.testing.assert_array_equal(run(x, y), (wide[0] * wide[1] + wide[0]).astype(dtype))


@HALVES
@pytest.mark.parametrize("shape", [(), (1,), (19,), (3, 1)], ids=str)
def test_operands_broadcast(dtype, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(12)
    x = rng.standard_normal((3, 19)).astype(dtype)
    y = np.asarray(rng.standard_normal(shape)).astype(dtype)
    run = build(lambda x, y: x + y, [dtype, dtype], np.float32, dtype)
    want = (x.astype(np.float32) + y.astype(np.float32)).astype(dtype)
    np.testing.assert_array_equal(run(x, y), want)


@HALVES
@pytest.mark.parametrize("axes", [(-1,), (-2,), None], ids=str)
def test_sums_are_kept_in_float32(dtype, axes) -> None:
    x = np.full((40, 80), 1.001).astype(dtype)
    run = build(lambda x: p.sum(x), [dtype], np.float32, dtype, rows=True)
    want = np.sum(x.astype(np.float64), axis=axes, keepdims=True).astype(dtype)
    np.testing.assert_array_equal(run(x, axes), want)


def test_gradients_of_a_half_type_are_pytorchs() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    (x.sin() * x).sum().backward()
    assert x.grad.dtype is torch.bfloat16
    assert x.grad.tolist() == [1.375, 0.078125]


@SMALL
@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "floor_divide", "remainder", "fmod", "left_shift",
             "right_shift", "bitwise_xor", "maximum", "minimum"],
)  # fmt: skip
def test_small_integers_wrap_as_numpys(dtype, name: str) -> None:
    ends = np.iinfo(dtype)
    some = {ends.min, ends.min + 1, 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 100, ends.max - 1, ends.max}
    some |= {-1, -2, -7} if ends.min else set()
    x, y = (v.ravel().copy() for v in np.meshgrid(*[np.array(sorted(some), dtype)] * 2))
    primitive = PRIMITIVES[name]
    run = build(primitive, [dtype, dtype], dtype, dtype, Domain.INT)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    np.testing.assert_array_equal(run(x, y), want)
    assert run(x, y).dtype == dtype


@SMALL
def test_small_integers_compare_and_sum_by_their_values(dtype) -> None:
    x = np.arange(-120, 120).astype(dtype)
    y = x[::-1].copy()
    less = build(lambda x, y: p.less(x, y), [dtype, dtype], dtype, bool, Domain.INT)
    np.testing.assert_array_equal(less(x, y), x < y)
    for reduce, want in ((p.sum, x.sum(dtype=np.int64)), (p.amax, x.max()), (p.amin, x.min())):
        result = np.int64 if reduce is p.sum else dtype
        run = build(reduce, [dtype], dtype, result, Domain.INT, rows=True)
        assert run(x, None).tolist() == [want]
    real = build(lambda x: p.sqrt(x), [dtype], np.float32, np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(real(x), np.sqrt(x.astype(np.float32)))


@SMALL
def test_unary_of_small_integers(dtype) -> None:
    x = np.arange(-128, 128).astype(dtype)
    for name in ("negative", "absolute", "square", "sign"):
        run = build(PRIMITIVES[name], [dtype], dtype, dtype, Domain.INT)
        np.testing.assert_array_equal(run(x), getattr(np, name)(x))


@HALVES
def test_a_float32_number_meets_a_half_type_unrounded(dtype) -> None:
    x = np.linspace(1, 2, 37).astype(dtype)
    number = np.array(1.0009765625 + 2.0**-20, np.float32)
    run = build(lambda x, y: x * y, [dtype, dtype], np.float32, dtype)
    with pytest.raises(AssertionError, match="did not take"):
        run(x.astype(np.complex64), number)
    np.testing.assert_array_equal(run(x, number), (x.astype(np.float32) * number).astype(dtype))
