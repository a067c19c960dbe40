"""Gradients of operations by their names in ATen: ``threshold_backward`` and its like.

Most are taken of the operation itself (`vjp`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor
from .adapted import REDUCTIONS, F, _embedding, _torch, aten, nll_loss_forward, vjp


def _pointwise_gradient(name: str, function: Callable, of_result: bool = False) -> None:
    """``name(grad_output, input, options)``: the gradient of a function of one tensor."""

    @aten(name)
    def gradient(g: Tensor, x: Tensor, *options: Any, **named: Any) -> Any:
        return vjp(lambda t: function(t, *options, **named), [x], g)[0]


@aten("threshold_backward")
def _threshold_backward(g: Tensor, x: Tensor, threshold: Any) -> Tensor:
    return g.masked_fill(x <= threshold, 0)


@aten("sigmoid_backward")
def _sigmoid_backward(g: Tensor, y: Tensor) -> Tensor:
    return g * (1 - y) * y


@aten("tanh_backward")
def _tanh_backward(g: Tensor, y: Tensor) -> Tensor:
    return g * (1 - y * y)


for _name in ("gelu", "silu", "mish", "hardswish", "hardsigmoid", "leaky_relu", "hardtanh"):
    if _name != "leaky_relu":
        _pointwise_gradient(f"{_name}_backward", getattr(F, _name))
_pointwise_gradient("softplus_backward", F.softplus)
_pointwise_gradient("glu_backward", F.glu)


@aten("leaky_relu_backward")
def _leaky_relu_backward(g: Tensor, x: Tensor, slope: float, of_result: bool) -> Tensor:
    return _torch().where(x > 0, g, g * slope)


@aten("embedding_dense_backward")
def _embedding_backward(
    g: Tensor, indices: Tensor, count: int, padding_idx: int, scale: bool
) -> Tensor:
    weight = g.new_zeros(count, g.shape[-1])
    return vjp(lambda w: _embedding(w, indices, padding_idx), [weight], g)[0]


@aten("mse_loss_backward")
def _mse_loss_backward(g: Tensor, x: Tensor, target: Tensor, reduction: int) -> Tensor:
    return vjp(lambda t: F.mse_loss(t, target, reduction=REDUCTIONS[reduction]), [x], g)[0]


@aten("nll_loss_backward", "nll_loss2d_backward")
def _nll_loss_backward(
    g: Tensor,
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: int,
    ignore_index: int,
    total: Tensor,
) -> Tensor:
    return vjp(lambda t: nll_loss_forward(t, target, weight, reduction, ignore_index)[0], [x], g)[0]


@aten("native_layer_norm_backward")
def _layer_norm_backward(
    g: Tensor,
    x: Tensor,
    shape: Sequence[int],
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    output_mask: Sequence[bool],
) -> tuple:
    eps = (
        0.0
        if not rstd.numel()
        else float((rstd**-2).flatten()[0])
        - float(x.var(tuple(range(x.ndim - len(shape), x.ndim)), correction=0).flatten()[0])
    )
    found = vjp(
        lambda a, w, b: F.layer_norm(a, list(shape), w, b, max(eps, 0.0)),
        [x, weight, bias],
        g,
        output_mask,
    )
    return tuple(found)


@aten("_scaled_dot_product_flash_attention_for_cpu_backward")
def _flash_attention_backward(
    g: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple:
    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale)

    return tuple(vjp(run, [q, k, v], g))


@aten("avg_pool2d_backward")
def _avg_pool2d_backward(g: Tensor, x: Tensor, *options: Any) -> Tensor:
    return vjp(lambda t: F.avg_pool2d(t, *options), [x], g)[0]


@aten("_adaptive_avg_pool2d_backward")
def _adaptive_avg_pool2d_backward(g: Tensor, x: Tensor) -> Tensor:
    return vjp(lambda t: F.adaptive_avg_pool2d(t, g.shape[-2:]), [x], g)[0]


@aten("max_pool2d_with_indices_backward")
def _max_pool2d_backward(
    g: Tensor,
    x: Tensor,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
    idx: Tensor,
) -> Tensor:
    flat = x.new_zeros(*x.shape[:-2], x.shape[-2] * x.shape[-1])
    return flat.scatter_add(-1, idx.flatten(-2), g.flatten(-2)).view(x.shape)
