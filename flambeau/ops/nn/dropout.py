"""Dropout in its forms: elements or channels, set to zero or to what keeps SELU's moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._caller import warn
from ...core.dtype import FLOAT, bool_
from ...core.random import draws
from ...core.tensor import Tensor, wrap
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula.expression import Expression
from ..create.factory import scratch, scratch_like

_SATURATION = 1.7580993408473766  # -selu(-inf): what a dropped element becomes, negated


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


@operation(operands="input mask", label="NativeDropout")
def native_dropout_(input: Any, mask: Any, values: Any, scale: float) -> Any:
    """What is left of the input by a kernel that has drawn the mask, and has applied it."""
    return values


@native_dropout_.gradient
def _(g: Tensor, mask: Tensor, scale: float) -> tuple[Tensor, None]:
    return masked_scale(g, mask, scale), None  # type: ignore[call-arg]


@pointwise(namespace="", method=False, inplace=False, numbers="", label="NativeDropoutBackward")
def masked_scale(g: Expression, mask: Expression, scale: float = 1.0) -> Expression:
    """What is left of g, times a number."""
    return g * mask * scale


@pointwise(namespace="", method=False, inplace=False, numbers="", label="Add")
def alpha_dropped(
    x: Expression, mask: Expression, scale: float = 1.0, less: float = 0.0, shift: float = 0.0
) -> Expression:
    """What the mask leaves of x, scaled, and elsewhere a number."""
    return x * (mask * scale) + ((mask - 1) * less + shift)


def fused_dropout(input: Tensor, p: float) -> tuple[Tensor, Tensor] | None:
    """`dropout` by the device's own kernel, and what was left; None where it has none, for integers and for p = 1."""
    fits = p != 1 and input._kind.dtype.category == FLOAT and input._array.size
    made = draws.dropout(input._array, 1 - p) if fits else NotImplemented
    if made is NotImplemented:
        return None
    values, mask = made
    left = wrap(mask, input._kind.with_dtype(bool_))
    return native_dropout_(input, left, values, 1 / (1 - p)), left


def _dropped(
    input: Tensor, p: float, train: bool, inplace: bool, features: bool, alpha: bool
) -> Tensor:
    """Zero elements (or whole features) with probability p; scale and shift the rest."""
    _check_probability(p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if features and input.ndim < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input, got {input.ndim}"
        )
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    fused = None if features or alpha or inplace else fused_dropout(input, p)
    if fused is not None:
        return fused[0]
    kind = input._kind
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2)) if features else None
    noise = scratch_like(input) if shape is None else scratch(kind, shape)
    draws.bernoulli_(noise, 1 - p)
    if kind.dtype.category < 2:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {kind.dtype.legacy}: "
            "dropout scales by 1 / (1 - p); convert the input with .float() first"
        )
    if not alpha:
        if noise.itemsize > 2:
            noise /= noise.dtype.type(1 - p)
        else:  # the divisor is not rounded to 16 bits
            noise = (noise.astype(np.float32) / np.float32(1 - p)).astype(noise.dtype)
        return input.mul_(wrap(noise, kind)) if inplace else input * wrap(noise, kind)
    a = 1 / math.sqrt((_SATURATION**2 * p + 1) * (1 - p))
    numbers = a, _SATURATION * a, _SATURATION * a * p
    if inplace:
        return alpha_dropped.operation.write((input, wrap(noise, kind)), (), numbers)  # type: ignore[no-any-return]
    return alpha_dropped(input, wrap(noise, kind), *numbers)


_FORMS = {
    "dropout": (
        False,
        False,
        "Elements zeroed with probability p, the others scaled by 1 / (1 - p)",
    ),
    "feature_dropout": (True, False, "Whole channels zeroed with probability p"),
    "alpha_dropout": (False, True, "Dropout that keeps mean and variance of SELU's outputs"),
    "feature_alpha_dropout": (True, True, "`alpha_dropout` of whole channels"),
}


def _define(name: str, features: bool, alpha: bool, what: str) -> None:
    for place in (False, True):

        def function(input: Tensor, p: float, train: bool, inplace: bool = place) -> Tensor:
            return _dropped(input, p, train, inplace, features, alpha)

        function.__name__ = function.__qualname__ = name + "_" * place
        function.__doc__ = f"""{what}{", in place" if place else ""}.

    Args:
        input: Of any shape{"; its first two dimensions are batch and channels" if features else ""}.
        p: The probability.
        train: Does anything happen?

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.{function.__name__}; Srivastava et al., JMLR 15 (2014).
    """
        public(function.__name__)(function)


for _name, _form in _FORMS.items():
    _define(_name, *_form)


@public("nn.functional.dropout")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements zeroed with probability p while training, the others scaled by 1 / (1 - p).

    Args:
        input: Of any shape.
        p: The probability.
        training: Does anything happen?
        inplace: Write into the input.

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.dropout; Srivastava et al., JMLR 15 (2014).

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.dropout(torch.ones(2), training=False)
        tensor([1., 1.])
    """
    return _dropped(input, p, training, inplace, False, False)


@public("nn.functional.alpha_dropout")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of SELU's outputs.

    Args:
        input: Of any shape.
        p: The probability.
        training: Does anything happen?
        inplace: Write into the input.

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.alpha_dropout; Klambauer et al., Self-normalizing neural networks (2017).
    """
    return _dropped(input, p, training, inplace, False, True)


@public("nn.functional.feature_alpha_dropout")
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.

    Args:
        input: Batch and channels, and more.
        p: The probability.
        training: Does anything happen?
        inplace: Write into the input.

    Shape:
        (N, C, ...)

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.feature_alpha_dropout
    """
    return _dropped(input, p, training, inplace, True, True)


def _channels(name: str, spatial: int) -> None:
    def function(
        input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        _check_probability(p)
        if _is_unbatched(input.ndim, spatial):
            dropped = _dropped(input.unsqueeze(0), p, training, inplace, True, False)
            return input if inplace else dropped.squeeze(0)
        return _dropped(input, p, training, inplace, True, False)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Whole channels zeroed with probability p while training.

    Args:
        input: Batch, channels and {spatial} more dimensions.
        p: The probability.
        training: Does anything happen?
        inplace: Write into the input.

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.{name}; Tompson et al., Efficient object localization (2015).
    """
    public(f"nn.functional.{name}")(function)


def _is_unbatched(ndim: int, spatial: int) -> bool:
    """Has the input no batch dimension? The three functions differ in what they make of odd ranks."""
    name = f"dropout{spatial}d"
    if spatial == 1:
        if ndim not in (2, 3):
            raise RuntimeError(
                f"{name}: Expected 2D or 3D input, but received a {ndim}D input: channels, one more "
                "dimension, and perhaps a batch before them"
            )
        return ndim == 2
    if ndim not in (spatial + 1, spatial + 2):
        _warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an "
            "error in a future release. To retain the behavior and silence this warning, please use "
            "dropout instead."
        )
    elif spatial == 2 and ndim == 3:
        _warn(
            f"{name}: Received a 3D input to {name} and assuming that channel-wise 1D dropout behavior "
            "is desired - input is interpreted as shape (N, C, L). Please use dropout1d instead."
        )
    return spatial == 3 and ndim != 5


def _warn(text: str) -> None:
    warn(text, UserWarning)


for _spatial in (1, 2, 3):
    _channels(f"dropout{_spatial}d", _spatial)
