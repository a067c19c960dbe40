"""The distribution of a function of a random value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of y = transforms(x), x being distributed as base_distribution says.

    Args:
        base_distribution: The distribution of x.
        transforms: One transform, or a list of them, the first one first.
        validate_args: Check values.

    Raises:
        ValueError: transforms is something else.

    Source: torch.distributions.TransformedDistribution
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        listed = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(listed, list) or not all(isinstance(t, Transform) for t in listed):
            raise ValueError(
                f"transforms must be a Transform or list, but was {type(transforms).__name__}"
            )
        self.transforms = listed
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        whole = ComposeTransform(listed)
        forward = whole.forward_shape(shape)
        widened = whole.inverse_shape(forward)
        if tuple(widened) != shape:
            n = len(base_distribution.event_shape)
            base_distribution = base_distribution.expand(widened[: len(widened) - n])
        extra = whole.domain.event_dim - len(base_distribution.event_shape)
        if extra > 0:
            base_distribution = Independent(base_distribution, extra)
        self.base_dist = base_distribution
        gained = whole.codomain.event_dim - whole.domain.event_dim
        events = max(len(base_distribution.event_shape) + gained, whole.codomain.event_dim)
        at = len(forward) - events
        super().__init__(forward[:at], forward[at:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:  # type: ignore[override]
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        extra = len(self.event_shape) - support.event_dim
        return constraints.independent(support, extra) if extra > 0 else support

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        shape = Size(batch_shape)
        whole = (*shape, *self.event_shape)
        for transform in reversed(self.transforms):
            whole = transform.inverse_shape(whole)
        n = len(self.base_dist.event_shape)
        parts = {
            name: value.expand(shape) if isinstance(value, Tensor) else value
            for name, value in self.__dict__.items()
            if name not in ("base_dist", "_batch_shape", "_event_shape")
        }
        parts["base_dist"] = self.base_dist.expand(Size(whole[: len(whole) - n]))
        return self._expanded(shape, _instance=_instance, **parts)

    def _through(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._through(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        event_dim = len(self.event_shape)
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(stretch, event_dim - transform.domain.event_dim)
            y = x
        n = event_dim - len(self.base_dist.event_shape)
        return total + sum_rightmost(self.base_dist.log_prob(y), n)

    def _sign(self) -> Any:
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._through(self.base_dist.icdf(self._turned(value)))

    def _turned(self, probability: Tensor) -> Tensor:
        """A probability, or what it lacks to one where the functions turn the order around."""
        sign = self._sign()
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
