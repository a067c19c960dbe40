"""In which of PyTorch's files a layer stands: pickles name layers by it, and logs do."""

from __future__ import annotations

import re

_FILES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "attention": "activation",
    "container": "container",
    "embedding": "sparse",
    "lazy": "linear",
    "linear": "linear",
    "linear_cross_entropy": "loss",
    "loss": "loss",
    "module": "module",
    "normalization": "normalization",
    "parameter_container": "container",
    "pooling": "pooling",
    "recurrent": "rnn",
    "recurrent_cell": "rnn",
    "transformer": "transformer",
}
"""PyTorch's file of the layers in a file of ours, where it is one."""

_BY_NAME = {
    "pooling": r".*Pool\dd",
    "dropout": r".*Dropout(\dd)?",
    "loss": r".*Loss",
    "batchnorm": r".*BatchNorm(\dd)?",
    "instancenorm": r".*InstanceNorm\dd",
    "normalization": r".*Norm",
    "padding": r".*Pad\dd",
    "conv": r".*Conv(Transpose)?\dd",
    "channelshuffle": "ChannelShuffle",
    "pixelshuffle": "Pixel.*",
    "distance": "CosineSimilarity|PairwiseDistance",
    "fold": "Fold|Unfold",
    "flatten": "Flatten|Unflatten",
    "linear": "Identity|.*Linear",
    "upsampling": "Upsampl.*",
    "activation": ".*",
}
"""PyTorch's file of the other layers: the first whose pattern the name has."""


def file_of(cls: type) -> str | None:
    """PyTorch's module of a layer of ours, such as "torch.nn.modules.linear"; None for other classes."""
    module = cls.__module__
    if module.startswith("torch.nn.modules."):
        return module
    if module.partition(".")[0] not in ("flambeau", "torch") or ".nn" not in module:
        return None
    if ".nn.parallel" in module:
        return f"torch{module[module.index('.') :]}"
    file = _FILES.get(module.rpartition(".")[2])
    if file is None or cls.__name__.endswith("Linear"):
        file = next(key for key, name in _BY_NAME.items() if re.fullmatch(name, cls.__name__))
    return f"torch.nn.modules.{file}"
