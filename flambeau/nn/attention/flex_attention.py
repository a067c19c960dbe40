"""Attention whose scores a program changes: torch.nn.attention.flex_attention.

The change, the mask and the softmax are one formula over rows of scores (`score`), computed for those blocks
of queries and keys alone that the mask lists (`block_mask`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ... import Tensor, arange, cat, float32, logsumexp  # type: ignore[attr-defined]
from ..._caller import warn
from ...ops.reduction.softmax import safe_softmax
from .block_mask import (
    BlockMask,
    _sliced_mask_mod_error,
    and_masks,
    create_block_mask,
    create_mask,
    indices_of,
    noop_mask,
    or_masks,
)
from .score import changed, weighed

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_score_mod_signature = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
_mask_mod_signature = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What is wanted beside the result.

    Source: torch.nn.attention.flex_attention.AuxRequest
    """

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for with an `AuxRequest`: (batch, heads, queries) each.

    Source: torch.nn.attention.flex_attention.AuxOutput
    """

    lse: Tensor | None = None
    max_scores: Tensor | None = None


class FlexKernelOptions(TypedDict, total=False):
    """Advice for kernels on a GPU, which changes no result.

    Source: torch.nn.attention.flex_attention.FlexKernelOptions
    """

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    BLOCK_M1: int
    BLOCK_N1: int
    BLOCK_M2: int
    BLOCK_N2: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    BACKEND: str


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """softmax(score_mod(scale query key^T)) value, of the blocks that a mask lists; 0 where nothing is seen.

    Gradients reach query, key, value and the tensors that `score_mod` reads.

    Args:
        query: (B, Hq, L, E)
        key: (B, Hkv, S, E)
        value: (B, Hkv, S, Ev)
        score_mod: A function of a score and its indices (score, b, h, q_idx, kv_idx) that gives the score to
            use. It is written for one score, and is called with symbols, or with tensors that broadcast.
        block_mask: From `create_block_mask`; blocks that it does not list are not computed.
        scale: In place of 1 / sqrt(E).
        enable_gqa: Fewer heads of key and value than of query; each serves several.
        return_lse: Give the logarithm of the softmax's sums too (deprecated: return_aux).
        kernel_options: Advice for kernels on a GPU.
        return_aux: What else to give.

    Returns:
        (B, Hq, L, Ev); with return_lse and return_aux a pair of it and of what was asked for.

    Raises:
        ValueError: Sizes do not fit.
        NotImplementedError: Operands that have not 4 dimensions.

    Source: torch.nn.attention.flex_attention.flex_attention; Dong et al. (2024)

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.attention.flex_attention import flex_attention
        >>> q = torch.tensor([[[[0.], [1.]]]])
        >>> flex_attention(q, q, q, score_mod=lambda score, b, h, q_idx, kv_idx: score - (q_idx - kv_idx).abs())
        tensor([[[[0.2689],
                  [0.8808]]]])
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux: use return_aux=AuxRequest(lse=True)"
        )
    if return_lse:
        warn(
            "return_lse is deprecated. Please use return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
        )
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    flexed = _Flexed(query, key, value, score_mod, block_mask, factor)
    want = return_aux or AuxRequest(lse=return_lse)
    if not (want.lse or want.max_scores):
        (out,) = flexed.joined(False)
        return out if return_aux is None else (out, AuxOutput())
    out, lse, most = flexed.joined(True)
    if return_aux is None:
        return out, lse
    return out, AuxOutput(lse if want.lse else None, most if want.max_scores else None)


def _check(
    query: Tensor, key: Tensor, value: Tensor, mask: BlockMask | None, grouped: bool
) -> None:
    if not query.dtype is key.dtype is value.dtype:
        raise ValueError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}."
        )
    if not query.ndim == key.ndim == value.ndim == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, served = query.shape[1], key.shape[1]
    if not grouped and heads != served:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={served}. Try setting enable_gqa=True for GQA."
        )
    if heads % served:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={served}."
        )
    if query.shape[0] != key.shape[0] and (mask is None or mask.shape[0] != query.shape[0]):
        raise ValueError(
            "Expect query and key/value to have the same batch size, or block_mask and query to have the "
            f"same batch size, but got Bq={query.shape[0]}, Bkv={key.shape[0]}."
        )
    if mask is not None:
        _check_mask(mask, query, key)


def _check_mask(mask: BlockMask, query: Tensor, key: Tensor) -> None:
    if mask.mask_mod is _sliced_mask_mod_error:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")
    have, want = mask.shape[-2:], (query.shape[-2], key.shape[-2])
    if have != want:
        raise ValueError(
            f"block_mask was created for block_mask.shape={mask.shape} but got q_len={want[0]} and "
            f"kv_len={want[1]}: create one of these lengths, or crop it with block_mask._adjust(q_len, kv_len)"
        )
    for name, given, n in zip(("batch", "heads"), mask.shape, query.shape):
        if given not in (1, n):
            raise ValueError(
                f"block_mask has {name} {given}, and query {n}: it has to be 1 or the same"
            )


class _Part(NamedTuple):
    """Queries that see the same blocks of keys, in a part of the batch and the heads."""

    batch: slice
    heads: slice
    queries: slice
    keys: tuple[slice, ...]
    masked: bool


class _Flexed:
    """One call: its operands, taken apart along the blocks of the mask."""

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        score_mod: Callable | None,
        mask: BlockMask | None,
        scale: float,
    ) -> None:
        self.dtype = query.dtype
        self.query, self.key, self.value = (
            x.to(float32) if x.dtype.itemsize < 4 else x for x in (query, key, value)
        )
        if key.shape[0] != query.shape[0]:
            self.key, self.value = (
                x.expand(query.shape[0], -1, -1, -1) for x in (self.key, self.value)
            )
        self.score_mod, self.mask, self.scale = score_mod, mask, scale
        self.mask_mod = None if mask is None or mask.mask_mod is noop_mask else mask.mask_mod

    def joined(self, aux: bool) -> tuple[Tensor, ...]:
        """The result, and with `aux` the logarithms of the sums and the largest scores."""
        batches: list[tuple[Tensor, ...]] = []
        heads: list[tuple[Tensor, ...]] = []
        rows: list[tuple[Tensor, ...]] = []
        for part in self.parts():
            rows.append(self.computed(part, aux))
            if part.queries.stop == self.query.shape[2]:
                heads.append(_cat(rows, 2))
                rows = []
                if part.heads.stop == self.query.shape[1]:
                    batches.append(_cat(heads, 1))
                    heads = []
        return _cat(batches, 0)

    def parts(self) -> Iterator[_Part]:
        """The parts in the order of the result; neighbours that see the same are one."""
        b, h, q, _ = self.query.shape
        k = self.key.shape[2]
        if self.mask is None or q == 0:
            yield _Part(slice(0, b), slice(0, h), slice(0, q), (slice(0, k),), False)
            return
        partial, full = _blocks(self.mask)
        for batch, first in _runs(partial, full, b):
            for heads, second in _runs(partial[first], full[first], h):
                some, all_ = partial[first, second], full[first, second]
                for queries, row in _runs(some, all_, len(some)):
                    size = self.mask.BLOCK_SIZE
                    span = slice(queries.start * size[0], min(queries.stop * size[0], q))
                    keys = tuple(
                        slice(run.start * size[1], min(run.stop * size[1], k))
                        for run, at in _runs(some[row] | all_[row], None, len(some[row]))
                        if (some[row] | all_[row])[at]
                    )
                    yield _Part(batch, heads, span, keys, bool(some[row].any()))

    def computed(self, part: _Part, aux: bool) -> tuple[Tensor, ...]:
        """The result for one part."""
        q = self.query[part.batch, part.heads, part.queries]
        b, h, n = q.shape[:3]
        if not part.keys:
            nothing = q.new_zeros(b, h, n, self.value.shape[-1]).to(self.dtype)
            lse = q.new_full((b, h, n), -math.inf)
            return (nothing, lse, lse) if aux else (nothing,)
        served = self.served(part.heads)
        k, v = (
            _cat([(x[part.batch, served, run],) for run in part.keys], 2)[0]
            for x in (self.key, self.value)
        )
        groups = h // k.shape[1]
        rows = q.reshape(b, h // groups, groups * n, q.shape[-1]) if groups > 1 else q
        scores = ((rows * self.scale) @ k.mT).reshape(b, h, n, k.shape[2])
        weights, *more = self.weights(scores, part, aux)
        if groups > 1:
            weights = weights.reshape(b, h // groups, groups * n, k.shape[2])
        out = (weights.to(v.dtype) @ v).reshape(b, h, n, v.shape[-1])
        return (out.to(self.dtype), *more)

    def served(self, heads: slice) -> slice:
        """The heads of key and value that serve these heads of the query."""
        groups = self.query.shape[1] // self.key.shape[1]
        return slice(heads.start // groups, -(-heads.stop // groups))

    def weights(self, scores: Tensor, part: _Part, aux: bool) -> tuple[Tensor, ...]:
        """The softmax of the changed scores, the logarithm of its sums, the largest score."""
        mask_mod = self.mask_mod if part.masked else None
        spans = [part.batch, part.heads, part.queries]
        b, h, q = (arange(x.start, x.stop, device=scores.device) for x in spans)
        keys = _cat([(arange(x.start, x.stop, device=scores.device),) for x in part.keys], 0)[0]
        indices = indices_of(b, h, q, keys, scores.device)
        if not aux:
            start = part.keys[0].start if len(part.keys) == 1 else None
            return (weighed(self.score_mod, mask_mod, scores, indices, start),)
        scores = changed(self.score_mod, mask_mod, scores, indices)
        return safe_softmax(scores), logsumexp(scores, -1), scores.amax(-1)


def _cat(parts: list[tuple[Tensor, ...]], dim: int) -> tuple[Tensor, ...]:
    if len(parts) == 1:
        return parts[0]
    return tuple(cat(same, dim) for same in zip(*parts))


def _blocks(mask: BlockMask) -> tuple[np.ndarray, np.ndarray]:
    """(batch, heads, rows, columns) of bool: blocks that are seen in part, and wholly."""
    found: list[np.ndarray] = []
    for numbers, places in (
        (mask.kv_num_blocks, mask.kv_indices),
        (mask.full_kv_num_blocks, mask.full_kv_indices),
    ):
        if numbers is None or places is None:
            found.append(np.zeros_like(found[0]))
            continue
        numbers, places = numbers.numpy(force=True), places.numpy(force=True)
        dense = np.zeros((*places.shape[:-1], places.shape[-1] + 1), bool)
        listed = np.arange(places.shape[-1]) < numbers[..., None]
        np.put_along_axis(dense, np.where(listed, places, places.shape[-1]), True, -1)
        dense = dense[..., :-1]
        found.append(dense.reshape((1,) * (4 - dense.ndim) + dense.shape))
    return found[0], found[1]


def _runs(first: np.ndarray, second: np.ndarray | None, count: int) -> Iterator[tuple[slice, int]]:
    """Runs of equal items along the first dimension, each with the place of one; a single item serves all."""
    if len(first) == 1:
        yield slice(0, count), 0
        return
    start = 0
    for i in range(1, count + 1):
        same = i < count and np.array_equal(first[i], first[start])
        if not (same and (second is None or np.array_equal(second[i], second[start]))):
            yield slice(start, i), start
            start = i
