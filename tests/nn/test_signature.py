"""Signatures of the layers that take theirs from a function. They are PyTorch 2.13's."""

from __future__ import annotations

import inspect
import warnings

import pytest

import flambeau as torch
from flambeau.nn import functional as F

_OLD = "size_average=None, reduce=None, reduction='mean'"
SIGNATURES = {
    "L1Loss": f"({_OLD})",
    "MSELoss": f"({_OLD})",
    "SmoothL1Loss": f"({_OLD}, beta=1.0)",
    "HuberLoss": "(reduction='mean', delta=1.0)",
    "BCELoss": f"(weight=None, {_OLD})",
    "BCEWithLogitsLoss": f"(weight=None, {_OLD}, pos_weight=None)",
    "NLLLoss": "(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean')",
    "CrossEntropyLoss": (
        "(weight=None, size_average=None, ignore_index=-100, reduce=None, "
        "reduction='mean', label_smoothing=0.0)"
    ),
    "KLDivLoss": f"({_OLD}, log_target=False)",
    "PoissonNLLLoss": (
        "(log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction='mean')"
    ),
    "GaussianNLLLoss": "(*, full=False, eps=1e-06, reduction='mean')",
    "HingeEmbeddingLoss": f"(margin=1.0, {_OLD})",
    "MarginRankingLoss": f"(margin=0.0, {_OLD})",
    "CosineEmbeddingLoss": f"(margin=0.0, {_OLD})",
    "SoftMarginLoss": f"({_OLD})",
    "MultiMarginLoss": f"(p=1, margin=1.0, weight=None, {_OLD})",
    "MultiLabelMarginLoss": f"({_OLD})",
    "MultiLabelSoftMarginLoss": f"(weight=None, {_OLD})",
    "TripletMarginLoss": f"(margin=1.0, p=2.0, eps=1e-06, swap=False, {_OLD})",
    "TripletMarginWithDistanceLoss": (
        "(*, distance_function=None, margin=1.0, swap=False, reduction='mean')"
    ),
    "CTCLoss": "(blank=0, reduction='mean', zero_infinity=False)",
    "ReLU": "(inplace=False)",
    "LeakyReLU": "(negative_slope=0.01, inplace=False)",
    "ELU": "(alpha=1.0, inplace=False)",
    "SELU": "(inplace=False)",
    "CELU": "(alpha=1.0, inplace=False)",
    "GELU": "(approximate='none')",
    "SiLU": "(inplace=False)",
    "Mish": "(inplace=False)",
    "Softplus": "(beta=1.0, threshold=20.0)",
    "Hardsigmoid": "(inplace=False)",
    "Hardswish": "(inplace=False)",
    "Softshrink": "(lambd=0.5)",
    "Hardshrink": "(lambd=0.5)",
    "GLU": "(dim=-1)",
    "Threshold": "(threshold, value, inplace=False)",
    "Softmax": "(dim=None)",
    "Softmin": "(dim=None)",
    "LogSoftmax": "(dim=None)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_pytorch(name: str) -> None:
    assert str(inspect.signature(getattr(torch.nn, name))) == SIGNATURES[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_layers_keep_what_is_given_in_that_order(name: str) -> None:
    cls = getattr(torch.nn, name)
    own = inspect.signature(cls).parameters.values()
    values = {
        p.name: 0.25 if p.default is p.empty else p.default
        for p in own
        if p.name not in ("size_average", "reduce", "distance_function")
    }
    made = cls(**values)
    assert {n: getattr(made, n) for n in values} == values
    with pytest.raises(TypeError, match=rf"{name}.__init__\(\): got an unexpected"):
        cls(**values, other=1)


def test_positional_options_of_losses_stand_in_pytorch_s_places() -> None:
    made = torch.nn.SmoothL1Loss(None, None, "sum", 0.5)
    assert (made.reduction, made.beta) == ("sum", 0.5)
    with pytest.raises(TypeError, match="positional"):
        torch.nn.GaussianNLLLoss(True)


def test_old_arguments_of_losses_warn_once_where_they_are_given() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = torch.nn.MSELoss(size_average=False)
    assert made.reduction == "sum"
    (warning,) = caught
    assert warning.filename == __file__
    assert "please use reduction='sum' instead" in str(warning.message)


def test_documents_of_activations_are_those_of_their_functions() -> None:
    text = inspect.getdoc(torch.nn.LeakyReLU)
    assert text is not None
    assert text.split("\n")[0] == "input where positive, negative_slope * input elsewhere."
    assert "Source: torch.nn.LeakyReLU" in text


def test_a_subclass_has_a_signature_and_options_of_its_own_function() -> None:
    class Slow(torch.nn.LeakyReLU):
        """Another default."""

        def __init__(self, negative_slope: float = 0.5) -> None:
            super().__init__(negative_slope)

    x = torch.tensor([-2.0, 1.0])
    assert Slow()(x).tolist() == [-1.0, 1.0]
    assert F.leaky_relu(x, 0.5).tolist() == [-1.0, 1.0]
    assert Slow.__doc__ == "Another default."


INPLACE = {
    "relu_": ("(input)", [0.0, 2.0]),
    "elu_": ("(input, alpha=1.0)", [-0.6321206, 2.0]),
    "selu_": ("(input)", [-1.1113307, 2.101402]),
    "celu_": ("(input, alpha=1.0)", [-0.6321206, 2.0]),
    "leaky_relu_": ("(input, negative_slope=0.01)", [-0.01, 2.0]),
    "hardtanh_": ("(input, min_val=-1.0, max_val=1.0)", [-1.0, 1.0]),
    "threshold_": ("(input, threshold, value)", [7.0, 2.0]),
}
"""In-place forms: their signature, and what they make of -1 and 2 (threshold_: with 0 and 7)."""


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_forms_have_their_function_s_signature(name: str) -> None:
    form = getattr(F, name)
    signature, expected = INPLACE[name]
    bare = [
        item.replace(annotation=item.empty) for item in inspect.signature(form).parameters.values()
    ]
    assert str(inspect.Signature(bare)) == signature
    x = torch.tensor([-1.0, 2.0])
    assert form(x, *((0.0, 7.0) if name == "threshold_" else ())) is x
    assert x.tolist() == pytest.approx(expected, rel=1e-6)
