"""functionalize: a function whose writes and views are calls without them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_REMOVED = ("mutations", "mutations_and_views")


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """A function with the results of `func`, the writes into its arguments included.

    PyTorch carries out writes and views inside as calls without them, which shows in graphs that are traced of it.
    Here they are carried out as they are, to the same results; `fx.experimental.proxy_tensor.make_fx` notes them so.

    Args:
        func: A function of tensors.
        remove: "mutations" or "mutations_and_views".

    Raises:
        RuntimeError: `remove` is something else; when the function is called, as in PyTorch.

    Source: torch.func.functionalize

    Example:
        >>> import flambeau as torch
        >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.zeros(2))
        tensor([1., 1.])
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if remove not in _REMOVED:
            raise RuntimeError(
                f"functionalize(f, remove='mutations'): received invalid argument for 'remove={remove}'. Valid "
                "options are: 'mutations', 'mutations_and_views'"
            )
        return func(*args, **kwargs)

    return wrapper
