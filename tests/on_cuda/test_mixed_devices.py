"""Tensors of a GPU and of the CPU in one call: PyTorch's errors, and what goes along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F

TWO = r"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


def there(*shape: int) -> Any:
    return torch.ones(shape, device="cuda")


def here(*shape: int) -> Any:
    return torch.ones(shape)


def places(*values: int, device: str = "cpu") -> Any:
    return torch.tensor(values, device=device)


MIXED: dict[str, Callable[[], Any]] = {
    "add": lambda: there(3) + here(3),
    "add, the CPU's first": lambda: here(3) + there(3),
    "a GPU's number": lambda: there() + here(3),
    "compare": lambda: there(3) == here(3),
    "lerp": lambda: torch.lerp(there(3), there(3), here(3)),
    "where": lambda: torch.where(there(3) > 0, there(3), here(3)),
    "where, condition": lambda: torch.where(here(3) > 0, there(3), 1.0),
    "allclose": lambda: torch.allclose(there(3), here(3)),
    "isin": lambda: torch.isin(there(3), here(3)),
    "searchsorted": lambda: torch.searchsorted(there(3), here(3)),
    "bincount": lambda: torch.bincount(places(0, 1, device="cuda"), here(2)),
    "matmul": lambda: there(3, 3) @ here(3, 3),
    "matrix times vector": lambda: here(3, 3) @ there(3),
    "addmm": lambda: torch.addmm(here(3), there(3, 3), there(3, 3)),
    "bmm": lambda: torch.bmm(there(1, 3, 3), here(1, 3, 3)),
    "einsum": lambda: torch.einsum("ij,jk->ik", there(3, 3), here(3, 3)),
    "linear": lambda: nn.Linear(3, 3).cuda()(here(2, 3)),
    "solve": lambda: torch.linalg.solve(torch.eye(3, device="cuda"), here(3, 3)),
    "cdist": lambda: torch.cdist(there(2, 3), here(2, 3)),
    "conv2d": lambda: F.conv2d(here(1, 1, 4, 4), there(1, 1, 3, 3)),
    "conv2d, bias": lambda: F.conv2d(there(1, 1, 4, 4), there(1, 1, 3, 3), here(1)),
    "conv_transpose1d": lambda: F.conv_transpose1d(there(1, 1, 4), here(1, 1, 3)),
    "cat": lambda: torch.cat([there(3), here(3)]),
    "stack": lambda: torch.stack([here(3), there(3)]),
    "stack of numbers": lambda: torch.stack([there(), here()]),
    "index_select": lambda: torch.index_select(there(3), 0, places(0)),
    "gather": lambda: torch.gather(there(3), 0, places(0)),
    "take": lambda: torch.take(there(3), places(0)),
    "scatter": lambda: there(3).scatter(0, places(0), there(3)),
    "scatter, source": lambda: there(3).scatter(0, places(0, device="cuda"), here(3)),
    "index_add": lambda: there(3).index_add(0, places(0, device="cuda"), here(1)),
    "index_add, index": lambda: there(3).index_add(0, places(0), there(1)),
    "index_copy": lambda: there(3).index_copy(0, places(0), there(1)),
    "index_fill_": lambda: there(3).index_fill_(0, places(0), 2.0),
    "masked_fill": lambda: there(3).masked_fill(here(3) > 0, 1.0),
    "masked_scatter": lambda: there(3).masked_scatter(there(3) > 0, here(3)),
    "write at indices": lambda: there(3).__setitem__(places(0, 1, device="cuda"), here(2)),
    "repeat_interleave": lambda: torch.repeat_interleave(there(2), places(1, 2)),
    "cross_entropy": lambda: F.cross_entropy(there(3, 2), places(0, 1, 0)),
    "nll_loss": lambda: F.nll_loss(there(3, 2), places(0, 1, 0)),
    "mse_loss": lambda: F.mse_loss(there(3), here(3)),
    "binary_cross_entropy": lambda: F.binary_cross_entropy(there(3), here(3)),
    "ctc_loss": lambda: F.ctc_loss(there(5, 1, 3), places(1, 2)[None], places(5), places(2)),
    "embedding": lambda: F.embedding(places(0), there(3, 2)),
    "embedding, weight": lambda: F.embedding(places(0, device="cuda"), here(3, 2)),
    "embedding_bag": lambda: F.embedding_bag(places(0, 1), there(3, 2), places(0)),
    "layer_norm": lambda: F.layer_norm(here(2, 3), (3,), there(3), there(3)),
    "batch_norm": lambda: nn.BatchNorm1d(3).cuda()(here(2, 3)),
    "group_norm": lambda: F.group_norm(there(2, 4), 2, here(4), here(4)),
    "attention": lambda: F.scaled_dot_product_attention(there(1, 2, 3), here(1, 2, 3), there(1, 2, 3)),
    "lstm": lambda: nn.LSTM(3, 2).cuda()(here(4, 1, 3)),
    "attention, module": lambda: nn.MultiheadAttention(4, 2).cuda()(*[here(2, 1, 4)] * 3),
    "add_": lambda: there(3).add_(here(3)),
    "mul_": lambda: here(3).mul_(there(3)),
    "add_ to the CPU's number": lambda: here().add_(there()),
    "addmm_": lambda: there(3, 3).addmm_(here(3, 3), there(3, 3)),
    "out=": lambda: torch.add(there(3), there(3), out=here(3)),
    "out=, a GPU's": lambda: torch.exp(here(3), out=there(3)),
    "mm, out=": lambda: torch.mm(there(3, 3), there(3, 3), out=here(3, 3)),
    "sum, out=": lambda: torch.sum(there(3), 0, out=here()),
    "sort, out=": lambda: torch.sort(there(3), out=(here(3), places(0, 0, 0))),
    "a module in two parts": lambda: nn.Sequential(nn.Linear(3, 3).cuda(), nn.Linear(3, 3))(there(1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_devices_do_not_mix(name: str) -> None:
    with pytest.raises(RuntimeError, match=TWO):
        MIXED[name]()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: F.conv2d(here(1, 1, 4, 4), there(1, 1, 3, 3)),
            r"Input type \(torch.FloatTensor\) and weight type \(torch.cuda.FloatTensor\) should be the same",
        ),
        (
            lambda: here(3)[places(0, device="cuda")],
            r"indices should be either on cpu or on the same device as the indexed tensor \(cpu\)",
        ),
        (lambda: here(3)[there(3) > 0], r"indices should be either on cpu"),
        (
            lambda: here(3).__setitem__(places(0, device="cuda"), 1.0),
            r"indices should be either on cpu",
        ),
        (
            lambda: torch.equal(there(3), here(3)),
            r"Cannot compare two tensors on different devices. Got: cuda:0 and cpu",
        ),
        (
            lambda: torch.meshgrid(there(2), here(2), indexing="ij"),
            "meshgrid expects all tensors to have the same device",
        ),
        (
            lambda: there(3).requires_grad_().mul(2).backward(here(3)),
            r"invalid gradient at index 0 - expected device cuda:0 but got cpu",
        ),
        (
            lambda: setattr(there(3).requires_grad_(), "grad", here(3)),
            "assigned grad has data located on a different device",
        ),
        (
            lambda: torch.randn(3, device="cuda", generator=torch.Generator()),
            "Expected a 'cuda' device type for generator but found 'cpu'",
        ),
        (
            lambda: torch.randn(3, generator=torch.Generator("cuda")),
            "Expected a 'cpu' device type for generator but found 'cuda'",
        ),
        (
            lambda: there(3).bernoulli_(generator=torch.Generator()),
            "Expected a 'cuda' device type for generator",
        ),
        (
            lambda: there(3).pin_memory(),
            "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned",
        ),
        (lambda: there(3).cuda(99), "CUDA error: invalid device ordinal"),
        (lambda: torch.cuda.set_device(99), "CUDA error: invalid device ordinal"),
    ],
)
def test_errors_of_their_own(call: Callable, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        call()


@pytest.mark.parametrize(
    "look", [lambda x: x.numpy(), np.asarray, lambda x: np.array([1.0]) * np.asarray(x)]
)
def test_numpy_cannot_look_at_a_gpu(look: Callable) -> None:
    advice = r"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu\(\) to copy the tensor to host memory first."
    with pytest.raises(TypeError, match=advice):
        look(there(3))
    assert there(3).numpy(force=True).tolist() == [1.0, 1.0, 1.0]


ALONG: dict[str, tuple[Callable[[], Any], Any]] = {
    "add": (lambda: there(2) + torch.tensor(2.0), [3.0, 3.0]),
    "on the left": (lambda: torch.tensor(2.0) - there(2), [1.0, 1.0]),
    "two numbers": (lambda: there() + torch.tensor(1.0), 2.0),
    "in place": (lambda: there(2).mul_(torch.tensor(3.0)), [3.0, 3.0]),
    "compare": (lambda: there(2) < torch.tensor(2.0), [True, True]),
    "where": (lambda: torch.where(there(2) > 1, there(2), torch.tensor(5.0)), [5.0, 5.0]),
    "clamp": (lambda: torch.clamp(there(2), torch.tensor(2.0)), [2.0, 2.0]),
    "addcdiv": (lambda: torch.addcdiv(there(2), there(2), torch.tensor(2.0)), [1.5, 1.5]),
    "fill_": (lambda: there(2).fill_(torch.tensor(4.0)), [4.0, 4.0]),
    "masked_fill": (lambda: there(2).masked_fill(there(2) > 0, torch.tensor(4.0)), [4.0, 4.0]),
    "index": (lambda: torch.arange(3.0, device="cuda")[places(2, 0)], [2.0, 0.0]),
    "index of a row": (lambda: torch.arange(3.0, device="cuda")[torch.tensor(1)], 1.0),
    "mask": (lambda: torch.arange(3.0, device="cuda")[torch.tensor([True, False, True])], [0.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONG)
def test_the_cpus_numbers_and_indices_go_along(name: str) -> None:
    call, expected = ALONG[name]
    found = call()
    assert found.device == torch.device("cuda", 0)
    assert found.tolist() == expected


def test_copies_cross_devices() -> None:
    assert there(2).copy_(torch.tensor([2.0, 3.0])).tolist() == [2.0, 3.0]
    assert torch.zeros(2).copy_(there(2)).tolist() == [1.0, 1.0]
    x = there(3)
    x[1:] = torch.tensor([5.0, 6.0])
    x[places(0)] = torch.tensor(4.0)
    assert x.tolist() == [4.0, 5.0, 6.0]
    weight = torch.ones(3, requires_grad=True)
    (weight.cuda() * there(3)).sum().backward()
    assert weight.grad.device.type == "cpu"


@pytest.mark.parametrize("bad", [3, -4])
def test_the_cpus_indices_are_looked_at(bad: int) -> None:
    """CuPy wraps an index that is out of range round, and says nothing."""
    for key in (
        places(bad),
        (slice(None), places(bad + (1 if bad > 0 else -1))),
        (places(bad), places(bad)),
    ):
        x = there(3, 4)
        with pytest.raises(IndexError, match="out of bounds for dimension"):
            x[key]
        for value in (2.0, there(1)):
            with pytest.raises(IndexError, match="out of bounds for dimension"):
                x[key] = value
        assert x.sum().item() == 12


def test_tensors_of_tensors() -> None:
    assert torch.tensor([there(), here()]).device.type == "cpu"
    assert torch.tensor([there(), here()], device="cuda").tolist() == [1.0, 1.0]
    with pytest.warns(UserWarning, match="copy construct"):
        made = torch.tensor(there(2).requires_grad_())
    assert made.is_cuda
    assert not made.requires_grad
    with pytest.warns(UserWarning, match="copy construct"):
        assert torch.tensor(there(2), device="cpu", dtype=torch.int64).tolist() == [1, 1]


def test_the_old_classes_say_where() -> None:
    made = torch.cuda.FloatTensor([1, 2])
    assert made.is_cuda
    assert made.tolist() == [1.0, 2.0]
    assert isinstance(made, torch.cuda.FloatTensor)
    assert not isinstance(made, torch.FloatTensor)
    assert not isinstance(made, torch.cuda.DoubleTensor)
    assert not isinstance(made.cpu(), torch.cuda.FloatTensor)
    assert made.type(torch.FloatTensor).device.type == "cpu"
    assert torch.ones(2).type(torch.cuda.HalfTensor).type() == "torch.cuda.HalfTensor"
    assert torch.cuda.FloatStorage(3).device.type == "cuda"
    assert isinstance(made.storage(), torch.cuda.FloatStorage)
    with pytest.raises(RuntimeError, match="legacy constructor expects device type: cuda"):
        torch.cuda.FloatTensor(2, device="cpu")


def test_points_of_sobols_sequence_are_the_cpus() -> None:
    with torch.device("cuda"):
        points = torch.quasirandom.SobolEngine(2, scramble=True, seed=1).draw(3)
    expected = torch.quasirandom.SobolEngine(2, scramble=True, seed=1).draw(3)
    assert torch.equal(points, expected)
