"""The same bits on 1, 2, 3 and 8 threads: reductions, products, convolutions, attention, scans, sorts, training.

Every case is large enough to be cut into pieces, and its first result is compared with NumPy's in float64 too: zeros
are the same on any number of threads.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.nn import functional as F

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
THREADS = (1, 2, 3, 8)
Case = tuple[Callable[[], Any], Callable[[], Any]]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


@cache
def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@cache
def places(below: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, below, *shape]).integers(0, below, shape)


def tensor(array: np.ndarray, dtype: Any = torch.float32) -> torch.Tensor:
    return torch.from_numpy(array).to(dtype)


def listed(results: Any) -> list[torch.Tensor]:
    return list(results) if isinstance(results, (tuple, list)) else [results]


def bits(results: Any) -> list[bytes]:
    found = []
    for x in listed(results):
        x = x.detach()
        found.append((x.view(torch.int16) if x.dtype is torch.bfloat16 else x).numpy().tobytes())
    return found


def assert_same_bits(function: Callable[[], Any]) -> None:
    """On every number of threads, and when it is repeated."""
    kernels.set_num_threads(THREADS[0])
    expected = bits(function())
    for threads in (*THREADS[1:], THREADS[-1]):
        kernels.set_num_threads(threads)
        for i, (got, wanted) in enumerate(zip(bits(function()), expected, strict=True)):
            assert got == wanted, f"result {i} differs on {threads} threads"


def test_a_result_that_depends_on_the_threads_is_found() -> None:
    sizes = {1: 1.0, 2: 1.0, 3: 1.0, 8: 1.0000001}
    with pytest.raises(AssertionError, match="result 1 differs on 8 threads"):
        assert_same_bits(
            lambda: (torch.ones(2), torch.tensor(sizes[torch.get_num_threads()]))
        )  # fmt: skip


# ----------------------------------------------------------------------------------- reductions

ROWS = (300, 5, 140)
DIMS: dict[str, Any] = {"all": None, "inner": -1, "outer": 0, "middle": 1, "two": (0, 1)}
REDUCTIONS: dict[str, tuple[Callable, Callable]] = {
    "sum": (lambda x, **o: x.sum(**o), np.sum),
    "mean": (lambda x, **o: x.mean(**o), np.mean),
    "var": (lambda x, **o: x.var(**o), lambda x, axis: x.var(axis, ddof=1)),
    "amax": (lambda x, **o: x.amax(**o), np.max),
    "amin": (lambda x, **o: x.amin(**o), np.min),
    "norm": (lambda x, **o: torch.linalg.vector_norm(x, **o), lambda x, axis: np.sqrt((x * x).sum(axis))),
    "logsumexp": (lambda x, **o: x.logsumexp(**o), lambda x, axis: np.log(np.exp(x).sum(axis))),
    "any": (lambda x, **o: (x > 4).any(**o), lambda x, axis: (x.astype(np.float32) > 4).any(axis)),
}  # fmt: skip


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_reductions(name: str, dim: str, dtype: Any) -> None:
    function, reference = REDUCTIONS[name]
    x, axis = tensor(draw(*ROWS), dtype), DIMS[dim]
    options = {"dim": tuple(range(3)) if axis is None else axis}
    assert_same_bits(lambda: function(x, **options))
    want = reference(x.double().numpy(), axis=axis)
    tolerance = 2e-2 if dtype is torch.bfloat16 else 1e-4
    got = function(x, **options).double().numpy()
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def long_sums() -> Case:
    x = tensor(draw(3_000_001))
    return lambda: (x.sum(), x.square().mean(), x.amax(), x.argmax()), lambda: draw(3_000_001).sum()


def index_of_extremes() -> Case:
    x = tensor(draw(*ROWS))
    functions = [x.argmax, x.argmin]
    return (
        lambda: [f(dim) for f in functions for dim in (0, 1, 2, None)],
        lambda: draw(*ROWS).astype(np.float32).argmax(0),
    )


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rows_with_gradients() -> Case:
    x = tensor(draw(400, 333)).requires_grad_()
    w = tensor(draw(333)).requires_grad_()

    def run() -> Any:
        y = F.layer_norm(x, (333,), w, w) + F.log_softmax(x * w, 0)
        z = torch.softmax(x, -1)
        return z, y, *torch.autograd.grad((y * z).sum() + x.std(0).sum(), [x, w])

    return run, lambda: softmax(draw(400, 333))


def losses() -> Case:
    x = tensor(draw(3000, 50)).requires_grad_()
    labels = tensor(places(50, 3000), torch.int64)

    def run() -> Any:
        loss = F.cross_entropy(x, labels)
        return loss, *torch.autograd.grad(loss + F.mse_loss(x, x.detach() * 2), x)

    def reference() -> Any:
        chosen = softmax(draw(3000, 50))[np.arange(3000), places(50, 3000)]
        return -np.log(chosen).mean()

    return run, reference


# ------------------------------------------------------------------------- products and layers


def product(x: tuple[int, ...], y: tuple[int, ...], dtype: Any = torch.float32) -> Case:
    a, b = tensor(draw(*x), dtype).requires_grad_(), tensor(draw(*y), dtype).requires_grad_()

    def run() -> Any:
        c = a @ b
        return c, *torch.autograd.grad(c.square().sum(), [a, b])

    return run, lambda: draw(*x) @ draw(*y)


def transposed_product() -> Case:
    a, b = tensor(draw(300, 200)), tensor(draw(250, 300))
    return lambda: (a.t() @ b.t(), a @ b[:200]), lambda: draw(300, 200).T @ draw(250, 300).T


def contraction() -> Case:
    a, b = tensor(draw(40, 30, 20)), tensor(draw(20, 50, 40))
    rule = "abc,cda->bd"
    return (
        lambda: torch.einsum(rule, a, b),
        lambda: np.einsum(rule, draw(40, 30, 20), draw(20, 50, 40)),
    )


def linear_layers() -> Case:
    x, w = tensor(draw(500, 100)).requires_grad_(), tensor(draw(130, 100)).requires_grad_()
    b = tensor(draw(130)).requires_grad_()

    def run() -> Any:
        y = F.linear(x, w, b)
        return y, *torch.autograd.grad(F.gelu(y).sum(), [x, w, b])

    return run, lambda: draw(500, 100) @ draw(130, 100).T + draw(130)


def taps(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """A convolution over two dimensions without padding, from its definition."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], w)


def convolution(channels: int, out: int, size: int, stride: int, groups: int = 1) -> Case:
    shapes = (6, channels, 30, 29), (out, channels // groups, size, size)
    x, w = (tensor(draw(*shape)).requires_grad_() for shape in shapes)
    b = tensor(draw(out)).requires_grad_()

    def run() -> Any:
        y = F.conv2d(x, w, b, stride=stride, groups=groups)
        pooled = F.max_pool2d(y, 2) + F.avg_pool2d(y, 2)
        return y, pooled, *torch.autograd.grad(pooled.square().sum(), [x, w, b])

    def reference() -> Any:
        parts = zip(
            np.split(draw(*shapes[0]), groups, 1), np.split(draw(*shapes[1]), groups, 0)
        )  # fmt: skip
        y = np.concatenate([taps(image, window, stride) for image, window in parts], 1)
        return y + draw(out)[:, None, None]

    return run, reference


def other_convolutions() -> Case:
    line, cube = tensor(draw(4, 8, 5000)).requires_grad_(), tensor(draw(2, 4, 12, 13, 14))
    w1, w3, back = tensor(draw(9, 8, 5)), tensor(draw(6, 4, 3, 3, 3)), tensor(draw(8, 5, 4, 4))
    image = tensor(draw(4, 8, 25, 25)).requires_grad_()

    def run() -> Any:
        y1, y3 = F.conv1d(line, w1, dilation=2), F.conv3d(cube, w3, padding=1)
        y2 = F.conv_transpose2d(image, back, stride=2, padding=1)
        total = y1.square().sum() + y2.square().sum()
        return y1, y2, y3, *torch.autograd.grad(total, [line, image])

    def reference() -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(draw(4, 8, 5000), 9, 2)[..., ::2]
        return np.einsum("nclt,oct->nol", windows, draw(9, 8, 5))

    return run, reference


def attention(causal: bool) -> Case:
    q, k, v = (tensor(draw(4, 3, 150, 40, seed=i)).requires_grad_() for i in range(3))

    def run() -> Any:
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return y, *torch.autograd.grad(y.square().sum(), [q, k, v])

    def reference() -> Any:
        q, k, v = (draw(4, 3, 150, 40, seed=i) for i in range(3))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(40)
        if causal:
            scores = np.where(np.tri(150, dtype=bool), scores, -np.inf)
        return softmax(scores) @ v

    return run, reference


def norms_and_recurrence() -> Case:
    x = tensor(draw(16, 12, 20, 20)).requires_grad_()
    torch.manual_seed(5)
    cell = torch.nn.LSTM(40, 64)
    steps = tensor(draw(20, 30, 40))

    def run() -> Any:
        y = F.batch_norm(x, None, None, training=True)
        z = F.group_norm(x, 4)
        out, _ = cell(steps)
        grads = torch.autograd.grad(
            (y * z).square().sum() + out.square().sum(), [x, *cell.parameters()]
        )
        return y, z, out, *grads

    def reference() -> Any:
        x = draw(16, 12, 20, 20)
        mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-5)

    return run, reference


# ------------------------------------------------------------------ scans, sorts, places, draws


def scans() -> Case:
    x = tensor(draw(300, 401))

    def run() -> Any:
        found = [x.cumsum(0), x.cumsum(1), x.flatten().cumsum(0), x.mul(0.1).exp().cumprod(1)]
        return [*found, *x.cummax(0), *x.cummin(1), x.logcumsumexp(1)]

    return run, lambda: draw(300, 401).cumsum(0)


def sorts() -> Case:
    x, whole = tensor(draw(300, 401)), tensor(places(1000, 200_000), torch.int64)

    def run() -> Any:
        found = [*x.sort(1), *x.sort(0, descending=True), *x.topk(7, 1), *x.flatten().sort()]
        return [*found, *whole.sort(stable=True), *whole.unique(return_counts=True), x.median()]

    return run, lambda: np.sort(draw(300, 401).astype(np.float32), 1)


def additions_at_places() -> Case:
    values, at = tensor(draw(400, 500)), tensor(places(90, 400, 500), torch.int64)
    rows = tensor(places(90, 400), torch.int64)

    def run() -> Any:
        zeros = torch.zeros(90, 500)
        table = tensor(draw(90, 64)).requires_grad_()
        looked_up = F.embedding(at[:50], table)
        return (
            zeros.scatter_add(0, at, values),
            torch.zeros(400, 90).scatter_add(1, at, values),
            zeros.index_add(0, rows, values),
            zeros.scatter_reduce(0, at, values, "amax"),
            values.gather(0, at),
            values.index_select(0, rows),
            *torch.autograd.grad(looked_up.square().sum(), table),
            torch.bincount(at.flatten()),
        )

    def reference() -> Any:
        total = np.zeros((90, 500))
        np.add.at(total, (places(90, 400, 500), np.arange(500)[None]), draw(400, 500))
        return total

    return run, reference


def moves() -> Case:
    x = tensor(draw(300, 401))
    y = tensor(draw(401, 300))

    def run() -> Any:
        return (
            x.t().contiguous(),
            torch.cat([x, y.t()], 1),
            x.flip(0),
            torch.where(x > 0, x, y.t()),
            x.masked_fill(x < 0, 2.0),
            x.tril(),
            torch.stack([x, x * 2], 1),
        )

    return run, lambda: draw(300, 401).T


def formulas() -> Case:
    x, row = tensor(draw(300, 401)).requires_grad_(), tensor(draw(401)).requires_grad_()

    def run() -> Any:
        y = torch.tanh(x * row) + torch.erf(x) * torch.sin(row)
        return y, *torch.autograd.grad(y.square().sum(), [x, row])

    def reference() -> Any:
        from math import erf

        x, row = draw(300, 401), draw(401)
        return np.tanh(x * row) + np.vectorize(erf)(x) * np.sin(row)

    return run, reference


def random_draws() -> Case:
    def run() -> Any:
        torch.manual_seed(11)
        x = torch.rand(200_000)
        dropped = F.dropout(torch.ones(100_000), 0.3)
        return x.sort()[0][:1] * 0, x, torch.randn(300, 700), dropped, torch.randperm(50_000)

    return run, lambda: np.zeros(1)


CASES = {
    **{
        function.__name__: function
        for function in (
            long_sums, index_of_extremes, rows_with_gradients, losses, transposed_product,
            contraction, linear_layers, other_convolutions, norms_and_recurrence, scans, sorts,
            additions_at_places, moves, formulas, random_draws,
        )
    },
    "product": lambda: product((256, 300), (300, 270)),
    "large product": lambda: product((1030, 700), (700, 900)),
    "float64 product": lambda: product((256, 300), (300, 270), torch.float64),
    "skinny product": lambda: product((4, 5000), (5000, 60)),
    "matrix and vector": lambda: product((900, 1000), (1000,)),
    "batched product": lambda: product((32, 70, 64), (32, 64, 50)),
    "convolution 3x3": lambda: convolution(8, 12, 3, 1),
    "convolution 1x1": lambda: convolution(16, 24, 1, 1),
    "convolution, stride 2": lambda: convolution(6, 10, 5, 2),
    "convolution, groups": lambda: convolution(8, 12, 3, 1, groups=4),
    "convolution, depthwise": lambda: convolution(10, 10, 3, 1, groups=10),
    "attention": lambda: attention(False),
    "causal attention": lambda: attention(True),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_on_any_number_of_threads(name: str) -> None:
    function, reference = CASES[name]()
    assert_same_bits(function)
    got = listed(function())[0].detach().double().numpy()
    want = reference()
    scale = max(1.0, float(np.abs(want).max()))
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5 * scale)


# ------------------------------------------------------------------------------------- training


class Block(torch.nn.Module):
    """A transformer's block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.project = torch.nn.Linear(width, 3 * width)
        self.join = torch.nn.Linear(width, width)
        self.wide, self.back = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        parts = (
            self.project(self.before(x)).view(n, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        )
        y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        x = x + self.join(y.transpose(1, 2).reshape(n, length, width))
        return x + F.dropout(self.back(F.gelu(self.wide(self.between(x)))), 0.1)


class Network(torch.nn.Module):
    """Convolutions, then a block over the places of their image."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.second = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.block = Block(32)
        self.last = torch.nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)
        x = F.relu(self.second(x)).flatten(2).transpose(1, 2)
        return self.last(self.block(x).mean(1))


def trained(steps: int = 6) -> list[torch.Tensor]:
    """The losses, and then all parameters, buffers and optimiser state."""
    torch.manual_seed(3)
    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = tensor(draw(32, 3, 28, 28)), tensor(places(10, 32), torch.int64)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
    state = [x for kept in optimizer.state.values() for x in kept.values()]
    return [torch.stack(losses), *model.state_dict().values(), *state]


def digest() -> str:
    return hashlib.sha256(b"".join(bits(trained()))).hexdigest()


def test_a_training_run() -> None:
    assert_same_bits(trained)
    losses = trained(20)[0].tolist()
    assert losses[-1] < 0.7 * losses[0]


def test_a_training_run_in_other_processes() -> None:
    program = (
        "import runpy, sys; import flambeau as torch; torch.set_num_threads(int(sys.argv[1]))\n"
        "print(runpy.run_path(sys.argv[2])['digest']())"
    )
    found = {digest()}
    for threads in ("1", "3"):
        done = subprocess.run(
            [sys.executable, "-c", program, threads, __file__], capture_output=True, text=True,
            check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        found.add(done.stdout.strip())
    assert len(found) == 1
