"""Embeddings, their sums over bags, and losses of classes: on CUDA what they are on the CPU."""

from __future__ import annotations

from typing import Any

import pytest

import flambeau as torch

F = torch.nn.functional


def assert_same(function: Any, *tensors: Any) -> None:
    """A function's value and gradients are the CPU's."""
    leaves = [[x.detach().to(device) for x in tensors] for device in ("cpu", "cuda")]
    results = []
    for given in leaves:
        for x in given:
            x.requires_grad_(x.is_floating_point())
        y = function(*given)
        (y * torch.arange(1.0, y.numel() + 1, device=y.device).reshape(y.shape)).sum().backward()
        results.append([y, *(x.grad for x in given if x.requires_grad)])
    for host, device in zip(*results, strict=True):
        assert device.device.type == "cuda"
        torch.testing.assert_close(device.cpu().to_dense(), host.to_dense(), rtol=1e-5, atol=1e-6)


TABLE = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
INDEX = torch.tensor([[1, 2, 2], [6, 0, 2]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_idx": 2},
        {"scale_grad_by_freq": True},
        {"max_norm": 1.0},
        {"max_norm": 1.0, "norm_type": float("inf")},
    ],
)
def test_embedding(options: dict[str, Any]) -> None:
    assert_same(lambda table, index: F.embedding(index, table * 1, **options), TABLE, INDEX)


def test_embedding_to_second_order() -> None:
    """The gradient of a gradient towards what came in, where rows count by how often they are met."""

    def function(table: Any, g: Any, index: Any) -> Any:
        y = F.embedding(index, table, padding_idx=2, scale_grad_by_freq=True)
        return torch.autograd.grad(y, table, g, create_graph=True)[0] * table

    assert_same(function, TABLE, torch.rand(2, 3, 5), INDEX)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("offsets", [None, [0, 2, 2], [0, 0, 5]])
def test_bags(mode: str, padding: int | None, offsets: Any) -> None:
    index = INDEX if offsets is None else INDEX.reshape(-1)

    def function(table: Any, index: Any) -> Any:
        starts = None if offsets is None else torch.tensor(offsets, device=index.device)
        return F.embedding_bag(index, table, starts, mode=mode, padding_idx=padding)

    assert_same(function, TABLE, index)


def test_weighted_bags() -> None:
    assert_same(
        lambda table, index, w: F.embedding_bag(index, table, mode="sum", per_sample_weights=w),
        TABLE, INDEX, torch.rand(2, 3),
    )  # fmt: skip


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_what_bags_give_beside(mode: int) -> None:
    offsets = torch.tensor([0, 2, 2])
    given = TABLE, INDEX.reshape(-1), offsets, False, mode, False, None, False, 2
    host = torch.embedding_bag(*given)
    device = torch.embedding_bag(*(x.cuda() if isinstance(x, torch.Tensor) else x for x in given))
    for a, b in zip(host, device, strict=True):
        torch.testing.assert_close(b.cpu(), a)


def test_indices_out_of_range() -> None:
    with pytest.raises(IndexError, match="out of range"):
        F.embedding(torch.tensor([7], device="cuda"), TABLE.cuda())
    with pytest.raises(IndexError, match="out of range"):
        F.embedding_bag(torch.tensor([[0, -1]], device="cuda"), TABLE.cuda())


LOGITS = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([0, 4, 2, 2, 1, 3])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [{}, {"ignore_index": 2}, {"label_smoothing": 0.1}, {"weight": [1.0, 2, 3, 4, 5]}],
)
def test_cross_entropy(reduction: str, options: dict[str, Any]) -> None:
    def function(x: Any, target: Any) -> Any:
        given = dict(options)
        if "weight" in given:
            given["weight"] = torch.tensor(given["weight"], device=x.device)
        return F.cross_entropy(x, target, reduction=reduction, **given)

    assert_same(function, LOGITS, CLASSES)


def test_cross_entropy_of_probabilities_and_pixels() -> None:
    assert_same(lambda x, p: F.cross_entropy(x, p.softmax(-1)), LOGITS, LOGITS * 2)
    pixels = torch.randn(2, 5, 3, 4)
    assert_same(lambda x, t: F.cross_entropy(x, t), pixels, torch.randint(5, (2, 3, 4)))


def test_nll_loss() -> None:
    assert_same(lambda x, t: F.nll_loss(x.log_softmax(1), t, ignore_index=4), LOGITS, CLASSES)
    with pytest.raises(IndexError):
        F.nll_loss(LOGITS.cuda(), CLASSES.cuda() + 3)


def test_one_hot() -> None:
    for given in ((CLASSES,), (CLASSES, 7), (CLASSES[:0], 3)):
        found = F.one_hot(given[0].cuda(), *given[1:])
        assert torch.equal(found.cpu(), F.one_hot(*given))
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(CLASSES.cuda(), 3)
