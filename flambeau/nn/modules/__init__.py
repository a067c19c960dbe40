"""PyTorch's names of the files that layers are in: ``torch.nn.modules.batchnorm`` and the like.

Each is the module of ours that holds those layers, so ``from torch.nn.modules.conv import Conv2d`` works, and a
function that is replaced there is replaced for the layers.
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
_ALSO = {
    "activation": {"attention": "MultiheadAttention NonDynamicallyQuantizableLinear"},
    "batch_norm": {
        "lazy": "LazyModuleMixin "
        + " ".join(f"Lazy{k}Norm{n}d" for k in ("Batch", "Instance") for n in (1, 2, 3))
    },
    "container": {"parameter_container": "ParameterDict ParameterList"},
    "convolution": {
        "lazy": "LazyModuleMixin "
        + " ".join(f"LazyConv{k}{n}d" for k in ("", "Transpose") for n in (1, 2, 3)),
        "modules.utils": "_pair _reverse_repeat_tuple _single _triple",
    },
    "linear": {
        "attention": "NonDynamicallyQuantizableLinear",
        "lazy": "LazyLinear LazyModuleMixin",
        "shape": "Identity",
    },
    "loss": {"linear_cross_entropy": "LinearCrossEntropyLoss LinearCrossEntropyOptions"},
    "pooling": {
        "fractional": "FractionalMaxPool2d FractionalMaxPool3d",
        "modules.utils": "_pair _single _triple",
    },
    "recurrent": {"recurrent_cell": "GRUCell LSTMCell RNNCell RNNCellBase"},
}
"""What PyTorch has in those files and we have in others: it is found in ours too, by PyTorch's names."""

for _name, _file in _FILES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = import_module(f"..{_file}", __package__)
for _file, _others in _ALSO.items():
    for _other, _names in _others.items():
        _source = import_module(f"..{_other}", __package__)
        for _name in _names.split():
            vars(sys.modules[f"flambeau.nn.{_file}"]).setdefault(_name, getattr(_source, _name))
vars(padding).update(padding.LAYERS)  # type: ignore[name-defined]  # noqa: F821


def __getattr__(name: str) -> Any:
    """The layers themselves are here too."""
    if name.startswith("__") or name in _nn._MODULES:
        raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'")
    return getattr(_nn, name)


def __dir__() -> list[str]:
    layers = [name for name in dir(_nn) if isinstance(getattr(_nn, name), type)]
    return sorted({*globals(), *layers})
