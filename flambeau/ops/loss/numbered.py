"""Losses of the torch namespace, which number the reductions: 0 for none, 1 for the mean, 2 for the sum."""

from __future__ import annotations

from ...core.tensor import Tensor, class_name
from ...dispatch.registry import public
from . import elementwise
from . import margin as _margin
from .reduction import reduced

_REDUCTIONS = ("none", "mean", "sum")


def reduction_name(reduction: int, name: str) -> str:
    """What nn.functional calls the reduction of a number.

    Raises:
        TypeError: It is no number.
        ValueError: It is another one.
    """
    if not isinstance(reduction, int):
        raise TypeError(
            f"{name}(): argument 'reduction' must be int, not {class_name(reduction)}: nn.functional.{name} "
            "takes names"
        )
    if not 0 <= reduction < 3:
        raise ValueError(f"{name}(): reduction is 0 (none), 1 (mean) or 2 (sum), not {reduction}")
    return _REDUCTIONS[reduction]


@public("binary_cross_entropy_with_logits", tensors="input target")
def cross_entropy_of_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`, its arguments in another order.

    Args:
        input, target, weight, pos_weight: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.binary_cross_entropy_with_logits
    """
    name = reduction_name(reduction, "binary_cross_entropy_with_logits")
    return elementwise.binary_cross_entropy_with_logits(
        input, target, weight, None, None, name, pos_weight
    )


@public("cosine_embedding_loss", tensors="input1 input2 target")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.cosine_embedding_loss`.

    Args:
        input1, input2, target, margin: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.cosine_embedding_loss
    """
    name = reduction_name(reduction, "cosine_embedding_loss")
    return _margin.cosine_embedding_loss(input1, input2, target, margin, reduction=name)


@public("hinge_embedding_loss", tensors="input target")
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.hinge_embedding_loss`.

    Args:
        input, target, margin: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.hinge_embedding_loss
    """
    name = reduction_name(reduction, "hinge_embedding_loss")
    return _margin.hinge_embedding_loss(input, target, margin, reduction=name)


@public("kl_div", tensors="input target")
def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """`nn.functional.kl_div`, without its warning about what a mean is.

    Args:
        input, target, log_target: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.kl_div

    Example:
        >>> import flambeau as torch
        >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
        >>> torch.kl_div(q.log(), p, 2)
        tensor(0.1438)
    """
    name = reduction_name(reduction, "kl_div")
    losses = elementwise.kl_div(input, target, reduction="none", log_target=log_target)
    return reduced(losses, name)


@public("margin_ranking_loss", tensors="input1 input2 target")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.margin_ranking_loss`.

    Args:
        input1, input2, target, margin: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.margin_ranking_loss
    """
    name = reduction_name(reduction, "margin_ranking_loss")
    return _margin.margin_ranking_loss(input1, input2, target, margin, reduction=name)


@public("poisson_nll_loss", tensors="input target")
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """`nn.functional.poisson_nll_loss`, nothing left out.

    Args:
        input, target, log_input, full, eps: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.poisson_nll_loss
    """
    name = reduction_name(reduction, "poisson_nll_loss")
    return elementwise.poisson_nll_loss(input, target, log_input, full, None, eps, reduction=name)


@public("triplet_margin_loss", tensors="anchor positive negative")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.triplet_margin_loss`.

    Args:
        anchor, positive, negative, margin, p, eps, swap: As there.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    Source: torch.triplet_margin_loss
    """
    name = reduction_name(reduction, "triplet_margin_loss")
    return _margin.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=name
    )
