"""Every algorithm against PyTorch's recorded parameters, options and state after some steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch

RECORDS = json.loads((Path(__file__).parents[1] / "data" / "optimizers.json").read_text())


def problem(dtype: str = "float64") -> tuple[list[Any], Any]:
    """Two matrices, and the loss of their product with another one."""
    params = [
        torch.nn.Parameter(
            torch.from_numpy(np.cos(np.arange(6.0) * 0.7 + i).reshape(2, 3).astype(dtype))
        )
        for i in range(2)
    ]
    rows = torch.from_numpy(np.sin(np.arange(8.0) + 0.5).reshape(4, 2).astype(dtype))

    def loss() -> torch.Tensor:
        y = (rows @ params[0]).tanh() * (rows @ params[1])
        return ((y - 1) ** 2).sum()

    return params, loss


def trained(name: str, options: dict[str, Any], dtype: str = "float64") -> tuple[Any, list[Any]]:
    params, loss = problem(dtype)
    optimizer = getattr(torch.optim, name)(params, **options)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(3 if name == "LBFGS" else 8):
        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return optimizer, params


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_parameters_after_some_steps(record: dict[str, Any]) -> None:
    _, params = trained(record["name"], record["options"])
    # LBFGS goes far in a few steps, and what it divides by gets small.
    rtol = 1e-6 if record["name"] == "LBFGS" else 1e-9
    for p, want in zip(params, record["params"], strict=True):
        np.testing.assert_allclose(p.detach().numpy().ravel(), want, rtol=rtol, atol=1e-9)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_float32_parameters_stay_near(record: dict[str, Any]) -> None:
    if record["name"] == "LBFGS":  # it stops by thresholds, at another iteration
        return
    _, params = trained(record["name"], record["options"], "float32")
    for p, want in zip(params, record["params"], strict=True):
        assert p.dtype is torch.float32
        np.testing.assert_allclose(p.detach().numpy().ravel(), want, rtol=2e-2, atol=2e-3)


def listed(value: Any) -> Any:
    return [listed(item) for item in value] if isinstance(value, (tuple, list)) else value


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_state_dict_has_the_same_names_and_values(record: dict[str, Any]) -> None:
    optimizer, _ = trained(record["name"], record["options"])
    saved = optimizer.state_dict()
    group = dict(saved["param_groups"][0])
    assert group.pop("params") == [0, 1]
    assert [[key, listed(value)] for key, value in group.items()] == record["group"]
    if record["name"] == "LBFGS":  # its state is scratch of the algorithm
        return
    state = saved["state"].get(0, {})
    assert list(state) == list(record["state"])
    for key, want in record["state"].items():
        np.testing.assert_allclose(state[key].numpy().ravel(), want, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_a_loaded_state_goes_on_as_the_saved_one(record: dict[str, Any]) -> None:
    optimizer, params = trained(record["name"], record["options"])
    others, loss = problem()
    other = getattr(torch.optim, record["name"])(others, **record["options"])
    other.load_state_dict(optimizer.state_dict())
    with torch.no_grad():
        for p, q in zip(others, params, strict=True):
            p.copy_(q)

    def step(optimizer: Any, params: list[Any], loss: Any) -> None:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        if record["name"] == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()

    step(other, others, loss)

    def same_loss() -> torch.Tensor:
        rows = torch.from_numpy(np.sin(np.arange(8.0) + 0.5).reshape(4, 2))
        return ((((rows @ params[0]).tanh() * (rows @ params[1])) - 1) ** 2).sum()

    step(optimizer, params, same_loss)
    for p, q in zip(others, params, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    "name", ["Adam", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD", "NAdam"]
)
def test_complex_parameters_step_as_pairs_of_real_ones(name: str) -> None:
    z = torch.nn.Parameter(torch.tensor([1 + 2j, -1 + 0.5j]))
    pair = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [-1.0, 0.5]]))
    for p, view in ((z, torch.view_as_real), (pair, lambda x: x)):
        optimizer = getattr(torch.optim, name)([p], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (view(p) * torch.tensor([[1.0, 2.0], [3.0, -1.0]])).square().sum().backward()
            optimizer.step()
    got = torch.view_as_real(z.detach()).numpy()
    np.testing.assert_allclose(got, pair.detach().numpy(), rtol=1e-5)


def test_a_recorded_step_is_differentiated() -> None:
    lr = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    start = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    p = start.clone()
    optimizer = torch.optim.SGD([p], lr=lr, differentiable=True)
    p.grad = torch.tensor([3.0, 4.0], dtype=torch.float64)
    optimizer.step()
    p.sum().backward()
    assert lr.grad is not None
    assert lr.grad.item() == -7.0
    assert start.grad is not None
    assert start.grad.tolist() == [1.0, 1.0]


def test_sparse_adam_wants_sparse_gradients() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SparseAdam([p])
    p.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        optimizer.step()


def test_a_tensor_step_size_is_followed() -> None:
    p, q = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    for x, lr in ((p, 0.5), (q, torch.tensor(0.5))):
        optimizer = torch.optim.Adam([x], lr=lr)
        x.grad = torch.ones(2)
        optimizer.step()
    assert p.tolist() == q.tolist()


ALGORITHMS = {
    "SGD": {"momentum": 0.9},
    "Adam": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "NAdam": {},
    "RAdam": {},
    "Adamax": {},
    "Rprop": {},
    "ASGD": {"t0": 2},
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_parameters_step_together_as_they_do_alone(name: str) -> None:
    """Small and large ones, one that joins later, one of another dtype, one with a transposed gradient."""
    shapes = [(3,), (200, 301), (), (40, 30), (5, 4), (0,)]
    rng = np.random.default_rng(0)

    def gradients() -> list[np.ndarray]:
        made = [np.asarray(rng.normal(size=shape), np.float32) for shape in shapes]
        made[3] = np.asfortranarray(made[3])
        made[4] = made[4].astype(np.float64)
        return made

    values, steps = gradients(), [gradients() for _ in range(7)]
    together = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    alone = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    options = {**ALGORITHMS[name], "lr": np.float64(0.01), "weight_decay": 0.1, "maximize": True}
    if name == "Rprop":
        del options["weight_decay"]
    make = getattr(torch.optim, name)
    every, one = make(together, **options), [make([p], **options) for p in alone]
    for t, step in enumerate(steps):
        for i, (p, q, g) in enumerate(zip(together, alone, step)):
            if i == 1 and t < 2:
                continue
            p.grad, q.grad = torch.from_numpy(g), torch.from_numpy(g)
        every.step()
        for q, optimizer in zip(alone, one):
            if q.grad is not None:
                optimizer.step()
    for p, q in zip(together, alone):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_momentum_from_its_definition() -> None:
    p = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    optimizer = torch.optim.SGD([p], lr=0.5, momentum=0.5, dampening=0.25)
    want, b = np.array([1.0, -2.0, 0.5]), None
    for k in range(4):
        g = np.array([1.0, -k, 0.25])
        p.grad = torch.from_numpy(g.astype(np.float32))
        optimizer.step()
        b = g if b is None else 0.5 * b + 0.75 * g
        want = want - 0.5 * b
    np.testing.assert_allclose(p.detach().numpy(), want, rtol=1e-6)
    np.testing.assert_allclose(optimizer.state[p]["momentum_buffer"].numpy(), b, rtol=1e-6)


def test_plain_descent_keeps_no_state() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=0.5)
    p.grad = torch.ones(2)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_state_that_fades_ends_at_zero(name: str) -> None:
    """A subnormal number times 0.9 may be itself, for ever, and is slow to compute with."""
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = getattr(torch.optim, name)([p], lr=1e-3, **ALGORITHMS[name])
    p.grad = torch.tensor([1e-36, -1e-36, 1.0])
    optimizer.step()
    p.grad = torch.zeros(3)
    for _ in range(60):
        optimizer.step()
        for key, value in optimizer.state[p].items():
            size = abs(value.numpy())
            assert ((size == 0) | (size >= np.finfo(np.float32).tiny)).all(), key
    slot = "momentum_buffer" if name == "SGD" else "exp_avg" if name == "Adam" else "grad_avg"
    assert optimizer.state[p][slot][:2].tolist() == [0, 0]
