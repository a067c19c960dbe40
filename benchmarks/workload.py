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


def evaluated(
    code: str, *shapes: tuple[int, ...], grad: bool = False, backward: bool = False
) -> Callable[[Any], Step]:
    """A workload that evaluates an expression of T, F and arrays x, y of these shapes.

    Args:
        grad: Do the arrays want a gradient?
        backward: Go back from the sum of the expression, too?
    """

    def make(T: Any) -> Step:
        names = {
            name: T.from_numpy(array(*s, seed=i)) for i, (name, s) in enumerate(zip("xy", shapes))
        }
        for tensor in names.values() if grad or backward else ():
            tensor.requires_grad_()
        scope = {"T": T, "F": T.nn.functional, "i": T.from_numpy(INDEX), **names}
        value = eval(f"lambda: {code}", scope)
        if not backward:
            return value

        def step() -> None:
            for tensor in names.values():
                tensor.grad = None
            value().sum().backward()

        return step

    return make


def sparse(code: str, density: float, width: int, dtype: str = "float32") -> Callable[[Any], Step]:
    """A workload that evaluates an expression of T and of matrices of 10,000 by 10,000: `coo` and `csr`, sparse, and
    `mixed`, its values in no order; and of a dense y (10,000 by `width`).
    """

    def make(T: Any) -> Step:
        random, n = np.random.default_rng(0), 10_000
        places = np.unique(random.integers(0, n * n, int(n * n * density)))
        values = random.standard_normal(places.size).astype(dtype)
        order = random.permutation(places.size)
        coo, mixed = (
            T.sparse_coo_tensor(
                T.from_numpy(np.stack([where // n, where % n])), T.from_numpy(what), (n, n)
            )
            for where, what in ((places, values), (places[order], values[order]))
        )
        coo = coo.coalesce()
        y = T.from_numpy(array(n, width).astype(dtype))
        scope = {"T": T, "coo": coo, "csr": coo.to_sparse_csr(), "mixed": mixed, "y": y}
        return eval(f"lambda: {code}", scope)

    return make


INDEX = np.random.default_rng(0).integers(0, 1024, (1024, 256))
SMALL, SQUARE = (8, 8), (1024, 1024)

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
    WORKLOADS[f"small: {_name}"] = evaluated(_code, SMALL, SMALL, grad=_grad)

for _name, _code in (
    ("add", "x + y"),
    ("multiply and add", "x * y + x"),
    ("add in place", "x.add_(y, alpha=0.0)"),
    ("add a row", "x + y[0]"),
    ("add the transpose", "x.t() + y"),
    ("clamp", "x.clamp(-0.5, 0.5)"),
    ("where", "T.where(x > 0, x, y)"),
    ("x ** 3", "x ** 3"),
    ("exp", "x.exp()"),
    ("tanh", "x.tanh()"),
    ("sigmoid", "x.sigmoid()"),
    ("gelu", "F.gelu(x)"),
    ("sum", "x.sum()"),
    ("sum of columns", "x.sum(0)"),
    ("mean of rows", "x.mean(1)"),
    ("maxima of rows", "x.amax(1)"),
    ("places of maxima", "x.argmax(1)"),
    ("variance", "x.var(1)"),
    ("norm", "x.norm()"),
    ("softmax", "F.softmax(x, dim=-1)"),
    ("layer_norm", "F.layer_norm(x, (1024,))"),
    ("cumsum", "x.cumsum(1)"),
    ("sort", "x.sort(1)"),
    ("topk", "x.topk(10, dim=1)"),
    ("join", "T.cat((x, y), 1)"),
    ("transposed copy", "x.t().contiguous()"),
    ("masked_fill", "x.masked_fill(y > 0, 0.0)"),
    ("gather", "x.gather(1, i)"),
    ("scatter_add", "x.scatter_add(1, i, y)"),
    ("matrix product", "x @ y"),
    ("matrix and vector", "x @ y[0]"),
):
    WORKLOADS[f"1024 x 1024: {_name}"] = evaluated(_code, SQUARE, SQUARE)

for _name, _code in (
    ("multiply and add", "x * y + x"),
    ("gelu", "F.gelu(x) * y"),
    ("softmax", "F.softmax(x, dim=-1) * y"),
    ("layer_norm", "F.layer_norm(x, (1024,)) * y"),
):
    WORKLOADS[f"with gradients: {_name}"] = evaluated(_code, SQUARE, SQUARE, backward=True)

for _name, _shapes, _code in (
    ("64 x 64", ((64, 64), (64, 64)), "x @ y"),
    ("256 x 256", ((256, 256), (256, 256)), "x @ y"),
    ("4096 x 64 x 256", ((4096, 64), (64, 256)), "x @ y"),
    ("96 of 64 x 64", ((96, 64, 64), (96, 64, 64)), "x @ y"),
    ("by a transpose, 512 x 512", ((512, 512), (512, 512)), "x @ y.t()"),
):
    WORKLOADS[f"product: {_name}"] = evaluated(_code, *_shapes)

for _name, _shapes, _code in (
    ("3 x 3, 64 channels", ((8, 64, 28, 28), (64, 64, 3, 3)), "F.conv2d(x, y, padding=1)"),
    ("1 x 1, 256 channels", ((8, 256, 14, 14), (64, 256, 1, 1)), "F.conv2d(x, y)"),
    ("7 x 7, stride 2", ((4, 3, 96, 96), (64, 3, 7, 7)), "F.conv2d(x, y, stride=2, padding=3)"),
    ("depthwise", ((8, 128, 28, 28), (128, 1, 3, 3)), "F.conv2d(x, y, padding=1, groups=128)"),
    ("max_pool 2 x 2", ((16, 64, 32, 32),), "F.max_pool2d(x, 2)"),
):
    WORKLOADS[f"convolution: {_name}"] = evaluated(_code, *_shapes, backward=True)


for _layout in ("csr", "coo"):
    for _density in (0.01, 0.001):
        for _width in (1, 16, 64, 256):
            for _dtype in ("float32", "float64"):
                _name = f"sparse: {_layout} @ dense, {_density:.1%}, {_width} wide, {_dtype}"
                WORKLOADS[_name] = sparse(f"{_layout} @ y", _density, _width, _dtype)
for _name, _code in (
    ("sampled_addmm, 64", "T.sparse.sampled_addmm(csr, y, y.t())"),
    ("coalesce", "mixed.coalesce()"),
    ("softmax", "T.sparse.softmax(coo, 1)"),
    ("sum over rows", "T.sparse.sum(coo, 0)"),
    ("to_dense", "coo.to_dense()"),
    ("coo + coo", "coo + coo"),
    ("csr @ csr", "csr @ csr"),
):
    WORKLOADS[f"sparse: {_name}"] = sparse(_code, 0.001, 64)


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


def transformer_block(T: Any, width: int, heads: int) -> Any:
    """Causal attention and two layers, each behind a norm and beside what comes in."""
    nn, F = T.nn, T.nn.functional

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

    return Block()


def transformer(T: Any) -> Step:
    """A causal language model of three blocks with AdamW: 8 sequences of 64 tokens, width 128."""
    nn, F = T.nn, T.nn.functional
    width, heads, length, batch, vocabulary = 128, 4, 64, 8, 256

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = (
                nn.Embedding(vocabulary, width),
                nn.Embedding(length, width),
            )
            self.blocks = nn.ModuleList(transformer_block(T, width, heads) for _ in range(3))
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


def perceptron(T: Any) -> Step:
    """Three linear layers with Adam, 64 images of 28 x 28."""
    nn = T.nn
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    model = filled(T, model)
    x, y = T.from_numpy(array(64, 784)), T.from_numpy(np.arange(64) % 10)
    loss_of = lambda: nn.functional.cross_entropy(model(x), y)  # noqa: E731
    return training(model, T.optim.Adam(model.parameters(), lr=1e-3), loss_of)


def recurrent(T: Any) -> Step:
    """An LSTM of width 64 with Adam: 16 sequences of 32 steps."""
    nn = T.nn
    lstm, head = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 1)
    model = filled(T, nn.ModuleList([lstm, head]))
    x, y = T.from_numpy(array(16, 32, 32)), T.from_numpy(array(16, 32, 1, seed=1))
    loss_of = lambda: nn.functional.mse_loss(head(lstm(x)[0]), y)  # noqa: E731
    return training(model, T.optim.Adam(model.parameters(), lr=1e-3), loss_of)


def residual(T: Any) -> Step:
    """Two residual blocks of 64 channels with batch norm and SGD: 8 images of 28 x 28."""
    nn = T.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(64, 64, 3, padding=1, bias=False)
            self.second = nn.Conv2d(64, 64, 3, padding=1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

        def forward(self, x: Any) -> Any:
            y = nn.functional.relu(self.norm1(self.first(x)))
            return nn.functional.relu(self.norm2(self.second(y)) + x)

    model = filled(T, nn.Sequential(Block(), Block()))
    x = T.from_numpy(array(8, 64, 28, 28))
    optimizer = T.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return training(model, optimizer, lambda: model(x).mean())


def adam(T: Any) -> Step:
    """A step of Adam over five million parameters."""
    parameters = [T.nn.Parameter(T.from_numpy(array(1024, 1024, seed=i))) for i in range(5)]
    for parameter in parameters:
        parameter.grad = T.from_numpy(array(1024, 1024, seed=9))
    return T.optim.Adam(parameters, lr=1e-4).step


WORKLOADS["train/perceptron"] = perceptron
WORKLOADS["train/lstm"] = recurrent
WORKLOADS["train/residual blocks"] = residual
WORKLOADS["step of Adam, 5M"] = adam
WORKLOADS["train/lenet"] = lenet
WORKLOADS["train/transformer"] = transformer
