"""What every distribution has: shapes, validation, and the methods that families fill in."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from .._caller import warn
from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .utils import every, lazy_property, sum_rightmost


class Distribution:
    """A probability distribution, or a batch of independent ones.

    Args:
        batch_shape: The shape of the batch.
        event_shape: The shape of one value.
        validate_args: Check parameters and values. Default: as `set_default_validate_args` says.

    Raises:
        ValueError: A parameter is outside its constraint.

    Source: torch.distributions.Distribution
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    arg_constraints: dict[str, Any] = {}
    support: Any = None

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their parameters and values."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Any = (),
        event_shape: Any = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property):
                continue  # computed from what was given, and checked there
            value = getattr(self, name)
            if not every(constraint.check(value)):
                raise ValueError(
                    f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n"
                    f"{_shown(value)}"
                )

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution for a larger batch."""
        raise NotImplementedError

    def _expanded(
        self, batch_shape: Any, event_shape: Any = None, *, _instance: Any = None, **parts: Any
    ) -> Any:
        """A distribution of this class, or the one that a subclass made, with these attributes, unchecked."""
        new = object.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update(parts)
        Distribution.__init__(
            new, batch_shape, self.event_shape if event_shape is None else event_shape, False
        )
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Values drawn at random, without history.

        Args:
            sample_shape: How many, as a shape that comes before the batch's.
        """
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Values drawn at random that carry gradients to the parameters."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to this one."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which the probability is this."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, for a distribution of finitely many."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expected negative logarithm of the density."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return torch.exp(self.entropy())

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A new object for `expand` of a class to fill: the subclass's, or one of the same class.

        Raises:
            NotImplementedError: A subclass has an ``__init__`` of its own, and did not give one.

        Source: torch.distributions.Distribution._get_checked_instance
        """
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must "
                "also define a custom .expand() method."
            )
        return object.__new__(type(self)) if _instance is None else _instance

    def sample_n(self, n: int) -> Tensor:
        """n values; deprecated for ``sample((n,))``.

        Source: torch.distributions.Distribution.sample_n
        """
        warn("`sample_n(n)` will be deprecated. Use `.sample((n,))` instead.", FutureWarning)
        return self.sample((n,))

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError for a value of another shape, or outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        n = len(self._event_shape)
        if value.ndim < n or tuple(value.shape[value.ndim - n :]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected = Size((*self._batch_shape, *self._event_shape))
        for a, b in zip(reversed(value.shape), reversed(expected)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}."
                )
        support = self.support
        if not every(support.check(value)):
            raise ValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{_shown(value)}"
            )

    def _checked(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in self.__dict__]
        parts = []
        for name in names:
            value = self.__dict__[name]
            parts.append(f"{name}: {value.item() if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _shown(value: Tensor) -> str:
    return str(value.item() if value.ndim == 0 else value.detach())


class ExponentialFamily(Distribution):
    """Distributions of the form exp(<theta, t(x)> - F(theta) + k(x)).

    Subclasses may say what their theta and F are; then `kl_divergence` of two of one class, and `entropy` where the
    class has none of its own, are computed from F and its derivatives.

    Source: torch.distributions.ExponentialFamily; Nielsen and Nock, Entropies and cross-entropies of exponential
        families (2010)
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        """theta, in parts."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        """F(theta)."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        """The mean of k(x)."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expected negative logarithm of the density."""
        params = [p.detach().requires_grad_() for p in self._natural_params]
        with torch.enable_grad():
            normalizer = self._log_normalizer(*params)
        slopes = torch.autograd.grad(normalizer.sum(), params, create_graph=True)
        result: Any = normalizer - self._mean_carrier_measure
        for p, slope in zip(params, slopes):
            result = result - sum_rightmost(p * slope, p.ndim - len(self._batch_shape))
        return result
