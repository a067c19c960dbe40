"""Random draws: the numbers that PyTorch's CPU generator gives for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import draws, draws_integer
from ..core.dtype import int64
from ..core.generator import Generator, default_generator
from ..core.tensor import Tensor, wrap
from .creation import into, kind_for, made, sizes
from .registry import NAMESPACES, method, public
from .rule import operation
from .write import check_writable


@public()
def manual_seed(seed: int) -> Generator:
    """Seed the default generator.

    Source: torch.manual_seed

    Example:
        >>> import flambeau as torch
        >>> _ = torch.manual_seed(0)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


@public()
def seed() -> int:
    """Seed the default generator from the system.

    Source: torch.seed
    """
    return default_generator.seed()


@public()
def initial_seed() -> int:
    """The default generator's seed.

    Source: torch.initial_seed
    """
    return default_generator.initial_seed()


def _fresh(name: str, draw: Any) -> None:
    def function(
        *size: Any,
        generator: Generator | None = None,
        out: Tensor | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
    ) -> Tensor:
        kind = kind_for(dtype, device)
        result = made(
            draw(np.empty(sizes(size), kind.numpy), generator=generator), kind, requires_grad
        )
        if out is None:
            return result
        from .write import write_out

        return write_out(out, result, name)

    def like(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        return function(
            *input.shape,
            generator=generator,
            dtype=dtype or input.dtype,
            device=device or input.device,
            requires_grad=requires_grad,
        )

    what = "uniform numbers from [0, 1)" if name == "rand" else "standard normal numbers"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor of {what}.\n\n    Source: torch.{name}\n    "
    like.__name__ = like.__qualname__ = f"{name}_like"
    like.__doc__ = f"{what.capitalize()} in the shape and dtype of another tensor.\n\n    Source: torch.{name}_like\n    "
    public(name)(function)
    public(f"{name}_like")(like)


_fresh("rand", draws.uniform_)
_fresh("randn", draws.normal_)


@public()
def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform integers from [low, high).

    Source: torch.randint
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    kind = kind_for(dtype, device, int64)
    array = draws_integer.randint(int(low), int(high), sizes((size,)), kind.numpy, generator)
    return into(out, made(array, kind, requires_grad), "randint")


@public()
def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`randint` in the shape and dtype of another tensor.

    Source: torch.randint_like
    """
    bounds = (0, low) if high is None else (low, high)
    return randint(
        *bounds,
        tuple(input.shape),
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@public()
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The integers below n in random order.

    Source: torch.randperm
    """
    kind = kind_for(dtype, device, int64)
    result = made(draws_integer.randperm(n, kind.numpy, generator), kind, requires_grad)
    return into(out, result, "randperm")


@operation(label="Uniform")
def drawn(x: Any, values: Any) -> Any:
    """Random numbers in place of x; nothing flows back."""
    return values


@drawn.gradient
def _(g: Tensor) -> Tensor:
    return g * 0  # type: ignore[operator]


def _filler(name: str, draw: Any, defaults: dict[str, Any], doc: str) -> None:
    names = list(defaults)

    def fill(
        self: Tensor, *args: Any, generator: Generator | None = None, **options: Any
    ) -> Tensor:
        given = {
            **defaults,
            **dict(zip(names, args)),
            **{
                ("low" if k == "from" else "high" if k == "to" else k): v
                for k, v in options.items()
            },
        }
        if len(args) > len(names) or set(given) - set(names):
            raise TypeError(f"{name}() takes {names}, got {list(args)} and {list(options)}")
        values = [v._array if isinstance(v, Tensor) else v for v in given.values()]
        check_writable(self, (self,))
        scratch = np.empty_like(self._array)
        draw(scratch, *values, generator=generator)
        from ..autograd.mode import mode
        from .write import finish_write, store

        recorded = drawn(self, scratch) if self._node is not None and mode.recording else None
        store(self, scratch)
        finish_write(self, None if recorded is None else recorded._node)
        return self

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = f"{doc}\n\n    Source: torch.Tensor.{name}\n    "
    method(name)(fill)


_filler(
    "uniform_",
    draws.uniform_,
    {"low": 0.0, "high": 1.0},
    "Fill with uniform numbers from [low, high).",
)
_filler("normal_", draws.normal_, {"mean": 0.0, "std": 1.0}, "Fill with normal numbers.")
_filler(
    "log_normal_", draws.log_normal_, {"mean": 1.0, "std": 2.0}, "Fill with log-normal numbers."
)
_filler("exponential_", draws.exponential_, {"lambd": 1.0}, "Fill with exponential numbers.")
_filler("cauchy_", draws.cauchy_, {"median": 0.0, "sigma": 1.0}, "Fill with Cauchy numbers.")
_filler("geometric_", draws.geometric_, {"p": 0.5}, "Fill with geometric numbers.")
_filler("bernoulli_", draws.bernoulli_, {"p": 0.5}, "Fill with 1 with probability p, else 0.")


def _integers(out: Any, low: Any, high: Any, generator: Any = None) -> Any:
    if high is None and low is not None:
        low, high = 0, low
    return draws_integer.random_(out, low, high, generator)


_filler("random_", _integers, {"low": None, "high": None}, "Fill with uniform integers.")


@public(method=True)
def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """1 with the probability that the input gives (or p), else 0.

    Source: torch.bernoulli
    """
    values = np.empty_like(input._array)
    draws.bernoulli_(values, input._array if p is None else p, generator)
    return wrap(values, input._kind)


@public()
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with given means and standard deviations (numbers or tensors).

    Source: torch.normal
    """
    randn = NAMESPACES["torch"]["randn"]
    if size is not None:
        kind = kind_for(dtype, device)
        values = np.empty(sizes((size,)), kind.numpy)
        return made(draws.normal_(values, float(mean), float(std), generator), kind, requires_grad)
    like = mean if isinstance(mean, Tensor) else std
    shape = np.broadcast_shapes(getattr(mean, "shape", ()), getattr(std, "shape", ()))
    result = randn(*shape, generator=generator, dtype=like.dtype)
    return result * std + mean


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

    Source: torch.multinomial
    """
    array = draws_integer.multinomial(input._array, num_samples, replacement, generator)
    return wrap(array, input._kind.with_dtype(int64))


def _kept(array: Any, shape: tuple[int, ...], p: float) -> Any:
    """What is kept; the draws go through memory as the input lies there, like PyTorch's."""
    if array.shape != shape or array.flags.c_contiguous:
        return draws.dropout_mask(shape, p)
    order = sorted(range(len(shape)), key=lambda i: -abs(array.strides[i]))
    if not array.transpose(order).flags.c_contiguous:  # gaps in memory: in the order of its indices
        return draws.dropout_mask(shape, p)
    mask = draws.dropout_mask(tuple(shape[i] for i in order), p)
    return mask.transpose(np.argsort(order))


def _dropped(input: Tensor, p: float, shape: tuple[int, ...], inplace: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    mask = _kept(input._array, shape, p).astype(input._kind.numpy)
    if p < 1:
        mask /= 1 - p
    scale = wrap(mask.astype(input._kind.numpy, copy=False), input._kind)
    return input.mul_(scale) if inplace else input * scale  # type: ignore[attr-defined,operator]


@public("dropout", "nn.functional.dropout")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements zeroed with probability p while training, the others scaled by 1 / (1 - p).

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.dropout
    """
    if not training or p == 0.0:
        return input
    return _dropped(input, p, tuple(input.shape), inplace)


def _channel_dropout(name: str) -> None:
    def function(
        input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training:
            return input
        shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
        return _dropped(input, p, shape, inplace)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Whole channels zeroed with probability p.\n\n    Source: torch.nn.functional.{name}\n    "
    )
    public(f"nn.functional.{name}")(function)


for _name in ("dropout1d", "dropout2d", "dropout3d"):
    _channel_dropout(_name)


@public()
def get_rng_state() -> Tensor:
    """The default generator's state.

    Source: torch.get_rng_state
    """
    from ..core.tensor import wrap_numpy

    return wrap_numpy(np.asarray(default_generator.get_state()))


@public()
def set_rng_state(new_state: Tensor) -> None:
    """Put back a state that `get_rng_state` gave.

    Source: torch.set_rng_state
    """
    default_generator.set_state(new_state._array)
