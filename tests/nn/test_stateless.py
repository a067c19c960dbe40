"""Modules with other tensors in place of theirs."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.nn.utils import stateless
from flambeau.nn.utils._named_member_accessor import NamedMemberAccessor, set_tensor, swap_tensor

nn = torch.nn


def test_members_by_their_names() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    access = NamedMemberAccessor(model)
    weight, other = model[0].weight, torch.ones(1, 2)
    assert access.get_tensor("0.weight") is weight
    assert access.swap_tensor("0.weight", other) is weight
    assert model[0].weight is other
    before, missing = access.swap_tensors_dict({"0.weight": weight, "0.absent": None}, True)
    assert before["0.weight"] is other
    assert missing == ["0.absent"]
    with pytest.raises(RuntimeError, match=r"Missing key\(s\): '0.gone'"):
        access.swap_tensors_dict({"0.weight": other, "0.gone": other})
    assert model[0].weight is weight
    missing, unexpected = access.check_keys(["0.weight", "0.bias", "x"])
    assert unexpected == ["x"]
    assert "1.running_mean" in missing
    with pytest.raises(AttributeError, match="Linear has no attribute `gone`"):
        access.get_submodule("0.gone")
    with pytest.raises(KeyError, match="contain"):
        set_tensor(model, "0.weight", other)
    with pytest.raises(TypeError, match=r"not an instance of torch\.Tensor"):
        swap_tensor(model[0], "weight", 3)


def test_calls_with_other_values() -> None:
    values = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    with pytest.warns(FutureWarning, match="torch.func.functional_call"):
        y = stateless.functional_call(nn.Linear(2, 1), values, torch.tensor([1.0, 2.0]))
    assert y.tolist() == [3.0]


def test_what_a_module_replaces_is_in_the_dict() -> None:
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(1))

        def forward(self):
            self.count = self.count + 1

    model, values = Counting(), {"count": torch.tensor([5.0])}
    torch.func.functional_call(model, values, ())
    assert values["count"].tolist() == [6.0]
    assert model.count.tolist() == [0.0]
