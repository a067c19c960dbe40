"""A training step with an embedding, dropout and classes, captured in a graph: each replay is a step of the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau as torch


def made() -> tuple[Callable[[], Any], list[Any]]:
    """A step, and what it trains."""
    torch.manual_seed(3)
    with torch.device("cuda"):
        table = torch.nn.Embedding(7, 8)
        net = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3)
        )
        index, target = torch.tensor([1, 6, 6, 0]), torch.tensor([0, 2, 1, 1])
    parameters = [*table.parameters(), *net.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=False)
        loss = torch.nn.functional.cross_entropy(net(table(index)), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, parameters


def test_replays_are_steps() -> None:
    step, parameters = made()
    expected = [step().item() for _ in range(6)]
    trained = [x.detach().clone() for x in parameters]

    step, parameters = made()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        found = [step().item() for _ in range(3)]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    for _ in range(3):
        graph.replay()
        found.append(loss.item())
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected))
    torch.testing.assert_close([x.detach() for x in parameters], trained)
    assert len(set(found)) == 6
