"""Gradients that are sparse: of leaves, of embeddings and gathers, and what optimisers do with them."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional


def table() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.arange(15.0).reshape(5, 3) / 10)


def test_embedding_gives_the_rows_that_were_picked() -> None:
    weight = table()
    picked = F.embedding(torch.tensor([[1, 4], [1, 0]]), weight, padding_idx=0, sparse=True)
    (picked * torch.arange(12.0).reshape(2, 2, 3)).sum().backward()
    grad = weight.grad
    assert grad.layout is torch.sparse_coo
    assert grad._indices().tolist() == [[1, 4, 1]]
    assert grad._values().tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def test_bags_and_gather() -> None:
    weight = table()
    bags = F.embedding_bag(torch.tensor([1, 0, 1]), weight, torch.tensor([0, 2]), sparse=True)
    bags.sum().backward()
    assert weight.grad.coalesce().indices().tolist() == [[0, 1]]
    assert weight.grad.to_dense()[:2].tolist() == [[0.5] * 3, [1.5] * 3]
    with pytest.raises(ValueError, match="max mode does not support sparse weights"):
        F.embedding_bag(torch.tensor([[1]]), weight, mode="max", sparse=True)
    x = torch.ones(2, 3, requires_grad=True)
    torch.gather(x, 1, torch.tensor([[2, 0]]), sparse_grad=True).sum().backward()
    assert x.grad._indices().tolist() == [[0, 0], [2, 0]]


def test_counts_refuse() -> None:
    weight = table()
    picked = F.embedding(torch.tensor([1]), weight, scale_grad_by_freq=True, sparse=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse"):
        picked.sum().backward()


def test_sparse_and_dense_gradients_add_up() -> None:
    index = torch.tensor([1, 2])
    wanted = torch.zeros(5, 3)
    wanted[1:3] = 1
    for first, second in (("sparse", "dense"), ("dense", "sparse"), ("sparse", "sparse")):
        weight = table()
        total = torch.zeros(5, 3)
        for kind in (first, second):
            if kind == "sparse":
                F.embedding(index, weight, sparse=True).sum().backward()
                total += wanted
            else:
                (weight * 2).sum().backward()
                total += 2
        both = first == second
        assert weight.grad.layout is (torch.sparse_coo if both else torch.strided)
        assert weight.grad.to_dense().tolist() == total.tolist()
    weight = table()
    (F.embedding(index, weight, sparse=True).sum() + (weight * 3).sum()).backward()
    assert weight.grad.tolist() == (wanted + 3).tolist()


def test_gradients_pass_products_on_their_way() -> None:
    weight = table()
    F.embedding(torch.tensor([1, 1]), torch.tanh(weight) * 2, sparse=True).sum().backward()
    assert weight.grad.layout is torch.sparse_coo
    slope = 2 * (1 - np.tanh(weight.detach().numpy()[1]) ** 2)
    np.testing.assert_allclose(weight.grad.to_dense()[1].numpy(), 2 * slope, rtol=1e-5)


def test_a_users_gradient_is_the_users_own() -> None:
    """It may be written to, and no second backward sees that."""
    x = torch.eye(2).to_sparse().requires_grad_()
    y = torch.sparse.sum(x)
    y.backward(retain_graph=True)
    x.grad.mul_(5)
    x.grad = None
    y.backward()
    assert x.grad.to_dense().tolist() == [[1.0, 0.0], [0.0, 1.0]]


def steps(name: str, sparse: bool, **options: float) -> tuple[list, torch.optim.Optimizer]:
    weight = table()
    optimizer = getattr(torch.optim, name)([weight], **options)
    for k in range(4):
        optimizer.zero_grad()
        picked = F.embedding(torch.tensor([[k, 1], [4, 1]]), weight, sparse=sparse)
        (picked**2).sum().backward()
        optimizer.step()
    return weight.tolist(), optimizer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("SGD", {"lr": 0.1, "maximize": True}),
        ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ],
)
def test_steps_are_those_of_dense_gradients(name: str, options: dict) -> None:
    np.testing.assert_allclose(
        steps(name, True, **options)[0], steps(name, False, **options)[0], rtol=1e-5, atol=1e-7
    )


def test_sparse_adam_is_pytorchs() -> None:
    found, optimizer = steps("SparseAdam", True, lr=0.1)
    expected = [  # PyTorch 2.13
        [0.0, 0.0, 0.1],
        [-0.064871, 0.021047, 0.115317],
        [0.536119, 0.636119, 0.736119],
        [0.841887, 0.941887, 1.041887],
        [0.803007, 0.902682, 1.002418],
    ]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    (state,) = optimizer.state.values()
    assert float(state["step"]) == 4
    assert state["exp_avg"].layout is torch.strided


def test_other_algorithms_refuse() -> None:
    for name in ("Adam", "AdamW", "RMSprop", "Adadelta"):
        with pytest.raises(RuntimeError, match=f"{name} does not support sparse gradients"):
            steps(name, True)
    with pytest.raises(RuntimeError, match="weight_decay"):
        steps("SGD", True, lr=0.1, weight_decay=0.1)
    with pytest.raises(RuntimeError, match="weight_decay"):
        steps("Adagrad", True, weight_decay=0.1)
    with pytest.raises(ValueError, match="requires dense parameter tensors"):
        torch.optim.SparseAdam([torch.eye(2).to_sparse().requires_grad_()])


def test_clipping() -> None:
    weight = table()
    F.embedding(torch.tensor([1, 1]), weight, sparse=True).sum().backward()
    norm = torch.nn.utils.clip_grad_norm_([weight], 1.0)
    assert float(norm) == pytest.approx(np.sqrt(12))
    assert float(weight.grad.norm()) == pytest.approx(1.0, rel=1e-4)
