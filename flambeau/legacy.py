"""The old tensor classes, which stood for dtypes before those existed: `FloatTensor` and others.

They are no subclasses of Tensor: making one makes a Tensor, and ``isinstance(x, FloatTensor)``
asks for its dtype.
"""

from __future__ import annotations

from typing import Any

from .core import layout as _layout
from .core.device import CPU, resolve
from .core.kind import kind_of
from .core.storage import legacy_class
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
    is_cuda = is_sparse = False

    def __call__(cls, *args: Any, device: Any = None, **options: Any) -> Any:
        if device is not None and resolve(device) is not CPU:
            raise RuntimeError(
                f"legacy constructor expects device type: cpu but device type: "
                f"{resolve(device).type} was passed"
            )
        if "data" in options:
            args = (*args, options.pop("data"))
        if options:
            raise TypeError(
                f"{cls.__name__}() got an unexpected keyword argument '{next(iter(options))}'; it "
                "takes sizes, or data"
            )
        return construct(kind_of(cls.dtype, CPU), args, same_kind=True)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance._kind is kind_of(cls.dtype, CPU)

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
