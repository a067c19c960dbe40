"""A Python function called for each element, in place: slow, and sometimes all one wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd.mode import mode
from ...core.device import CPU
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import method
from ...dispatch.write import check_writable, finish_write, store


@method()
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what the function makes of it.

    Args:
        callable: Takes and gives a Python number.

    Raises:
        RuntimeError: The tensor requires a gradient, which a Python function does not have.

    Source: torch.Tensor.apply_

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([1.0, 2.0]).apply_(lambda v: v * 10)
        tensor([10., 20.])
    """
    return _replace(self, "apply_", callable, ())


@method()
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by what the function makes of it and of the other tensor's element.

    Args:
        tensor: Of a shape that broadcasts to this one's.
        callable: Takes two Python numbers, gives one.

    Raises:
        RuntimeError: A tensor requires a gradient, or shapes differ.

    Source: torch.Tensor.map_

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([1.0, 2.0]).map_(torch.tensor([3.0, 4.0]), lambda a, b: a * b)
        tensor([3., 8.])
    """
    return _replace(self, "map_", callable, (tensor,))


@method()
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by what the function makes of it and of two other tensors' elements.

    Raises:
        RuntimeError: A tensor requires a gradient, or shapes differ.

    Source: torch.Tensor.map2_

    Example:
        >>> import flambeau as torch
        >>> a = torch.tensor([1.0, 2.0])
        >>> a.map2_(a, a, lambda u, v, w: u + v * w)
        tensor([2., 6.])
    """
    return _replace(self, "map2_", callable, (x, y))


def _replace(target: Tensor, name: str, function: Callable, others: tuple[Tensor, ...]) -> Tensor:
    if mode.recording and any(x._node is not None for x in (target, *others)):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    if any(x._kind.device is not CPU for x in (target, *others)):
        raise TypeError(
            f"{name.rstrip('_')}_ is only implemented on CPU tensors: move them with .cpu()"
        )
    check_writable(target, (target, *others))
    shape = target._array.shape
    columns = [target, *(other.expand(shape) for other in others)]
    # All elements are made before the first is written: a function that fails leaves them alone.
    made = [function(*values) for values in zip(*(x.reshape(-1).tolist() for x in columns))]
    result = wrap(target._array.copy(), target._kind)
    for place, value in enumerate(made):
        result._array.flat[place] = value
    store(target, result._array)
    finish_write(target, None)
    return target
