"""Draws for tensors on a CUDA device, by torch's functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.core.cuda.draws import PLACES, function
from flambeau.core.random import default
from tests.kernels.cuda.random import reference


def offset() -> int:
    """How far the default generator is."""
    return default.default_of(torch.device("cuda")).get_offset()


@pytest.fixture(autouse=True)
def _seeded(own_generators: None) -> None:
    torch.manual_seed(0)


def test_every_place_has_its_function() -> None:
    for place in PLACES:
        module, name = place.rsplit(".", 1)
        plain = getattr(__import__(f"flambeau.{module}", fromlist=[name]), name)
        assert callable(plain)
        assert function(place).__name__ == name


def test_layers_begin_with_pytorchs_numbers() -> None:
    """mrdbourke/pytorch-deep-learning issue 759 shows them."""
    with torch.device("cuda"):
        torch.manual_seed(42)
        layer = torch.nn.Linear(1, 1)
    assert math.isclose(layer.weight.item(), 0.2259, abs_tol=5e-5)
    assert math.isclose(layer.bias.item(), 0.9754, abs_tol=5e-5)


FILLS: list[tuple[str, tuple]] = [
    ("uniform_", (2.0, 5.0)),
    ("normal_", (2.0, 0.5)),
    ("log_normal_", (0.0, 0.25)),
    ("exponential_", (3.0,)),
    ("cauchy_", (1.0, 2.0)),
    ("geometric_", (0.25,)),
    ("bernoulli_", (0.25,)),
    ("random_", (3, 9)),
    ("random_", ()),
]
MEDIANS = [3.5, 2.0, 1.0, math.log(2) / 3, 1.0, 3.0, 0.0, 5.5, 2.0**23]


@pytest.mark.parametrize(("name", "parameters"), FILLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_fills(name: str, parameters: tuple, dtype: Any) -> None:
    x = torch.zeros(30, 40, device="cuda", dtype=dtype).T
    result = getattr(x, name)(*parameters)
    assert result is x
    assert x.device.type == "cuda"
    median = MEDIANS[FILLS.index((name, parameters))]
    if name != "random_" or parameters:
        found = x.double().cpu().numpy()
        assert abs(np.median(found) - median) <= max(0.15 * median, 0.5 if name == "random_" else 0)


def test_empty_tensors_draw_nothing() -> None:
    x = torch.empty(0, 3, device="cuda")
    for name, parameters in FILLS:
        getattr(x, name)(*parameters)
    assert offset() == 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x.uniform_(2, 1), RuntimeError, "from, to"),
        (lambda x: x.normal_(0, -1), RuntimeError, "std >= 0"),
        (lambda x: x.exponential_(0), RuntimeError, "lambda > 0"),
        (lambda x: x.bernoulli_(1.5), RuntimeError, r"\[0, 1\]"),
        (lambda x: x.bernoulli_(x + 2), RuntimeError, "probability"),
        (lambda x: torch.poisson(x - 1), RuntimeError, "rate"),
        (lambda x: x.int().uniform_(), NotImplementedError, "not implemented"),
        (lambda x: torch.multinomial(x, 9), RuntimeError, "without replacement"),
        (lambda x: torch.multinomial(x - 1, 1), RuntimeError, "element < 0"),
        (lambda x: x.bernoulli_(torch.rand(4)), RuntimeError, "CPU|same device"),
    ],
)
def test_errors_are_those_of_the_cpu(call: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        call(torch.zeros(4, device="cuda"))


def test_complex_parts_are_neighbours() -> None:
    parts = torch.randn(6, device="cuda", generator=torch.Generator("cuda").manual_seed(1))
    made = torch.randn(
        3, dtype=torch.complex64, device="cuda", generator=torch.Generator("cuda").manual_seed(1)
    )
    assert torch.allclose(torch.view_as_real(made).reshape(-1), parts / math.sqrt(2))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32])
def test_randperm(dtype: Any) -> None:
    made = torch.randperm(100, device="cuda", dtype=dtype)
    assert made.dtype is dtype
    assert sorted(made.tolist()) == list(range(100))
    with pytest.raises(RuntimeError):
        torch.randperm(300, device="cuda", dtype=torch.uint8)


def test_multinomial() -> None:
    weights = torch.tensor([[0.0, 1, 3, 0], [1, 0, 0, 0]], device="cuda")
    assert torch.multinomial(weights, 1)[1].item() == 0
    many = torch.multinomial(weights[0], 2000, replacement=True)
    assert set(many.tolist()) == {1, 2}
    assert 0.70 < (many == 2).double().mean().item() < 0.80
    assert sorted(torch.multinomial(weights[0], 2).tolist()) == [1, 2]
    with pytest.raises(RuntimeError, match="weights above zero"):
        torch.multinomial(weights, 2)


def test_dropout_is_one_operation() -> None:
    x = torch.ones(1000, device="cuda", requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.25)
    assert y.grad_fn.name() == "NativeDropoutBackward0"
    assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert 0.70 < (y > 0).double().mean().item() < 0.80
    (y * 3).sum().backward()
    assert torch.allclose(x.grad, y.detach() * 3)


@pytest.mark.parametrize("name", ["dropout1d", "alpha_dropout", "feature_alpha_dropout"])
def test_dropout_of_other_kinds(name: str) -> None:
    x = torch.ones(20, 50, 4, device="cuda")
    y = getattr(torch.nn.functional, name)(x, 0.5, True)
    assert y.device.type == "cuda"
    values, counts = y.unique(return_counts=True)
    assert values.numel() == 2
    assert abs(counts[0].item() - 2000) < 600


def test_dropout_in_place_and_of_all() -> None:
    x = torch.ones(100, device="cuda")
    torch.nn.functional.dropout(x, 0.5, inplace=True)
    assert set(x.tolist()) == {0.0, 2.0}
    assert not torch.nn.functional.dropout(torch.ones(5, device="cuda"), 1.0).any()


def test_native_dropout() -> None:
    y, mask = torch.native_dropout(torch.ones(100, device="cuda"), 0.5, True)
    assert torch.equal(y, mask * 2.0)


def test_rrelu() -> None:
    x = torch.linspace(-2, 2, 101, device="cuda")
    y = torch.nn.functional.rrelu(x, 0.1, 0.3, training=True)
    slope = (y / x)[x < 0]
    assert ((slope >= 0.1) & (slope <= 0.3)).all()
    assert slope.std() > 0.03
    assert torch.equal(y[x > 0], x[x > 0])


def test_gradients_of_gamma_and_dirichlet_are_the_cpus() -> None:
    alpha = torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64)
    y = torch.tensor([0.3, 1.5, 10.0], dtype=torch.float64)
    expected = torch._standard_gamma_grad(alpha, y)
    assert torch.allclose(torch._standard_gamma_grad(alpha.cuda(), y.cuda()).cpu(), expected)
    total = torch.full((3,), 11.5, dtype=torch.float64)
    x = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    expected = torch._dirichlet_grad(x, alpha, total)
    found = torch._dirichlet_grad(x.cuda(), alpha.cuda(), total.cuda())
    assert torch.allclose(found.cpu(), expected)


def test_distributions_sample_on_the_device() -> None:
    two = torch.full((500,), 2.0, device="cuda")
    for made in (
        torch.distributions.Gamma(two, two),
        torch.distributions.Poisson(two),
        torch.distributions.Normal(two, two),
        torch.distributions.Binomial(10, two / 4),
    ):
        mean = made.sample().mean().item()
        assert abs(mean - made.mean[0].item()) < 0.5


def test_vmap_draws_the_same_or_other_numbers() -> None:
    x = torch.zeros(3, 4, device="cuda")

    def function(x: Any) -> Any:
        return x + torch.rand_like(x)

    same = torch.vmap(function, randomness="same")(x)
    assert torch.equal(same[0], same[1])
    other = torch.vmap(function, randomness="different")(x)
    assert not torch.equal(other[0], other[1])
    with pytest.raises(RuntimeError, match="randomness"):
        torch.vmap(function)(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats(dtype: Any) -> None:
    weights = torch.tensor([0.0, 1, 3, 0], device="cuda", dtype=dtype)
    assert sorted(torch.multinomial(weights, 2).tolist()) == [1, 2]
    assert set(torch.multinomial(weights, 50, True).tolist()) == {1, 2}
    hits = torch.bernoulli(torch.tensor([0.0, 1.0], device="cuda", dtype=dtype))
    assert hits.tolist() == [0.0, 1.0]
    rates = torch.full((2000,), 3.0, device="cuda", dtype=dtype)
    assert 2.8 < torch.poisson(rates).double().mean().item() < 3.2
    slopes = torch.nn.functional.rrelu(-rates, training=True) / -rates
    assert slopes.dtype is dtype
    assert 0.21 < slopes.double().mean().item() < 0.25


WHOLE = [
    *((torch.bool, 1), (torch.uint8, 255), (torch.int8, 127), (torch.int16, 2**15 - 1)),
    *((torch.int32, 2**31 - 1), (torch.float16, 2**11), (torch.bfloat16, 2**8)),
    *((torch.float32, 2**24), (torch.int64, 2**63 - 1), (torch.float64, 2**53)),
]


@pytest.mark.parametrize(("dtype", "largest"), WHOLE)
def test_random_integers_are_pytorchs(dtype: Any, largest: int) -> None:
    """Words modulo how many integers there are; of 64 bits for the two widest dtypes."""
    torch.manual_seed(9)
    found = torch.empty(600, device="cuda", dtype=dtype).random_().cpu()
    long = dtype in (torch.int64, torch.float64)
    words = (reference.of_long_words if long else reference.of_words)(9, 600, reference.H100)
    expected = torch.tensor([int(word) % (largest + 1) for word in words.tolist()]).to(dtype)
    assert torch.equal(found, expected)
