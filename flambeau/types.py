"""Types for annotations.

Source: torch.types
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, TypeAlias

from .core.device import device as _device
from .core.dtype import dtype as _dtype
from .core.layout import layout as _layout
from .core.size import Size
from .core.tensor import Tensor

_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize: TypeAlias = Size | Sequence[int]
_bool, _bytes, _complex = builtins.bool, builtins.bytes, builtins.complex
_float, _int, _str = builtins.float, builtins.int, builtins.str

Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Device: TypeAlias = _device | str | int | None


def __getattr__(name: str) -> type:
    if name == "Storage":
        from .core.storage import UntypedStorage

        return UntypedStorage
    raise AttributeError(f"module 'torch.types' has no attribute '{name}'")


__all__ = ["Device", "FileLike", "Number", "Size", "Tensor", "_dtype", "_layout"]
