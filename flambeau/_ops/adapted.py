"""Operations of ATen that are no public functions: what PyTorch's layers are made of, in terms of flambeau's.

Each takes the arguments of its schema. Gradients of operations, ``threshold_backward`` and its like, are taken
of the operation itself (`vjp`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import nn as _nn
from ..autograd import grad as _grad
from ..autograd.mode import enable_grad
from ..core.dtype import dtype as _Dtype
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from ..ops.fft.stft import stft as _stft
from ..ops.nn.interpolate import resized

ADAPTED: dict[str, Callable] = {}
"""By name, or by name and overload: "slice.Tensor"."""

F = _nn.functional


def _torch() -> Any:
    import flambeau

    return flambeau


def aten(*names: str) -> Callable[[Callable], Callable]:
    """Put a function into the table."""

    def put(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            ADAPTED[name] = function
        return function

    return put


def vjp(function: Callable, inputs: Sequence[Tensor | None], grads: Any, needs: Any = None) -> list:
    """What the inputs of a function receive when its result receives `grads`."""
    chosen = [x is not None and (needs is None or needs[i]) for i, x in enumerate(inputs)]
    with enable_grad():
        leaves = [
            x.detach().requires_grad_() if wanted and x is not None else x
            for x, wanted in zip(inputs, chosen)
        ]
        result = function(*leaves)
        asked = [x for x, wanted in zip(leaves, chosen) if wanted]
        found = iter(_grad(result, asked, grads, allow_unused=True) if asked else ())
    return [next(found) if wanted else None for wanted in chosen]


# ------------------------------------------------------------------------------------ views and copies


@aten("slice")
def _slice(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    index = (slice(None),) * (dim % x.ndim) + (slice(start, end, step),)
    return x[index]


@aten("index")
def _index(x: Tensor, indices: Sequence[Tensor | None], **out: Any) -> Tensor:
    found = x[tuple(slice(None) if i is None else i for i in indices)]
    return out["out"].copy_(found) if out else found


@aten("_unsafe_index")
def _unsafe_index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    return _index(x, indices)


@aten("_unsafe_view", "_reshape_alias")
def _unsafe_view(x: Tensor, size: Sequence[int], stride: Any = None) -> Tensor:
    return x.reshape(size)


@aten("alias", "lift_fresh", "lift")
def _alias(x: Tensor) -> Tensor:
    return x.view(x.shape)


@aten("lift_fresh_copy")
def _lift_fresh_copy(x: Tensor) -> Tensor:
    return x.clone()


@aten("_to_copy")
def _to_copy(
    x: Tensor,
    *,
    dtype: _Dtype | None = None,
    device: Any = None,
    memory_format: Any = None,
    non_blocking: bool = False,
    **others: Any,
) -> Tensor:
    return x.to(
        device=device or x.device,
        dtype=dtype or x.dtype,
        copy=True,
        **({} if memory_format is None else {"memory_format": memory_format}),
    )


@aten("copy")
def _copy(x: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    return src.to(x).expand_as(x).clone()


@aten("_pin_memory")
def _pin_memory(x: Tensor, device: Any = None) -> Tensor:
    return x.pin_memory(device)


@aten("_assert_async")
def _assert_async(x: Tensor, assert_msg: str = "Expected Tensor with single nonzero value") -> None:
    if not bool(x):
        raise RuntimeError(assert_msg)


@aten("_assert_scalar")
def _assert_scalar(value: Any, assert_msg: str) -> None:
    if not value:
        raise RuntimeError(assert_msg)


@aten("_is_all_true")
def _is_all_true(x: Tensor) -> Tensor:
    return x.all()


@aten("_is_any_true")
def _is_any_true(x: Tensor) -> Tensor:
    return x.any()


@aten("_assert_tensor_metadata")
def _assert_tensor_metadata(x: Tensor, **expected: Any) -> None:
    for name, value in expected.items():
        found = x.stride() if name == "stride" else getattr(x, "shape" if name == "size" else name)
        if value is not None and (
            tuple(found) != tuple(value) if name in ("size", "stride") else found != value
        ):
            raise RuntimeError(f"Tensor {name} mismatch! Expected: {value}, got: {found}")


@aten("sym_constrain_range", "sym_constrain_range_for_size")
def _sym_constrain_range(size: Any, *, min: int | None = None, max: int | None = None) -> None:
    if (min is not None and size < min) or (max is not None and size > max):
        raise RuntimeError(f"Invalid value range for {size}: it is not between {min} and {max}")


@aten("_sparse_addmm")
def _sparse_addmm(x: Tensor, mat1: Tensor, mat2: Tensor, **factors: Any) -> Tensor:
    return _torch().sparse.addmm(x, mat1, mat2, **factors)


@aten("_local_scalar_dense")
def _local_scalar_dense(x: Tensor) -> Any:
    return x.item()


@aten("_conj")
def _conj(x: Tensor) -> Tensor:
    return x.conj()


@aten("sym_size.int", "sym_size")
def _sym_size(x: Tensor, dim: int | None = None) -> Any:
    return x.size(dim)


@aten("sym_stride.int", "sym_stride")
def _sym_stride(x: Tensor, dim: int | None = None) -> Any:
    return x.stride(dim)


@aten("sym_numel")
def _sym_numel(x: Tensor) -> int:
    return x.numel()


@aten("sym_storage_offset")
def _sym_storage_offset(x: Tensor) -> int:
    return x.storage_offset()


@aten("empty")
def _empty(size: Sequence[int], **options: Any) -> Tensor:
    return _torch().empty(size, **options)


def _factory(name: str) -> None:
    @aten(name)
    def made(*args: Any, **options: Any) -> Tensor:
        options.pop("layout", None)
        return getattr(_torch(), name)(*args, **options)


for _name in ("zeros", "ones", "full", "rand", "randn", "arange", "scalar_tensor", "eye"):
    _factory(_name)


# ------------------------------------------------------------------------------------------- layers


@aten("_convolution")
def _convolution(input: Tensor, *args: Any) -> Tensor:
    """A convolution; what comes after the number of groups are permissions to use cuDNN."""
    return _torch().convolution(input, *args[:8])


@aten("convolution_backward")
def convolution_backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """What a convolution's input, weight and bias receive."""

    def run(x: Tensor, w: Tensor) -> Tensor:
        return _torch().convolution(
            x, w, None, stride, padding, dilation, transposed, output_padding, groups
        )

    found = vjp(run, [input, weight], grad_output, output_mask[:2])
    axes = [0, *range(2, grad_output.ndim)]
    return (*found, grad_output.sum(axes) if output_mask[2] else None)


@aten("max_pool2d_with_indices")
def _max_pool2d(
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil: bool = False,
) -> tuple[Tensor, Tensor]:
    return F.max_pool2d(x, kernel, stride or None, padding, dilation, ceil, return_indices=True)


@aten("max_pool3d_with_indices")
def _max_pool3d(
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil: bool = False,
) -> tuple[Tensor, Tensor]:
    return F.max_pool3d(x, kernel, stride or None, padding, dilation, ceil, return_indices=True)


@aten("_adaptive_avg_pool2d")
def _adaptive_avg_pool2d(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.adaptive_avg_pool2d(x, tuple(size))


@aten("_adaptive_avg_pool3d")
def _adaptive_avg_pool3d(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.adaptive_avg_pool3d(x, tuple(size))


@aten("_native_batch_norm_legit")
def _native_batch_norm(*args: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _torch().native_batch_norm(*args)


@aten("_batch_norm_with_update")
def _batch_norm_with_update(
    input: Tensor, weight: Any, bias: Any, mean: Tensor, var: Tensor, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = _native_batch_norm(input, weight, bias, mean, var, True, momentum, eps)
    return *found, _torch().empty(0, dtype=_torch().uint8)


@aten("native_dropout_backward")
def _native_dropout_backward(g: Tensor, mask: Tensor, scale: float) -> Tensor:
    return g * mask * scale


@aten("_native_batch_norm_legit_no_training")
def _batch_norm_no_training(
    input: Tensor, weight: Any, bias: Any, mean: Tensor, var: Tensor, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    return _native_batch_norm(input, weight, bias, mean, var, False, momentum, eps)


@aten("_softmax")
def _softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    return F.softmax(x, dim, dtype=_torch().float32 if half_to_float else None)


@aten("_log_softmax")
def _log_softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    return F.log_softmax(x, dim, dtype=_torch().float32 if half_to_float else None)


@aten("_safe_softmax")
def _safe_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    masked = (x == -math.inf).all(dim, keepdim=True)
    return F.softmax(x, dim, dtype=dtype).masked_fill(masked, 0.0)


@aten("gelu")
def _gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


REDUCTIONS = ("none", "mean", "sum")


def _loss(name: str, *extra: str) -> None:
    @aten(name)
    def loss(x: Tensor, target: Tensor, *args: Any) -> Tensor:
        given = list(args)
        options = {}
        if name == "binary_cross_entropy":
            options["weight"] = given.pop(0) if given else None
        if given:
            options["reduction"] = REDUCTIONS[given.pop(0)]
        options.update(zip(extra, given))
        return getattr(F, name)(x, target, **options)


for _name in ("mse_loss", "l1_loss", "soft_margin_loss", "binary_cross_entropy"):
    _loss(_name)
_loss("smooth_l1_loss", "beta")
_loss("huber_loss", "delta")


@aten("nll_loss_forward", "nll_loss2d_forward")
def nll_loss_forward(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """The loss, and the weight of all samples together."""
    loss = F.nll_loss(x, target, weight, None, ignore_index, None, REDUCTIONS[reduction])
    kept = target != ignore_index
    weights = x.new_ones(x.shape[1]) if weight is None else weight
    return loss, weights[target.masked_fill(~kept, 0)].masked_fill(~kept, 0).sum()


@aten("embedding")
def _embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale: bool = False,
    sparse: bool = False,
) -> Tensor:
    return F.embedding(indices, weight, None if padding_idx < 0 else padding_idx)


@aten("_scaled_dot_product_flash_attention_for_cpu")
def _flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    result = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale)
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = q @ k.transpose(-2, -1) * factor
    if is_causal:
        upper = _torch().ones(scores.shape[-2:], dtype=_torch().bool).triu(1)
        scores = scores.masked_fill(upper, -math.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    return result, scores.logsumexp(-1)


UPSAMPLING = {
    **{("nearest", n): f"upsample_nearest{n}d" for n in (1, 2, 3)},
    **{("nearest-exact", n): f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)},
    ("linear", 1): "upsample_linear1d",
    ("bilinear", 2): "upsample_bilinear2d",
    ("bicubic", 2): "upsample_bicubic2d",
    ("trilinear", 3): "upsample_trilinear3d",
}
"""The operation of a mode of `interpolate` in so many dimensions."""


def _upsample(name: str, mode: str, antialias: bool = False) -> None:
    @aten(name)
    def upsample(x: Tensor, size: Sequence[int] | None, *options: Any) -> Tensor:
        corners, scales = (
            (False, options) if mode.startswith("nearest") else (options[0], options[1:])
        )
        if scales and isinstance(scales[0], list | tuple):  # the overload .vec
            scales = tuple(scales[0])
        if size is None:
            size = [int(n * factor) for n, factor in zip(x.shape[2:], scales)]
        given = [*scales, *[None] * len(size)][: len(size)]
        return resized(x, size, given, mode, corners, antialias)


for (_mode, _count), _name in UPSAMPLING.items():
    _upsample(_name, _mode)
_upsample("_upsample_bilinear2d_aa", "bilinear", True)
_upsample("_upsample_bicubic2d_aa", "bicubic", True)


@aten()
def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    return Tensor.unfold(x, dimension, size, step)  # type: ignore[attr-defined,no-any-return]


@aten()
def im2col(x: Tensor, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Tensor:
    return F.unfold(x, kernel, dilation, padding, stride)


@aten()
def elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    if scale == input_scale == 1:
        return F.elu(x, alpha)
    return scale * F.elu(x * input_scale, alpha).where(x < 0, x)


@aten()
def rrelu(
    x: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Any = None,
) -> Tensor:
    _no_generator("rrelu", generator)
    return F.rrelu(x, lower, upper, training)


@aten("max_unpool2d", "max_unpool3d")
def max_unpool(x: Tensor, indices: Tensor, output_size: Sequence[int], *_: Any) -> Tensor:
    flat = x.new_zeros(*x.shape[: x.ndim - len(output_size)], math.prod(output_size))
    start = x.ndim - len(output_size)
    filled = flat.scatter(-1, indices.flatten(start), x.flatten(start))
    return filled.unflatten(-1, list(output_size))


@aten()
def tensordot(x: Tensor, other: Tensor, dims_self: Any, dims_other: Any) -> Tensor:
    return NAMESPACES["torch"]["tensordot"](x, other, (list(dims_self), list(dims_other)))  # type: ignore[no-any-return]


def _no_generator(name: str, generator: Any) -> None:
    if generator is not None:
        raise NotImplementedError(f"aten::{name} takes no generator here: set torch.manual_seed")


@aten("stft.")
def stft_of_frames(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    *options: Any,
) -> Tensor:
    return stft(x, n_fft, hop_length, win_length, window, False, "reflect", *options)


@aten("stft.center")
def stft(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    return _stft(
        *(x, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided),
        return_complex=return_complex,
        align_to_window=align_to_window,
    )


def _pads(n: int) -> None:
    @aten(f"reflection_pad{n}d")
    def reflected(x: Tensor, padding: Sequence[int]) -> Tensor:
        return F.pad(x, list(padding), "reflect")

    @aten(f"replication_pad{n}d")
    def replicated(x: Tensor, padding: Sequence[int]) -> Tensor:
        return F.pad(x, list(padding), "replicate")


for _n in (1, 2, 3):
    _pads(_n)


def _in_place(name: str) -> None:
    @aten(f"{name}_")
    def written(x: Tensor, **options: Any) -> Tensor:
        return x.copy_(getattr(F, name)(x, **options))


for _name in ("relu6", "silu", "mish", "hardswish", "hardsigmoid", "gelu"):
    _in_place(_name)
