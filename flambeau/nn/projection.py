"""PyTorch's private helpers of attention, which copies of its layers in other packages use.

Source: torch.nn.functional
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import Tensor, zeros_like  # type: ignore[attr-defined]
from .. import bool as bool_
from .._caller import warn
from . import functional as F


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> list[Tensor]:
    """Queries, keys and values by one weight that has the three below each other."""
    width = q.shape[-1]
    if k is v:
        if q is k:
            return list(F.linear(q, w, b).split(width, -1))
        w_q, w_kv = w.split([width, 2 * width])
        b_q, b_kv = (None, None) if b is None else b.split([width, 2 * width])
        return [F.linear(q, w_q, b_q), *F.linear(k, w_kv, b_kv).split(width, -1)]
    biases = (None,) * 3 if b is None else b.chunk(3)
    return [F.linear(x, *part) for x, *part in zip((q, k, v), w.chunk(3), biases)]


def _in_projection(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    b_q: Tensor | None = None,
    b_k: Tensor | None = None,
    b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by three weights.

    Raises:
        AssertionError: A weight or bias has another shape.
    """
    width = q.shape[-1]
    shapes = {"w_q": (width, width), "w_k": (width, k.shape[-1]), "w_v": (width, v.shape[-1])}
    given = {"w_q": w_q, "w_k": w_k, "w_v": w_v}
    biases = {name: x for name, x in (("b_q", b_q), ("b_k", b_k), ("b_v", b_v)) if x is not None}
    for name, x in {**given, **biases}.items():
        wanted = shapes.get(name, (width,))
        if tuple(x.shape) != wanted:
            raise AssertionError(f"{name}: expecting a shape of {wanted}, but got {tuple(x.shape)}")
    return F.linear(q, w_q, b_q), F.linear(k, w_k, b_k), F.linear(v, w_v, b_v)


def _none_or_dtype(input: Tensor | None) -> Any:
    """A tensor's dtype, or None.

    Raises:
        RuntimeError: It is neither.
    """
    if input is not None and not isinstance(input, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers that are added to scores: a bool one hides where it is True.

    Raises:
        AssertionError: It is neither of bools nor of floating-point numbers.
    """
    if mask is None:
        return None
    is_float = mask.is_floating_point()
    if mask.dtype is not bool_ and not is_float:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead."
        )
    if is_float:
        return mask
    hidden: Any = zeros_like(mask, dtype=target_type)
    return hidden.masked_fill_(mask, float("-inf"))


def _mha_shape_check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Do the operands have a batch?

    Raises:
        AssertionError: They do not fit together.
    """
    n = query.ndim
    if n not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor"
        )
    expected = {"key": (key, (n,)), "value": (value, (n,))}
    expected["key_padding_mask"] = key_padding_mask, (n - 1,)  # type: ignore[assignment]
    expected["attn_mask"] = attn_mask, (2, 3)  # type: ignore[assignment]
    for name, (x, dims) in expected.items():
        if x is not None and x.ndim not in dims:
            wanted = " or ".join(f"{d}-D" for d in dims)
            raise AssertionError(
                f"For {'batched (3-D)' if n == 3 else 'unbatched (2-D)'} `query`, expected `{name}` to be {wanted} but "
                f"found a {x.ndim}-D tensor instead"
            )
    if n == 2 and attn_mask is not None and attn_mask.ndim == 3:
        shape = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != shape:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {shape} but got {tuple(attn_mask.shape)}"
            )
    return n == 3


def _get_softmax_dim(name: str, ndim: int, stacklevel: int = 3) -> int:
    """The dimension that old programs mean which name none."""
    warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
    )
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size: Sequence[int]) -> None:
    """Raises ValueError where a channel has one value, whose deviation is 0."""
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )
