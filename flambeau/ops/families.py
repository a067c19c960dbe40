"""Which families of operations load at import, and which when one of their names is asked for.

Importing this module fills the registry with all but the lazy ones. Their names stand here, so that they
are found before; a test compares them with what the families really register. Those that load at import are
what others are made of, or what nearly every program asks for: each costs up to a millisecond.
"""

from __future__ import annotations

import os
from importlib import import_module

from ..core.device import backends
from ..dispatch import lazy

_FOREACH = (
    "abs acos add addcdiv addcmul asin atan ceil clamp_max clamp_min cos cosh div erf erfc exp expm1 floor "
    "frac lerp lgamma log log10 log1p log2 maximum minimum mul neg pow reciprocal round rsqrt sigmoid sign "
    "sin sinh sqrt sub tan tanh trunc"
)
"""Functions of lists of tensors that write into their lists, too."""

LAZY = {
    "create.buffer": ("asarray from_file frombuffer", ""),
    "linalg.calculus": ("cumulative_trapezoid diff gradient trapezoid trapz", "diff"),
    "tensor.callback": ("", "apply_ map_ map2_"),
    "elementwise.complex": ("complex polar", ""),
    "linalg.distance": ("bilinear cdist dist pdist renorm", "dist renorm renorm_"),
    "elementwise.fake_quantize": (
        "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine",
        "",
    ),
    "create.gamma": (
        "_dirichlet_grad _sample_dirichlet _standard_gamma _standard_gamma_grad",
        "",
    ),
    "elementwise.foreach": (
        " ".join(f"_foreach_{name} _foreach_{name}_" for name in _FOREACH.split())
        + " _foreach_clone _foreach_copy_ _foreach_max _foreach_mm _foreach_norm _foreach_powsum _foreach_zero_"
        + " _amp_foreach_non_finite_check_and_unscale_",
        "",
    ),
    "fft.fourier": ("", ""),
    "fft.stft": ("istft stft", "istft stft"),
    "create.window": (
        "bartlett_window blackman_window hamming_window hann_window kaiser_window",
        "",
    ),
    "linalg.decompositions": (
        "chain_matmul cholesky cholesky_inverse cholesky_solve corrcoef cov cross det geqrf inverse "
        "kron logdet lu lu_solve lu_unpack matrix_exp matrix_power orgqr ormqr pca_lowrank pinverse "
        "qr slogdet svd svd_lowrank triangular_solve",
        "cholesky cholesky_inverse cholesky_solve corrcoef cov cross det geqrf inverse kron logdet lu "
        "lu_solve matrix_exp matrix_power orgqr ormqr pinverse qr slogdet svd triangular_solve",
    ),
    "linalg.removed": ("eig lstsq matrix_rank solve symeig", "eig lstsq reinforce solve symeig"),
    "linalg.low_precision": ("_int_mm _scaled_mm", ""),
    "linalg.weight_only": (
        "_convert_weight_to_int4pack_for_cpu _dyn_quant_matmul_4bit _dyn_quant_pack_4bit_weight "
        "_weight_int4pack_mm_for_cpu _weight_int8pack_mm",
        "",
    ),
    "nn.attention": ("", ""),
    "loss.ctc": ("ctc_loss", ""),
    "nn.convolution": (
        "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d",
        "",
    ),
    "nn.embedding": ("embedding", ""),
    "nn.grid_sample": ("affine_grid_generator", ""),
    "nn.gumbel": ("", ""),
    "loss.linear_cross_entropy": ("", ""),
    "join.as_strided_scatter": ("as_strided_scatter", "as_strided_scatter"),
    "join.padding": ("", ""),
    "nn.pooling": ("avg_pool1d max_pool1d max_pool1d_with_indices max_pool2d max_pool3d", ""),
    "nn.pooling_adaptive": ("adaptive_avg_pool1d adaptive_max_pool1d", ""),
    "nn.pooling_fractional": ("", ""),
    "join.chunk_cat": ("_chunk_cat", ""),
    "tensor.shape_tensor": ("_reshape_from_tensor _shape_as_tensor", ""),
    "tensor.wrapper": ("", "_make_wrapper_subclass"),
    "nn.rnn": ("", ""),
    "nn.recurrent": (
        "gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell",
        "",
    ),
    "nn.interpolate": ("", ""),
    "join.shuffle": ("channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle", ""),
    "nn.moments": ("", ""),
    "nn.normalized": ("", ""),
    "reduction.selection": ("", ""),
    "loss.classes": ("", ""),
    "elementwise.activation_function": (
        "celu_ prelu relu_ rrelu rrelu_ selu_ threshold threshold_",
        "prelu",
    ),
    "nn.batch_norm": ("batch_norm group_norm instance_norm", ""),
    "loss.cross_entropy": ("", ""),
    "reduction.counting": ("bincount bucketize searchsorted unravel_index", "bincount"),
    "reduction.hash": ("hash_tensor", "hash_tensor"),
    "reduction.histogram": ("histc histogram histogramdd", "histc histogram"),
    "loss.elementwise": ("", ""),
    "loss.margin": ("", ""),
    "loss.numbered": (
        "binary_cross_entropy_with_logits cosine_embedding_loss hinge_embedding_loss kl_div "
        "margin_ranking_loss poisson_nll_loss triplet_margin_loss",
        "",
    ),
    "nn.native": (
        "_embedding_bag _native_batch_norm_legit constant_pad_nd convolution embedding_bag embedding_renorm_ "
        "grid_sampler grid_sampler_2d "
        "grid_sampler_3d native_batch_norm native_dropout native_group_norm native_layer_norm norm_except_dim",
        "",
    ),
    "elementwise.polynomial": ("", ""),
    "reduction.quantile": ("nanquantile quantile", "nanquantile quantile"),
    "create.sampling": (
        "bernoulli binomial multinomial normal poisson",
        "bernoulli bernoulli_ cauchy_ exponential_ geometric_ log_normal_ multinomial normal_ random_ uniform_",
    ),
    "loss.similarity": ("cosine_similarity pairwise_distance", ""),
    "reduction.logcumsumexp": ("logcumsumexp", "logcumsumexp"),
    "reduction.unique": ("isin unique unique_consecutive", "unique unique_consecutive"),
    "index.compressed": (
        "_convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo",
        "",
    ),
    "reduction.softmax_gradient": (
        "_log_softmax _log_softmax_backward_data _softmax _softmax_backward_data",
        "",
    ),
    "reduction.segment": ("_segment_reduce segment_reduce", ""),
    "index.scatter_reduce": (
        "index_add index_copy index_fill index_reduce scatter_reduce",
        "index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce "
        "index_reduce_ scatter_reduce scatter_reduce_",
    ),
    "create.arange": ("arange linspace logspace range", ""),
    "elementwise.activation": (
        "celu hardshrink relu selu",
        "celu_ hardshrink relu relu_ selu_",
    ),
    "index.fill": ("fill fill_ zero_", "copy_ fill_ zero_"),
    "linalg.addmm": (
        "addbmm addmm addmv addr baddbmm",
        "addbmm addbmm_ addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_",
    ),
    "reduction.extreme": ("amax amin aminmax argmax argmin", "amax amin aminmax argmax argmin"),
    "reduction.softmax": (
        "_safe_softmax layer_norm log_softmax rms_norm softmax",
        "log_softmax softmax",
    ),
    "index.mask": (
        "_unsafe_masked_index _unsafe_masked_index_put_accumulate argwhere masked_fill masked_scatter "
        "masked_select nonzero nonzero_static",
        "argwhere masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select nonzero nonzero_static",
    ),
    "index.scatter": (
        "gather index_select scatter scatter_add take_along_dim",
        "gather index_select scatter scatter_ scatter_add scatter_add_ take_along_dim",
    ),
    "index.take": ("put take", "put put_ take"),
    "index.triangle": (
        "diag diag_embed diagflat trace tril triu",
        "diag diag_embed diagflat fill_diagonal_ trace tril tril_ triu triu_",
    ),
    "create.eye": ("eye tril_indices triu_indices vander", ""),
    "create.one_hot": ("nn.functional.one_hot", ""),
    "create.rand": (
        "get_rng_state initial_seed manual_seed rand rand_like randint randint_like randn randn_like "
        "randperm seed set_rng_state",
        "",
    ),
    "create.strided": ("empty_permuted empty_strided", "new_empty_strided"),
    "elementwise.special": (
        "digamma erf erfc erfinv i0 igamma igammac lgamma mvlgamma polygamma",
        "digamma digamma_ erf erf_ erfc erfc_ erfinv erfinv_ i0 i0_ igamma igamma_ igammac igammac_ "
        "lgamma lgamma_ mvlgamma mvlgamma_ polygamma polygamma_",
    ),
    "join.repeat": (
        "broadcast_shapes broadcast_tensors cartesian_prod combinations meshgrid repeat_interleave tile",
        "repeat repeat_interleave tile",
    ),
    "join.view_copies": (
        "alias_copy as_strided_copy detach_copy diagonal_copy diagonal_scatter expand_copy narrow_copy "
        "permute_copy select_copy select_scatter slice_copy slice_scatter split_copy "
        "split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy unsqueeze_copy "
        "view_as_complex_copy view_as_real_copy view_copy",
        "diagonal_scatter narrow_copy select_scatter slice_scatter",
    ),
    "linalg.einsum": ("einsum inner tensordot", "inner"),
    "nn.dropout": (
        "alpha_dropout alpha_dropout_ dropout dropout_ feature_alpha_dropout feature_alpha_dropout_ "
        "feature_dropout feature_dropout_ nn.functional.dropout",
        "",
    ),
    "reduction.cumulative": (
        "cummax cummin cumprod cumsum",
        "cummax cummin cumprod cumprod_ cumsum cumsum_",
    ),
    "reduction.extreme_pair": ("max min", "max min"),
    "reduction.norm": ("frobenius_norm linalg.vector_norm norm nuclear_norm", "norm"),
    "reduction.sort": (
        "argsort kthvalue median mode msort nanmedian sort topk",
        "argsort kthvalue median mode msort nanmedian sort topk",
    ),
    "reduction.variance": ("std std_mean var var_mean", "std var"),
}
"""For each family its functions in the torch namespace, and its Tensor methods.

Functions of another namespace load with that, and are listed here where operations ask for them.
"""

SPARSE = {
    "sparse.constructor": (
        "sparse_coo_tensor sparse_compressed_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor "
        "sparse_bsc_tensor",
        "",
    ),
    "sparse.convert": (
        "",
        "coalesce sparse_mask to_dense to_sparse to_sparse_coo to_sparse_csr to_sparse_csc to_sparse_bsr "
        "to_sparse_bsc",
    ),
    "sparse.handle": (
        "",
        "_coalesced_ _indices _nnz _values ccol_indices col_indices crow_indices indices is_coalesced "
        "row_indices sparse_resize_ sparse_resize_and_clear_ values",
    ),
    "sparse.product": ("dsmm hspmm smm spmm sspaddmm", "hspmm smm sspaddmm"),
}
"""The same of the package `sparse`, which lies above."""

NEURAL = (
    "elementwise.activation_function",
    "nn.batch_norm",
    "create.one_hot",
    "reduction.softmax",
    "nn.dropout",
    "loss.cross_entropy",
    "loss.elementwise",
    "loss.margin",
    "loss.similarity",
    "nn.attention",
    "loss.ctc",
    "nn.convolution",
    "nn.embedding",
    "nn.grid_sample",
    "nn.gumbel",
    "loss.linear_cross_entropy",
    "join.padding",
    "nn.pooling",
    "nn.pooling_adaptive",
    "nn.pooling_fractional",
    "nn.interpolate",
    "join.shuffle",
)
"""Families whose functions are in nn.functional, which loads them."""

_NOT_AT_IMPORT = {
    *LAZY,
    *(f"linalg.{part}" for part in (
        *("check", "cholesky", "contraction", "cross", "eig", "einsum_plan", "inverse", "ldl", "lapack"),
        *("lowrank", "lu", "norm", "polar", "power", "pseudoinverse", "qr", "svd"),
    )),
    *("tensor.dlpack", "tensor.inplace_name", "nn.attention_head", "nn.bag", "nn.convolution_check", "nn.taps",
      "nn.window"),
    *("index.combine", "index.scatter_place", "loss.reduction"),
}  # fmt: skip
"""The lazy ones, and modules that register nothing or belong to a lazy one."""


def load(family: str) -> None:
    """Import a family, which registers its operations."""
    import_module(f".{family}", __package__)


def load_all() -> None:
    """Import every family: for what lists or tests all operations."""
    for family in LAZY:
        load(family)


def _families() -> list[str]:
    """Every module of every wing. (pathlib and pkgutil would take milliseconds to load.)"""
    folder = os.path.dirname(__file__)
    wings = [name for name in sorted(os.listdir(folder)) if "." not in name and name[0] != "_"]
    wings.remove("vision")  # `torch.ops.torchvision` loads it
    return [
        f"{wing}.{name.removesuffix('.py')}"
        for wing in wings
        for name in sorted(os.listdir(f"{folder}/{wing}"))
        if name.endswith(".py") and name[0] != "_"
    ]


lazy.announce(__package__, LAZY)
lazy.announce(__package__.rpartition(".")[0], SPARSE)
for _name in _families():
    if _name not in _NOT_AT_IMPORT:
        load(_name)


def _look_at_devices() -> None:
    """Let the functions of all families look at their arguments; those that load later would not."""
    from ..dispatch import elsewhere

    load_all()
    elsewhere.exchange_all()


backends.when_loaded("cuda", _look_at_devices)
