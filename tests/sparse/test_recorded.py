"""Calls with sparse tensors give what PyTorch gave for the same calls (tests/data/sparse.json)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch

RECORDS = json.loads((Path(__file__).parents[1] / "data" / "sparse.json").read_text())
CALLS = [record for record in RECORDS if "code" in record]
GRADIENTS = [record for record in RECORDS if "gradient" in record]


def names() -> dict[str, Any]:
    """The tensors that the records speak of."""
    i, v = torch.tensor([[0, 1, 1], [2, 0, 2]]), torch.tensor([3.0, 4.0, 5.0])
    x = torch.sparse_coo_tensor(i, v.clone(), (2, 3))
    u = torch.sparse_coo_tensor([[1, 1, 0], [2, 2, 0]], torch.tensor([1.0, 2.0, 7.0]), (2, 3))
    return {
        "torch": torch,
        "F": torch.nn.functional,
        "i": i,
        "v": v,
        "x": x,
        "s": x.coalesce().clone(),
        "u": u,
        "c": x.to_sparse_csr(),
        "d": torch.arange(6.0).reshape(2, 3),
        "h": torch.sparse_coo_tensor([[0, 2]], torch.arange(6.0).reshape(2, 3), (4, 3)),
        "copy": __import__("copy"),
    }


def value(code: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code, names())


def numbers(values: Any) -> Any:
    """Recorded numbers: complex ones are pairs."""
    return np.array(values)


def assert_recorded(result: Any, record: dict[str, Any]) -> None:
    if "items" in record:
        assert len(result) == len(record["items"])
        for item, expected in zip(result, record["items"]):
            assert_recorded(item, expected)
        return
    if "plain" in record:
        expected = record["plain"]
        assert (result if isinstance(expected, (int, float, bool)) else plain(result)) == expected
        return
    assert str(result.layout) == f"torch.{record['layout']}"
    assert str(result.dtype) == f"torch.{record['dtype']}"
    assert list(result.shape) == record["shape"]
    if record["layout"] == "strided":
        assert_close(result, record["values"])
        return
    if record["layout"] == "sparse_coo":
        assert result.is_coalesced() == record["coalesced"]
        assert result._indices().tolist() == record["indices"]
    else:
        rows = record["layout"] in ("sparse_csr", "sparse_bsr")
        found = (
            (result.crow_indices(), result.col_indices())
            if rows
            else (result.ccol_indices(), result.row_indices())
        )
        assert [index.tolist() for index in found] == record["indices"]
    assert_close(result._values(), record["values"])


def plain(result: Any) -> Any:
    return result if result is None or isinstance(result, str) else str(result)


def assert_close(x: torch.Tensor, values: Any) -> None:
    array, expected = x.detach().numpy(), np.array(values, dtype=object)
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], -1)
    expected = expected.astype(array.dtype if array.dtype.kind in "fi" else object).reshape(
        array.shape
    )
    if array.dtype.kind == "f":
        rtol = 1e-3 if array.dtype == np.float16 else 1e-5
        np.testing.assert_allclose(array, expected, rtol=rtol, atol=1e-6)
    else:
        assert array.tolist() == expected.tolist()


@pytest.mark.parametrize("record", CALLS, ids=[record["code"] for record in CALLS])
def test_call(record: dict[str, Any]) -> None:
    if "error" in record:
        with pytest.raises(Exception) as raised:
            value(record["code"])
        assert record["error"] in {cls.__name__ for cls in type(raised.value).__mro__}
        assert len(str(raised.value)) > 10
    else:
        assert_recorded(value(record["code"]), record)


@pytest.mark.parametrize("record", GRADIENTS, ids=[record["gradient"] for record in GRADIENTS])
def test_gradient(record: dict[str, Any]) -> None:
    """A sparse tensor's gradient is PyTorch's at its own places, and nothing elsewhere."""
    leaves = [value(code).detach().clone().requires_grad_() for code in record["of"]]
    result = eval(record["gradient"], names())(*leaves)
    if result.layout is not torch.strided:
        result = result.to_dense()
    weights = torch.arange(1.0, 1 + result.numel()).reshape(result.shape)
    (result * weights).sum().backward()
    for leaf, expected in zip(leaves, record["grads"]):
        found, wanted = leaf.grad, torch.tensor(expected)
        if leaf.layout is not torch.strided and "masked_grad" not in record["gradient"]:
            assert found.layout is leaf.layout
            places = torch.ones_like(leaf.to_dense()).sparse_mask(leaf.detach()).to_dense()
            wanted = wanted * places
        torch.testing.assert_close(found.to_dense(), wanted)
