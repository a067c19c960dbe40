"""Gamma numbers and points on the simplex, with a gradient for their parameters: what Gamma, Beta, Dirichlet draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ...core.random.draws_gamma import dirichlet, dirichlet_like, gamma_like, standard_gamma
from ...core.random.slope import dirichlet_slope, gamma_slope
from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.remembered import Finding
from ...dispatch.rule.rule_operation import operation
from .sampling import drawn_as_known


@operation(operands="alpha", label="StandardGamma")
def standard_gamma_(alpha: Any, generator: Any) -> Any:
    """Gamma numbers of scale one."""
    return standard_gamma(alpha, generator)


@standard_gamma_.gradient
def _(g: Tensor, alpha: Tensor, y: Tensor) -> Tensor:
    return g * standard_gamma_slope_(y, alpha, _digamma(alpha))


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


@operation(operands="alpha", label="Dirichlet")
def dirichlet_(alpha: Any, generator: Any) -> Any:
    """Points on the simplex, along the last dimension."""
    return dirichlet(alpha, generator)


@dirichlet_.gradient
def _(g: Tensor, alpha: Tensor, y: Tensor) -> Tensor:
    total = alpha.detach().sum(-1, True).expand(alpha.shape)  # type: ignore[attr-defined]
    slope = dirichlet_slope_(y, alpha, total, _digamma(alpha) - _digamma(total))
    return slope * (g - (y * g).sum(-1, True))


@operation(operands="x alpha total mean", label="DirichletGrad", linear=False)
def dirichlet_slope_(x: Any, alpha: Any, total: Any, mean: Any) -> Any:
    """How the parts of points on the simplex move with their own parameters, divided by what is left of one."""
    return dirichlet_slope(x, alpha, total, mean).astype(x.dtype)


@dirichlet_slope_.gradient
def _(g: Tensor) -> None:
    raise NotImplementedError(
        "the derivative for '_dirichlet_grad' is not implemented: points on the simplex can be "
        "differentiated once"
    )


def _digamma(x: Tensor) -> Tensor:
    return NAMESPACES["torch"]["digamma"](x.detach().double())  # type: ignore[attr-defined]


def _check(name: str, kernel: str, x: Tensor) -> None:
    if x.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.legacy}'")
    if x._array.__class__ is ndarray:
        return  # what draws looks at them
    if x._kind.has_elements and x._kind.backend.can_look() and not np.all(x._array >= 0):
        raise RuntimeError(f"{name}: parameters must not be negative")


@public("_standard_gamma", out=True, tensors="input")
def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma numbers of scale one, the elements being their shape parameters.

    Source: torch._standard_gamma
    """
    made = drawn_as_known(_SHAPES, generator, input)
    if made is not None:
        return made
    _check("_standard_gamma", "gamma_cpu", input)
    made = standard_gamma_(input, generator)
    _learn(_SHAPES, gamma_like, input)
    return made


_SHAPES, _CONCENTRATIONS = Finding(), Finding()


def _learn(known: Finding, like: Callable, x: Tensor) -> None:
    if x.__class__ is Tensor and x._array.__class__ is ndarray:
        known.learn(lambda: like(x._array), x)


@public("_standard_gamma_grad", out=True, tensors="input output")
def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """How gamma numbers `output` move with their shape parameters `input`.

    Source: torch._standard_gamma_grad
    """
    return standard_gamma_slope_(output, input, _digamma(input))


@public("_sample_dirichlet", out=True, tensors="input")
def _sample_dirichlet(input: Tensor, generator: Any = None) -> Tensor:
    """Points on the simplex, each for a vector of concentrations along the last dimension.

    The gradient is that of each part with its probability held, as a part of a point is a beta number.

    Source: torch._sample_dirichlet
    """
    made = drawn_as_known(_CONCENTRATIONS, generator, input)
    if made is not None:
        return made
    _check("_sample_dirichlet", "dirichlet", input)
    made = dirichlet_(input, generator)
    _learn(_CONCENTRATIONS, dirichlet_like, input)
    return made


@public("_dirichlet_grad", out=True, tensors="x alpha total")
def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """How beta numbers x of Beta(alpha, total - alpha) move with alpha, divided by 1 - x.

    Source: torch._dirichlet_grad

    Example:
        >>> import flambeau as torch
        >>> torch._dirichlet_grad(torch.tensor([0.2]), torch.tensor([2.0]), torch.tensor([5.0]))
        tensor([0.1587])
    """
    return dirichlet_slope_(x, alpha, total, _digamma(alpha) - _digamma(total))
