"""What no library has for the GPU runs on the CPU, and says so once; what has no result says so too."""

from __future__ import annotations

import warnings

import pytest

import flambeau as torch


def test_a_definition_of_single_elements_runs_on_the_cpu_with_one_warning() -> None:
    A = torch.tensor([[0.0, 2.0], [2.0, 1.0]], device="cuda")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        LD, pivots = torch.linalg.ldl_factor(A)
        torch.linalg.ldl_factor(A)
    assert len([w for w in said if "ldl_factor has no CUDA form" in str(w.message)]) <= 1
    assert LD.device == pivots.device == A.device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.linalg.ldl_solve(LD, pivots, torch.ones(2, 1, device="cuda"))
    assert torch.allclose(A @ x, torch.ones(2, 1, device="cuda"))


def test_matrices_without_a_result() -> None:
    singular = torch.ones(2, 2, device="cuda")
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        torch.linalg.inv(singular)
    with pytest.raises(torch.linalg.LinAlgError, match="not positive-definite"):
        torch.linalg.cholesky(-torch.eye(2, device="cuda"))
    batch = torch.stack([torch.eye(2, device="cuda"), singular])
    _, info = torch.linalg.inv_ex(batch)
    assert info.tolist() == [0, 2]
    assert torch.linalg.lu_factor_ex(batch).info.tolist() == [0, 2]


def test_triangles_and_factors_are_those_of_the_cpu() -> None:
    torch.manual_seed(0)
    a = torch.rand(3, 5, 5) + 2 * torch.eye(5)
    b = torch.rand(3, 5, 2)
    for function in (
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=True),
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=False, unitriangular=True),
        lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b),
        lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a @ a.mT)),
        lambda a, b: torch.linalg.solve(a[0], b),
    ):
        got = function(a.to("cuda"), b.to("cuda"))
        assert got.device.type == "cuda"
        torch.testing.assert_close(got.cpu(), function(a, b), rtol=1e-4, atol=1e-4)
