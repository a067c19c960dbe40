"""PyTorch's names of the files that layers are in: ``torch.nn.modules.batchnorm`` and the like.

Each is the module of ours that holds those layers, so ``from torch.nn.modules.conv import Conv2d`` works.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ... import nn as _nn
from .file import file_of

_FILES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "batchnorm": "batch_norm",
    "channelshuffle": "shape",
    "container": "container",
    "conv": "convolution",
    "distance": "loss",
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


def _complete() -> None:
    """Let each file have the layers that PyTorch has there, also those that stand in another file of ours."""
    for name in dir(_nn):
        layer = getattr(_nn, name)
        home = file_of(layer) if isinstance(layer, type) and issubclass(layer, _nn.Module) else None
        file = None if home is None else globals().get(home.rpartition(".")[2])
        if file is not None and name not in vars(file):
            setattr(file, name, layer)


_complete()


def __getattr__(name: str) -> Any:
    """The layers themselves are here too."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_nn, name)
