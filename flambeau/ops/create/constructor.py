"""``Tensor(...)``, the old constructor, which the old tensor classes share (see legacy.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.device import default_device, resolve
from ...core.dtype import CONVERSIONS, state
from ...core.kind import Kind, kind_of
from ...core.size import Size
from ...core.tensor import Tensor, become, wrap
from ...dispatch.registry import NAMESPACES, method
from ..view.shape import alias_

LEGACY = {
    f"{item.legacy}{what}": item
    for item in CONVERSIONS.values()
    if not item.is_complex
    for what in ("Tensor", "Storage")
}
"""The old classes that stand for a dtype: FloatTensor, FloatStorage, ..."""


def construct(kind: Kind, args: tuple, same_kind: bool = False) -> Tensor:
    """A tensor of sizes, of data, on another tensor's memory, or on a storage.

    Raises:
        TypeError: The arguments are nothing of these.
        RuntimeError: A size is negative.
    """
    if len(args) == 1 and not isinstance(args[0], (int, np.integer, Size)):
        return _of_data(kind, args[0], same_kind)
    if len(args) == 1 and isinstance(args[0], bool):
        raise TypeError("new(): data must be a sequence (got bool)")
    shape = args[0] if args and isinstance(args[0], Size) else args
    for i, n in enumerate(shape):
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(
                f"new(): argument 'size' failed to unpack the object at pos {i + 1} with error "
                f'"type must be tuple of ints,but got {type(n).__name__}"'
            )
    shape = tuple([int(n) for n in shape]) if args else (0,)
    if shape and min(shape) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return wrap(kind.xp.empty(shape, kind.numpy), kind)


def _of_data(kind: Kind, data: Any, same_kind: bool) -> Tensor:
    if isinstance(data, Tensor):
        if same_kind and data._kind is not kind:
            raise TypeError(
                f"expected a tensor of {kind.dtype} on {kind.device} (got one of {data.dtype} on "
                f"{data.device}): convert it with .to() instead"
            )
        return alias_(data)
    if hasattr(data, "untyped"):
        return wrap(kind.xp.empty(0, kind.numpy), kind).set_(data)
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    return NAMESPACES["torch"]["tensor"](data, dtype=kind.dtype, device=kind.device)


def _new(cls: type, *args: Any, device: Any = None, **options: Any) -> Any:
    if "data" in options:
        args = (*args, options.pop("data"))
    if options:
        raise TypeError(
            f"new() received an invalid combination of arguments - got {', '.join(options)}, but "
            "expected sizes, data, a tensor or a storage, and device; use torch.tensor(...) for the rest"
        )
    place = default_device() if device is None else resolve(device)
    result = construct(kind_of(state.default, place), args)
    return result if cls is Tensor else become(result, cls)


Tensor.__new__ = _new  # type: ignore[method-assign,assignment]
Tensor.__init__ = lambda self, *args, **kwargs: None  # type: ignore[method-assign,assignment,misc]


@method()
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of sizes or of data, in this tensor's dtype and on its device.

    Source: torch.Tensor.new

    Example:
        >>> import flambeau as torch
        >>> torch.ones(1).long().new([1, 2])
        tensor([1, 2])
    """
    kind = self._kind
    if device is not None and resolve(device).type != kind.device.type:
        raise RuntimeError(
            f"legacy constructor expects device type: {kind.device.type} but device type: "
            f"{resolve(device).type} was passed"
        )
    return construct(kind, args, same_kind=True)
