"""Attention of nested tensors: each part attends to its own keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.linalg.matmul import linear
from ..ops.nn.attention import scaled_dot_product_attention
from .function import is_for, like_parts_of
from .tensor import NestedTensor


@is_for("scaled_dot_product_attention")
def _attention(
    func: Callable, query: NestedTensor, key: NestedTensor, value: NestedTensor, attn_mask: Any = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> NestedTensor:  # fmt: skip
    """Each part attends to its own keys; shapes (batch, heads, ragged, features)."""
    if attn_mask is not None:
        raise RuntimeError(
            "Masks are not yet supported with nested tensors: the parts say what there is"
        )
    if not all(isinstance(x, NestedTensor) for x in (query, key, value)):
        raise RuntimeError(
            "scaled_dot_product_attention(): query, key and value should be all nested or none"
        )
    options = {
        "dropout_p": dropout_p,
        "is_causal": is_causal,
        "scale": scale,
        "enable_gqa": enable_gqa,
    }
    parts = zip(query.unbind(), key.unbind(), value.unbind(), strict=True)
    return like_parts_of(
        query, [func(*[x.unsqueeze(0) for x in each], **options).squeeze(0) for each in parts]
    )  # type: ignore[attr-defined]


@is_for("multi_head_attention_forward")
def _multi_head(
    func: Callable, query: Any, key: Any, value: Any, embed_dim: int, num_heads: int, in_proj_weight: Any,
    in_proj_bias: Any, bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any,
    out_proj_bias: Any, training: bool = True, key_padding_mask: Any = None, need_weights: bool = True,
    attn_mask: Any = None, is_causal: bool = False, **options: Any,
) -> tuple[NestedTensor, None]:  # fmt: skip
    """Attention with projections, each part for itself."""
    if not all(isinstance(x, NestedTensor) for x in (query, key, value)):
        raise RuntimeError(
            "multi_head_attention_forward(): query, key and value should be all nested or none"
        )
    if (
        key_padding_mask is not None
        or attn_mask is not None
        or bias_k is not None
        or add_zero_attn
        or need_weights
    ):
        raise AssertionError(
            "MultiheadAttention does not support NestedTensor with masks, bias_k, add_zero_attn or need_weights=True"
        )
    if options.get("use_separate_proj_weight"):
        weights = [options[f"{name}_proj_weight"] for name in "qkv"]
    else:
        weights = in_proj_weight.chunk(3)
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    heads = [
        linear(x, w, b).unflatten(-1, (num_heads, -1)).transpose(1, 2)
        for x, w, b in zip((query, key, value), weights, biases)
    ]
    dropout = dropout_p if training else 0.0
    seen = scaled_dot_product_attention(*heads, dropout_p=dropout, is_causal=is_causal)
    return linear(seen.transpose(1, 2).flatten(-2), out_proj_weight, out_proj_bias), None
