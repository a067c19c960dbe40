"""Layers and losses by their definitions, with loops over taps and windows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _several(value: Any, dims: int) -> tuple[int, ...]:
    return (value,) * dims if isinstance(value, int) else tuple(value)


def convolution(dims: int) -> Callable:
    """A sum over taps of shifted images."""

    def reference(
        x: Any,
        w: Any,
        bias: Any = None,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        stride, padding, dilation = (_several(v, dims) for v in (stride, padding, dilation))
        single = x.ndim == dims + 1
        x = x[None] if single else x
        x = np.pad(x, [(0, 0)] * 2 + [(p, p) for p in padding])
        taps = w.shape[2:]
        sizes = [
            (n - d * (k - 1) - 1) // s + 1
            for n, d, k, s in zip(x.shape[2:], dilation, taps, stride)
        ]
        out = np.zeros((x.shape[0], w.shape[0], *sizes))
        i, o = w.shape[1], w.shape[0] // groups
        for tap in product(*map(range, taps)):
            cut = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, sizes, stride)
            )
            for g in range(groups):
                part = x[(slice(None), slice(g * i, g * i + i), *cut)]
                weight = w[(slice(g * o, g * o + o), slice(None), *tap)]
                out[:, g * o : g * o + o] += np.einsum("nc...,oc->no...", part, weight)
        out = out if bias is None else out + bias.reshape(-1, *(1,) * dims)
        return out[0] if single else out

    return reference


def transposed(dims: int) -> Callable:
    """Each element of the image adds a kernel to the result."""

    def reference(
        x: Any,
        w: Any,
        bias: Any = None,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        stride, padding, dilation = (_several(v, dims) for v in (stride, padding, dilation))
        single = x.ndim == dims + 1
        x = x[None] if single else x
        taps = w.shape[2:]
        whole = [
            (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(x.shape[2:], stride, dilation, taps)
        ]
        i, o = w.shape[0] // groups, w.shape[1]
        out = np.zeros((x.shape[0], o * groups, *whole))
        for tap in product(*map(range, taps)):
            cut = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, x.shape[2:], stride)
            )
            for g in range(groups):
                part, weight = (
                    x[:, g * i : g * i + i],
                    w[(slice(g * i, g * i + i), slice(None), *tap)],
                )
                out[(slice(None), slice(g * o, g * o + o), *cut)] += np.einsum(
                    "nc...,co->no...", part, weight
                )
        out = out[(slice(None),) * 2 + tuple(slice(p, n - p) for p, n in zip(padding, whole))]
        out = out if bias is None else out + bias.reshape(-1, *(1,) * dims)
        return out[0] if single else out

    return reference


def pooling(dims: int, kind: str) -> Callable:
    """The extremes or means of windows, where none is cut off by `ceil_mode`."""

    def reference(
        x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, dilation: Any = 1, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        if ceil_mode or dilation != 1:
            return None
        kernel = _several(kernel, dims)
        stride, padding = _several(stride or kernel, dims), _several(padding, dims)
        widths = [(0, 0)] * (x.ndim - dims) + [(p, p) for p in padding]
        fill = -np.inf if kind == "max" else 0.0
        axes = tuple(range(-dims, 0))

        def windows(values: Any) -> Any:
            padded = np.pad(values, widths, constant_values=fill)
            seen = sliding_window_view(padded, kernel, axes)
            return seen[(..., *(slice(None, None, s) for s in stride), *(slice(None),) * dims)]

        if kind == "max":
            return [windows(x).max(axes)]
        count = np.prod(kernel) if count_include_pad else windows(np.ones_like(x)).sum(axes)
        return windows(x).sum(axes) / count

    return reference


def adaptive(dims: int, kind: str) -> Callable:
    def reference(x: Any, size: Any) -> Any:
        size = _several(size, dims)
        out = np.zeros((*x.shape[:-dims], *size))
        for place in product(*map(range, size)):
            cut = [
                slice(i * n // s, -(-(i + 1) * n // s))
                for i, n, s in zip(place, x.shape[-dims:], size)
            ]
            part = x[(..., *cut)]
            axes = tuple(range(-dims, 0))
            out[(..., *place)] = part.mean(axes) if kind == "avg" else part.max(axes)
        return out if kind == "avg" else [out]

    return reference


def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    if not x.size:
        return x
    y = layer_norm(x.reshape(x.shape[0], groups, -1), (1,), eps=eps).reshape(x.shape)
    shape = (-1, *(1,) * (x.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def instance_norm(x: Any, *, weight: Any = None, bias: Any = None) -> Any:
    return group_norm(x, x.shape[1], weight, bias)


def batch_norm(
    x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False
) -> Any:
    axes = (0, *range(2, x.ndim))
    if training:
        mean, var = x.mean(axes), x.var(axes)
    shape = (-1, *(1,) * (x.ndim - 2))
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + 1e-5)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def attention(q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False) -> Any:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if is_causal:
        attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
    if attn_mask is not None and attn_mask.dtype.kind == "b":
        scores = np.where(attn_mask, scores, -np.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    top = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(-1, keepdims=True)
    weights = np.where(np.isneginf(top), 0, e / np.where(total == 0, 1, total))
    return None if np.isnan(scores).any() or np.isposinf(top).any() else weights @ v


def loss(function: Callable) -> Callable:
    def reference(*args: Any, reduction: str = "mean") -> Any:
        if not all(np.isfinite(a).all() for a in args):
            return None  # whose limits are not what these lines give
        values = function(*args)
        if reduction == "none":
            return values
        return values.sum() if reduction == "sum" else values.mean()

    return reference


def cross_entropy(x: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    shifted = x - x.max(1, keepdims=True)
    return nll_loss(
        shifted - np.log(np.exp(shifted).sum(1, keepdims=True)),
        target,
        reduction=reduction,
        weight=weight,
    )


def nll_loss(x: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    kept = target != -100
    safe = np.where(kept, target, 0)
    w = (np.ones(x.shape[1]) if weight is None else weight)[safe] * kept
    picked = np.take_along_axis(x, safe[:, None], 1)[:, 0]
    values = np.where(kept, -picked * w, 0)
    if reduction == "none":
        return values
    return values.sum() if reduction == "sum" else values.sum() / w.sum()


def huber(x: Any, y: Any) -> Any:
    d = np.abs(x - y)
    return np.where(d < 1, 0.5 * d * d, d - 0.5)


def binary(x: Any, y: Any) -> Any:
    return -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100))


def glu(x: Any, dim: int = -1) -> Any:
    a, b = np.split(x, 2, dim)
    return a / (1 + np.exp(-b))


F = "nn.functional."
REFERENCES: dict[str, Callable[..., Any]] = {
    **{f"conv{n}d {F}conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d {F}conv_transpose{n}d": transposed(n) for n in (1, 2, 3)},
    **{f"max_pool{n}d {F}max_pool{n}d {F}max_pool{n}d_with_indices": pooling(n, "max") for n in (1, 2, 3)},
    **{f"avg_pool{n}d {F}avg_pool{n}d": pooling(n, "avg") for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d {F}adaptive_avg_pool{n}d": adaptive(n, "avg") for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d {F}adaptive_max_pool{n}d": adaptive(n, "max") for n in (1, 2, 3)},
    f"layer_norm {F}layer_norm": layer_norm, f"group_norm {F}group_norm": group_norm,
    f"{F}instance_norm": instance_norm, f"{F}batch_norm": batch_norm,
    f"{F}scaled_dot_product_attention": attention, f"{F}mse_loss": loss(lambda x, y: (x - y) ** 2),
    f"{F}l1_loss": loss(lambda x, y: np.abs(x - y)), f"{F}smooth_l1_loss {F}huber_loss": loss(huber),
    f"{F}soft_margin_loss": loss(lambda x, y: np.logaddexp(0, -x * y)),
    f"{F}binary_cross_entropy": loss(binary),
    f"{F}binary_cross_entropy_with_logits": loss(lambda x, y: np.logaddexp(0, -x) + (1 - y) * x),
    f"{F}margin_ranking_loss": loss(lambda a, b, y: np.maximum(0, -y * (a - b))),
    f"{F}hinge_embedding_loss": loss(lambda x, y: np.where(y == 1, x, np.maximum(0, 1 - x))),
    f"{F}cross_entropy": cross_entropy, f"{F}nll_loss": nll_loss, f"{F}glu": glu,
    f"prelu {F}prelu": lambda x, w: np.where(x > 0, x, x * w.reshape(-1, *(1,) * (x.ndim - 2))),
}  # fmt: skip
