"""Page-locked memory: where it comes from, and copies from and to it that nobody waits for."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader, TensorDataset

cuda = torch.cuda


def test_a_copy_is_pinned_and_lies_as_the_tensor_does() -> None:
    x = torch.randn(3, 4).t()
    assert not x.is_pinned()
    pinned = x.pin_memory()
    assert pinned.is_pinned()
    assert pinned[1:, 2].is_pinned()
    assert pinned.stride() == x.stride()
    assert torch.equal(pinned, x)
    assert pinned.pin_memory() is pinned
    assert not pinned.clone().is_pinned()
    with pytest.raises(RuntimeError, match=r"cannot pin 'torch\.cuda\.FloatTensor'"):
        x.cuda().pin_memory()
    assert not x.cuda().is_pinned()


def test_it_has_a_gradient() -> None:
    w = torch.ones(2, requires_grad=True)
    (w.pin_memory() * 3).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3, 3]


LIKE = torch.ones(2, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: torch.empty(2, 3, **options),
        lambda **options: torch.empty(0, 3, **options),
        lambda **options: torch.zeros(2, **options),
        lambda **options: torch.full((2,), 7.0, **options),
        lambda **options: torch.tensor([1, 2], **options),
        lambda **options: torch.arange(3, **options),
        lambda **options: torch.rand(3, **options),
        lambda **options: torch.randn_like(LIKE, **options),
        lambda **options: torch.ones_like(LIKE, **options),
        lambda **options: torch.normal(0.0, 1.0, (3,), **options),
        lambda **options: torch.hann_window(4, **options),
        lambda **options: LIKE.new_tensor([1.0], **options),
    ],
)
def test_what_makes_tensors_can_make_them_there(make: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    plain = make()
    torch.manual_seed(0)
    made = make(pin_memory=True)
    assert made.is_pinned()
    assert made.shape == plain.shape
    assert made.dtype is plain.dtype
    with pytest.raises(RuntimeError, match="Only dense CPU tensors can be pinned"):
        torch.empty(2, device="cuda", pin_memory=True)


def test_the_others_have_the_values_too() -> None:
    assert torch.tensor([[1.5, 2], [3, 4]], pin_memory=True).tolist() == [[1.5, 2], [3, 4]]
    assert torch.arange(5, pin_memory=True).tolist() == [0, 1, 2, 3, 4]


def test_copies_that_nobody_waits_for() -> None:
    x = torch.arange(1000.0, pin_memory=True)
    there = x.to("cuda", non_blocking=True)
    del x
    back = there.to("cpu", non_blocking=True)
    cuda.synchronize()
    assert back.is_pinned()
    assert back.tolist() == list(range(1000))
    assert not there.cpu().is_pinned()


def test_memory_is_used_again_and_counted() -> None:
    gc.collect()
    before = cuda.host_memory_stats()
    x = torch.empty(100, pin_memory=True)
    address = x.data_ptr()
    during = cuda.host_memory_stats()
    assert during["active_bytes.current"] - before["active_bytes.current"] == 400
    assert during["allocated_bytes.current"] - before["allocated_bytes.current"] in (0, 512)
    view = x[3:]
    del x
    held = cuda.host_memory_stats()["active_bytes.current"]
    assert held == during["active_bytes.current"]  # a part keeps all of it
    del view
    assert cuda.host_memory_stats()["active_bytes.current"] == before["active_bytes.current"]
    assert torch.empty(100, pin_memory=True).data_ptr() == address
    cuda.reset_peak_host_memory_stats()
    torch.accelerator.empty_host_cache()


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_loaders(workers: int) -> None:
    data = TensorDataset(torch.arange(6.0), torch.arange(6))
    options = {"multiprocessing_context": "fork"} if workers else {}
    loader = DataLoader(data, batch_size=4, pin_memory=True, num_workers=workers, **options)
    seen = []
    for x, y in loader:
        assert x.is_pinned()
        assert y.is_pinned()
        seen += x.cuda(non_blocking=True).tolist()
    assert seen == [0, 1, 2, 3, 4, 5]
