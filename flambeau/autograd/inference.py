"""Inference tensors: what is made in inference_mode, and can never be needed by backward.

Ordinary tensors pay nothing for them. While some thread is in inference_mode, the constructor of
tensors is one that asks which thread calls it. An inference tensor is known by its version, which
differs from itself, so that a node which saved the tensor finds it stale.
"""

from __future__ import annotations

from _thread import allocate_lock  # `threading` loads late
from collections.abc import Callable
from typing import Any

from .. import kernels
from ..core import tensor as handle
from ..core.tensor import UNVERSIONED, Tensor

_lock = allocate_lock()
_inside: list[Callable[..., Tensor]] = []
"""The ordinary constructor, once for each block that is open."""


def begin(mode: Any) -> None:
    """A block of inference_mode opens; `mode` is the state of the threads."""
    with _lock:
        if not _inside:
            kernels.enabled()  # loading them puts the native constructor in place
            _inside.append(handle.make)
            handle.make = _marking(handle.make, mode)
        else:
            _inside.append(_inside[0])


def end() -> None:
    """A block closes."""
    with _lock:
        make = _inside.pop()
        if not _inside:
            handle.make = make


def _marking(make: Callable[..., Tensor], mode: Any) -> Callable[..., Tensor]:
    def marked(array: Any, kind: Any, node: Any, cell: list, base: Tensor | None) -> Tensor:
        if base is None and mode.inference:
            cell = [UNVERSIONED]
        return make(array, kind, node, cell, base)

    return marked


def is_inference(input: Tensor) -> bool:
    """Was the tensor made in inference_mode?

    Source: torch.is_inference

    Example:
        >>> import flambeau as torch
        >>> with torch.inference_mode():
        ...     x = torch.ones(2)
        >>> x.is_inference()
        True
    """
    return input._cell[0] is UNVERSIONED


SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd: clone() the tensor outside inference_mode, or make it under "
    "torch.no_grad() instead."
)

WRITTEN = (
    "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
    "normal tensor before doing inplace update."
)

Tensor.is_inference = is_inference  # type: ignore[attr-defined]
