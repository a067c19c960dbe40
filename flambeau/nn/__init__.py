"""Neural networks: modules, layers, losses, first values."""

from __future__ import annotations

from .._lazy import attach as _attach
from . import functional, init
from .activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from .container import ModuleDict, ModuleList, Sequential
from .convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from .embedding import Embedding, EmbeddingBag
from .linear import Bilinear, Linear
from .loss import LAYERS as _losses
from .loss import NLLLoss2d
from .module import Module
from .normalization import CrossMapLRN2d, GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from .padding import LAYERS as _pads
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from .parameter_container import ParameterDict, ParameterList
from .pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool1d,
    MaxUnpool2d,
    MaxUnpool3d,
)
from .shape import (
    ChannelShuffle,
    CosineSimilarity,
    Flatten,
    Fold,
    Identity,
    PairwiseDistance,
    PixelShuffle,
    PixelUnshuffle,
    Unflatten,
    Unfold,
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)

globals().update(_losses)
globals().update(_pads)

_ELSEWHERE = {
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "multihead_attention": "MultiheadAttention",
    "batch_norm": "SyncBatchNorm "
    + " ".join(f"{k}Norm{n}d" for k in ("Batch", "Instance") for n in (1, 2, 3)),
    "fractional": "FractionalMaxPool2d FractionalMaxPool3d",
    "lazy": "LazyLinear "
    + " ".join(
        f"Lazy{kind}{n}d"
        for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm")
        for n in (1, 2, 3)
    ),
    "container": "Container",
    "linear_cross_entropy": "LinearCrossEntropyLoss LinearCrossEntropyOptions",
    "parallel": "DataParallel",
    "recurrent": "RNNBase RNN LSTM GRU",
    "recurrent_cell": "RNNCellBase RNNCell LSTMCell GRUCell",
    "transformer": "Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder "
    "TransformerDecoderLayer",
}
_MODULES = ("_reduction", "attention", "common_types", "grad", "modules", "parallel", "utils")
__getattr__, __dir__ = _attach(
    __name__,
    (*_ELSEWHERE, *_MODULES),
    {name: module for module, names in _ELSEWHERE.items() for name in names.split()},
    "torch.nn",
)
