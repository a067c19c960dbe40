"""Optimisers on a GPU: the CPU's numbers, by one kernel for many parameters; steps whose counts stay on the device."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.cuda import driver

SHAPES = [(3, 4), (5,), (), (2, 3, 2), (0,)]
OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "maximize": True, "weight_decay": 0.1}),
    ("AdamW", {"fused": True}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Rprop", {}),
    ("ASGD", {"t0": 2.0}),
]
CAPTURABLE = [(name, options) for name, options in OPTIMISERS if name not in ("SGD", "Adagrad")]


def parameters(device: str, dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    random = np.random.default_rng(0)
    made = []
    for shape in SHAPES:
        x = torch.from_numpy(np.array(random.standard_normal(shape), np.float32))
        made.append(torch.nn.Parameter(x.to(device, dtype)))
    return made


def step(optimizer: Any, given: list[torch.nn.Parameter], count: int = 8) -> None:
    for i in range(count):
        for k, p in enumerate(given):
            g = np.cos(np.arange(p.numel()) + i + k).astype(np.float32).reshape(tuple(p.shape))
            p.grad = torch.from_numpy(np.array(g)).to(p.device, p.dtype)
        optimizer.step()


def assert_near(found: list, wanted: list, tolerance: float) -> None:
    for p, q in zip(found, wanted):
        np.testing.assert_allclose(
            p.detach().cpu().double().numpy(),
            q.detach().cpu().double().numpy(),
            tolerance,
            tolerance,
        )


@pytest.mark.parametrize(("name", "options"), OPTIMISERS)
def test_the_numbers_are_those_of_the_cpu(name: str, options: dict) -> None:
    here, there = parameters("cpu"), parameters("cuda")
    for given in (here, there):
        optimizer = getattr(torch.optim, name)(given, **options)
        step(optimizer, given)
    assert all(p.is_cuda for p in there)
    assert_near(there, here, 1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    wanted, found = parameters("cpu", torch.float64), parameters("cuda", dtype)
    for given in (wanted, found):
        step(torch.optim.AdamW(given, lr=0.1), given, 3)
    assert {p.dtype for p in found} == {dtype}
    assert_near(found, wanted, 1e-12 if dtype is torch.float64 else 0.03)


def test_complex_parameters() -> None:
    x = torch.nn.Parameter(torch.tensor([1 + 2j, -1j], device="cuda"))
    x.grad = torch.tensor([1j, 1.0 + 0j], device="cuda")
    torch.optim.SGD([x], lr=1.0).step()
    assert x.tolist() == [1 + 1j, -1 - 1j]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_one_launch_for_all_parameters(name: str) -> None:
    given = parameters("cuda") * 1
    optimizer = getattr(torch.optim, name)(given)
    for p in given:
        p.grad = torch.ones_like(p)
    optimizer.step()
    launched = []

    def launch(self: Any, *arguments: Any, **options: Any) -> None:
        launched.append(self.name)

    with mock.patch.object(driver.Kernel, "__call__", launch):
        optimizer.step()
    assert launched == [f"foreach_{name.lower()}"]


@pytest.mark.parametrize(("name", "options"), CAPTURABLE)
def test_capturable_steps_have_the_same_numbers(name: str, options: dict) -> None:
    usual, captured = parameters("cuda"), parameters("cuda")
    cls = getattr(torch.optim, name)
    step(cls(usual, **options), usual)
    optimizer = cls(captured, capturable=True, **options)
    step(optimizer, captured)
    assert_near(captured, usual, 2e-6)
    counts = [optimizer.state[p]["step"] for p in captured if p.numel()]
    assert {str(x.device) for x in counts} == {"cuda:0"}
    assert {x.item() for x in counts} == {8.0}


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam", "ASGD", "RMSprop"])
def test_capturable_steps_do_not_wait_for_the_gpu(name: str) -> None:
    """A number that the host looked at would be the same in all replays of a graph."""
    given = parameters("cuda")
    lr = torch.tensor(0.01, device="cuda")
    optimizer = getattr(torch.optim, name)(given, capturable=True, lr=lr)
    step(optimizer, given, 1)  # makes the state
    cls = driver.cupy().ndarray
    refuse = mock.Mock(side_effect=AssertionError("the host looked at a number"))
    looks = dict.fromkeys(("get", "item", "tolist", "__bool__", "__float__"), refuse)
    with mock.patch.multiple(cls, **looks):
        optimizer.step()


def test_the_step_size_may_change_on_the_device() -> None:
    lr = torch.tensor(0.5, device="cuda")
    x = torch.nn.Parameter(torch.zeros(2, device="cuda"))
    optimizer = torch.optim.Adam([x], lr=lr, capturable=True)
    x.grad = torch.ones_like(x)
    optimizer.step()
    first = x.tolist()
    lr.fill_(0.0)
    optimizer.step()
    assert x.tolist() == first
    assert first == pytest.approx([-0.5, -0.5])


def test_state_goes_to_the_parameters_device_and_back() -> None:
    here, there = parameters("cpu"), parameters("cuda")
    one, other = torch.optim.Adam(here), torch.optim.Adam(there)
    step(one, here, 2)
    other.load_state_dict(one.state_dict())
    state = other.state[there[0]]
    assert state["exp_avg"].is_cuda
    assert not state["step"].is_cuda
    assert state["exp_avg"].tolist() == one.state[here[0]]["exp_avg"].tolist()
    step(other, there, 1)
    step(one, here, 1)
    one.load_state_dict(other.state_dict())
    assert not one.state[here[0]]["exp_avg"].is_cuda


def test_clipping_has_the_cpus_numbers() -> None:
    here, there = parameters("cpu"), parameters("cuda")
    found = []
    for given in (here, there):
        for k, p in enumerate(given):
            p.grad = torch.full_like(p, k + 0.5).detach()
        found.append(torch.nn.utils.clip_grad_norm_(given, 1.0))
    assert found[1].is_cuda
    assert found[1].item() == pytest.approx(found[0].item(), 1e-6)
    assert_near([p.grad for p in there], [p.grad for p in here], 1e-6)


def launches(work: Any) -> list[str]:
    """The names of the kernels that a call launches, which then do nothing."""
    found: list[str] = []

    def launch(self: Any, *arguments: Any, **options: Any) -> None:
        found.append(self.name)

    with mock.patch.object(driver.Kernel, "__call__", launch):
        work()
    return found


def test_clipping_takes_few_launches() -> None:
    given = [torch.nn.Parameter(torch.ones(2, device="cuda")) for _ in range(50)]
    for p in given:
        p.grad = torch.ones_like(p)
    torch.nn.utils.clip_grad_norm_(given, 1.0)
    found = launches(lambda: torch.nn.utils.clip_grad_norm_(given, 1.0))
    assert [name for name in found if name.startswith(("norm", "foreach"))] == [
        "norm_parts",
        "norm_whole",
        "foreach_mul",
    ]
    assert len(found) < 16


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_lists_in_place_take_one_launch(name: str) -> None:
    function = getattr(torch, f"_foreach_{name}_")
    single = getattr(torch, name)
    for other in (2.0, torch.tensor(3.0, device="cuda"), "list"):
        xs, ys = parameters("cuda"), parameters("cuda")
        wanted = [single(x.detach(), y if other == "list" else other) for x, y in zip(xs, ys)]
        with torch.no_grad():
            assert function(xs, ys if other == "list" else other) == xs
            found = launches(lambda xs=xs, other=other: function(xs, 2.0))
        assert_near(xs, wanted, 0)
        assert len(found) == 1
    with pytest.raises(RuntimeError, match="leaf"):
        function(parameters("cuda"), 1.0)


@pytest.mark.parametrize("order", [1, 2, float("inf"), 3])
def test_norms_of_lists(order: float) -> None:
    here, there = parameters("cpu")[:4], parameters("cuda")[:4]
    with torch.no_grad():
        found, wanted = (torch._foreach_norm(xs, order) for xs in (there, here))
    assert_near(found, wanted, 1e-6)
    with_history = torch._foreach_norm(there, order)
    assert all(x.grad_fn is not None for x in with_history)


def test_unscaling_takes_few_launches_and_finds_what_is_not_finite() -> None:
    given = [torch.ones(3, device="cuda") * i for i in range(30)]
    given += [torch.ones(3, device="cuda", dtype=torch.bfloat16), torch.ones(0, device="cuda")]
    found, inverse = torch.zeros((), device="cuda"), torch.tensor(0.5, device="cuda")
    function = torch._amp_foreach_non_finite_check_and_unscale_
    function(given, found, inverse)
    assert found.item() == 0.0
    assert [x.tolist() for x in given[:2]] == [[0.0] * 3, [0.5] * 3]
    for bad in (float("inf"), float("nan")):
        given[17][1], found = bad, torch.zeros((), device="cuda")
        function(given, found, inverse)
        assert found.item() == 1.0
    assert len(launches(lambda: function(given, found, inverse))) < 25


def test_a_scaler_skips_the_step_of_gradients_that_are_not_finite() -> None:
    x = torch.nn.Parameter(torch.ones(2, device="cuda"))
    optimizer = torch.optim.SGD([x], lr=1.0)
    scaler = torch.amp.GradScaler("cuda", init_scale=4.0)
    scaler.scale(x.sum()).backward()
    assert x.grad.tolist() == [4.0, 4.0]
    scaler.step(optimizer)
    scaler.update()
    assert x.tolist() == [0.0, 0.0]
    x.grad = torch.tensor([float("inf"), 1.0], device="cuda")
    scaler.step(optimizer)
    scaler.update()
    assert x.tolist() == [0.0, 0.0]
    assert scaler.get_scale() == 2.0


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam", "ASGD", "RMSprop", "Adamax"])
def test_a_graph_replays_steps(name: str) -> None:
    """Replays count on: RAdam changes its formula on the way, and all corrections are those of the step they do."""
    usual, captured = parameters("cuda"), parameters("cuda")
    cls = getattr(torch.optim, name)
    for given in (usual, captured):
        for p in given:
            p.grad = torch.full_like(p, 0.5)
    one, other = cls(usual), cls(captured, capturable=True)
    other.step()  # makes the state and the kernels
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        other.step()
    for _ in range(6):
        graph.replay()
    for _ in range(7):
        one.step()
    assert_near(captured, usual, 2e-6)
    assert other.state[captured[0]]["step"].item() == 7


def training_step(capturable: bool) -> Any:
    """A step of a small network, from the same numbers each time; gives the loss."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, capturable=capturable)
    x = torch.randn(16, 3, device="cuda")

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = (model(x).squeeze(1) - x.sum(1)).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_a_graph_replays_a_training_step() -> None:
    usual, captured = training_step(False), training_step(True)
    wanted = [usual().item() for _ in range(12)]
    found = [captured().item() for _ in range(2)]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = captured()
    for _ in range(10):
        graph.replay()
        found.append(loss.item())
    assert found == pytest.approx(wanted, 1e-5)
