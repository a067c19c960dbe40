"""The old constructors: Tensor(...), Tensor.new(...) and FloatTensor(...) and its sisters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtype import LEGACY, dtype
from ..core.kind import Kind
from ..core.size import Size
from ..core.tensor import Tensor
from .data import array_of
from .factory import handle, kind_for, new_array, sizes
from .registry import method

_SLOTS = ("_array", "_kind", "_node", "_cell", "_base")


def _constructed(cls: type, *args: Any, **options: Any) -> Tensor:
    """A tensor of sizes (uninitialised) or of data, in the default dtype."""
    plain = _made(args, options, kind_for(None, options.pop("device", None)))
    if cls is Tensor:
        return plain
    result: Tensor = object.__new__(cls)
    for slot in _SLOTS:
        setattr(result, slot, getattr(plain, slot))
    return result


def _made(args: tuple, options: dict[str, Any], kind: Kind) -> Tensor:
    if "size" in options and not args:
        args = (Size(options.pop("size")),)
    if options:
        raise TypeError(
            f"new() received an invalid combination of arguments - got {', '.join(options)}=, but the "
            "old constructor takes sizes, or data, and device= only: use torch.tensor(data, dtype=...)"
        )
    if len(args) == 1 and not _is_size(args[0]):
        return _of_data(args[0], kind)
    shape = sizes(args, "new") if args else (0,)
    return handle(new_array("new", kind, shape), kind)


def _is_size(value: Any) -> bool:
    return isinstance(value, Size) or (
        isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    )


def _of_data(data: Any, kind: Kind) -> Tensor:
    if isinstance(data, Tensor):
        alias = handle(data._array, data._kind)
        alias._cell = data._cell
        return alias
    if isinstance(data, (bool, float, complex)) or data is None:
        raise TypeError(
            f"new(): data must be a sequence (got {type(data).__name__}): use torch.tensor({data!r})"
        )
    return handle(array_of(data, kind.dtype)[0], kind)


@method()
def new(self: Tensor, *args: Any, **options: Any) -> Tensor:
    """`Tensor(...)` with this tensor's dtype and device; `new_empty` and `new_tensor` say more.

    Source: torch.Tensor.new
    """
    device = options.pop("device", None)
    kind = self._kind if device is None else kind_for(self.dtype, device)
    return _made(args, options, kind)


Tensor.__new__ = _constructed  # type: ignore[method-assign,assignment]
Tensor.__init__ = lambda self, *args, **kwargs: None  # type: ignore[method-assign,assignment,misc]


class _LegacyType(type):
    """FloatTensor(...) makes a tensor, and isinstance asks what dtype one has."""

    dtype: dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any, **options: Any) -> Tensor:
        kind = kind_for(cls.dtype, options.pop("device", None))
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype is not cls.dtype:
            raise TypeError(
                f"expected a tensor of {cls.dtype} (got one of {args[0].dtype}): convert it with "
                f".to({cls.dtype})"
            )
        return _made(args, options, kind)


def legacy_class(name: str) -> type:
    """The class that stood for a dtype before dtypes did: "FloatTensor", "LongTensor", ...

    Raises:
        KeyError: There is none of the name.
    """
    found = _classes.get(name)
    if found is None:
        attributes = {
            "__module__": "torch",
            "dtype": LEGACY[name],
            "__doc__": f"{LEGACY[name]} tensors, by the name of PyTorch's old class.",
        }
        found = _classes[name] = _LegacyType(name, (), attributes)
    return found


_classes: dict[str, type] = {}
