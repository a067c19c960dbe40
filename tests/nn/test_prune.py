"""Pruning; masks and numbers recorded from PyTorch 2.13.0."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.nn.utils import prune

nn = torch.nn


def layer() -> nn.Linear:
    made = nn.Linear(3, 2)
    made.weight.data = torch.tensor([[0.1, -0.5, 0.3], [0.9, -0.2, 0.05]])
    return made


def test_the_least_elements_then_more_then_columns() -> None:
    module = layer()
    assert prune.l1_unstructured(module, "weight", amount=2) is module
    assert module.weight_mask.tolist() == [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    prune.l1_unstructured(module, "weight", amount=0.5)
    assert module.weight_mask.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    (method,) = module._forward_pre_hooks.values()
    assert isinstance(method, prune.PruningContainer)
    assert len(method) == 2
    prune.ln_structured(module, "weight", amount=1, n=2, dim=1)
    torch.testing.assert_close(module.weight, torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]]))
    module(torch.ones(1, 3)).sum().backward()
    assert module.weight_orig.grad.tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert prune.is_pruned(nn.Sequential(module))
    assert sorted(module.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    prune.remove(module, "weight")
    assert not prune.is_pruned(module)
    assert sorted(module.state_dict()) == ["bias", "weight"]
    assert isinstance(module.weight, nn.Parameter)
    assert module.weight.count_nonzero() == 1
    with pytest.raises(ValueError, match=r"Parameter 'bias' of module .* has to be pruned"):
        prune.remove(module, "bias")


def test_several_as_one() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    first.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    first.bias.data, second.weight.data = torch.tensor([0.01, 5.0]), torch.tensor([[0.5, 8.0]])
    parameters = [(first, "weight"), (first, "bias"), (second, "weight")]
    prune.global_unstructured(parameters, prune.L1Unstructured, amount=3)
    assert first.weight.tolist() == [[0.0, 2.0], [3.0, 4.0]]
    assert first.bias.tolist() == [0.0, 5.0]
    assert second.weight.tolist() == [[0.0, 8.0]]
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE'):
        prune.global_unstructured(parameters, prune.LnStructured, amount=1, n=2)


def test_by_chance() -> None:
    torch.manual_seed(3)
    module = prune.random_unstructured(nn.Linear(4, 3), "weight", amount=0.5)
    assert module.weight_mask.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]]
    torch.manual_seed(3)
    module = prune.random_structured(nn.Linear(4, 3), "weight", amount=2, dim=1)
    assert module.weight_mask.tolist() == [[0, 0, 1, 1]] * 3


def test_by_a_mask_and_by_scores() -> None:
    module = prune.custom_from_mask(layer(), "weight", torch.tensor([[1, 0, 0], [0, 1, 1]]))
    assert module.weight.count_nonzero() == 3
    scores = torch.tensor([[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]])
    module = prune.l1_unstructured(layer(), "weight", 3, importance_scores=scores)
    assert module.weight_mask.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert prune.identity(layer(), "bias").bias_mask.tolist() == [1, 1]
    pruned = prune.L1Unstructured(2).prune(torch.tensor([3.0, -1.0, 2.0]))
    assert pruned.tolist() == [3.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("amount", "error", "message"),
    [
        (1.5, ValueError, "should either be a float in the range"),
        (-1, ValueError, "should either be a float in the range"),
        ("x", TypeError, "Invalid type for amount: x"),
        (100, ValueError, "smaller than the number of parameters to prune=6"),
    ],
)
def test_amounts_that_cannot_be(amount: object, error: type, message: str) -> None:
    module = layer()
    with pytest.raises(error, match=message):
        prune.l1_unstructured(module, "weight", amount)
    assert sorted(module._parameters) == ["bias", "weight"]


def test_a_method_of_ones_own() -> None:
    class EveryOther(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    module = layer()
    EveryOther.apply(module, "weight")
    assert module.weight_mask.tolist() == [[0, 1, 0], [1, 0, 1]]
    with pytest.raises(ValueError, match="multidimensional"):
        prune.ln_structured(module, "bias", 1, 2, 0)
