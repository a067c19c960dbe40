"""Families of operations that load when one of their names is first asked for.

Most programs never ask for an eigenvalue or a Fourier transform, and importing the package should
cost them nothing. The names stand here, so that ``torch.svd`` and ``Tensor.det`` are found before
their family is loaded; a test compares them with what the families really register.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..core.tensor import Tensor
from .registry import NAMESPACES

LATE = {
    "buffer": ("asarray frombuffer", ""),
    "calculus": ("cumulative_trapezoid diff gradient trapezoid trapz", "diff"),
    "complex_parts": ("complex polar", ""),
    "distance": ("bilinear cdist dist pdist renorm", "dist renorm renorm_"),
    "gamma": ("_standard_gamma", ""),
    "fourier": ("", ""),
    "spectrogram": ("istft stft", "istft stft"),
    "window": (
        "bartlett_window blackman_window hamming_window hann_window kaiser_window",
        "",
    ),
    "linear": (
        "chain_matmul cholesky cholesky_inverse cholesky_solve corrcoef cov cross det geqrf inverse "
        "kron logdet lu lu_solve lu_unpack matrix_exp matrix_power orgqr ormqr pca_lowrank pinverse "
        "qr slogdet svd svd_lowrank triangular_solve",
        "cholesky cholesky_inverse cholesky_solve corrcoef cov cross det geqrf inverse kron logdet lu "
        "lu_solve matrix_exp matrix_power orgqr ormqr pinverse qr slogdet svd triangular_solve",
    ),
    "attention": ("", ""),
    "connectionist": ("ctc_loss", ""),
    "convolution": (
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
        "",
    ),
    "embedding": ("embedding", ""),
    "grid": ("affine_grid_generator", ""),
    "gumbel": ("", ""),
    "linear_cross_entropy": ("", ""),
    "padding": ("", ""),
    "pooling": ("avg_pool1d max_pool1d max_pool2d max_pool3d", ""),
    "pooling_adaptive": ("adaptive_avg_pool1d adaptive_max_pool1d", ""),
    "pooling_fractional": ("", ""),
    "recurrence": ("", ""),
    "resize": ("", ""),
    "shuffle": ("channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle", ""),
    "standardize": ("", ""),
    "activation_function": ("celu_ prelu relu_ rrelu rrelu_ selu_ threshold threshold_", "prelu"),
    "channel": ("batch_norm group_norm instance_norm", ""),
    "classification": ("", ""),
    "counting": ("bincount bucketize searchsorted unravel_index", "bincount"),
    "histogram": ("histc histogram histogramdd", "histc histogram"),
    "loss": ("", ""),
    "margin": ("", ""),
    "polynomial": ("", ""),
    "quantile": ("nanquantile quantile", "nanquantile quantile"),
    "sampling": (
        "bernoulli binomial multinomial normal poisson",
        "bernoulli bernoulli_ cauchy_ exponential_ geometric_ log_normal_ multinomial normal_ random_ uniform_",
    ),
    "similarity": ("cosine_similarity pairwise_distance", ""),
    "unique": ("isin unique unique_consecutive", "unique unique_consecutive"),
    "scatter_reduce": (
        "index_add index_copy index_fill index_reduce scatter_reduce",
        "index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce "
        "index_reduce_ scatter_reduce scatter_reduce_",
    ),
}
"""For each family its functions in the torch namespace, and its Tensor methods."""

NEURAL = (
    "activation_function",
    "channel",
    "classification",
    "loss",
    "margin",
    "similarity",
    "attention",
    "connectionist",
    "convolution",
    "embedding",
    "grid",
    "gumbel",
    "linear_cross_entropy",
    "padding",
    "pooling",
    "pooling_adaptive",
    "pooling_fractional",
    "resize",
    "shuffle",
)
"""Families whose functions are in nn.functional, which loads them."""

FUNCTIONS = {name: family for family, (names, _) in LATE.items() for name in names.split()}
METHODS = {name: family for family, (_, names) in LATE.items() for name in names.split()}


class LateMethod:
    """Stands for a Tensor method; loading its family puts the method itself in its place."""

    __slots__ = ("family", "name")

    def __init__(self, name: str, family: str) -> None:
        self.name, self.family = name, family

    def __get__(self, instance: Any, owner: type) -> Any:
        load(self.family)
        return getattr(owner if instance is None else instance, self.name)


def load(family: str) -> None:
    """Import a family, which registers its operations."""
    import_module(f".{family}", __package__)


def load_all() -> None:
    """Import every family: for what lists or tests all operations."""
    for family in LATE:
        load(family)


def function(name: str) -> Callable:
    """The function of this name in the torch namespace."""
    load(FUNCTIONS[name])
    return NAMESPACES["torch"][name]


for _name, _family in METHODS.items():
    setattr(Tensor, _name, LateMethod(_name, _family))
