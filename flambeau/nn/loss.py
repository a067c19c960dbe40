"""Loss layers: the losses of nn.functional with their options kept."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from . import functional as F
from .module import Module

TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "L1Loss": ("l1_loss", {}),
    "MSELoss": ("mse_loss", {}),
    "SmoothL1Loss": ("smooth_l1_loss", {"beta": 1.0}),
    "HuberLoss": ("huber_loss", {"delta": 1.0}),
    "BCELoss": ("binary_cross_entropy", {"weight": None}),
    "BCEWithLogitsLoss": ("binary_cross_entropy_with_logits", {"weight": None, "pos_weight": None}),
    "NLLLoss": ("nll_loss", {"weight": None, "ignore_index": -100}),
    "CrossEntropyLoss": (
        "cross_entropy",
        {"weight": None, "ignore_index": -100, "label_smoothing": 0.0},
    ),
    "KLDivLoss": ("kl_div", {"log_target": False}),
}
"""Class, its function in nn.functional, its options with their defaults; all have reduction too."""

_POSITIONS = {
    "SmoothL1Loss": ("size_average", "reduce", "reduction", "beta"),
    "HuberLoss": ("reduction", "delta"),
    "BCEWithLogitsLoss": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    "BCELoss": ("weight", "size_average", "reduce", "reduction"),
    "NLLLoss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "CrossEntropyLoss": (
        "weight",
        "size_average",
        "ignore_index",
        "reduce",
        "reduction",
        "label_smoothing",
    ),
    "KLDivLoss": ("size_average", "reduce", "reduction", "log_target"),
}
_BUFFERS = ("weight", "pos_weight")


class Loss(Module):
    """Base of the losses in `TABLE`."""

    function: str
    defaults: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        order = _POSITIONS.get(type(self).__name__, ("size_average", "reduce", "reduction"))
        if len(args) > len(order) or set(kwargs) - set(order):
            raise TypeError(f"{type(self).__name__}() takes the arguments {list(order)}")
        given = {**dict(zip(order, args)), **kwargs}
        old = given.pop("size_average", None), given.pop("reduce", None)
        self.reduction = given.pop("reduction", "mean")
        if old != (None, None):
            self.reduction = "none" if old[1] is False else "sum" if old[0] is False else "mean"
        for name, value in {**self.defaults, **given}.items():
            if name in _BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = {name: getattr(self, name) for name in self.defaults}
        return getattr(F, self.function)(input, target, reduction=self.reduction, **options)


LAYERS = {
    name: type(
        name,
        (Loss,),
        {
            "__module__": __name__,
            "function": function,
            "defaults": defaults,
            "__doc__": f"The loss torch.nn.functional.{function}.\n\n    Source: torch.nn.{name}\n    ",
        },
    )
    for name, (function, defaults) in TABLE.items()
}
globals().update(LAYERS)
