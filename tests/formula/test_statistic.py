"""Norms, deviations and normalised rows over the whole range of their type, beside float64 of the same numbers."""

import itertools
import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.formula import primitive as p
from flambeau.formula import statistic
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expansion import opened, usual_side
from flambeau.formula.expression import length, symbol
from flambeau.formula.program import Program
from flambeau.nn import functional as F

ROWS = np.array(
    [[1.0, 2.0, 4.0, -3.0, 0.5], [2.0, -1.0, 3.0, 5.0, -8.0], [1.0, 1.5, 2.0, -7.0, 9.0]]
)
SCALES = [1e-37, 1e-30, 1e-20, 1.0, 1e19, 1e30, 1e37]
G = np.array([1.0, -2.0, 0.5])


def centred(x):
    return x - x.mean(1, keepdims=True)


def sigma(x):
    return np.sqrt(np.square(centred(x)).sum(1, keepdims=True) / 4)


def size(x):
    return np.sqrt(np.square(x).sum(1, keepdims=True))


def size3(x):
    return np.cbrt((np.abs(x) ** 3).sum(1, keepdims=True))


def normalised(x):
    c = centred(x)
    return c / np.sqrt(np.square(c).mean(1, keepdims=True))


def rms(x):
    return x / np.sqrt(np.square(x).mean(1, keepdims=True))


CASES = {
    "std": (lambda x: x.std(1), lambda x: sigma(x)[:, 0], lambda x: centred(x) / sigma(x) / 4),
    "std_mean": (
        lambda x: torch.std_mean(x, 1)[1], lambda x: x.mean(1), lambda x: np.full(x.shape, 0.2),
    ),
    "norm": (lambda x: x.norm(dim=1), lambda x: size(x)[:, 0], lambda x: x / size(x)),
    "vector_norm": (
        lambda x: torch.linalg.vector_norm(x, 3, 1), lambda x: size3(x)[:, 0],
        lambda x: np.sign(x) * (x / size3(x)) ** 2,
    ),
}  # fmt: skip


def moved(x, dim):
    """Rows along dimension 1 of memory, or across it."""
    return x if dim else x.t().contiguous().t()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dim", [0, 1])
def test_values_and_gradients_of_any_scale(name, scale, dim):
    call, value, slope = CASES[name]
    rows = (ROWS * scale).astype(np.float32)
    wide = rows.astype(np.float64)
    x = moved(torch.tensor(rows), dim).detach().requires_grad_()
    y = call(x)
    y.backward(torch.tensor(G, dtype=torch.float32))
    np.testing.assert_allclose(y.tolist(), value(wide), rtol=1e-6)
    np.testing.assert_allclose(x.grad.tolist(), slope(wide) * G[:, None], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_normalised_rows_of_any_scale(scale, dtype):
    x = torch.tensor(ROWS * scale, dtype=getattr(torch, dtype))
    wide = np.array(x.double().tolist())
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 2e-2, "atol": 1e-2}
    for got, wanted in (
        (F.layer_norm(x, (5,), eps=0.0), normalised(wide)),
        (F.rms_norm(x, (5,), eps=0.0), rms(wide)),
        (F.normalize(x, eps=0.0), wide / size(wide)),
        (F.group_norm(x.reshape(3, 1, 5), 1, eps=0.0).reshape(3, 5), normalised(wide)),
        (F.instance_norm(x.reshape(3, 1, 5), eps=0.0).reshape(3, 5), normalised(wide)),
    ):
        np.testing.assert_allclose(got.double().tolist(), wanted, **tolerance)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_gradients_of_normalised_rows(scale, name):
    rows = (ROWS * scale).astype(np.float32)
    x = torch.tensor(rows, requires_grad=True)
    g = np.cos(np.arange(15.0)).reshape(3, 5)
    getattr(F, name)(x, (5,), eps=0.0).backward(torch.tensor(g, dtype=torch.float32))
    wide = rows.astype(np.float64)
    if name == "layer_norm":
        y, size_of = normalised(wide), np.sqrt(np.square(centred(wide)).mean(1, keepdims=True))
        wanted = (centred(g) - y * (g * y).mean(1, keepdims=True)) / size_of
    else:
        y, size_of = rms(wide), np.sqrt(np.square(wide).mean(1, keepdims=True))
        wanted = (g - y * (g * y).mean(1, keepdims=True)) / size_of
    np.testing.assert_allclose(x.grad.double().tolist(), wanted, rtol=1e-4, atol=1e-6 / scale)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_second_derivatives_of_any_scale(scale):
    """The norm's is (v - y (y v)) / |x|, with y the direction of x."""
    rows = (ROWS * scale).astype(np.float32)
    x = torch.tensor(rows, requires_grad=True)
    v = np.sin(np.arange(15.0)).reshape(3, 5)
    (slope,) = torch.autograd.grad(x.norm(dim=1).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(slope, x, torch.tensor(v, dtype=torch.float32))
    wide = rows.astype(np.float64)
    y = wide / size(wide)
    wanted = (v - y * (y * v).sum(1, keepdims=True)) / size(wide)
    np.testing.assert_allclose(second.double().tolist(), wanted, rtol=1e-4, atol=1e-6 / scale)


@pytest.mark.parametrize("kind", ["layer", "batch", "columns", "group", "var", "var across"])
def test_a_large_mean_costs_no_digits(kind):
    rows = (10000 + np.arange(16) / 1000).astype(np.float32)
    wide = rows.astype(np.float64)
    wanted = (wide - wide.mean()) / np.sqrt(wide.var() + 1e-5)
    x = torch.tensor(rows)
    got = {
        "layer": lambda: F.layer_norm(x, (16,)),
        "batch": lambda: F.batch_norm(x.reshape(2, 1, 8), None, None, training=True),
        "columns": lambda: F.batch_norm(x[:, None], None, None, training=True),
        "group": lambda: F.group_norm(x.reshape(1, 4, 4), 1),
        "var": lambda: x.var(correction=0),
        "var across": lambda: torch.stack([x, x], 1).var(0, correction=0)[0],
    }[kind]()
    wanted = wide.var() if "var" in kind else wanted
    np.testing.assert_allclose(got.flatten().tolist(), wanted, rtol=1e-4, atol=1e-4)


def test_variance_that_has_no_value_is_infinite_and_one_that_has_is_not():
    assert torch.tensor([1e20, 3e20]).var().item() == math.inf
    np.testing.assert_allclose(
        torch.tensor([1e19, 1.2e19] * 200).var(correction=0).item(), 1e36, 1e-5
    )


def test_mean_whose_sum_has_no_value():
    x = torch.full((4,), 3e38, requires_grad=True)
    x.mean().backward()
    np.testing.assert_allclose(x.detach().mean().item(), 3e38, rtol=1e-6)
    assert x.grad.tolist() == [0.25] * 4


def test_infinities_and_nan_propagate():
    inf, nan = math.inf, math.nan
    assert torch.tensor([inf, 1.0]).norm().item() == inf
    assert math.isnan(torch.tensor([inf, 1.0]).std().item())
    for call in (torch.std, torch.var, torch.mean, torch.norm):
        assert math.isnan(call(torch.tensor([nan, 1.0, 2.0])).item())


@pytest.mark.parametrize(
    ("values", "order", "wanted"),
    [
        ([2.0, 1.0], 200, 2.0), ([2.0, 1.0], -200, 1.0), ([3.0, 0.0], -2, 0.0), ([4.0, 9.0], 0.5, 25.0),
        ([3e30, 4e30], 2, 5e30), ([1e30, 1e30], 3, 2 ** (1 / 3) * 1e30), ([0.0, 0.0], 7, 0.0),
        ([math.inf, 1.0], 3, math.inf), ([math.inf, 1.0], -3, 1.0), ([-2.0, 0.0], 0, 1.0),
    ],
)  # fmt: skip
def test_orders(values, order, wanted):
    got = torch.linalg.vector_norm(torch.tensor(values), order).item()
    assert got == pytest.approx(wanted, rel=1e-5)


def test_rows_beside_each_other_do_not_disturb_each_other():
    """Some rows are out of range, and what is ordinary has the bits that it has alone."""
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(40, 19)).astype(np.float32)
    mixed = plain.copy()
    mixed[::3] *= np.float32(1e30)
    for x, y in ((plain, mixed), (plain.T, mixed.T)):
        dim = 1 if x is plain else 0
        alone, beside = torch.tensor(x).std(dim).numpy(), torch.tensor(y).std(dim).numpy()
        ordinary = np.arange(40) % 3 != 0
        assert (alone[ordinary] == beside[ordinary]).all()
        np.testing.assert_allclose(beside[::3] / 1e30, alone[::3], rtol=1e-6)


def test_a_long_row_is_divided_and_scaled():
    x = torch.full((200_000,), 1e25)
    np.testing.assert_allclose(x.norm().item(), 1e25 * math.sqrt(200_000), rtol=1e-5)


def test_clipping_of_large_gradients():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3e20, 4e20])
    total = torch.nn.utils.clip_grad_norm_(weight, 1.0)
    np.testing.assert_allclose(total.item(), 5e20, rtol=1e-6)
    np.testing.assert_allclose(weight.grad.tolist(), [0.6, 0.8], rtol=1e-5)


def test_cosine_of_large_vectors():
    x, y = torch.tensor([[1e20, 0.0]]), torch.tensor([[1e20, 1e20]])
    np.testing.assert_allclose(F.cosine_similarity(x, y).item(), math.sqrt(0.5), rtol=1e-6)


def test_zeros_normalised_in_a_half_type():
    assert F.normalize(torch.zeros(1, 3, dtype=torch.float16)).tolist() == [[0.0] * 3]


# ----------------------------------------------------------------------------- the mechanism


def test_the_usual_side_leaves_no_choice():
    x = symbol("x")
    roots, conditions = usual_side(opened([statistic.norm(x)]))
    assert roots == [p.sqrt(p.sum(p.square(x)))]
    assert conditions == [p.in_range(p.sum(p.square(x)))]


def test_choices_within_choices():
    x = symbol("x", full=False)
    inner = p.usually(p.less(x, 1), x, -x)
    root = p.usually(p.less(inner, 2), inner + 1, x)
    roots, conditions = usual_side([root])
    assert roots == [x + 1]
    assert set(conditions) == {p.less(x, 1), p.less(x, 2)}


def test_the_interpreter_takes_the_other_side_where_it_must():
    x = symbol("x")
    program = Program((x,), (statistic.norm(x) / length(),))
    kernel = compile_program(program, np, np.float32)
    rows = np.array([[3e30, 4e30], [3, 4], [0, 0]], np.float32)
    with np.errstate(all="ignore"):
        assert kernel(rows, (-1,)).ravel() == pytest.approx([2.5e30, 2.5, 0])
        assert kernel(np.zeros((2, 0), np.float32), (-1,)).shape == (2, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scales_are_powers_of_two_and_bring_near_one(dtype):
    facts = np.finfo(dtype)
    values = [
        0,
        facts.smallest_subnormal,
        facts.tiny,
        0.3,
        -1,
        1.99,
        2,
        1e30,
        facts.max,
        np.inf,
        np.nan,
    ]
    x = torch.tensor(np.array(values, dtype))
    scales = compile_program(Program((symbol("x"),), (p.unit_scale(symbol("x")),)), np, dtype)(
        x.numpy()
    )
    assert (np.frexp(scales)[0] == 0.5).all()
    near = np.abs(x.numpy() * scales)[2:-2]
    assert ((near >= 1) & (near < 4)).all()


def test_orders_of_float64_over_its_range():
    for order, scale in itertools.product([1.5, 3, -2], [1e-150, 1.0, 1e150]):
        got = torch.linalg.vector_norm(
            torch.tensor([3.0 * scale, 4.0 * scale], dtype=torch.float64), order
        )
        wanted = (3.0**order + 4.0**order) ** (1 / order) * scale
        assert got.item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e20])
def test_distances_of_any_scale(scale):
    x, y = torch.tensor([[3.0, 0.0]]) * scale, torch.tensor([[0.0, 4.0]]) * scale
    for call in (torch.cdist, torch.dist, lambda x, y: F.pairwise_distance(x, y, eps=0.0)):
        np.testing.assert_allclose(call(x, y).item(), 5 * scale, rtol=1e-6)
    many = torch.cdist(x.expand(30, 2), y.expand(30, 2))
    np.testing.assert_allclose(many[3, 4].item(), 5 * scale, rtol=1e-6)
