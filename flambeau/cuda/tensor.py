"""The old classes of tensors and storages on CUDA devices: `torch.cuda.FloatTensor` and others, see legacy.py."""

from __future__ import annotations

from typing import Any

from ..core.storage import legacy_class
from ..legacy import tensortype
from ..ops.create.constructor import LEGACY
from . import _STORAGES, _TENSORS


def _make(name: str) -> Any:
    """The class of tensors that a name stands for."""
    text = f"A tensor of {LEGACY[name]} on the current GPU.\n\n    Source: torch.cuda.{name}\n    "
    facts = {"dtype": LEGACY[name], "device_type": "cuda", "is_cuda": True, "__doc__": text}
    return tensortype(name, (), {**facts, "__module__": "torch.cuda"})


globals().update({name: _make(name) for name in _TENSORS})
globals().update({name: legacy_class(name, "torch.cuda", "cuda") for name in _STORAGES})
