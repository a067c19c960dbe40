"""torch.cuda.sparse: the old classes of sparse tensors on CUDA devices, of which none can be made."""

from __future__ import annotations

from typing import Any, NoReturn

from . import _TENSORS


class _Absent(type):
    """Classes that have no objects."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"type torch.cuda.sparse.{cls.__name__} not available: sparse tensors live on the CPU"
        )


for _name in _TENSORS:
    globals()[_name] = _Absent(_name, (), {"__module__": "torch.cuda.sparse"})
