"""Every layer against PyTorch: its repr, seeded first values, outputs, gradients and state."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch

RECORDS = json.loads((Path(__file__).parents[1] / "data" / "layers.json").read_text())


def name(record: dict[str, Any]) -> str:
    return record["layer"] + ("" if record["train"] else "-eval")


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def values(start: int, shape: list[int]) -> torch.Tensor:
    count = math.prod(shape)
    return torch.from_numpy(np.cos(np.arange(float(count)) * 0.37 + start).reshape(shape))


def tensors(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [x for part in result or () for x in tensors(part)]


def made(record: dict[str, Any]) -> torch.nn.Module:
    torch.manual_seed(3)
    with torch.device("cpu"):  # whose first values are recorded
        layer = eval(f"nn.{record['layer']}", {"nn": torch.nn}).train(record["train"])
    return layer.to(torch.get_default_device())


def near(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("record", RECORDS, ids=name)
def test_repr(record: dict[str, Any]) -> None:
    assert repr(made(record)) == record["repr"]


@pytest.mark.parametrize("record", RECORDS, ids=name)
def test_outputs_gradients_and_state(record: dict[str, Any]) -> None:
    layer = made(record)
    inputs = [values(i, shape).requires_grad_() for i, shape in enumerate(record["inputs"])]
    torch.manual_seed(4)
    outputs = tensors(layer(*inputs))
    assert [list(y.shape) for y in outputs] == [want[0] for want in record["outputs"]]
    for y, (_, first, total) in zip(outputs, record["outputs"], strict=True):
        near(y.detach().numpy().ravel()[:12], first)
        near(y.detach().sum().item(), total)
    loss = sum((y * values(9, list(y.shape))).sum() for y in outputs if y.requires_grad)
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    for x, want in zip(inputs, record["grads"], strict=True):
        assert (x.grad is None) == (want is None)
        if x.grad is not None:
            near(x.grad.numpy().ravel()[:12], want[0])
            near(x.grad.sum().item(), want[1])
    state = layer.state_dict()
    assert list(state) == list(record["state"])
    for key, (shape, total) in record["state"].items():
        assert list(state[key].shape) == shape
        near(state[key].double().sum().item(), total)
    grads = {key: p.grad for key, p in layer.named_parameters() if p.grad is not None}
    assert list(grads) == list(record["parameter_grads"])
    for key, total in record["parameter_grads"].items():
        near(grads[key].sum().item(), total)


@pytest.mark.parametrize("record", RECORDS, ids=name)
def test_layers_are_copied_saved_and_converted(record: dict[str, Any]) -> None:
    import copy
    import pickle

    layer = made(record)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == record["repr"]
        for (key, a), (other_key, b) in zip(
            layer.state_dict().items(), other.state_dict().items(), strict=True
        ):
            assert key == other_key
            assert a is not b
            assert torch.equal(a, b)
    half = copy.deepcopy(layer).float()
    assert all(p.dtype is torch.float32 for p in half.parameters())
    assert str(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"


def test_relu6_is_a_hardtanh():
    layer = torch.nn.ReLU6(inplace=True)
    assert isinstance(layer, torch.nn.Hardtanh)
    kept = {key: layer.__dict__[key] for key in ("min_val", "max_val", "inplace")}
    assert kept == {"min_val": 0.0, "max_val": 6.0, "inplace": True}
    assert repr(layer) == "ReLU6(inplace=True)"
    x = torch.tensor([-1.0, 3.0, 7.0])
    assert layer(x) is x
    assert x.tolist() == [0.0, 3.0, 6.0]


def test_linear_cross_entropy_wants_a_weight_for_each_class():
    with pytest.raises(RuntimeError, match=r"expected weight shape to be \(2,\), got \(3,\)"):
        torch.nn.LinearCrossEntropyLoss(3, 2, weight=torch.ones(3))
