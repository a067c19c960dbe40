"""The old tensor classes, which stood for dtypes before those existed: `FloatTensor` and others.

They are no subclasses of Tensor: making one makes a Tensor, and ``isinstance(x, FloatTensor)``
asks for its dtype.
"""

from __future__ import annotations

from typing import Any

from .core import layout as _layout
from .core.device import resolve
from .core.kind import kind_of
from .core.storage import check_available, legacy_class
from .core.tensor import Tensor
from .ops.create.constructor import LEGACY, construct


class tensortype(type):
    """The class of the old tensor classes.

    Example:
        >>> import flambeau as torch
        >>> torch.LongTensor([1, 2])
        tensor([1, 2])
        >>> isinstance(torch.ones(2), torch.DoubleTensor)
        False
    """

    dtype: Any
    layout = _layout.strided
    device_type = "cpu"
    is_cuda = is_sparse = False

    def __call__(cls, *args: Any, device: Any = None, **options: Any) -> Any:
        check_available(cls)
        place = resolve(cls.device_type if device is None else device)
        if place.type != cls.device_type:
            raise RuntimeError(
                f"legacy constructor expects device type: {cls.device_type} but device type: "
                f"{place.type} was passed"
            )
        if "data" in options:
            args = (*args, options.pop("data"))
        if options:
            raise TypeError(
                f"{cls.__name__}() got an unexpected keyword argument '{next(iter(options))}'; it "
                "takes sizes, or data"
            )
        return construct(kind_of(cls.dtype, place), args, same_kind=True)

    def __instancecheck__(cls, instance: object) -> bool:
        if not isinstance(instance, Tensor):
            return False
        kind = instance._kind
        return kind.dtype is cls.dtype and kind.device.type == cls.device_type

    def __getattr__(cls, name: str) -> Any:
        return getattr(Tensor, name)


def _make(name: str) -> Any:
    if name.endswith("Storage"):
        return legacy_class(name)
    text = (
        f"A tensor of {LEGACY[name]} of the given sizes or data.\n\n    Source: torch.{name}\n    "
    )
    return tensortype(name, (), {"dtype": LEGACY[name], "__module__": "torch", "__doc__": text})


globals().update({name: _make(name) for name in LEGACY})
