"""The parts of attention with several heads."""

from __future__ import annotations

import math
from typing import Any

from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES
from ..reduction.softmax import safe_softmax

_F, _T = NAMESPACES["nn.functional"], NAMESPACES["torch"]


def checked_batch(
    query: Tensor, key: Tensor, value: Tensor, padding: Any, mask: Any, heads: int
) -> bool:
    """Is there a batch dimension?

    Raises:
        AssertionError: Numbers of dimensions do not fit.
    """
    if query.ndim not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"For {'batched (3-D)' if batched else 'unbatched (2-D)'} `query`, expected `key` and `value` "
            f"to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise AssertionError(
            f"expected `key_padding_mask` to be `None` or {query.ndim - 1}-D but found {padding.ndim}-D "
            "tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(
            f"expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    if query.shape[-1] % heads:
        raise AssertionError(f"embed_dim {query.shape[-1]} not divisible by num_heads {heads}")
    return batched


def projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    separate: Any,
) -> list[Tensor]:
    """Query, key and value, each by its projection; what is the same tensor is projected once."""
    linear = _F["linear"]
    e = query.shape[-1]
    if separate is None and key is value and query is key and weight is not None:
        joint = linear(query, weight, bias)
        return [joint[..., i * e : (i + 1) * e] for i in range(3)]
    if separate is None and weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    weights = separate or [weight[i * e : (i + 1) * e] for i in range(3)]  # type: ignore[index]
    biases = [None if bias is None else bias[i * e : (i + 1) * e] for i in range(3)]
    return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]


class Heads:
    """Queries, keys and values split into heads, and the masks of their scores."""

    def __init__(
        self, q: Tensor, k: Tensor, v: Tensor, count: int, mask: Any, padding: Any
    ) -> None:
        self.count, self.length, self.batch = count, q.shape[0], q.shape[1]
        self.size = q.shape[-1] // count
        self.q, self.k, self.v = q, k, v
        mask = additive("attn_mask", mask, q.dtype)
        padding = additive("key_padding_mask", padding, q.dtype)
        if padding is not None:
            self._check_padding(padding, k.shape[0])
        if mask is not None:
            self._check_mask(mask, k.shape[0])
            if mask.ndim == 3:
                mask = mask.reshape(self.batch, count, *mask.shape[1:])
        self.mask, self.padding = mask, padding

    def _check_padding(self, padding: Tensor, source: int) -> None:
        for i, want in enumerate((self.batch, source)):
            if padding.shape[i] != want:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{i}] to be {want}, but got {padding.shape[i]}: its "
                    "shape is (batch, source length)"
                )

    def _check_mask(self, mask: Tensor, source: int) -> None:
        lead = (self.batch * self.count,) if mask.ndim == 3 else ()
        wanted = (*lead, self.length, source)
        if tuple(mask.shape) != wanted:
            raise RuntimeError(
                f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {wanted}."
            )

    def extend(self, bias_k: Any, bias_v: Any, zero: bool, static_k: Any, static_v: Any) -> None:
        """Add the keys and values that come on top, and split all into heads."""
        cat = _T["cat"]
        if bias_k is not None and bias_v is not None:
            self.k = cat([self.k, bias_k.expand(1, self.batch, bias_k.shape[-1])])
            self.v = cat([self.v, bias_v.expand(1, self.batch, bias_v.shape[-1])])
            self._widen()
        self.q = self._split(self.q)
        self.k = self._split(self.k) if static_k is None else self._static(static_k)
        self.v = self._split(self.v) if static_v is None else self._static(static_v)
        if zero:
            for name in ("k", "v"):
                x = getattr(self, name)
                zeros = _T["zeros"](*x.shape[:2], 1, x.shape[-1], dtype=x.dtype, device=x.device)
                setattr(self, name, cat([x, zeros], 2))
            self._widen()

    def _widen(self) -> None:
        """The masks let everybody see one more key."""
        pad = _F["pad"]
        self.mask = None if self.mask is None else pad(self.mask, (0, 1))
        self.padding = None if self.padding is None else pad(self.padding, (0, 1))

    def _split(self, x: Tensor) -> Tensor:
        """(length, batch, heads * size) as (batch, heads, length, size)."""
        size = x.shape[-1] // self.count
        return x.reshape(x.shape[0], self.batch, self.count, size).permute(1, 2, 0, 3)

    def _static(self, x: Tensor) -> Tensor:
        return x.reshape(self.batch, self.count, *x.shape[1:])

    def attend(self, dropout: float, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """The heads' mixtures side by side (length, batch, heads * size), and the weights."""
        mask = self.mask
        if self.padding is not None:
            rows = self.padding[:, None, None, :]
            mask = rows if mask is None else mask + rows
        if need_weights:
            scores = (self.q * (1 / math.sqrt(self.size))) @ self.k.mT
            weights = safe_softmax(scores if mask is None else scores + mask)
            if dropout:
                weights = _F["dropout"](weights, dropout)
            mixed = weights @ self.v
        else:
            attend, weights = _F["scaled_dot_product_attention"], None
            mixed = attend(self.q, self.k, self.v, mask, dropout)
        width = self.count * mixed.shape[-1]
        joined = mixed.permute(2, 0, 1, 3).reshape(self.length, self.batch, width)
        return joined, weights


def additive(name: str, mask: Any, dtype: Any) -> Any:
    """A mask as what is added to scores: -inf where a bool one is True.

    Raises:
        AssertionError: It is of integers.
    """
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype.name != "bool":
        raise AssertionError(
            f"only bool and floating types of {name} are supported, not {mask.dtype}: use .bool()"
        )
    zeros = _T["zeros"](mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill(mask, -math.inf)
