"""Results of several named parts, and torch.return_types that holds their classes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import flambeau as torch

X = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
SQUARE = torch.tensor([[2.0, 0.0], [0.0, 1.0]])

# Name in torch.return_types, its parts (as PyTorch 2.13 has them), a call that answers with it.
RESULTS: list[tuple[str, tuple[str, ...], Callable[[], Any]]] = [
    ("aminmax", ("min", "max"), lambda: torch.aminmax(X)),
    ("cummax", ("values", "indices"), lambda: torch.cummax(X, 0)),
    ("cummin", ("values", "indices"), lambda: torch.cummin(X, 0)),
    ("frexp", ("mantissa", "exponent"), lambda: torch.frexp(X)),
    ("histogram", ("hist", "bin_edges"), lambda: torch.histogram(X, 2)),
    ("histogramdd", ("hist", "bin_edges"), lambda: torch.histogramdd(X, [1, 1])),
    ("kthvalue", ("values", "indices"), lambda: torch.kthvalue(X, 1)),
    ("linalg_eigh", ("eigenvalues", "eigenvectors"), lambda: torch.linalg.eigh(SQUARE)),
    ("linalg_slogdet", ("sign", "logabsdet"), lambda: torch.linalg.slogdet(SQUARE)),
    ("linalg_svd", ("U", "S", "Vh"), lambda: torch.linalg.svd(SQUARE)),
    ("max", ("values", "indices"), lambda: torch.max(X, 0)),
    ("median", ("values", "indices"), lambda: torch.median(X, 0)),
    ("min", ("values", "indices"), lambda: X.min(dim=0)),
    ("mode", ("values", "indices"), lambda: torch.mode(X)),
    ("nanmedian", ("values", "indices"), lambda: torch.nanmedian(X, 0)),
    ("sort", ("values", "indices"), lambda: torch.sort(X)),
    ("topk", ("values", "indices"), lambda: torch.topk(X, 1)),
]


def _listed(part: Any) -> Any:
    return [p.tolist() for p in part] if isinstance(part, (tuple, list)) else part.tolist()


@pytest.mark.parametrize(("name", "fields", "call"), RESULTS, ids=[r[0] for r in RESULTS])
def test_results_are_of_the_classes_that_return_types_holds(
    name: str, fields: tuple[str, ...], call: Callable[[], Any]
) -> None:
    result = call()
    assert type(result) is getattr(torch.return_types, name)
    assert isinstance(result, tuple)
    assert name in dir(torch.return_types)
    assert [getattr(result, field) is part for field, part in zip(fields, result)] == [True] * len(
        fields
    )
    shown = ",\n".join(f"{field}={part!r}" for field, part in zip(fields, result))
    assert repr(result) == f"torch.return_types.{name}(\n{shown})"
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert type(again) is type(result)
        assert [_listed(part) for part in again] == [_listed(part) for part in result]


def test_a_result_is_loaded_where_its_operation_was_not_used_yet() -> None:
    data = pickle.dumps(torch.topk(X, 1))
    code = (
        "import pickle, sys\n"
        "result = pickle.loads(sys.stdin.buffer.read())\n"
        "import flambeau\n"
        "assert type(result) is flambeau.return_types.topk, type(result)\n"
        "print(result.values.tolist(), type(flambeau.topk(flambeau.ones(2), 1)) is type(result))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().split("\n")[0] == "[[3.0], [4.0]] True"


@pytest.mark.parametrize("name", ["sort", "max", "median", "kthvalue", "cummax", "topk"])
def test_what_was_written_comes_back_under_the_same_names(name: str) -> None:
    arguments = {"max": (0,), "median": (0,), "kthvalue": (1,), "cummax": (0,), "topk": (1,)}
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = getattr(torch, name)(X, *arguments.get(name, ()), out=(values, indices))
    assert result.values is values
    assert result.indices is indices
    assert type(result) is getattr(torch.return_types, f"{name}_out")
    assert repr(result).startswith(f"torch.return_types.{name}_out(\nvalues=")
    with pytest.raises(TypeError, match="out"):
        getattr(torch, name)(X, *arguments.get(name, ()), out=values)


def test_results_are_no_namedtuples() -> None:
    made = torch.return_types.sort
    assert made.__match_args__ == ("values", "indices")
    assert (made.n_fields, made.n_sequence_fields, made.n_unnamed_fields) == (2, 2, 0)
    assert not hasattr(made, "_fields")
    with pytest.raises(AttributeError):
        torch.sort(X).values = X


def test_a_result_takes_as_many_parts_as_it_has_names() -> None:
    with pytest.raises(TypeError, match=r"sort\(\) takes a 2-sequence \(1-sequence given\)"):
        torch.return_types.sort((X,))
