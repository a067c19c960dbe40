"""Convolutions, pooling, normalisation, other sizes of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import INT64, Builder, Unsupported, Value, translates
from .shape import reshaped


def several(x: Any, n: int) -> list[int]:
    """One number a dimension."""
    return [int(i) for i in x] if isinstance(x, (tuple, list)) else [int(x)] * n


@translates("conv1d", "conv2d", "conv3d")
def conv(
    b: Builder,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    n = weight.rank - 2
    options: dict[str, Any] = {"strides": several(stride, n), "dilations": several(dilation, n)}
    if isinstance(padding, str):
        options["auto_pad"] = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
        if padding == "same":
            totals = [d * (k - 1) for d, k in zip(options["dilations"], weight.shape[2:])]
            options["pads"] = [t // 2 for t in totals] + [t - t // 2 for t in totals]
            del options["auto_pad"]
    else:
        options["pads"] = 2 * several(padding, n)
    return _batched(b, "Conv", n, input, weight, bias, group=groups, **options)


@translates("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    b: Builder,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    n = weight.rank - 2
    return _batched(
        *(b, "ConvTranspose", n, input, weight, bias),
        group=groups,
        strides=several(stride, n),
        pads=2 * several(padding, n),
        output_padding=several(output_padding, n),
        dilations=several(dilation, n),
    )


def _batched(b: Builder, operator: str, n: int, input: Value, *rest: Any, **options: Any) -> Value:
    """An operator of images, which takes a batch of them."""
    if input.rank == n + 2:
        return b.emit(operator, input, *rest, **options)
    made = b.emit(operator, b.emit("Unsqueeze", input, b.ints([0])), *rest, **options)
    return b.emit("Squeeze", made, b.ints([0]))


@translates("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(
    b: Builder,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Value:
    if return_indices:
        raise Unsupported("max_pool with return_indices")
    n = _dimensions(b)
    kernel = several(kernel_size, n)
    return _batched(
        *(b, "MaxPool", n, input),
        kernel_shape=kernel,
        strides=several(stride, n) if stride else kernel,
        pads=2 * several(padding, n),
        dilations=several(dilation, n),
        ceil_mode=int(ceil_mode),
    )


def _dimensions(b: Builder) -> int:
    """Of the images: the 2 of max_pool2d."""
    return int(b.called[-2])


@translates("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(
    b: Builder,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Value:
    if divisor_override is not None:
        raise Unsupported("avg_pool with divisor_override")
    n = _dimensions(b)
    kernel = several(kernel_size, n)
    return _batched(
        *(b, "AveragePool", n, input),
        kernel_shape=kernel,
        strides=several(stride, n) if stride else kernel,
        pads=2 * several(padding, n),
        ceil_mode=int(ceil_mode),
        count_include_pad=int(count_include_pad),
    )


def _adaptive(whole: str, by_window: str) -> Any:
    def write(b: Builder, input: Any, output_size: Any, return_indices: bool = False) -> Value:
        n = _dimensions(b)
        wanted = list(output_size) if isinstance(output_size, (tuple, list)) else [output_size] * n
        sizes = input.shape[-n:]
        wanted = [size if want is None else want for want, size in zip(wanted, sizes)]
        if return_indices:
            raise Unsupported("adaptive_max_pool with return_indices")
        if all(want == 1 for want in wanted):
            return _batched(b, whole, n, input)
        if any(size is None or size % want for size, want in zip(sizes, wanted)):
            raise Unsupported(
                f"adaptive pooling of {list(sizes)} to {wanted}: the windows would differ in size"
            )
        kernel = [size // want for size, want in zip(sizes, wanted)]
        return _batched(b, by_window, n, input, kernel_shape=kernel, strides=kernel)

    return write


translates(*(f"adaptive_avg_pool{n}d" for n in (1, 2, 3)))(
    _adaptive("GlobalAveragePool", "AveragePool")
)
translates(*(f"adaptive_max_pool{n}d" for n in (1, 2, 3)))(_adaptive("GlobalMaxPool", "MaxPool"))


def _vector(b: Builder, x: Any, value: float, count: int, kind: Any) -> Value:
    return b.constant(np.full(count, value), kind) if x is None else x


@translates("batch_norm")
def batch_norm(
    b: Builder,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    if training or running_mean is None:
        raise Unsupported("batch_norm by the batch's own statistics: export the module in eval()")
    channels = running_mean.shape[0]
    scale = _vector(b, weight, 1, channels, input.type)
    shift = _vector(b, bias, 0, channels, input.type)
    return b.emit(
        "BatchNormalization", input, scale, shift, running_mean, running_var, epsilon=float(eps)
    )


@translates("instance_norm")
def instance_norm(
    b: Builder,
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    channels = input.shape[1]
    scale, shift = (
        _vector(b, weight, 1, channels, input.type),
        _vector(b, bias, 0, channels, input.type),
    )
    if not use_input_stats:
        return batch_norm(b, input, running_mean, running_var, scale, shift, False, momentum, eps)
    return b.emit("InstanceNormalization", input, scale, shift, epsilon=float(eps))


@translates("group_norm")
def group_norm(
    b: Builder, input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Value:
    channels = input.shape[1]
    batch = b.size(input, 0)
    grouped = reshaped(b, input, [batch, num_groups, -1])
    one = b.constant(np.ones(num_groups), input.type)
    zero = b.constant(np.zeros(num_groups), input.type)
    flat = b.emit("InstanceNormalization", grouped, one, zero, epsilon=float(eps))
    back = b.emit("Reshape", flat, b.emit("Shape", input, kind=INT64))
    shape = b.constant([channels, *(1,) * (input.rank - 2)])
    if weight is not None:
        back = b.emit("Mul", back, b.emit("Reshape", weight, shape))
    return back if bias is None else b.emit("Add", back, b.emit("Reshape", bias, shape))


@translates("layer_norm")
def layer_norm(
    b: Builder,
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Value:
    sizes = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
    if weight is None:
        weight = b.constant(np.ones(sizes), input.type)
    return b.emit("LayerNormalization", input, weight, bias, axis=-len(sizes), epsilon=float(eps))


@translates("rms_norm")
def rms_norm(
    b: Builder, input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Value:
    sizes = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
    eps = 2.0**-input.type.fraction if eps is None else eps
    axes = b.ints(list(range(-len(sizes), 0)))
    mean = b.emit("ReduceMean", b.emit("Mul", input, input), axes, keepdims=1)
    scaled = b.emit("Div", input, b.emit("Sqrt", b.emit("Add", mean, b.constant(eps, input.type))))
    return scaled if weight is None else b.emit("Mul", scaled, weight)


@translates("interpolate", "upsample", "upsample_nearest", "upsample_bilinear")
def interpolate(
    b: Builder,
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Value:
    n = input.rank - 2
    modes = {"nearest": "nearest", "nearest-exact": "nearest", "linear": "linear", "bilinear": "linear",
             "trilinear": "linear", "bicubic": "cubic"}  # fmt: skip
    if mode not in modes:
        raise Unsupported(f"interpolate with mode={mode!r}")
    options: dict[str, Any] = {"mode": modes[mode], "antialias": int(antialias) or None}
    if mode == "nearest":
        options |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif mode == "nearest-exact":
        options |= {
            "coordinate_transformation_mode": "half_pixel",
            "nearest_mode": "round_prefer_ceil",
        }
    else:
        options["coordinate_transformation_mode"] = (
            "align_corners" if align_corners else "half_pixel"
        )
        if mode == "bicubic":
            options["cubic_coeff_a"] = -0.75
    if scale_factor is not None and not recompute_scale_factor:
        factors = (
            [float(x) for x in scale_factor]
            if isinstance(scale_factor, (tuple, list))
            else [float(scale_factor)] * n
        )
        from ...core.dtype import float32

        return b.emit("Resize", input, None, b.constant([1.0, 1.0, *factors], float32), **options)
    wanted = list(size) if isinstance(size, (tuple, list)) else [size] * n
    if size is None:
        wanted = list(b.out[0].shape[2:])
    sizes = b.ints([b.size(input, 0), b.size(input, 1), *wanted])
    return b.emit("Resize", input, None, None, sizes, **options)


@translates("grid_sample")
def grid_sample(
    b: Builder,
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: Any = None,
) -> Value:
    if b.opset >= 20:
        mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return b.emit(
        *("GridSample", input, grid),
        mode=mode,
        padding_mode=padding_mode,
        align_corners=int(bool(align_corners)),
    )
