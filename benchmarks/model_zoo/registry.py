"""How models become known, and what most of them share: data, and the step of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], Any]
MODELS: dict[str, Callable[[Any], Step]] = {}


def model(name: str) -> Callable[[Callable[[Any], Step]], Callable[[Any], Step]]:
    """Make a function of the library known as a model, with its weights drawn from one seed."""

    def register(make: Callable[[Any], Step]) -> Callable[[Any], Step]:
        def seeded(T: Any) -> Step:
            T.manual_seed(0)
            return make(T)

        MODELS[name] = seeded
        return make

    return register


def normal(T: Any, *shape: int, seed: int = 0) -> Any:
    """Normal float32."""
    return T.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))


def integers(T: Any, high: int, *shape: int, seed: int = 0) -> Any:
    """Integers below `high`: classes or tokens."""
    return T.from_numpy(np.random.default_rng(seed).integers(0, high, shape))


def training(optimizer: Any, loss: Callable[[], Any]) -> Step:
    """The step that computes a loss, goes back, and has the optimizer move the weights."""

    def step() -> Any:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def inference(T: Any, run: Callable[[], Any]) -> Step:
    """The step that runs without history."""

    def step() -> Any:
        with T.no_grad():
            return run()

    return step
