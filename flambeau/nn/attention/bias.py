"""Causal masks that know which corner they start from: torch.nn.attention.bias."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from ... import Tensor, ones  # type: ignore[attr-defined]
from ... import bool as bool_  # type: ignore[attr-defined]
from ..._caller import warn
from ..functional import scaled_dot_product_attention  # type: ignore[attr-defined]

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """The corner of the scores that the diagonal passes through.

    Source: torch.nn.attention.bias.CausalVariant
    """

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask as `attn_mask` of `scaled_dot_product_attention`; no matrix is made where none is needed.

    Args:
        variant: Does query 0 see key 0 alone, or the last query all keys?
        seq_len_q, seq_len_kv: Queries and keys.

    Raises:
        AssertionError: `variant` is something else.

    Source: torch.nn.attention.bias.CausalBias
    """

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        made = _mask(variant, seq_len_q, seq_len_kv).as_subclass(cls)
        made.variant, made.seq_len_q, made.seq_len_kv = variant, seq_len_q, seq_len_kv
        return made

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        if seq_len_q > seq_len_kv and variant is CausalVariant.LOWER_RIGHT:
            warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!"
            )

    def _materialize(self, device: Any = None) -> Tensor:
        """The mask as a tensor of bool."""
        return _mask(self.variant, self.seq_len_q, self.seq_len_kv).to(device or "cpu")

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is scaled_dot_product_attention:
            return _attend(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs or {})

    def __repr__(self, **options: Any) -> str:
        return repr(self._materialize())


def _mask(variant: CausalVariant, queries: int, keys: int) -> Tensor:
    offset = keys - queries if variant is CausalVariant.LOWER_RIGHT else 0
    return ones(queries, keys, dtype=bool_).tril(offset)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    """`scaled_dot_product_attention` with a CausalBias for mask."""
    if not isinstance(attn_mask, CausalBias):
        raise TypeError("a CausalBias can be the attn_mask of attention, and no other operand")
    if is_causal:
        raise ValueError("CausalBias should not be used with causal=True")
    square = attn_mask.seq_len_q == attn_mask.seq_len_kv
    if square or attn_mask.variant is CausalVariant.UPPER_LEFT:
        return scaled_dot_product_attention(query, key, value, None, dropout_p, True, **options)
    mask = attn_mask._materialize(query.device)
    return scaled_dot_product_attention(query, key, value, mask, dropout_p, False, **options)


def causal_upper_left(*size: int) -> CausalBias:
    """The mask in which query i sees keys up to i.

    Source: torch.nn.attention.bias.causal_upper_left

    Example:
        >>> from flambeau.nn.attention.bias import causal_upper_left
        >>> causal_upper_left(2, 3)
        tensor([[ True, False, False],
                [ True,  True, False]])
    """
    return _of_size(CausalVariant.UPPER_LEFT, size)


def causal_lower_right(*size: int) -> CausalBias:
    """The mask in which the last query sees all keys, the one before all but one, and so on.

    Source: torch.nn.attention.bias.causal_lower_right

    Example:
        >>> from flambeau.nn.attention.bias import causal_lower_right
        >>> causal_lower_right(2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """
    return _of_size(CausalVariant.LOWER_RIGHT, size)


def _of_size(variant: CausalVariant, size: tuple[int, ...]) -> CausalBias:
    if len(size) != 2:
        raise AssertionError("causal_bias only supports 2D tensors")
    return CausalBias(variant, *size)
