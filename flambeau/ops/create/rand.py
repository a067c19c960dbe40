"""Random tensors: the numbers that PyTorch's CPU generator gives for the same seed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import tensor as handle
from ...core.device import CPU, defaults
from ...core.dtype import int64, state
from ...core.kind import kind_of
from ...core.layout import empty_like
from ...core.number import integer
from ...core.random import check_integer, draws, draws_integer, straight
from ...core.random.default import seed_all, seed_others
from ...core.random.generator import Generator, default_generator
from ...core.tensor import Tensor, class_name
from ...dispatch.registry import public
from ...dispatch.remembered import Finding
from .factory import check_placement, factory, finish, place, scratch, shape_of, sizes
from .full import plain_kind


@public()
def manual_seed(seed: int) -> Generator:
    """Seed the default generators of all devices; gives the CPU's.

    Source: torch.manual_seed

    Example:
        >>> import flambeau as torch
        >>> _ = torch.manual_seed(0)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    return seed_all(int(seed))


@public()
def seed() -> int:
    """Seed the default generators of all devices from the system.

    Source: torch.seed
    """
    made = default_generator.seed()
    seed_others(made)
    return made


@public()
def initial_seed() -> int:
    """The default generator's seed.

    Source: torch.initial_seed
    """
    return default_generator.initial_seed()


@public()
def get_rng_state() -> Tensor:
    """The default generator's state.

    Source: torch.get_rng_state
    """
    return default_generator.get_state()


@public()
def set_rng_state(new_state: Tensor) -> None:
    """Put back a state that `get_rng_state` gave.

    Source: torch.set_rng_state
    """
    default_generator.set_state(new_state)


def checked_generator(function: str, generator: Any) -> Generator | None:
    """A generator that a user passed.

    Raises:
        TypeError: It is none.
    """
    if generator is None or isinstance(generator, Generator):
        return generator
    raise TypeError(
        f"{function}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}"
    )


_DOC = """A tensor of {what}.

    Args:
        size: The sizes, one by one or as a sequence.
        generator: Where to draw from; the default generator if None.
        out: Write there; it decides the dtype and is resized where its shape differs.
        dtype: A floating or complex one; default: the default dtype.
        layout: Only the strided one.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?

    Raises:
        NotImplementedError: The dtype is an integer one.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(2, 3).shape
        torch.Size([2, 3])
    """


def _fresh(name: str, what: str, draw: str) -> Callable:
    @factory
    def make(kind: Any, *size: Any, generator: Any = None, **options: Any) -> Any:
        if "size" in options and not size:
            size = (options.pop("size"),)
        if options:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")
        if not size:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        chosen = kind()
        array, generator = scratch(chosen, sizes(size, name)), checked_generator(name, generator)
        if chosen.has_elements:
            getattr(draws, draw)(array, 0.0, 1.0, generator)
        return array, chosen

    known = Finding()

    def like(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        def fill(array: Any) -> None:
            getattr(draws, draw)(array, 0.0, 1.0, checked_generator(name, generator))

        options = dtype, layout, device, requires_grad, pin_memory, memory_format
        plain = generator is None or generator.__class__ is Generator
        if plain and options == _NO_OPTIONS and input.__class__ is Tensor:
            made = known.find(known.token, input)
            if made is not None:
                array = made(generator or default_generator)
                return handle.make(array, input._kind, None, [0], None)
            result = _like(f"{name}_like", input, fill, *options)
            known.learn(lambda: straight.making(result._array, draw, 0.0, 1.0), input)
            return result
        return _like(f"{name}_like", input, fill, *options)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = _DOC.format(what=what, name=name)
    like.__name__ = like.__qualname__ = f"{name}_like"
    like.__doc__ = (
        f"`{name}` in the shape and dtype of another tensor.\n\n    Source: torch.{name}_like\n    "
    )
    public(f"{name}_like")(like)
    return make


_NO_OPTIONS = (None, None, None, False, False, None)


def _like(
    function: str,
    input: Tensor,
    fill: Callable,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    pin_memory: bool,
    memory_format: Any,
) -> Tensor:
    """A tensor in the shape of another, whose memory `fill` writes to, in the order of memory."""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{function}(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
        )
    check_placement(function, layout, pin_memory, memory_format, input.ndim)
    kind = place(function, None, dtype or input.dtype, device or input.device)
    array = empty_like(input._array, kind.numpy, memory_format, kind.xp)
    if kind.has_elements:
        fill(array)
    return finish(function, array, kind, None, requires_grad, pin_memory)


def _usual(name: str, what: str, draw: str) -> Callable:
    """The function of `_fresh`; a call without options goes straight to the numbers."""
    general, known = _fresh(name, what, draw), Finding()

    def function(*size: Any, **options: Any) -> Tensor:
        kind = None if options else state.kind or plain_kind()
        if kind is None:
            return general(*size, **options)
        made = known.find(known.token, kind.dtype, *size)
        if made is not None:
            return handle.make(made(default_generator), kind, None, [0], None)
        result = general(*size)
        case = straight.making(result._array, draw, 0.0, 1.0)
        if case is not None:
            known.keep(case, kind.dtype, *size)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = general.__doc__
    function.__signature__ = inspect.signature(general)  # type: ignore[attr-defined]
    return public()(function)


rand = _usual("rand", "uniform numbers from [0, 1)", "uniform_")
randn = _usual("randn", "standard normal numbers", "normal_")


# ---- integers ----------------------------------------------------------------------------------


def _bounds(function: str, args: tuple, options: dict) -> tuple[int, int, tuple]:
    """The first integer, the end and what follows, of (high, ...) or (low, high, ...)."""
    low, high = options.pop("low", None), options.pop("high", None)
    rest = list(args)
    if high is None:
        if not rest:
            raise TypeError(f'{function}() missing 1 required positional arguments: "high"')
        takes_two = len(rest) > 1 and not isinstance(rest[1], (tuple, list)) and low is None
        if takes_two:
            low, high = rest.pop(0), rest.pop(0)
        else:
            high = rest.pop(0)
    elif low is None and rest and not isinstance(rest[0], (tuple, list)):
        low = rest.pop(0)
    first = 0 if low is None else integer(low, function, "low", 1)
    return first, integer(high, function, "high", 1 if low is None else 2), tuple(rest)


@factory
def _randint(kind: Any, *args: Any, generator: Any = None, **options: Any) -> Any:
    """Uniform integers from [low, high): ``randint(high, size)`` or ``randint(low, high, size)``.

    Args:
        low: The smallest (0).
        high: The end of the range, never drawn.
        size: The sizes, as a sequence.
        generator: Where to draw from; the default generator if None.

    Raises:
        RuntimeError: The range is empty or does not fit the dtype.

    Source: torch.randint

    Example:
        >>> import flambeau as torch
        >>> torch.randint(5, (2, 3)).shape
        torch.Size([2, 3])
    """
    size = options.pop("size", None)
    if size is None and len(args) == 2 and not isinstance(args[1], (tuple, list)):
        raise TypeError(
            "randint(): argument 'size' (position 2) must be tuple of ints, "
            f"not {type(args[1]).__name__}"
        )
    low, high, rest = _bounds("randint", args, options)
    if options or len(rest) > 1 or (rest and size is not None) or not (rest or size is not None):
        raise TypeError(
            "randint() received an invalid combination of arguments: expected (high, size) or "
            f"(low, high, size), got {len(args)} positional arguments and {sorted(options)}"
        )
    chosen = kind(int64)
    shape = shape_of(size if size is not None else rest[0], "randint")
    generator = checked_generator("randint", generator)
    array = scratch(chosen, shape)
    if chosen.has_elements:
        draws_integer.random_(array, low, high, generator)
    return array, chosen


_DRAWN = Finding()
_INT64 = kind_of(int64, CPU)


def randint(*args: Any, **options: Any) -> Tensor:
    if not options and (state.one_device or defaults.current is CPU):
        found = _DRAWN.find(_DRAWN.token, args)
        if found is not None:
            return handle.make(found(default_generator), _INT64, None, [0], None)
        made = _randint(*args)
        low, high, _ = _bounds("randint", args, {})
        case = straight.making(made._array, "between", low, high - low)
        if case is not None:
            _DRAWN.keep(case, args)
        return made
    return _randint(*args, **options)


randint.__doc__ = _randint.__doc__
randint.__signature__ = inspect.signature(_randint)  # type: ignore[attr-defined]
public()(randint)


@public()
def randint_like(
    input: Tensor,
    *args: int,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
    **bounds: int,
) -> Tensor:
    """`randint` in the shape and dtype of another tensor: ``(input, high)`` or ``(input, low, high)``.

    Args:
        input: The other tensor.
        low: The smallest (0).
        high: The end of the range, never drawn.

    Source: torch.randint_like
    """
    options = dtype, layout, device, requires_grad, pin_memory, memory_format
    plain = options == _NO_OPTIONS and not bounds and input.__class__ is Tensor
    plain = plain and (generator is None or generator.__class__ is Generator)
    if plain:
        made = _DRAWN_LIKE.find(_DRAWN_LIKE.token, input, *args)
        if made is not None:
            array = made(generator or default_generator)
            return handle.make(array, input._kind, None, [0], None)
    low, high, rest = _bounds("randint_like", args, bounds)
    if rest or bounds:
        raise TypeError("randint_like() received an invalid combination of arguments")

    def fill(array: Any) -> None:
        draws_integer.random_(array, low, high, checked_generator("randint_like", generator))

    result = _like("randint_like", input, fill, *options)
    if plain:
        _DRAWN_LIKE.learn(
            lambda: straight.making(result._array, "random_", low, high), input, *args
        )
    return result


_DRAWN_LIKE = Finding()


@factory
def _randperm(kind: Any, n: int, *, generator: Any = None) -> Any:
    """The integers below n in random order.

    Args:
        n: How many.
        generator: Where to draw from; the default generator if None.

    Raises:
        RuntimeError: `n` is negative, or more than the dtype can count to.

    Source: torch.randperm

    Example:
        >>> import flambeau as torch
        >>> torch.randperm(4).sort().values
        tensor([0, 1, 2, 3])
    """
    chosen = kind(int64)
    count = integer(n, "randperm", "n", 1)
    generator = checked_generator("randperm", generator)
    if chosen.xp is np:
        return draws_integer.randperm(count, chosen.numpy, generator), chosen
    check_integer.permutation(count, chosen.numpy)
    array = chosen.xp.empty((count,), chosen.numpy)
    if chosen.has_elements:
        array = draws_integer.permutation_like(array, generator)
    return array, chosen


def randperm(*args: Any, **options: Any) -> Tensor:
    usual = len(args) == 1 and not options and args[0].__class__ is int
    if usual and 0 <= args[0] <= _SHORT and (state.one_device or defaults.current is CPU):
        make = _PERMUTED.find(_PERMUTED.token, args[0])
        if make is not None:
            return handle.make(make(default_generator), _INT64, None, [0], None)
        case = straight.permuting(args[0])
        if case is not None:
            _PERMUTED.keep(case, args[0])
        return handle.make(draws_integer.randperm(args[0]), _INT64, None, [0], None)
    return _randperm(*args, **options)


_PERMUTED = Finding()
_SHORT = 1 << 12
"""Up to so many, no check of what the dtype holds is wanted."""
randperm.__doc__ = _randperm.__doc__
randperm.__signature__ = inspect.signature(_randperm)  # type: ignore[attr-defined]
public()(randperm)
