"""Layers without parameters that are one function: a table of names, arguments and defaults."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from . import functional as F
from .module import Module

TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "ReLU": ("relu", {"inplace": False}),
    "ReLU6": ("relu6", {"inplace": False}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": 0.01, "inplace": False}),
    "ELU": ("elu", {"alpha": 1.0, "inplace": False}),
    "SELU": ("selu", {"inplace": False}),
    "CELU": ("celu", {"alpha": 1.0, "inplace": False}),
    "GELU": ("gelu", {"approximate": "none"}),
    "SiLU": ("silu", {"inplace": False}),
    "Mish": ("mish", {"inplace": False}),
    "Softplus": ("softplus", {"beta": 1.0, "threshold": 20.0}),
    "Softsign": ("softsign", {}),
    "Hardsigmoid": ("hardsigmoid", {"inplace": False}),
    "Hardswish": ("hardswish", {"inplace": False}),
    "Tanhshrink": ("tanhshrink", {}),
    "Softshrink": ("softshrink", {"lambd": 0.5}),
    "Hardshrink": ("hardshrink", {"lambd": 0.5}),
    "LogSigmoid": ("logsigmoid", {}),
    "Sigmoid": ("sigmoid", {}),
    "Tanh": ("tanh", {}),
    "GLU": ("glu", {"dim": -1}),
    "Softmax": ("softmax", {"dim": None}),
    "Softmin": ("softmin", {"dim": None}),
    "LogSoftmax": ("log_softmax", {"dim": None}),
}
"""Class, its function in nn.functional, its arguments in order with their defaults."""


class Activation(Module):
    """Base of the layers in `TABLE`."""

    function: str
    defaults: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        names = list(self.defaults)
        if len(args) > len(names) or set(kwargs) - set(names):
            raise TypeError(
                f"{type(self).__name__}() takes the arguments {names}, got {len(args)} positional ones "
                f"and {sorted(kwargs)}"
            )
        for name, value in {**self.defaults, **dict(zip(names, args)), **kwargs}.items():
            setattr(self, name, value)

    def forward(self, input: Tensor) -> Tensor:
        options = {name: self.__dict__[name] for name in self.defaults}
        return getattr(F, self.function)(input, **options)

    def extra_repr(self) -> str:
        state = self.__dict__
        shown = []
        for name in self.defaults:
            if name == "inplace":
                shown += ["inplace=True"] if state[name] else []
            elif type(self).__name__ in ("Softshrink", "Hardshrink"):
                shown.append(str(state[name]))
            else:
                shown.append(f"{name}={state[name]!r}")
        return ", ".join(shown)


def _layer(name: str, function: str, defaults: dict[str, Any]) -> type[Activation]:
    arguments = ", ".join(f"{key}={value!r}" for key, value in defaults.items())
    return type(
        name,
        (Activation,),
        {
            "__module__": __name__,
            "function": function,
            "defaults": defaults,
            "__doc__": f"Applies torch.nn.functional.{function}({arguments or 'input'}).\n\n"
            f"    Source: torch.nn.{name}\n    ",
        },
    )


LAYERS = {name: _layer(name, *entry) for name, entry in TABLE.items()}
globals().update(LAYERS)


class Hardtanh(Module):
    """Clamps to [min_val, max_val].

    Source: torch.nn.Hardtanh
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (
            ", inplace=True" if self.inplace else ""
        )
