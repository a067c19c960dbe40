"""gumbel_softmax: a differentiable draw of a class."""

from __future__ import annotations

from ..._caller import warn
from ...core.layout import contiguous_format
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ..create.full import empty_like


@public(namespace="nn.functional")
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """The softmax of logits with Gumbel noise, divided by a temperature.

    Args:
        tau: The temperature: the lower, the nearer to one-hot.
        hard: Give one-hot vectors, with the gradient of the soft ones.
        eps: Has no effect, and any other value warns: the noise needs no guard.
        dim: The dimension of the classes.

    Source: torch.nn.functional.gumbel_softmax; Jang, Gu and Poole (2017)

    Example:
        >>> import flambeau as torch
        >>> y = torch.nn.functional.gumbel_softmax(torch.zeros(4, 3), hard=True)
        >>> y.sum(-1)
        tensor([1., 1., 1., 1.])
    """
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    noise = -empty_like(logits, memory_format=contiguous_format).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)  # type: ignore[attr-defined]
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = (
        empty_like(logits.detach(), memory_format=contiguous_format)
        .zero_()
        .scatter_(dim, index, 1.0)
    )
    return one_hot - soft.detach() + soft
