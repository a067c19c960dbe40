"""What `side_by_side.py` times. Each is written once, against a library `T`: flambeau or PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], object]
WORKLOADS: dict[str, Callable[[Any], Step]] = {}


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def expression(name: str, code: str, shape: tuple[int, ...], grad: bool = False) -> None:
    """A workload that evaluates one expression of x, y, F and T."""

    def make(T: Any) -> Step:
        x, y = T.from_numpy(array(*shape)), T.from_numpy(array(*shape, seed=1))
        if grad:
            x.requires_grad_()
        return eval(f"lambda: {code}", {"T": T, "F": T.nn.functional, "x": x, "y": y})

    WORKLOADS[name] = make


for _name, _code, _grad in (
    ("add", "x + y", False),
    ("add a number", "x + 1.5", False),
    ("multiply, recorded", "x * y", True),
    ("matrix product", "x @ y", False),
    ("index", "x[1, 2:4]", False),
    ("sum", "x.sum()", False),
    ("view", "x.view(4, 16)", False),
    ("relu", "F.relu(x)", False),
    ("softmax", "F.softmax(x, dim=-1)", False),
    ("zeros", "T.zeros(8, 8)", False),
    ("forward and backward", "(x * y + x).sum().backward()", True),
):
    expression(f"small: {_name}", _code, (8, 8), _grad)

for _name, _code in (
    ("add", "x + y"),
    ("exp", "x.exp()"),
    ("gelu", "F.gelu(x)"),
    ("sum", "x.sum()"),
    ("sum of columns", "x.sum(0)"),
    ("softmax", "F.softmax(x, dim=-1)"),
    ("layer_norm", "F.layer_norm(x, (1024,))"),
    ("variance", "x.var(1)"),
    ("matrix product", "x @ y"),
):
    expression(f"1024 x 1024: {_name}", _code, (1024, 1024))


def train_step(T: Any) -> Step:
    """One step of a small classifier: forward, loss, backward, SGD."""
    nn = T.nn
    model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 4))
    optimizer = T.optim.SGD(model.parameters(), lr=1e-3)
    x, y = T.from_numpy(array(8, 16)), T.from_numpy(np.arange(8) % 4)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


WORKLOADS["small: training step"] = train_step
