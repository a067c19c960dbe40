"""Gamma numbers with a gradient for their shape parameter: what Gamma, Beta, Dirichlet draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.random.draws_gamma import gamma_slope, standard_gamma
from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation


@operation(operands="alpha", label="StandardGamma")
def standard_gamma_(alpha: Any, generator: Any) -> Any:
    """Gamma numbers of scale one."""
    return standard_gamma(alpha, generator)


@standard_gamma_.gradient
def _(g: Tensor, alpha: Tensor, y: Tensor) -> Tensor:
    digamma = NAMESPACES["torch"]["digamma"](alpha.detach())
    return g * standard_gamma_slope_(y, alpha, digamma)


@operation(operands="x alpha digamma", label="StandardGammaGrad", linear=False)
def standard_gamma_slope_(x: Any, alpha: Any, digamma: Any) -> Any:
    """How gamma numbers move with their shape parameter."""
    return gamma_slope(x, alpha, digamma).astype(x.dtype)


@standard_gamma_slope_.gradient
def _(g: Tensor) -> None:
    raise NotImplementedError(
        "the derivative for '_standard_gamma_grad' is not implemented: gamma numbers can be "
        "differentiated once"
    )


@public("_standard_gamma", out=True, tensors="input")
def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma numbers of scale one, the elements being their shape parameters.

    Source: torch._standard_gamma
    """
    if input.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(f"\"gamma_cpu\" not implemented for '{input.dtype.legacy}'")
    if input._kind.has_elements and not np.all(input._array >= 0):
        raise RuntimeError("_standard_gamma: shape parameters must not be negative")
    return standard_gamma_(input, generator)
