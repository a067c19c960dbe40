"""Nested tensors in files: as PyTorch lays them out.

A strided one is the elements of all parts, and tables of each part's sizes, strides and place among them; a jagged
one is its rows, and where each part begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..ops.create.data import tensor
from ..ops.join.cat import cat
from ..ops.view.as_strided import as_strided
from .constructor import constructs, wrong
from .error import SerializationError
from .extent import OPEN

if TYPE_CHECKING:
    from ..nested.tensor import NestedTensor
    from .pickler import Pickler

NJT = "torch.nested._internal.nested_tensor _rebuild_njt"
NJT_CLASS = "torch.nested._internal.nested_tensor NestedTensor"


def write(pickler: Pickler, obj: NestedTensor) -> Iterator[Any]:
    """A nested tensor. Files of strided ones do not keep requires_grad."""
    if obj._parts is None:
        pickler.name("torch._tensor _rebuild_from_type_v2")
        pickler.out += b"("
        pickler.name(NJT)
        pickler.name(NJT_CLASS)
        facts = {
            "values": obj._packed.detach(),  # type: ignore[attr-defined]
            "offsets": obj.offsets(),
            "lengths": None,
            "_ragged_idx": obj._ragged,
            "_metadata_cache": {},
            "requires_grad": obj.requires_grad,
        }
        yield (facts,)
        yield {}
    else:
        parts = [part.detach().contiguous() for part in obj._parts]  # type: ignore[attr-defined]
        ends = np.cumsum([0, *(part.numel() for part in parts)]).tolist()
        pickler.name("torch._utils _rebuild_nested_tensor")
        pickler.out += b"("
        yield cat([part.reshape(-1) for part in parts])
        yield tensor([list(part.shape) for part in parts])
        yield tensor([list(part.stride()) for part in parts])
        yield tensor(ends[:-1])
    pickler.out += b"tR"
    pickler.remember(obj)


def _table(value: Any, ndim: int) -> list[Any]:
    """The numbers of a tensor of indices of a file."""
    if type(value) is not Tensor or value.dtype.name != "int64" or value.ndim != ndim:
        raise wrong("a nested tensor", value)
    return value._array.tolist()


@constructs("_rebuild_nested_tensor", modules=("torch._utils",))
def strided(machine: Any, buffer: Any, sizes: Any, strides: Any, offsets: Any) -> Any:
    """A strided one: each part is a copy of what the tables say, which has to lie within the elements."""
    from ..nested.tensor import strided

    if type(buffer) is not Tensor or buffer.ndim != 1:
        raise wrong("a nested tensor", buffer)
    rows = _table(sizes, 2), _table(strides, 2), _table(offsets, 1)
    if not rows[2] or len({len(table) for table in rows}) != 1:
        raise wrong("a nested tensor", (sizes, strides, offsets))
    memory = wrap(buffer._array, buffer._kind)
    parts = []
    for size, stride, offset in zip(*rows):
        machine.spend(buffer.element_size() * max(0, int(np.prod(size, dtype=object))))
        try:
            parts.append(_part(memory, size, stride, offset).clone())
        except RuntimeError as error:
            raise SerializationError(
                f"a nested tensor of the file cannot be made: {error}"
            ) from None
    return strided(parts)


def _part(memory: Tensor, size: list[int], stride: list[int], offset: int) -> Any:
    """A view within a one-dimensional tensor's own elements.

    Raises:
        RuntimeError: It would reach outside.
    """
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if offset < 0 or min(size + stride, default=0) < 0 or (all(size) and last >= memory.numel()):
        raise RuntimeError(
            f"a part of sizes {size} and strides {stride} at {offset} is not within {memory.numel()} elements"
        )
    own = memory.clone() if not memory.is_contiguous() else memory  # type: ignore[attr-defined]
    return as_strided(own, size, stride, own.storage_offset() + offset if all(size) else 0)


@constructs(NJT)
def jagged(machine: Any, facts: Any) -> Any:
    """A jagged one; rows that lie between its parts are left out."""
    from ..nested.construct import nested_tensor_from_jagged
    from ..nested.tensor import jagged

    known = {"values", "offsets", "lengths", "_ragged_idx", "_metadata_cache", "requires_grad"}
    if type(facts) is not dict or facts.keys() != known:
        raise wrong("a nested tensor", facts)
    values, lengths, ragged = facts["values"], facts["lengths"], facts["_ragged_idx"]
    _table(facts["offsets"], 1)
    if lengths is not None:
        _table(lengths, 1)
    if type(values) is not Tensor or type(ragged) is not int or not 1 <= ragged <= values.ndim:
        raise wrong("a nested tensor", facts)
    try:
        made = nested_tensor_from_jagged(values, facts["offsets"], lengths)
    except (RuntimeError, IndexError) as error:
        raise SerializationError(f"a nested tensor of the file cannot be made: {error}") from None
    made = jagged(made._packed, made._rows, ragged)
    machine.enter(made, facts, OPEN)
    return made.requires_grad_() if facts["requires_grad"] is True else made
