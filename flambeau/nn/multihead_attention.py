"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

from .. import Tensor, empty  # type: ignore[attr-defined]
from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear layer; PyTorch's name for the output projection's class, which checkpoints may name."""


class MultiheadAttention(Module):
    """Attention of several heads, each in its own projection (Vaswani et al., 2017).

    Args:
        embed_dim, num_heads: The first must be a multiple of the second.
        dropout: Of the weights.
        bias: Have biases?
        add_bias_kv, add_zero_attn: One more key and value, learned; one more of zeros.
        kdim, vdim: Features of key and value, where not embed_dim.
        batch_first: (batch, length, features) instead of (length, batch, features).

    Raises:
        ValueError: A size is not positive.
        AssertionError: num_heads does not divide embed_dim.

    Source: torch.nn.MultiheadAttention
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.dropout, self.batch_first, self.head_dim = dropout, batch_first, embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._add_weights(bias, {"device": device, "dtype": dtype})
        self._add_extra(add_bias_kv, {"device": device, "dtype": dtype})
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add_weights(self, bias: bool, where: dict[str, Any]) -> None:
        e = self.embed_dim

        def parameter(wanted: bool, *shape: int) -> Parameter | None:
            return Parameter(empty(shape, **where)) if wanted else None

        same = self._qkv_same_embed_dim
        for name, width in (("q", e), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", parameter(not same, e, width))
        self.register_parameter("in_proj_weight", parameter(same, 3 * e, e))
        if same:  # the order in which state_dict lists them is PyTorch's
            self._parameters = {
                "in_proj_weight": self._parameters["in_proj_weight"],
                **{n: p for n, p in self._parameters.items() if n != "in_proj_weight"},
            }
        self.register_parameter("in_proj_bias", parameter(bias, 3 * e))
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias=bias, **where)

    def _add_extra(self, wanted: bool, where: dict[str, Any]) -> None:
        for name in ("bias_k", "bias_v"):
            value = Parameter(empty((1, 1, self.embed_dim), **where)) if wanted else None
            setattr(self, name, value)

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for name in ("bias_k", "bias_v"):
            bias = getattr(self, name)
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend; the arguments are those of nn.functional.multi_head_attention_forward."""
        swap = self.batch_first and query.ndim == 3 and not query.is_nested
        if swap:
            same_kv, same = key is value, query is key and key is value
            query_ = query.transpose(0, 1)
            key_ = query_ if same else key.transpose(0, 1)
            value_ = key_ if same_kv else value.transpose(0, 1)
            query, key, value = query_, key_, value_
        separate = not self._qkv_same_embed_dim
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=separate,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if swap else output), weights
