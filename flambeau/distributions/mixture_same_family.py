"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """One of several distributions, chosen at random for each value.

    Args:
        mixture_distribution: A Categorical that chooses.
        component_distribution: A batch, over whose last dimension is chosen.
        validate_args: Check values.

    Raises:
        ValueError: The two do not fit.

    Source: torch.distributions.MixtureSameFamily
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of torch.distributions.Distribution"
            )
        batch = component_distribution.batch_shape
        mixing = mixture_distribution.batch_shape
        for a, b in zip(reversed(mixing), reversed(batch[:-1])):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixing}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        self._num_component = mixture_distribution.param_shape[-1]
        if batch[-1] != self._num_component:
            raise ValueError(
                f"`mixture_distribution component` ({self._num_component}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({batch[-1]})"
            )
        event = component_distribution.event_shape
        self._event_ndims = len(event)
        super().__init__(batch[:-1], event, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """What chooses."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """What is chosen from."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> Any:  # type: ignore[override]
        return self._component_distribution.support

    def _probs(self) -> Tensor:
        """The choosing probabilities, with dimensions for the event."""
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *(1,) * self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return (self._probs() * self._component_distribution.mean).sum(-1 - self._event_ndims)

    @property
    def variance(self) -> Tensor:
        probs, at = self._probs(), -1 - self._event_ndims
        inner = (probs * self._component_distribution.variance).sum(at)
        gap = self._component_distribution.mean - self.mean.unsqueeze(at)
        return inner + (probs * gap.square()).sum(at)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixtureSameFamily:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            _component_distribution=self._component_distribution.expand(
                Size((*shape, self._num_component))
            ),
            _mixture_distribution=self._mixture_distribution.expand(shape),
            _num_component=self._num_component,
            _event_ndims=self._event_ndims,
        )

    def cdf(self, value: Tensor) -> Tensor:
        padded = self._checked(value).unsqueeze(-1 - self._event_ndims)
        return (self._component_distribution.cdf(padded) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        padded = self._checked(value).unsqueeze(-1 - self._event_ndims)
        density = self._component_distribution.log_prob(padded)
        return (density + torch.log_softmax(self._mixture_distribution.logits, -1)).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            at = drawn.ndim - self._event_ndims - 1
            index = chosen.reshape(*chosen.shape, *(1,) * (self._event_ndims + 1))
            index = index.expand((*chosen.shape, 1, *self.event_shape))
            return drawn.gather(at, index).squeeze(at)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution!r},\n  {self._component_distribution!r})"
