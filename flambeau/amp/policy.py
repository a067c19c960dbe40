"""Which functions `autocast` casts for, on each type of device: PyTorch's lists.

Source: aten/src/ATen/autocast_mode.h
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Policy:
    """Functions by what they get; those on no list get what they are given.

    Attributes:
        lower: The 16-bit type: products.
        full: float32; `spaces` are namespaces of such.
        chosen: float32, unless they are given a dtype.
        widest: The widest of their operands' types.
        recurrent: Whole recurrent networks: inputs are multiplied in the 16-bit type, and steps follow each other in
            float32. For those that are True the result has the 16-bit type.
        like_input: What they are given; the result has the input's type, though weights are float32.
        refused: Functions that are not safe, and what is said of them.
    """

    lower: frozenset[str]
    full: frozenset[str]
    spaces: tuple[str, ...] = ()
    chosen: frozenset[str] = frozenset()
    widest: frozenset[str] = frozenset()
    like_input: frozenset[str] = frozenset()
    recurrent: Mapping[str, bool] = field(default_factory=dict)
    refused: tuple[str, str] | None = None


_PRODUCTS = (
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"),
    *("conv_transpose3d", "bmm", "mm", "baddbmm", "addmm", "addbmm", "linear", "matmul"),
    *("__matmul__", "__rmatmul__", "scaled_dot_product_attention", "linalg.vecdot", "einsum"),
)

CPU = Policy(
    lower=frozenset((*_PRODUCTS, "tensordot")),  # made of bmm
    full=frozenset(
        (
            *("avg_pool3d", "max_pool3d", "adaptive_avg_pool3d", "max_unpool2d", "max_unpool3d"),
            *("binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "nll_loss"),
            *("cosine_embedding_loss", "hinge_embedding_loss", "poisson_nll_loss", "kl_div"),
            *("smooth_l1_loss", "cross_entropy", "l1_loss", "huber_loss", "margin_ranking_loss"),
            *("soft_margin_loss", "triplet_margin_loss", "multi_margin_loss", "ctc_loss"),
            *("multilabel_margin_loss", "grid_sample", "polar", "prod", "quantile", "nanquantile"),
            *("stft", "cdist", "trace", "view_as_complex", "cholesky", "cholesky_inverse"),
            *("cholesky_solve", "inverse", "lu_solve", "orgqr", "ormqr", "pinverse"),
            *("linalg.cond", "linalg.matrix_rank", "linalg.solve", "linalg.cholesky"),
            *("linalg.cholesky_ex", "linalg.svdvals", "linalg.eigvals", "linalg.eigvalsh"),
            *("linalg.inv", "linalg.inv_ex", "linalg.householder_product", "linalg.tensorinv"),
            *("linalg.tensorsolve", "linalg.eig", "linalg.eigh", "linalg.lstsq", "linalg.qr"),
            *("linalg.svd", "linalg.lu_factor"),
        )
    ),
    spaces=("fft.",),
    like_input=frozenset(("layer_norm", "batch_norm", "instance_norm", "group_norm", "rms_norm")),
    recurrent={"lstm": True, "rnn_tanh": True, "rnn_relu": True, "gru": False},
)

CUDA = Policy(
    lower=frozenset(
        (
            *_PRODUCTS,
            *("conv_tbc", "prelu", "addmv", "addr", "mv", "chain_matmul", "linalg.multi_dot"),
            *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),
        )
    ),
    full=frozenset(
        (
            *("acos", "arccos", "asin", "arcsin", "cosh", "erfinv", "special.erfinv", "exp"),
            *("expm1", "special.expm1", "log", "log10", "log2", "log1p", "special.log1p"),
            *("reciprocal", "rsqrt", "sinh", "tan", "pow", "__pow__", "__rpow__", "__rtruediv__"),
            *("__rdiv__", "softplus", "layer_norm", "rms_norm", "group_norm", "nuclear_norm"),
            *("frobenius_norm", "cosine_similarity", "poisson_nll_loss", "cosine_embedding_loss"),
            *("nll_loss", "cross_entropy", "hinge_embedding_loss", "kl_div", "l1_loss"),
            *("smooth_l1_loss", "huber_loss", "mse_loss", "margin_ranking_loss"),
            *("multilabel_margin_loss", "soft_margin_loss", "triplet_margin_loss"),
            *("multi_margin_loss", "binary_cross_entropy_with_logits", "dist", "pdist", "cdist"),
            *("renorm", "logsumexp", "special.logsumexp", "interpolate", "upsample"),
            *("upsample_nearest", "upsample_bilinear"),
        )
    ),
    chosen=frozenset(
        (
            *(
                "prod",
                "softmax",
                "special.softmax",
                "softmin",
                "log_softmax",
                "special.log_softmax",
            ),
            *("cumprod", "cumsum", "linalg.vector_norm", "linalg.matrix_norm", "linalg.norm"),
            *("norm", "normalize", "sum"),
        )
    ),
    widest=frozenset(
        (
            *("addcdiv", "addcmul", "atan2", "arctan2", "bilinear", "cross", "dot", "vdot"),
            *("grid_sample", "grid_sampler", "index_put", "tensordot", "scatter_add"),
        )
    ),
    like_input=frozenset(("batch_norm", "instance_norm")),
    refused=(
        "binary_cross_entropy",
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
        "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
        "In this case, combine the two layers using "
        "torch.nn.functional.binary_cross_entropy_with_logits\n"
        "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
        "safe to autocast.",
    ),
)

POLICIES = {"cpu": CPU, "cuda": CUDA}

__all__ = ["POLICIES", "Policy"]
