"""PyTorch's names of the files that layers are in: ``torch.nn.modules.batchnorm`` and the like.

Each is the module of ours that holds those layers, so ``from torch.nn.modules.conv import Conv2d`` works.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ... import nn as _nn

_FILES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "batchnorm": "batch_norm",
    "container": "container",
    "conv": "convolution",
    "dropout": "dropout",
    "flatten": "shape",
    "fold": "shape",
    "instancenorm": "batch_norm",
    "linear": "linear",
    "loss": "loss",
    "module": "module",
    "normalization": "normalization",
    "padding": "padding",
    "pixelshuffle": "shape",
    "pooling": "pooling",
    "rnn": "recurrent",
    "sparse": "embedding",
    "transformer": "transformer",
    "upsampling": "shape",
}
for _name, _file in _FILES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = import_module(f"..{_file}", __package__)


def __getattr__(name: str) -> Any:
    """The layers themselves are here too."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_nn, name)
