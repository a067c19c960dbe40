"""Norms by names of their own; values are PyTorch 2.13.0's."""

import pytest

import flambeau as torch

V = torch.tensor([[3.0, 4.0], [0.0, 2.0]])


def test_nuclear_norm():
    assert torch.nuclear_norm(V).item() == pytest.approx(6.403124)
    assert torch.nuclear_norm(V, True).shape == (1, 1)
    assert torch.nuclear_norm(V.reshape(1, 2, 2), dim=(1, 2)).tolist() == pytest.approx([6.403124])
    result = torch.empty(())
    assert torch.nuclear_norm(V, out=result) is result


def test_frobenius_norm():
    assert torch.frobenius_norm(V, [0]).tolist() == pytest.approx([3.0, 4.472136])
    assert torch.frobenius_norm(V, [0, 1], True).tolist() == [[pytest.approx(5.385165)]]
    assert torch.frobenius_norm(V, []).item() == pytest.approx(5.385165)
