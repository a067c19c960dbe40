"""Draws from distributions, in place and not: uniform_, normal_, bernoulli, poisson, multinomial ..."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from numpy import ndarray

from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import int64
from ...core.number import number
from ...core.random import draws, draws_discrete, draws_integer, straight
from ...core.random.generator import Generator, default_generator
from ...core.tensor import Tensor, wrap
from ...dispatch.formula.formula_node import REAL
from ...dispatch.registry import method, public
from ...dispatch.remembered import Finding, keep
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import broadcast, check_writable, finish_write, store, written_as_known
from .factory import check_placement, finish, into, place, scratch, scratch_like, shape_of
from .rand import checked_generator

_REQUIRED = object()


@cache
def _sampled(label: str) -> Any:
    """An operation that gives random numbers in place of x; nothing flows back."""

    def drawn(x: Any, values: Any) -> Any:
        return values

    drawn.__name__ = f"{label.lower()}_drawn"
    made = operation(drawn, label=label, linear=False)

    @made.gradient
    def _(g: Tensor) -> Tensor:
        return g.new_zeros(g.shape)

    return made


def _filler(name: str, defaults: dict[str, Any], doc: str) -> None:
    names, known = list(defaults), Finding()
    recorded = _sampled("".join(part.capitalize() for part in name.split("_")))

    def fill(
        self: Tensor, *args: Any, generator: Generator | None = None, **options: Any
    ) -> Tensor:
        plain = not options and (generator is None or generator.__class__ is Generator)
        if plain:
            draw = known.find(known.token, self, *args) if args else known.find(known.token, self)
            if draw is not None:
                if args and args[0].__class__ is Tensor:
                    draw = partial(draw, args[0]._array)
                if written_as_known(self, draw, generator or default_generator):
                    return self
        if len(args) > len(names) or not options.keys() <= set(names[len(args) :]):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - it takes {names} and "
                f"generator, but got {len(args)} positional arguments and {sorted(options)}"
            )
        given = {**defaults, **dict(zip(names, args)), **options}
        values = [_argument(name, n, v) for n, v in given.items()]
        generator = checked_generator(name, generator)
        check_writable(self, (self,))
        if self._node is not None and mode.recording:
            drawn = scratch_like(self)
            if self._kind.has_elements:
                getattr(draws, name)(drawn, *values, generator=generator)
            made = recorded(self, drawn)
            store(self, drawn)
            finish_write(self, made._node)
            return self
        array = self._array
        if self._kind.has_elements:
            getattr(draws, name)(array, *values, generator=generator)
        finish_write(self, None)
        if plain and all(x.__class__ in REAL for x in args):
            known.learn(lambda: straight.of_layout(array, name, tuple(values)), self, *args)
        elif plain and len(args) == 1 and args[0].__class__ is Tensor and self.__class__ is Tensor:
            draw = straight.below(array, values[0]) if array.__class__ is ndarray else None
            if draw is not None:
                keep(known.token, (self, args[0]), draw)
        return self

    fill.__name__ = fill.__qualname__ = name
    own = "\n".join(f"        {n}: See above." for n in names)
    fill.__doc__ = f"""{doc}

    Args:
{own}
        generator: Where to draw from; the default generator if None.

    Raises:
        RuntimeError: An argument is out of its range.
        NotImplementedError: The dtype is not supported.

    Source: torch.Tensor.{name}
    """
    method(name)(fill)


def _argument(function: str, name: str, value: Any) -> Any:
    if value is _REQUIRED:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{name}"')
    if value is None or (isinstance(value, Tensor) and value.ndim):
        return value._array if isinstance(value, Tensor) else value
    if isinstance(value, Tensor) and function == "bernoulli_":
        return value._array
    return number(value, function, name, 1)


_UNIT = {"from": 0.0, "to": 1.0}
_filler("uniform_", _UNIT, "Fill with uniform numbers from [from, to).")
_filler(
    "normal_",
    {"mean": 0.0, "std": 1.0},
    "Fill with normal numbers of a mean and a standard deviation.",
)
_filler(
    "log_normal_",
    {"mean": 1.0, "std": 2.0},
    "Fill with numbers whose logarithm is normal, of a mean and a standard deviation.",
)
_filler(
    "exponential_",
    {"lambd": 1.0},
    "Fill with exponential numbers of rate lambd.",
)
_filler(
    "cauchy_",
    {"median": 0.0, "sigma": 1.0},
    "Fill with Cauchy numbers around the median, of half-width sigma.",
)
_filler(
    "geometric_",
    {"p": _REQUIRED},
    "Fill with the number of trials up to the first success of probability p.",
)
_filler(
    "bernoulli_",
    {"p": 0.5},
    "Fill with 1 with probability p, else 0; p is a number or a tensor of them.",
)


@method()
def random_(self: Tensor, *args: Any, generator: Generator | None = None, **options: Any) -> Tensor:
    """Fill with uniform integers: ``random_()``, ``random_(to)`` or ``random_(from, to)``.

    Args:
        from: The smallest (0).
        to: The end of the range, never drawn; None means the largest of the dtype is the last.
        generator: Where to draw from; the default generator if None.

    Raises:
        RuntimeError: The range is empty or does not fit the dtype.

    Source: torch.Tensor.random_
    """
    plain = not options and (generator is None or generator.__class__ is Generator)
    if plain:
        draw = _INTEGERS.find(_INTEGERS.token, self, *args)
        if draw is not None and written_as_known(self, draw, generator or default_generator):
            return self
    low, high = options.pop("from", None), options.pop("to", None)
    bounded = bool(args) or low is not None or high is not None
    if options or len(args) > 2:
        raise TypeError("random_() received an invalid combination of arguments")
    if len(args) == 2:
        low, high = args
    elif args and high is not None:
        low = args[0]
    elif args:
        high = args[0]
    generator = checked_generator("random_", generator)
    check_writable(self, (self,))
    low = (0 if low is None else int(low)) if bounded else None
    high = None if high is None else int(high)
    array = self._array
    if array.__class__ is ndarray and not (self._node is not None and mode.recording):
        draws_integer.random_(array, low, high, generator)
        finish_write(self, None)
        if plain and all(x.__class__ is int for x in args):
            _INTEGERS.learn(lambda: straight.of_layout(array, "random_", (low, high)), self, *args)
        return self
    drawn = scratch_like(self)
    draws_integer.random_(drawn, low, high, generator)
    made = _random(self, drawn) if self._node is not None and mode.recording else None
    store(self, drawn)
    finish_write(self, None if made is None else made._node)
    return self


_INTEGERS = Finding()


_random = _sampled("Random")
_bernoulli = _sampled("Bernoulli")
_poisson = _sampled("Poisson")
_normal = _sampled("Normal")


@public(method=True)
def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """1 with the probability that the input gives (or p), else 0.

    Args:
        input: Probabilities.
        p: One probability for all; then the input only gives shape and dtype.
        generator: Where to draw from; the default generator if None.
        out: Write there.

    Raises:
        RuntimeError: A probability is not between 0 and 1.

    Source: torch.bernoulli
    """
    plain = out is None and (generator is None or generator.__class__ is Generator)
    if plain and p is None and input.__class__ is Tensor and input._node is None:
        draw = _PROBABLE.find(_PROBABLE.token, input)
        if draw is not None:
            array = input._array
            values = np.empty(array.shape, array.dtype)
            draw(array, values, generator or default_generator)
            return handle.make(values, input._kind, None, [0], None)
    values = scratch(input._kind, input._array.shape)
    probability = input._array if p is None else number(p, "bernoulli", "p", 2)
    draws.bernoulli_(values, probability, checked_generator("bernoulli", generator))
    if out is None and input._node is None:
        if plain and p is None and values.__class__ is ndarray:
            _PROBABLE.learn(lambda: straight.below(values, input._array), input)
        return wrap(values, input._kind)
    return into(out, _bernoulli(input, values), "bernoulli")


_PROBABLE = Finding()


@public()
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers whose rates the input gives.

    Args:
        input: The rates.
        generator: Where to draw from; the default generator if None.

    Raises:
        RuntimeError: A rate is negative.
        NotImplementedError: The dtype is not floating.

    Source: torch.poisson; Hörmann, The transformed rejection method for generating Poisson random
        variables, Insurance: Mathematics and Economics 12 (1993).
    """
    made = drawn_as_known(_RATES, generator, input)
    if made is not None:
        return made
    values = draws_discrete.poisson(input._array, checked_generator("poisson", generator))
    if input._node is None:
        if values.__class__ is ndarray:
            _RATES.learn(lambda: draws_discrete.poisson_like(input._array), input)
        return wrap(values, input._kind)
    return _poisson(input, values)


_RATES, _TRIALS = Finding(), Finding()


def drawn_as_known(known: Finding, generator: Generator | None, *tensors: Tensor) -> Tensor | None:
    """What is drawn for tensors like these, if that is known; None, and nothing drawn, also where there are histories."""
    if generator is not None and generator.__class__ is not Generator:
        return None
    first = tensors[0]
    for x in tensors:
        if x.__class__ is not Tensor or x._node is not None:
            return None
    draw = known.find(known.token, *tensors)
    if draw is None:
        return None
    array = draw(generator or default_generator, *[x._array for x in tensors])
    return handle.make(array, first._kind, None, [0], None)


@public()
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials of probability `prob` succeed.

    Args:
        count: Numbers of trials, floating.
        prob: Probabilities.
        generator: Where to draw from; the default generator if None.

    Shape:
        Two that broadcast.

    Raises:
        ValueError: A dtype is not floating.

    Source: torch.binomial; Hörmann, The generation of binomial random variates, J. Statist. Comput.
        Simul. 46 (1993).
    """
    made = drawn_as_known(_TRIALS, generator, count, prob)
    if made is not None:
        return made
    for argument, given in (("count", count), ("prob", prob)):
        if not given.is_floating_point():
            raise ValueError(
                f"binomial only supports floating-point dtypes for {argument}, got: "
                f"{given.dtype.legacy}"
            )
    generator = checked_generator("binomial", generator)
    values = draws_discrete.binomial(count._array, prob._array, generator)
    if values.__class__ is ndarray and count.__class__ is prob.__class__ is Tensor:
        draw = draws_discrete.binomial_like(count._array, prob._array)
        if draw is not None:
            keep(_TRIALS.token, (count, prob), draw)
    return wrap(values, count._kind)


# ---- normal numbers with given means ---------------------------------------------------------------


@operation(operands="mean std", label="Normal", linear=False)
def normal_of(mean: Any, std: Any, values: Any) -> Any:
    """Random numbers of these means and deviations; nothing flows back."""
    return values


@normal_of.gradient
def _(g: Tensor) -> tuple:
    return g.new_zeros(g.shape), g.new_zeros(g.shape)  # the engine sums them back to their shapes


_NO_OPTIONS = (None,) * 5


@public()
def normal(
    mean: Any = _REQUIRED,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers with given means and standard deviations (numbers or tensors).

    Args:
        mean: The means.
        std: The standard deviations.
        size: The shape, where both are numbers.
        generator: Where to draw from; the default generator if None.
        out: Write there.
        dtype, device, requires_grad: Where both are numbers.

    Shape:
        Two that broadcast.

    Raises:
        RuntimeError: A standard deviation is negative.
        TypeError: Both are numbers and there is no size, or one is a tensor and there is.

    Source: torch.normal
    """
    if (
        size.__class__ is tuple
        and mean.__class__ is float is std.__class__
        and (generator, out, dtype, layout, device) == _NO_OPTIONS
        and not requires_grad
        and pin_memory is False
    ):
        values = scratch(kind := place("normal", None, None, None), shape_of(size, "normal"))
        return wrap(draws.normal_(values, mean, std), kind)
    generator = checked_generator("normal", generator)
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if mean is _REQUIRED or bool(tensors) == (size is not None):
        raise TypeError(
            "normal() received an invalid combination of arguments: expected two numbers and a size, "
            "or a tensor of means, of standard deviations, or both"
        )
    if not tensors:
        if pin_memory is not False:
            check_placement("normal", layout, pin_memory)
        kind = place("normal", out, dtype, device)
        values = scratch(kind, shape_of(size, "normal"))
        mean, std = number(mean, "normal", "mean", 1), number(std, "normal", "std", 2)
        draws.normal_(values, mean, std, generator)
        return finish("normal", values, kind, out, requires_grad, pin_memory)
    shape = broadcast([x._array.shape for x in tensors])
    kind = tensors[0]._kind
    if isinstance(std, Tensor):
        if std.is_complex():
            raise RuntimeError("normal expects standard deviation to be non-complex")
        looks = std._kind.has_elements and std._kind.backend.can_look()
        with kind.backend.on(kind.device.index):
            if looks and not bool((std._array >= 0).all()):
                raise RuntimeError("normal expects all elements of std >= 0.0")
    scale = 1.0 if isinstance(std, Tensor) else number(std, "normal", "std", 2)
    values = draws.normal_(scratch(kind, shape), 0.0, scale, generator)
    with kind.backend.on(kind.device.index):
        if isinstance(std, Tensor):
            values *= std._array.astype(values.real.dtype)
        values += mean._array.astype(kind.numpy) if isinstance(mean, Tensor) else mean
    drawn = normal_of(*tensors, values) if len(tensors) == 2 else _normal(tensors[0], values)
    return into(out, drawn, "normal")


@public(method=True)
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with probabilities in proportion to the rows of the input.

    Args:
        input: One row of weights, or several.
        num_samples: How many indices a row.
        replacement: Can an index be drawn more than once?
        generator: Where to draw from; the default generator if None.
        out: Write there; of int64.

    Shape:
        Weights (N, C) or (C), indices (N, num_samples) or (num_samples).

    Raises:
        RuntimeError: The weights or the number of samples are not usable; a row has fewer weights above
            zero than are to be drawn without replacement.

    Source: torch.multinomial, which in the last case gives indices of weight 0

    Example:
        >>> import flambeau as torch
        >>> torch.multinomial(torch.tensor([0., 1., 0.]), 1)
        tensor([1])
    """
    if isinstance(out, Tensor) and out.dtype is not int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype.legacy}")
    generator = checked_generator("multinomial", generator)
    array = draws_integer.multinomial(input._array, num_samples, replacement, generator)
    return into(out, wrap(array, input._kind.with_dtype(int64)), "multinomial")
