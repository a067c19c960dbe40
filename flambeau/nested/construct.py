"""Making nested tensors, and dense ones of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..core.tensor import Tensor, wrap_dim
from ..ops.create.data import tensor
from ..ops.join.cat import cat
from .tensor import JAGGED, STRIDED, NestedInt, NestedTensor, jagged, strided


def nested_tensor(
    tensor_list: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> NestedTensor:
    """A nested tensor with copies of tensors, a leaf for differentiation.

    Args:
        tensor_list: Tensors, or what `torch.tensor` takes, of one number of dimensions.
        dtype, device: Default: those of the first.
        layout: torch.strided (the default) or torch.jagged.
        requires_grad: Is its gradient wanted?

    Raises:
        TypeError: It is no list of tensors.
        RuntimeError: They do not fit together.

    Source: torch.nested.nested_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
        >>> x.offsets()
        tensor([0, 2, 3])
    """
    if pin_memory:
        raise RuntimeError(
            "nested_tensor(): pin_memory needs an accelerator, and there is none here"
        )
    made = as_nested_tensor(
        [x.detach().clone() if isinstance(x, Tensor) else tensor(x) for x in _listed(tensor_list)],
        dtype=dtype,
        device=device,
        layout=layout,
    )
    return made.requires_grad_() if requires_grad else made


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            f"nested_tensor(): a list of tensors is expected, got {type(given).__name__}"
        )
    if not given:
        raise RuntimeError("nested_tensor(): the list of tensors is empty")
    return list(given)


def as_nested_tensor(
    ts: Any, dtype: Any = None, device: Any = None, layout: Any = None
) -> NestedTensor:
    """A nested tensor of tensors, recorded: gradients flow back to them.

    Args:
        ts: Tensors of one number of dimensions, or one tensor, whose first dimension is the batch.
        dtype, device: Default: those of the first.
        layout: torch.strided (the default) or torch.jagged, which wants tensors that differ in the first size only.

    Raises:
        RuntimeError: They do not fit together.

    Source: torch.nested.as_nested_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.nested.as_nested_tensor([torch.ones(2, 3), torch.ones(1, 3)]).size(2)
        3
    """
    if isinstance(ts, NestedTensor):
        return ts
    parts = list(ts.unbind(0)) if isinstance(ts, Tensor) else _listed(ts)  # type: ignore[attr-defined]
    first = parts[0]
    parts = [part.to(device or first.device, dtype or first.dtype) for part in parts]
    if any(part.ndim != first.ndim for part in parts):
        raise RuntimeError(
            "nested_tensor(): all tensors must have the same number of dimensions, got "
            f"{[part.ndim for part in parts]}"
        )
    if layout in (None, STRIDED):
        return strided(parts)
    if layout is not JAGGED:
        raise RuntimeError(
            f"nested_tensor(): the layouts are torch.strided and torch.jagged, not {layout}"
        )
    if first.ndim == 0 or any(part.shape[1:] != first.shape[1:] for part in parts):
        raise RuntimeError(
            "No single ragged dimension found: a jagged tensor has parts that differ in their first size only, got "
            f"{[tuple(part.shape) for part in parts]}"
        )
    return jagged(cat(parts), NestedInt([part.shape[0] for part in parts]))


def nested_tensor_from_jagged(
    values: Tensor,
    offsets: Tensor | None = None,
    lengths: Tensor | None = None,
    jagged_dim: int | None = None,
    min_seqlen: int | None = None,
    max_seqlen: int | None = None,
) -> NestedTensor:
    """A jagged tensor on the rows of all parts.

    Args:
        values: The rows.
        offsets: Where each part begins, and where the last ends.
        lengths: How many rows each part has. With `offsets` too, rows may lie between the parts: those are left out.
        jagged_dim: 1 (the default).
        min_seqlen, max_seqlen: The smallest and the largest length, which are looked at here.

    Raises:
        RuntimeError: Neither offsets nor lengths are given, or they do not fit the values.
        NotImplementedError: The ragged dimension is another one.

    Source: torch.nested.nested_tensor_from_jagged

    Example:
        >>> import flambeau as torch
        >>> torch.nested.nested_tensor_from_jagged(torch.ones(5, 2), torch.tensor([0, 2, 5])).unbind()[1].shape
        torch.Size([3, 2])
    """
    if jagged_dim not in (None, 1):
        raise NotImplementedError("nested_tensor_from_jagged(): the ragged dimension is 1 here")
    if offsets is None and lengths is None:
        raise RuntimeError(
            "nested_tensor_from_jagged(): At least one of offsets or lengths is required."
        )
    if offsets is None:
        return jagged(values, NestedInt(lengths.tolist()))  # type: ignore[union-attr]
    places = offsets.tolist()
    sizes = [b - a for a, b in pairwise(places)]
    if places[:1] != [0] or min(sizes, default=0) < 0:
        raise RuntimeError(f"offsets begin at 0 and do not fall, got {places}")
    if lengths is None:
        return jagged(values, NestedInt(sizes))
    found = lengths.tolist()
    if len(found) != len(sizes) or any(not 0 <= n <= most for n, most in zip(found, sizes)):
        raise RuntimeError(f"lengths {found} do not fit between the offsets {places}")
    rows = [values[a : a + n] for a, n in zip(places, found)]  # type: ignore[index]
    return jagged(cat(rows), NestedInt(found))


def to_padded_tensor(
    input: NestedTensor, padding: float, output_size: Sequence[int] | None = None, out: Any = None
) -> Tensor:
    """A dense tensor of a nested one; see `NestedTensor.to_padded_tensor`.

    Source: torch.nested.to_padded_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.nested.nested_tensor([torch.ones(2), torch.ones(1)])
        >>> torch.nested.to_padded_tensor(x, 0.0)
        tensor([[1., 1.],
                [1., 0.]])
    """
    if not isinstance(input, NestedTensor):
        raise RuntimeError("to_padded_tensor(): the input must be a nested tensor")
    return input.to_padded_tensor(padding, output_size)


def narrow(
    tensor: Tensor, dim: int, start: Any, length: Any, layout: Any = STRIDED
) -> NestedTensor:
    """Of each tensor of a batch, some rows: from a start on, so many.

    Args:
        tensor: The batch.
        dim: 1.
        start, length: A number for all, or one a tensor.
        layout: That of the result.

    Source: torch.nested.narrow
    """
    if wrap_dim(dim, tensor.ndim) != 1:
        raise RuntimeError(f"narrow(): the dimension is 1 for a batch of tensors, got {dim}")
    count = tensor.shape[0]
    starts, lengths = (
        x.tolist() if isinstance(x, Tensor) else [x] * count for x in (start, length)
    )
    rows = [tensor[i, a : a + n] for i, (a, n) in enumerate(zip(starts, lengths))]  # type: ignore[index]
    return as_nested_tensor(rows, layout=layout)


def masked_select(tensor: Tensor, mask: Tensor) -> NestedTensor:
    """The rows where a mask is true, of each tensor of a batch, jagged.

    Args:
        tensor: (batch, length, ...).
        mask: (batch, length).

    Source: torch.nested.masked_select
    """
    return as_nested_tensor([x[m] for x, m in zip(tensor, mask)], layout=JAGGED)
