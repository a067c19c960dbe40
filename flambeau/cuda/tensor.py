"""The old classes of tensors and storages on CUDA devices: none can be made."""

from __future__ import annotations

from typing import Any, NoReturn

from . import _STORAGES, _TENSORS


class _Absent(type):
    """Classes that have no objects."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled."
        )


for _name in (*_TENSORS, *_STORAGES):
    _doc = "An old class of what lies on a CUDA device: making one raises TypeError."
    globals()[_name] = _Absent(_name, (), {"__module__": "torch.cuda", "__doc__": _doc})
