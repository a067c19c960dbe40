"""Hooks on tensors."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from .._caller import warn
from ..core.tensor import Tensor
from .node import Leaf, RemovableHandle, registered


def register_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call ``hook(grad)`` when this tensor's gradient is computed; a result replaces it.

    Raises:
        RuntimeError: The tensor requires no grad.

    Source: torch.Tensor.register_hook

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(1, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * 2).backward()
        >>> x.grad
        tensor([20.])
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    hooks = self._node.node.note("tensor_hooks", {}).setdefault(self._node.index, {})
    return registered(hook, hooks)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call ``hook(tensor)`` after the leaf's ``.grad`` was added to.

    Raises:
        RuntimeError: It is no leaf that requires grad.

    Source: torch.Tensor.register_post_accumulate_grad_hook
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if type(self._node) is not Leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return registered(hook, self._node.note("after", {}))


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this tensor in ``.grad`` although it is no leaf.

    Raises:
        RuntimeError: The tensor requires no grad.

    Source: torch.Tensor.retain_grad
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if type(self._node) is not Leaf:
        self._node.node.note("retained", {})[id(self)] = (weakref.ref(self), self._node.index)


def retains_grad(self: Tensor) -> bool:
    """Is the gradient of this non-leaf kept?"""
    node = self._node
    return node is not None and id(self) in ((node.node.notes or {}).get("retained") or {})


def unserializable_hook(f: Callable) -> Callable:
    """Decorator of a hook that may be lost when its tensor is saved: nobody is warned of it.

    Source: torch.utils.hooks.unserializable_hook
    """
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn of each hook on a tensor that saving it would lose.

    Source: torch.utils.hooks.warn_if_has_hooks
    """
    node = tensor._node
    hooks = () if node is None else (node.node.notes or {}).get("tensor_hooks", {})
    for hook in hooks.get(node.index, {}).values() if hooks else ():
        if not getattr(hook, "__torch_unserializable__", False):
            warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can "
                "decorate the function with @torch.utils.hooks.unserializable_hook to suppress this warning"
            )


Tensor.register_hook = register_hook  # type: ignore[attr-defined]
Tensor.register_post_accumulate_grad_hook = register_post_accumulate_grad_hook  # type: ignore[attr-defined]
Tensor.retain_grad = retain_grad  # type: ignore[attr-defined]
Tensor.retains_grad = property(retains_grad)  # type: ignore[attr-defined]
