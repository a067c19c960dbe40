"""Scaled dot-product attention, and attention with several heads."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...backends.attention import Allowed, SDPBackend
from ...core.dtype import BY_NUMPY, DTYPES
from ...core.tensor import Tensor
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation
from ..reduction.softmax import safe_softmax

_F, _T = NAMESPACES["nn.functional"], NAMESPACES["torch"]
_BOOL, _DOUBLE = DTYPES["bool"], DTYPES["float64"]


@public("nn.functional.scaled_dot_product_attention")
@decided
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T / sqrt(E)) value; 0 where a query sees no key.

    Args:
        query: (..., L, E)
        key: (..., S, E)
        value: (..., S, V)
        attn_mask: Added to the scores, or, if bool, where True takes part; broadcast to (..., L, S).
        dropout_p: Of the weights.
        is_causal: Position i sees positions up to i, of those that attn_mask lets it see.
        scale: In place of 1 / sqrt(E).
        enable_gqa: Fewer heads of key and value than of query; each serves several.

    Raises:
        RuntimeError: The arguments do not fit together, or no way that is allowed
            (`torch.nn.attention.sdpa_kernel`) can compute them.

    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. (2017)
    """
    _check_attention(query, key, value, attn_mask)
    widens = attn_mask is not None and query.dtype is _DOUBLE and attn_mask.dtype is not _BOOL
    factor = 1 / math.sqrt(max(query._array.shape[-1], 1)) if scale is None else scale
    causal = bool(is_causal)

    def run(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        if widens:
            mask = cast(Tensor, mask).to(_DOUBLE)  # type: ignore[attr-defined]
        if enable_gqa:
            key, value = (_spread_heads(x, query) for x in (key, value))
        return attended(query, key, value, mask)

    def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        if _in_one_pass(query, key, value, mask, dropout_p, causal):
            return attention_(query, key, value, mask, float(factor), causal)[0]  # type: ignore[no-any-return]
        scores = (query * factor) @ key.mT
        weights = _weights(scores, mask, causal).to(query.dtype)  # a mask may be of float32
        if dropout_p:
            weights = _F["dropout"](weights, dropout_p)
        return weights @ value

    if widens or enable_gqa or dropout_p:
        return run
    able = _fits_one_pass(query, key, value, attn_mask)
    if not (able and _is_faster(query, key, causal)):
        return attended

    def at_once(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        if not (Allowed.usual and _wants_no_gradient(mask)):
            return attended(query, key, value, mask)
        return attention_(query, key, value, mask, float(factor), causal)[0]  # type: ignore[no-any-return]

    return at_once


SHORT, FEW_QUERIES = 64, 4
"""Keys and queries up to which whole products and a softmax are faster than one pass by blocks of as many, and queries
that are so for any keys; of half types they would be rounded on the way."""


FEW = 1024
"""Scores of all heads up to which one pass is faster again: it is one call."""


def _in_one_pass(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool
) -> bool:
    """Shall it be one operation? Where the way is free, where that is faster.

    Raises:
        RuntimeError: No way is allowed, or none that can.
    """
    if Allowed.usual and not _is_faster(query, key, causal):
        return False
    able = not dropout and _wants_no_gradient(mask) and _fits_one_pass(query, key, value, mask)
    if Allowed.usual:
        return able
    flash, whole = (SDPBackend.FLASH_ATTENTION in Allowed.ways, SDPBackend.MATH in Allowed.ways)
    if not (flash or whole):
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found: on a CPU there are "
            "SDPBackend.FLASH_ATTENTION and SDPBackend.MATH, and sdpa_kernel allows neither."
        )
    if able and flash:
        before = Allowed.order.index
        return not whole or before(SDPBackend.FLASH_ATTENTION) < before(SDPBackend.MATH)
    if not whole:
        raise RuntimeError(
            "No available kernel. Aborting execution: FLASH_ATTENTION takes no dropout, no mask that "
            "wants a gradient, and nothing that has to be broadcast; allow SDPBackend.MATH too."
        )
    return False


def _is_faster(query: Tensor, key: Tensor, causal: bool) -> bool:
    """Is one pass faster than products and a softmax?"""
    if query._kind.dtype.is_reduced:
        return True
    queries, keys = query._array.shape, key._array.shape
    short = max(queries[-2], keys[-2]) <= SHORT and not causal
    few = math.prod(queries[:-1]) * keys[-2] <= FEW
    return few or not (short or queries[-2] <= FEW_QUERIES)


def _wants_no_gradient(mask: Tensor | None) -> bool:
    return mask is None or mask._node is None


def _fits_one_pass(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """May it be one operation, as far as sizes and dtypes tell? That broadcasts nothing but the mask."""
    kind = query._kind
    q, k, v = query._array, key._array, value._array
    if not kind.dtype.is_floating_point or kind.dtype.itemsize < 2:
        return False
    if mask is not None and not _spans(mask, query, key):
        return False
    lead = q.shape[:-2]
    return (
        lead == k.shape[:-2] == v.shape[:-2]
        and q.shape[-1] == k.shape[-1]
        and k.shape[-2] == v.shape[-2]
        and q.size > 0
        and v.size > 0
    )


def _scores(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    """scale q k^T + mask with NumPy."""
    scores = np.matmul(q * q.dtype.type(scale), k.swapaxes(-1, -2))
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    if mask is not None:
        added = np.where(mask, 0, -np.inf) if mask.dtype == np.bool_ else mask
        scores += added.astype(scores.dtype, copy=False)
    return scores


def _attended(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> tuple:
    """`attention_` with NumPy. A query that sees no key gives zeros; the half types are rounded once."""
    dtype = q.dtype
    q, k, v = (x.astype(BY_NUMPY[dtype].compute, copy=False) for x in (q, k, v))
    scores = _scores(q, k, mask, scale, causal)
    most = scores.max(-1, keepdims=True)
    most[np.isneginf(most)] = 0
    weights = np.exp(scores - most)
    total = weights.sum(-1, keepdims=True)
    logs = np.where(total == 0, np.inf, np.log(total)) + most
    weights /= np.where(total == 0, 1, total)
    return _seated(np.matmul(weights, v)).astype(dtype, copy=False), logs[..., 0]


def _seated(x: Any) -> Any:
    """The array with the heads of (batch, heads, length, size) within the length, as PyTorch has it."""
    return np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) if x.ndim == 4 else x


def _attended_back(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> tuple:
    """`attention_gradient` with NumPy."""
    dtype = q.dtype
    g, q, k, v, out = (x.astype(BY_NUMPY[dtype].compute, copy=False) for x in (g, q, k, v, out))
    weights = np.exp(_scores(q, k, mask, scale, causal) - logs[..., None])
    slopes = np.matmul(g, v.swapaxes(-1, -2)) - (g * out).sum(-1, keepdims=True)
    slopes *= weights
    slopes *= slopes.dtype.type(scale)
    turned = slopes.swapaxes(-1, -2), weights.swapaxes(-1, -2)
    found = np.matmul(slopes, k), np.matmul(turned[0], q), np.matmul(turned[1], g)
    return tuple(x.astype(dtype, copy=False) for x in found)


_forward_map = kernels.Native("nn.attention", "forward", _attended)
_backward_map = kernels.Native("nn.attention", "backward", _attended_back)


def _spans(mask: Tensor, query: Tensor, key: Tensor) -> bool:
    """Does the mask broadcast to the scores, and not the scores to the mask?"""
    whole = (*query.shape[:-1], key.shape[-2])
    return mask.ndim <= len(whole) and all(
        n in (1, m) for n, m in zip(reversed(mask.shape), reversed(whole))
    )


@operation(
    operands="q k v mask", label="ScaledDotProductFlashAttentionForCpu", outputs="out logs",
    differentiable=[0],
)  # fmt: skip
def attention_(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> tuple:
    """softmax(scale q k^T + mask) v in one pass, and the logarithms of the softmax's sums."""
    return _forward_map(q, k, v, mask, scale, causal)


@attention_.gradient
def _(
    g_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    out: Tensor,
    logs: Tensor,
    scale: float,
    causal: bool,
) -> tuple:
    if not mode.recording:
        return (*attention_gradient(g_out, q, k, v, out, logs, mask, scale, causal), None)
    weights = _weights((q * scale) @ k.mT, mask, causal)
    slopes = g_out @ v.mT
    slopes = weights * (slopes - (weights * slopes).sum(-1, keepdim=True)) * scale
    return slopes @ k, slopes.mT @ q, weights.mT @ g_out, None


@operation(operands="g q k v out logs mask", label="ScaledDotProductAttentionBackward")
def attention_gradient(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> tuple:
    """The gradients of `attention_`; where these are to be differentiated, they are a composite."""
    return _backward_map(g, q, k, v, out, logs, mask, scale, causal)


def _check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    if not query._kind.dtype is key._kind.dtype is value._kind.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(query._array.ndim, key._array.ndim, value._array.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if mask is not None and mask.dtype not in (_BOOL, DTYPES["float32"], query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{mask.dtype} and  query.dtype: {query.dtype} instead."
        )


def _spread_heads(x: Tensor, query: Tensor) -> Tensor:
    """Heads repeated until there are as many as query has."""
    have, want = x.shape[-3], query.shape[-3]
    if want % have:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query, but got "
            f"{have} and {want}"
        )
    shape = list(x.shape)
    wide = x.unsqueeze(-3).expand(*shape[:-3], have, want // have, *shape[-2:])
    return wide.reshape(*shape[:-3], want, *shape[-2:])


def _weights(scores: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """softmax of the scores that take part; a row in which none does has weights 0."""
    if causal:
        later = _T["ones"](*scores.shape[-2:], dtype=_BOOL, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    if mask is not None:
        hides = mask.dtype is _BOOL
        scores = scores.masked_fill(~mask, -math.inf) if hides else scores + mask
    return safe_softmax(scores)


@public("nn.functional.multi_head_attention_forward")
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads, each in its own projection; what MultiheadAttention computes.

    Args:
        query, key, value: (length, batch, embedding), or without the batch.
        in_proj_weight, in_proj_bias: Of the three projections, one after the other; or
        q_proj_weight, k_proj_weight, v_proj_weight: of each, if use_separate_proj_weight.
        bias_k, bias_v, add_zero_attn: One more key and value; one more of zeros.
        key_padding_mask: (batch, source), True (or -inf) for keys to ignore.
        attn_mask: (target, source) or one a head, True (or -inf) for pairs to ignore.
        need_weights, average_attn_weights: Give the weights too; the mean of the heads, or each.
        static_k, static_v: Projected keys and values to use instead.
        is_causal: A hint that attn_mask is causal.

    Returns:
        (target, batch, embedding), and the weights or None.

    Raises:
        RuntimeError, AssertionError: The shapes do not fit.

    Source: torch.nn.functional.multi_head_attention_forward
    """
    from .attention_head import Heads, checked_batch, projected

    batched = checked_batch(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint: "
            "Transformer.generate_square_subsequent_mask() makes one"
        )
    if not batched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    if query.shape[-1] != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {query.shape[-1]}"
        )
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = projected(query, key, value, in_proj_weight, in_proj_bias, weights)
    heads = Heads(q, k, v, num_heads, attn_mask, key_padding_mask)
    heads.extend(bias_k, bias_v, add_zero_attn, static_k, static_v)
    mixed, shares = heads.attend(dropout_p if training else 0.0, need_weights)
    output = _F["linear"](mixed, out_proj_weight, out_proj_bias)
    if shares is not None and average_attn_weights:
        shares = shares.mean(1)
    if not batched:
        output = output.squeeze(1)
        shares = None if shares is None else shares.squeeze(0)
    return output, shares
