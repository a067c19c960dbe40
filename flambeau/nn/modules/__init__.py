"""PyTorch's names of the files that layers are in: ``torch.nn.modules.batchnorm`` and the like.

Each is the module of ours that holds those layers, so ``from torch.nn.modules.conv import Conv2d`` works, and a
function that is replaced there is replaced for the layers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ... import nn as _nn
from ..file import file_of

_FILES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "batchnorm": "batch_norm",
    "channelshuffle": "shape",
    "container": "container",
    "conv": "convolution",
    "distance": "shape",
    "dropout": "dropout",
    "flatten": "shape",
    "fold": "shape",
    "instancenorm": "batch_norm",
    "lazy": "lazy",
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
_HELPERS = {
    "batchnorm": {"lazy": "LazyModuleMixin"},
    "conv": {
        "lazy": "LazyModuleMixin",
        "modules.utils": "_pair _reverse_repeat_tuple _single _triple",
    },
    "linear": {"attention": "NonDynamicallyQuantizableLinear", "lazy": "LazyModuleMixin"},
    "activation": {"attention": "NonDynamicallyQuantizableLinear"},
    "pooling": {"modules.utils": "_pair _single _triple"},
}
"""What packages look for in those files that is no layer of torch.nn, and where we have it."""

for _name, _file in _FILES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = import_module(f"..{_file}", __package__)
for _file, _others in _HELPERS.items():
    for _other, _names in _others.items():
        _source = import_module(f"..{_other}", __package__)
        for _name in _names.split():
            vars(globals()[_file]).setdefault(_name, getattr(_source, _name))


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
    if name.startswith("__") or name in _nn._MODULES:
        raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'")
    return getattr(_nn, name)


def __dir__() -> list[str]:
    layers = [name for name in dir(_nn) if isinstance(getattr(_nn, name), type)]
    return sorted({*globals(), *layers})
