"""Tensors of subclasses that have a shape and no memory: what they hold inside computes for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.device import resolve
from ...core.dtype import dtype as Dtype
from ...core.dtype import get_default_dtype
from ...core.kind import Kind, kind_of
from ...core.layout import layout as Layout
from ...core.layout import memory_format as MemoryFormat
from ...core.meta import MetaArray
from ...core.tensor import Tensor, become, make
from ...dispatch.registry import method


@method("_make_wrapper_subclass")
def _make_wrapper_subclass(
    cls: type,
    size: Sequence[int],
    strides: Sequence[int] | None = None,
    storage_offset: int | None = None,
    memory_format: MemoryFormat | None = None,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    dispatch_sizes_strides_policy: str | None = None,
    dispatch_device: bool = False,
    dispatch_layout: bool = False,
    _extra_dispatch_keys: Any = None,
    storage_size: int | None = None,
) -> Any:
    """A tensor of a subclass that says its shape, dtype and device, and has no elements.

    Its class defines ``__torch_dispatch__``, which is given every operation on it.

    Args:
        cls: The subclass.
        size, strides, dtype, device, requires_grad: What the tensor says of itself.

    Raises:
        RuntimeError: The class has no ``__torch_dispatch__``.

    Source: torch.Tensor._make_wrapper_subclass

    Example:
        >>> import flambeau as torch
        >>> class Boxed(torch.Tensor):
        ...     __torch_function__ = torch._C._disabled_torch_function_impl
        ...     @staticmethod
        ...     def __new__(cls, inner):
        ...         return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        ...     def __init__(self, inner):
        ...         self.inner = inner
        ...     @classmethod
        ...     def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        ...         return func(*[x.inner if isinstance(x, Boxed) else x for x in args])
        >>> Boxed(torch.ones(2)) + 1
        tensor([2., 2.])
    """
    if getattr(cls, "__torch_dispatch__", None) is Tensor.__torch_dispatch__:  # type: ignore[attr-defined]
        raise RuntimeError(
            f"_make_wrapper_subclass: {cls.__name__} must define __torch_dispatch__, which computes for its tensors"
        )
    kind = kind_of(dtype or get_default_dtype(), resolve(device))
    sizes, item = tuple(size), kind.dtype.itemsize
    steps = None if strides is None else [step * item for step in strides]
    made = become(wrap_array(MetaArray(sizes, kind.numpy, steps), kind), cls)
    return made.requires_grad_() if requires_grad else made


def wrap_array(array: MetaArray, kind: Kind) -> Tensor:
    """A tensor of a kind on what has a shape only."""
    return make(array, kind, None, [0], None)
