"""Reading tensors at indices that are tensors, inside `vmap`: nothing has to be changed for it here.

Source: torch._dynamo._trace_wrapped_higher_order_op
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dispatch.function_mode import TorchFunctionMode


class TransformGetItemToIndex(TorchFunctionMode):
    """Inside, `x[i]` with a tensor `i` of no dimensions may be mapped over.

    PyTorch would ask `i` for its number, which `vmap` cannot give, and so calls another function; here `x[i]`
    reads at the tensor anyway.

    Source: torch._dynamo._trace_wrapped_higher_order_op.TransformGetItemToIndex

    Example:
        >>> import flambeau as torch
        >>> from flambeau._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex
        >>> x = torch.tensor([3, 1, 2])
        >>> with TransformGetItemToIndex():
        ...     torch.vmap(lambda i: x[i])(torch.tensor([2, 0]))
        tensor([2, 3])
    """

    def __torch_function__(
        self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))
