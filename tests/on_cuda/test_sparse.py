"""Sparse and quantised tensors are on the CPU: what would put one on a GPU, or meets both, is refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.to_sparse(),
        lambda x: x.to_sparse_csr(),
        lambda x: x.cpu().to_sparse().cuda(),
        lambda x: torch.sparse_coo_tensor([[0]], [1.0], (3,), device=x.device),
    ],
    ids=["to_sparse", "to_sparse_csr", "cuda", "sparse_coo_tensor"],
)
def test_a_sparse_tensor_is_on_the_cpu(make: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with pytest.raises(NotImplementedError, match=r"sparse tensors are on the CPU.*call \.cpu\(\)"):
        make(torch.eye(3, device="cuda"))


def test_it_meets_no_operand_on_a_gpu() -> None:
    sparse = torch.eye(3).to_sparse_csr()
    with pytest.raises(RuntimeError, match=r"on the same device.*cuda:0 and cpu"):
        sparse @ torch.ones(3, 2, device="cuda")
    assert (sparse @ torch.ones(3, 1)).flatten().tolist() == [1.0, 1.0, 1.0]


def test_a_quantised_tensor_is_on_the_cpu() -> None:
    x = torch.ones(3, device="cuda")
    with pytest.raises(
        NotImplementedError, match=r"quantised tensors are on the CPU.*call \.cpu\(\)"
    ):
        torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)
    scales = torch.tensor([0.5, 0.25], device="cuda")
    zeros = torch.zeros(2, dtype=torch.int64, device="cuda")
    found = torch.quantize_per_channel(torch.ones(2, 1), scales, zeros, 0, torch.qint8)
    assert found.int_repr().tolist() == [[2], [4]]
