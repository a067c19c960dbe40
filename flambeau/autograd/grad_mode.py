"""The gradient modes under torch's module name.

Source: torch.autograd.grad_mode
"""

from __future__ import annotations

from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class set_multithreading_enabled:
    """Says, at once or for the duration of a ``with`` block, whether backward may use threads of its own.

    It never does: gradients and hooks run in the thread that called, at either setting.

    Args:
        mode: May it?

    Source: torch.autograd.grad_mode.set_multithreading_enabled

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(1, requires_grad=True)
        >>> with torch.autograd.set_multithreading_enabled(False):
        ...     (x * 2).backward()
        >>> x.grad
        tensor([2.])
    """

    allowed = True

    def __init__(self, mode: bool) -> None:
        self.prev, self.mode = set_multithreading_enabled.allowed, mode
        set_multithreading_enabled.allowed = mode

    def __enter__(self) -> None:
        set_multithreading_enabled.allowed = self.mode

    def __exit__(self, *exception: object) -> None:
        set_multithreading_enabled.allowed = self.prev

    def clone(self) -> set_multithreading_enabled:
        """Another one of the same setting."""
        return set_multithreading_enabled(self.mode)
