"""In-place forms of operations that have a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.mode import mode
from ..core.promotion import check_cast
from ..core.tensor import Tensor, wrap
from .registry import method
from .write import check_writable, finish_write, store


def write_result(
    target: Tensor, function: Callable[[Tensor], Tensor], operands: Sequence[Any] = ()
) -> Tensor:
    """Run `function` on the target and write what it gives into the target, as its history.

    The function sees a copy where it is recorded, so that what it saves are the values before.

    Raises:
        RuntimeError: The result has another shape, or a dtype that the target's cannot hold.
    """
    check_writable(target, (target, *operands))
    before = target
    if mode.recording and any(x._node is not None for x in (target, *operands)):
        before = wrap(target._array.copy(), target._kind)
        before._node = target._node
    result = function(before)
    if result._array.shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target._array.shape)} doesn't match the broadcast shape "
            f"{list(result._array.shape)}"
        )
    check_cast(result.dtype, target.dtype)
    store(target, result._array)
    finish_write(target, result._node)
    return target


def inplace_form(function: Callable) -> Callable:
    """Decorator: give a public function of (input, ...) its in-place method, and say which it is of."""
    name = f"{function.__name__}_"

    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        operands = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        return write_result(self, lambda x: function(x, *args, **kwargs), operands)

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"The in-place form of `{function.__name__}`."
    method()(form)
    return function
