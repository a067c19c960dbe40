"""Graphs: what was recorded is computed anew with what is in the tensors now."""

from __future__ import annotations

import copy
import gc
from pathlib import Path

import pytest

import flambeau as torch

cuda = torch.cuda


def test_a_replay_reads_what_is_there_now() -> None:
    x = torch.zeros(5, device="cuda")
    graph = cuda.CUDAGraph()
    assert not cuda.is_current_stream_capturing()
    with cuda.graph(graph):
        assert cuda.is_current_stream_capturing()
        y = x * 2 + 1
        total = y.sum()
    assert not cuda.is_current_stream_capturing()
    assert cuda.current_stream() == cuda.default_stream()
    for values in ([3.0] * 5, [0.0, 1.0, 2.0, 3.0, 4.0]):
        x.copy_(torch.tensor(values))
        graph.replay()
        assert y.tolist() == [2 * value + 1 for value in values]
        assert total.item() == sum(2 * value + 1 for value in values)


def test_its_memory_is_its_own_until_it_is_reset() -> None:
    cuda.init()
    x = torch.ones(1000, device="cuda")
    gc.collect()
    cuda.empty_cache()
    before = cuda.memory_reserved()
    first, second = cuda.CUDAGraph(), cuda.CUDAGraph()
    with cuda.graph(first):
        y = (x * 2).exp()
    with cuda.graph(second, pool=first.pool()):
        z = y + 1
    assert first.pool() == second.pool() != cuda.graph_pool_handle()
    held = cuda.memory_reserved() - before
    assert held >= 2 * 4096
    address = y.data_ptr()
    del y
    cuda.empty_cache()
    assert cuda.memory_reserved() - before >= held - 512  # what a graph writes to is not given back
    assert torch.empty(1000, device="cuda").data_ptr() != address
    first.replay()
    second.replay()
    assert z.tolist() == (torch.full((1000,), 2.0).exp() + 1).tolist()
    first.reset()
    del second, z
    gc.collect()
    cuda.empty_cache()
    assert cuda.memory_reserved() <= before + 4096


def test_draws_go_on_with_each_replay() -> None:
    torch.manual_seed(5)
    expected = [torch.rand(4, device="cuda").tolist() for _ in range(3)]
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        x = torch.rand(4, device="cuda")
    torch.manual_seed(5)
    graph.replay()
    assert x.tolist() == expected[0]
    assert torch.rand(4, device="cuda").tolist() == expected[1]
    graph.replay()
    assert x.tolist() == expected[2]


def test_memory_of_graphs_is_not_given_back_while_they_live() -> None:
    """A replay writes again to what was freed while it was recorded."""
    graph, x = cuda.CUDAGraph(), torch.arange(300.0, device="cuda")
    with cuda.graph(graph):
        y = (x * 2 + 1).sum()
    cuda.empty_cache()
    others = [torch.zeros(3, device="cuda") for _ in range(20)]
    x.fill_(1.0)
    graph.replay()
    assert y.item() == 900.0
    assert not any(other.any() for other in others)


def test_a_training_step_is_one_graph() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).cuda()
    twin = copy.deepcopy(model)
    x, y = torch.randn(6, 4, device="cuda"), torch.randn(6, 1, device="cuda")

    def step(
        model: torch.nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor
    ) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=False)
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    other = torch.optim.SGD(twin.parameters(), lr=0.1)
    side = cuda.Stream()
    with cuda.stream(side):
        for _ in range(2):
            step(model, optimizer, x)
    torch.cuda.current_stream().wait_stream(side)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        loss = step(model, optimizer, x)
    losses = []
    for _ in range(3):
        graph.replay()
        losses.append(loss.item())
    expected = [step(twin, other, x).item() for _ in range(5)]
    assert losses == pytest.approx(expected[2:], rel=1e-6)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_graphed_callables_take_the_place_of_functions_and_modules() -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    model = model.cuda()
    plain = copy.deepcopy(model)
    sample = torch.randn(5, 4, device="cuda", requires_grad=True)
    graphed, double = cuda.make_graphed_callables(
        (model, lambda x: (x * 2, x.exp())),
        ((sample,), (torch.randn(5, 3, device="cuda", requires_grad=True),)),
    )
    assert graphed is model
    for _ in range(2):
        x = torch.randn(5, 4, device="cuda", requires_grad=True)
        same = x.detach().clone().requires_grad_()
        for parameter in (*graphed.parameters(), *plain.parameters()):
            parameter.grad = None
        first, second = double(graphed(x))
        (first.sum() + second.sum()).backward()
        h = plain(same)
        ((h * 2).sum() + h.exp().sum()).backward()
        assert x.grad is not None
        torch.testing.assert_close(x.grad, same.grad)
        for mine, theirs in zip(graphed.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, theirs.grad)
    graphed.eval()
    assert graphed(torch.ones(2, 4, device="cuda")).shape == (2, 3)  # as it was, in another mode


def test_what_cannot_be_recorded_says_so(tmp_path: Path) -> None:
    graph = cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        graph.replay()
    with pytest.raises(RuntimeError, match="without capture_begin"):
        graph.capture_end()
    with pytest.raises(RuntimeError, match="captured on a non-default stream"):
        graph.capture_begin()
    with pytest.raises(NotImplementedError, match="keep_graph=True"):
        cuda.CUDAGraph(keep_graph=True)
    with cuda.stream(cuda.Stream()), pytest.raises(ValueError, match="not 'careless'"):
        graph.capture_begin(capture_error_mode="careless")
    x = torch.ones(2, device="cuda")
    with pytest.raises(RuntimeError, match="captur"), cuda.graph(graph):
        x.sum().item()
    assert not cuda.is_current_stream_capturing()
    assert (x + 1).tolist() == [2, 2]
    with cuda.graph(graph):
        x + 1
    with pytest.raises(RuntimeError, match="debug not enabled"):
        graph.debug_dump(str(tmp_path / "graph"))
    graph.enable_debug_mode()
    graph.debug_dump(str(tmp_path / "graph"))
    assert "digraph" in (tmp_path / "graph").read_text()


def test_graphs_of_the_accelerator() -> None:
    x = torch.zeros(3, device="cuda")
    graph = torch.accelerator.Graph()
    with torch.Stream("cuda"), graph:
        y = x + 1
    x.fill_(4)
    graph.replay()
    assert y.tolist() == [5, 5, 5]
    assert graph.pool()
    graph.reset()


def test_copies_from_the_host_are_of_pinned_memory() -> None:
    """Each replay reads it again; other memory may be gone by then."""
    graph, host = cuda.CUDAGraph(), torch.ones(3).pin_memory()
    with cuda.graph(graph):
        found = host.to("cuda", non_blocking=True) * 2
    host.fill_(5.0)
    graph.replay()
    cuda.synchronize()
    assert found.tolist() == [10.0, 10.0, 10.0]
    for x in (torch.ones(3), host):
        with pytest.raises(RuntimeError, match="unless the tensor is pinned"), cuda.graph(graph):
            x.to("cuda")
