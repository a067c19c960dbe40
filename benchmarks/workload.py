"""What `side_by_side.py` times and `memory.py` weighs. Each is written once, against a library `T`: flambeau
or PyTorch."""

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


def filled(T: Any, model: Any) -> Any:
    """The model, with parameters that do not depend on the library's random numbers."""
    generator = np.random.default_rng(0)
    with T.no_grad():
        for parameter in model.parameters():
            fan = max(1, int(np.prod(parameter.shape[1:])))
            values = generator.standard_normal(tuple(parameter.shape), np.float32) / np.sqrt(fan)
            parameter.copy_(T.from_numpy(values.astype(np.float32)))
    return model


def training(model: Any, optimizer: Any, loss_of: Callable[[], Any]) -> Step:
    """One step: the loss, its gradients, the update."""

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def lenet(T: Any) -> Step:
    """A small convolutional classifier with Adam, 32 images of 28 x 28."""
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    model = filled(T, model)
    x, y = T.from_numpy(array(32, 1, 28, 28)), T.from_numpy(np.arange(32) % 10)
    loss_of = lambda: nn.functional.cross_entropy(model(x), y)  # noqa: E731
    return training(model, T.optim.Adam(model.parameters(), lr=1e-3), loss_of)


def transformer(T: Any) -> Step:
    """A causal language model of three blocks with AdamW: 8 sequences of 64 tokens, width 128."""
    nn, F = T.nn, T.nn.functional
    width, heads, length, batch, vocabulary = 128, 4, 64, 8, 256

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            b, t, c = x.shape
            parts = self.qkv(self.norm1(x)).split(c, 2)
            q, k, v = (z.view(b, t, heads, c // heads).transpose(1, 2) for z in parts)
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(a.transpose(1, 2).contiguous().view(b, t, c))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = (
                nn.Embedding(vocabulary, width),
                nn.Embedding(length, width),
            )
            self.blocks = nn.ModuleList(Block() for _ in range(3))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, i: Any) -> Any:
            x = self.tokens(i) + self.places(T.arange(i.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = filled(T, Model())
    i = T.from_numpy(np.random.default_rng(0).integers(0, vocabulary, (batch, length)))
    loss_of = lambda: F.cross_entropy(model(i).view(-1, vocabulary), i.view(-1))  # noqa: E731
    return training(model, T.optim.AdamW(model.parameters(), lr=1e-3), loss_of)


WORKLOADS["train/lenet"] = lenet
WORKLOADS["train/transformer"] = transformer
