"""Models trained on a GPU give the losses and the parameters that the CPU gives."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F

Made = tuple[nn.Module, Callable[[nn.Module, str], Any]]
"""A model on the CPU, and its loss on a device."""


class Gpt(nn.Module):
    """One block of a decoder over characters, its output tied to its embedding."""

    def __init__(self, vocabulary: int = 11, length: int = 6, width: int = 16, heads: int = 2):
        super().__init__()
        self.heads = heads
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(
            width, 3 * width, bias=False
        )  # keys' bias has no gradient but rounding
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token.weight

    def forward(self, index: Any) -> Any:
        n, length = index.shape
        x = self.token(index) + self.place(torch.arange(length, device=index.device))
        q, k, v = (
            part.view(n, length, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.before(x)).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, -1))
        return self.head(x + self.mlp(self.between(x)))


def gpt() -> Made:
    text = torch.randint(11, (3, 7))

    def loss(model: nn.Module, device: str) -> Any:
        here = text.to(device)
        scores = model(here[:, :-1])
        return F.cross_entropy(scores.flatten(0, 1), here[:, 1:].flatten())

    return Gpt(), loss


class Residual(nn.Module):
    """A stem, a block of a ResNet, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.block = nn.Sequential(
            nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(4, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2, padding=1)
        x = F.relu(self.block(x) + self.shortcut(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def classifier(model: nn.Module, *shape: int) -> Made:
    x, target = torch.randn(*shape), torch.randint(5, shape[:1])
    return model, lambda model, device: F.cross_entropy(model(x.to(device)), target.to(device))


def resnet() -> Made:
    return classifier(Residual(), 4, 3, 12, 12)


def lenet() -> Made:
    net = nn.Sequential(
        nn.Conv2d(1, 3, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 12),
        nn.Sigmoid(),
        nn.Linear(12, 5),
    )
    return classifier(net, 4, 1, 12, 12)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0][:, -1])


def lstm() -> Made:
    return classifier(Recurrent(), 4, 5, 3)


def autoencoder() -> Made:
    net = nn.Sequential(nn.Linear(8, 3), nn.SiLU(), nn.Linear(3, 8))
    x = torch.randn(6, 8)
    return net, lambda model, device: F.mse_loss(model(x.to(device)), x.to(device))


def sgd(parameters: Iterator[Any]) -> Any:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3)


def adamw(parameters: Iterator[Any]) -> Any:
    return torch.optim.AdamW(parameters, lr=1e-2)


def rmsprop(parameters: Iterator[Any]) -> Any:
    return torch.optim.RMSprop(parameters, lr=1e-3)


def trained(
    made: Made, optimizer: Callable, device: str, steps: int = 3, clip: float | None = None
) -> tuple[list[float], nn.Module]:
    """The loss before each step, and the model after them."""
    model, loss_of = copy.deepcopy(made[0]).to(device), made[1]
    steps_of = optimizer(model.parameters())
    losses = []
    for _ in range(steps):
        steps_of.zero_grad()
        loss = loss_of(model, device)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        steps_of.step()
        losses.append(loss.item())
    return losses, model


def assert_same(found: nn.Module, expected: nn.Module) -> None:
    """Parameters and buffers are equal to 1e-5, and the first are on a GPU."""
    states = found.state_dict()
    assert {x.device.type for x in states.values()} == {"cuda"}
    states = {name: x.cpu() for name, x in states.items()}
    torch.testing.assert_close(states, dict(expected.state_dict()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [(gpt, adamw), (resnet, sgd), (lenet, rmsprop), (lstm, adamw), (autoencoder, sgd)],
)
def test_a_model_learns_as_on_the_cpu(model: Callable[[], Made], optimizer: Callable) -> None:
    made = model()
    losses, on_gpu = trained(made, optimizer, "cuda")
    expected, on_cpu = trained(made, optimizer, "cpu")
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses[-1] < losses[0]
    assert_same(on_gpu, on_cpu)


def test_clipped_gradients() -> None:
    made = autoencoder()
    losses, on_gpu = trained(made, sgd, "cuda", clip=0.05)
    expected, on_cpu = trained(made, sgd, "cpu", clip=0.05)
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses != pytest.approx(trained(made, sgd, "cpu")[0], rel=1e-5)
    assert_same(on_gpu, on_cpu)


def digits() -> tuple[Any, Any]:
    """Ten shapes of 8 by 8 pixels with noise: 60 of them, and which they are."""
    target = torch.arange(60) % 10
    return (torch.rand(10, 64) > 0.5).float()[target] + 0.3 * torch.randn(60, 64), target


@pytest.mark.parametrize("pin_memory", [False, True])
def test_digits_from_a_loader(pin_memory: bool) -> None:
    images, target = digits()
    start = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

    def losses(device: str) -> tuple[list[float], nn.Module]:
        model = copy.deepcopy(start).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(images, target),
            batch_size=20,
            shuffle=True,
            generator=torch.Generator().manual_seed(5),
            pin_memory=pin_memory,
        )
        found = []
        for _ in range(5):
            for x, y in loader:
                assert x.is_pinned() == pin_memory
                x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        right = (model(images.to(device)).argmax(1) == target.to(device)).float().mean().item()
        assert right > 0.9
        return found, model

    found, on_gpu = losses("cuda")
    expected, on_cpu = losses("cpu")
    assert found == pytest.approx(expected, abs=1e-5)
    assert_same(on_gpu, on_cpu)


def test_mixed_precision() -> None:
    """float16 products with scaled losses: near float32's, and a gradient that overflows skips its step."""
    made = autoencoder()

    def losses(mixed: bool) -> list[float]:
        model = copy.deepcopy(made[0]).cuda()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cuda", enabled=mixed, init_scale=2.0**10)
        found = []
        for _ in range(4):
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=torch.float16, enabled=mixed):
                assert model(torch.zeros(1, 8, device="cuda")).dtype is (
                    torch.float16 if mixed else torch.float32
                )
                loss = made[1](model, "cuda")
            assert loss.dtype is torch.float32
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            found.append(loss.item())
        return found

    assert losses(True) == pytest.approx(losses(False), rel=5e-3)


def test_overflow_skips_a_step() -> None:
    weight = torch.ones(3, device="cuda", requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cuda", init_scale=4.0)
    scaler.scale((weight * torch.inf).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert scaler.get_scale() == 2.0


def test_a_checkpoint_goes_to_the_cpu_and_back() -> None:
    made = gpt()
    _, model = trained(made, adamw, "cuda")
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    on_cpu = Gpt()
    on_cpu.load_state_dict(torch.load(file, map_location="cpu"))
    assert_same(model, on_cpu)

    file = io.BytesIO()
    torch.save(on_cpu.state_dict(), file)
    file.seek(0)
    back = Gpt().cuda()
    back.load_state_dict(torch.load(file, map_location="cuda"))
    assert back.head.weight is back.token.weight
    for x, y in zip(back.parameters(), model.parameters(), strict=True):
        assert torch.equal(x, y)


def test_training_goes_on_from_a_checkpoint_of_the_other_device() -> None:
    made = autoencoder()
    losses = trained(made, adamw, "cpu", steps=4)[0]
    model = copy.deepcopy(made[0]).to("cuda")
    optimizer = adamw(model.parameters())
    found = []
    for step in range(4):
        if step == 2:  # the second half on the CPU
            model.to("cpu")
            states = optimizer.state_dict()
            optimizer = adamw(model.parameters())
            optimizer.load_state_dict(states)
        device = "cuda" if step < 2 else "cpu"
        optimizer.zero_grad()
        loss = made[1](model, device)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found == pytest.approx(losses, rel=1e-5)


def test_modules_move() -> None:
    model = Residual()
    assert model.cuda() is model
    assert {x.device for x in model.state_dict().values()} == {torch.device("cuda", 0)}
    assert model.stem[1].num_batches_tracked.device.type == "cuda"
    model.to("cuda", torch.float64)
    assert {x.dtype for x in model.parameters()} == {torch.float64}
    assert model.stem[1].num_batches_tracked.dtype is torch.int64
    model.cpu()
    assert {x.device.type for x in model.state_dict().values()} == {"cpu"}
    made = nn.Linear(2, 3, device="cuda")
    assert made.weight.is_cuda
    assert made.bias.is_cuda
    with torch.device("cuda"):
        assert nn.Conv2d(1, 1, 3).weight.is_cuda
    empty = nn.Linear(2, 3, device="meta").to_empty(device="cuda")
    assert empty.weight.is_cuda


def test_a_captured_step_trains() -> None:
    """As PyTorch's notes have it: warm up on a side stream, capture, then copy new data and replay."""
    torch.manual_seed(1)
    start = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    data = [(torch.randn(5, 4), torch.randn(5, 1)) for _ in range(3)]

    def steps(model: nn.Module) -> Any:
        return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)

    expected, on_cpu = [], copy.deepcopy(start)
    optimizer = steps(on_cpu)
    for x, y in [data[0]] * 3 + data:
        optimizer.zero_grad()
        loss = F.mse_loss(on_cpu(x), y)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())

    model = copy.deepcopy(start).cuda()
    optimizer = steps(model)
    static_x, static_y = (part.cuda() for part in data[0])
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            F.mse_loss(model(static_x), static_y).backward()
            optimizer.step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        static_loss = F.mse_loss(model(static_x), static_y)
        static_loss.backward()
        optimizer.step()
    found = []
    for x, y in data:
        static_x.copy_(x)
        static_y.copy_(y)
        graph.replay()
        found.append(static_loss.item())
    assert found == pytest.approx(expected[3:], rel=1e-5)
    assert_same(model, on_cpu)


def test_the_articles_example(capsys: pytest.CaptureFixture[str]) -> None:
    x = torch.rand(2, 3)
    if torch.cuda.is_available():
        device = torch.device("cuda")  # a CUDA device object
        y = torch.ones_like(x, device=device)  # directly create a tensor on GPU
        x = x.to(device)  # or just use strings ``.to("cuda")``
        z = x + y
        print(z)
        print(z.to("cpu", torch.double))  # ``.to`` can also change dtype together!
    on_gpu, on_cpu = capsys.readouterr().out.split("tensor(")[1:]
    assert on_gpu == on_cpu.replace("dtype=torch.float64", "device='cuda:0'")
    assert on_gpu.count("1.") == 6
