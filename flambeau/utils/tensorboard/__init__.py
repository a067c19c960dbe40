"""Records of training for TensorBoard: torch.utils.tensorboard, through the package tensorboard."""

from __future__ import annotations

from ..._lazy import attach as _attach

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
__getattr__, __dir__ = _attach(
    __name__,
    ("summary", "writer"),
    {"FileWriter": "writer", "SummaryWriter": "writer", "RecordWriter": "summary"},
    "torch.utils.tensorboard",
)
