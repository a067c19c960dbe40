"""Attention of sequences of different lengths that lie one after the other: torch.nn.attention.varlen."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from ... import Tensor, cat  # type: ignore[attr-defined]
from .flex_attention import AuxRequest as _FlexRequest
from .flex_attention import flex_attention

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What is wanted beside the result.

    Source: torch.nn.attention.varlen.AuxRequest
    """

    lse: bool = False


def varlen_attn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    return_aux: AuxRequest | None = None,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
    seqused_k: Tensor | None = None,
    block_table: Tensor | None = None,
    num_splits: int | None = None,
) -> Any:
    """softmax(scale query key^T) value within each sequence.

    Args:
        query: (T_q, H_q, D), the sequences one after the other.
        key, value: (T_k, H_kv, D)
        cu_seq_q, cu_seq_k: (N + 1,), where each sequence begins, and the end.
        max_q, max_k: The longest sequences.
        return_aux: Give the logarithms of the sums, (T_q, H_q), too.
        scale: In place of 1 / sqrt(D).
        window_size: How many keys before and after its own place a query sees; -1 for all. Places are counted from
            the sequences' ends: (-1, 0) is causal, and the last query sees the last key.
        enable_gqa: Fewer heads of key and value than of query; each serves several.
        seqused_k: (N,), how many keys of each sequence there are.
        num_splits: Advice for kernels on a GPU; the result is the same for all.

    Raises:
        ValueError: The numbers of heads do not fit, or the lengths.
        NotImplementedError: `block_table`: keys in pages.

    Source: torch.nn.attention.varlen.varlen_attn

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.attention.varlen import varlen_attn
        >>> x, starts = torch.ones(5, 1, 2), torch.tensor([0, 2, 5])
        >>> varlen_attn(x, x, x, starts, starts, 3, 3).shape
        torch.Size([5, 1, 2])
    """
    if block_table is not None:
        raise NotImplementedError(
            "varlen_attn(block_table=...) reads keys from pages of a GPU's cache; gather them first"
        )
    starts = [int(i) for i in cu_seq_q.tolist()]
    places = starts if cu_seq_k is None else [int(i) for i in cu_seq_k.tolist()]
    if len(starts) != len(places):
        raise ValueError(
            f"cu_seq_q and cu_seq_k tell of {len(starts) - 1} and {len(places) - 1} sequences: it has to be "
            "the same number"
        )
    used = None if seqused_k is None else [int(i) for i in seqused_k.tolist()]
    outs, logs = [], []
    for i, (a, b) in enumerate(pairwise(starts)):
        first = places[i]
        last = places[i + 1] if used is None else first + used[i]
        parts = [x.transpose(0, 1)[None] for x in (query[a:b], key[first:last], value[first:last])]
        out, aux = flex_attention(
            *parts,
            _window(window_size, last - first - (b - a)),
            scale=scale,
            enable_gqa=enable_gqa,
            return_aux=_FlexRequest(lse=return_aux is not None and return_aux.lse),
        )
        outs.append(out[0].transpose(0, 1))
        logs.append(aux.lse)
    joined = cat(outs)
    if return_aux is None or not return_aux.lse:
        return joined
    return joined, cat([x[0].t() for x in logs])


def _window(size: tuple[int, int], offset: int) -> Any:
    """The score_mod that hides what is farther than `size` from a query's place."""
    left, right = size
    if left < 0 and right < 0:
        return None

    def near(score: Any, b: Any, h: Any, q_idx: Any, kv_idx: Any) -> Any:
        away = kv_idx - q_idx - offset
        if left >= 0:
            score = score.where(away >= -left, -float("inf"))
        return score.where(away <= right, -float("inf")) if right >= 0 else score

    return near


def varlen_attn_out(out: Tensor, *args: Any, **kwargs: Any) -> Any:
    """`varlen_attn`, written into `out`.

    Source: torch.nn.attention.varlen.varlen_attn_out
    """
    result = varlen_attn(*args, **kwargs)
    written = out.copy_(result[0] if isinstance(result, tuple) else result)
    return (written, result[1]) if isinstance(result, tuple) else written
