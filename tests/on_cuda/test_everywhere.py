"""Parts of the library that make tensors of their own make them where their arguments are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import flambeau as torch
from flambeau import distributions as d
from flambeau import nn

DEVICE = f"cuda:{torch.cuda.device_count() - 1}" if torch.cuda.is_available() else "cpu"
"""Of several GPUs the last, which is not the current one."""


def x() -> Any:
    return torch.tensor([[0.2, 0.5, 0.7], [0.9, 0.4, 0.3]], device=DEVICE)


def eye() -> Any:
    return torch.eye(3, device=DEVICE)


MADE: dict[str, Callable[[], Any]] = {
    "Bernoulli": lambda: d.Bernoulli(x()),
    "Beta": lambda: d.Beta(x(), 2.0),
    "Binomial": lambda: d.Binomial(3, x()),
    "Categorical": lambda: d.Categorical(x()),
    "Chi2": lambda: d.Chi2(x()),
    "Dirichlet": lambda: d.Dirichlet(x()),
    "FisherSnedecor": lambda: d.FisherSnedecor(x(), x() + 5),
    "Gumbel": lambda: d.Gumbel(x(), 1.0),
    "Independent": lambda: d.Independent(d.Normal(x(), 1.0), 1),
    "LKJCholesky": lambda: d.LKJCholesky(3, x()[0, 0]),
    "LowRank": lambda: d.LowRankMultivariateNormal(x()[0], eye()[:, :1], x()[1]),
    "Mixture": lambda: d.MixtureSameFamily(d.Categorical(x()), d.Normal(x(), 1.0)),
    "Multinomial": lambda: d.Multinomial(3, x()),
    "MultivariateNormal": lambda: d.MultivariateNormal(x()[0], eye()),
    "Pareto": lambda: d.Pareto(x(), 2.5),
    "StudentT": lambda: d.StudentT(x() + 3),
    "Transformed": lambda: d.TransformedDistribution(d.Normal(x(), 1.0), [d.ExpTransform()]),
    "Weibull": lambda: d.Weibull(x(), x()),
    "Wishart": lambda: d.Wishart(x()[0, 0] + 4, eye()),
}


@pytest.mark.parametrize("name", MADE)
def test_distributions_stay_on_their_device(name: str) -> None:
    made = MADE[name]()
    drawn = made.sample((2,))
    found = [drawn, made.log_prob(drawn)]
    for what in ("mean", "variance", "mode", "entropy"):
        try:
            value = getattr(made, what)
            found.append(value() if what == "entropy" else value)
        except NotImplementedError:
            continue
    assert {str(value.device) for value in found} == {DEVICE}


def test_packed_sequences() -> None:
    padded = torch.rand(2, 4, 3, device=DEVICE)
    packed = nn.utils.rnn.pack_padded_sequence(
        padded, [2, 4], batch_first=True, enforce_sorted=False
    )
    assert packed.is_cuda
    assert str(packed.sorted_indices.device) == DEVICE
    assert packed.batch_sizes.device.type == "cpu"
    net = nn.LSTM(3, 2, batch_first=True).to(DEVICE)
    output, lengths = nn.utils.rnn.pad_packed_sequence(net(packed)[0], batch_first=True)
    assert str(output.device) == DEVICE
    assert lengths.device.type == "cpu"
    assert lengths.tolist() == [2, 4]
    there = packed.cpu()
    assert {x.device.type for x in there} == {"cpu"}
    assert str(there.to(DEVICE).sorted_indices.device) == DEVICE
    expected = nn.utils.rnn.pad_packed_sequence(net.cpu()(there)[0], batch_first=True)[0]
    torch.testing.assert_close(output.cpu(), expected)


def test_block_masks() -> None:
    from flambeau.nn.attention.flex_attention import create_block_mask, flex_attention

    q, k, v = torch.rand(3, 1, 2, 4, 6, device=DEVICE).unbind()
    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, 4, 4, device=DEVICE)
    found = flex_attention(q, k, v, block_mask=mask)
    expected = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(found, expected)


OPTIMIZERS = (
    "Adadelta Adafactor Adagrad Adam AdamW Adamax ASGD LBFGS Muon NAdam RAdam RMSprop Rprop SGD"
)


@pytest.mark.parametrize("name", OPTIMIZERS.split())
def test_optimisers_step_where_the_parameters_are(name: str) -> None:
    def trained(device: str) -> Any:
        p = nn.Parameter(torch.tensor([[3.0, 1.0], [2.0, -2.0]], device=device))
        optimizer = getattr(torch.optim, name)([p], lr=0.1)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        return p.detach().cpu()

    torch.testing.assert_close(trained(DEVICE), trained("cpu"), rtol=1e-5, atol=1e-5)


def test_a_model_on_several_devices() -> None:
    """A part of it on the CPU, the rest on GPUs; backward goes through all of them."""
    torch.manual_seed(0)
    parts = [nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)]

    def losses(devices: list[str]) -> list[float]:
        layers = [nn.Linear(p.in_features, p.out_features) for p in parts]
        for layer, part, device in zip(layers, parts, devices, strict=True):
            layer.load_state_dict(part.state_dict())
            layer.to(device)
        parameters = [p for layer in layers for p in layer.parameters()]
        optimizer, found = torch.optim.SGD(parameters, lr=0.1, momentum=0.9), []
        for _ in range(3):
            optimizer.zero_grad()
            x = torch.ones(2, 3)
            for layer, device in zip(layers, devices, strict=True):
                x = torch.tanh(layer(x.to(device)))
            loss = x.pow(2).sum()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            found.append(loss.item())
            assert [str(layer.weight.grad.device) for layer in layers] == devices
        return found

    expected = losses(["cpu"] * 3)
    assert losses(["cpu", "cuda:0", DEVICE]) == pytest.approx(expected, rel=1e-5)
    assert losses([DEVICE, "cuda:0", "cpu"]) == pytest.approx(expected, rel=1e-5)


def test_a_gradient_that_crosses_devices_is_where_its_tensor_is() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, device="cuda:0", requires_grad=True)
    (g,) = torch.autograd.grad((x * 2).to(DEVICE).sum(), x)
    assert g.tolist() == [2.0, 2.0]
    assert (g + x).device == x.device
    assert torch.autograd.gradcheck(lambda x: (x * 2).to(DEVICE).sin(), (x,))


def test_methods_of_arrays_on_another_gpu() -> None:
    assert torch.histc(x(), 2, 0, 1).tolist() == [3.0, 3.0]
    y = x()
    if torch.cuda.device_count() > 1:
        with pytest.raises(
            RuntimeError, match=r"on the same device as the indexed tensor \(cuda:1\)"
        ):
            y[torch.tensor([0], device="cuda:0")]
