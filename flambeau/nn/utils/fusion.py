"""A batch normalisation folded into the layer before it, for inference."""

from __future__ import annotations

import copy
from typing import Any

from ... import rsqrt, zeros_like  # type: ignore[attr-defined]
from ...core.tensor import Tensor
from ..parameter import Parameter


def _folded(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    bn_weight: Tensor | None,
    bn_bias: Tensor | None,
    dim: int,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of layer and normalisation together; dim is the one of the outputs."""
    scale = rsqrt(var + eps)
    if bn_weight is not None:
        scale = scale * bn_weight
    shape = [-1 if i == dim else 1 for i in range(weight.ndim)]
    before = zeros_like(mean) if bias is None else bias
    after = (before - mean) * scale
    if bn_bias is not None:
        after = after + bn_bias
    made = (weight * scale.reshape(shape)).to(weight.dtype)  # type: ignore[attr-defined]
    return Parameter(made.detach(), weight.requires_grad), Parameter(
        after.detach().to(weight.dtype), before.requires_grad
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of a convolution and the normalisation after it.

    Source: torch.nn.utils.fuse_conv_bn_weights
    """
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of a linear layer and the normalisation after it.

    Source: torch.nn.utils.fuse_linear_bn_weights
    """
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(layer: Any, bn: Any, dim: int) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    result = copy.deepcopy(layer)
    result.weight, result.bias = _folded(
        result.weight,
        result.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        dim,
    )
    return result


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that does what `conv` and then `bn` do, in evaluation mode.

    Raises:
        AssertionError: One is in training mode.

    Source: torch.nn.utils.fuse_conv_bn_eval
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that does what `linear` and then `bn` do, in evaluation mode.

    Raises:
        AssertionError: One is in training mode, or the sizes do not fit.

    Source: torch.nn.utils.fuse_linear_bn_eval
    """
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1"
        )
    return _fused(linear, bn, 0)
