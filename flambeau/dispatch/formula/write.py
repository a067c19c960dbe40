"""Formula operations that write: in place, and into the memory of ``out=``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd.mode import mode
from ...core.error import two_devices
from ...core.promotion import can_cast, check_cast
from ...core.tensor import Tensor
from ...core.twin import around
from ...formula.quiet import quiet
from ..write import broadcast, check_writable, finish_write, store
from .formula_node import apply


def write_into(
    target: Tensor, operation: Any, spec: Any, operands: tuple, arrays: list, parameters: tuple
) -> Tensor:
    """An in-place formula operation on its first operand; nothing changes if it fails."""
    check_cast(spec.result.dtype, target.dtype)
    shape = broadcast([a.shape for a in arrays])
    if shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(shape)}"
        )
    check_writable(target, operands)
    if target._kind.device is not spec.result.device:
        raise two_devices((target._kind.device, spec.result.device), operation.name)
    recording = mode.recording and any(
        isinstance(x, Tensor) and x._node is not None for x in operands
    )
    if not recording:
        with quiet():
            spec.writers[target._kind](target._array, *arrays, *parameters)
        finish_write(target, None)
        return target
    # What is saved must be the values before the write.
    with around((target,)):
        arrays = [arrays[0].copy(), *arrays[1:]]
    result = apply(spec, operands, arrays, parameters, None)
    node = result._node
    if node is not None and 0 in node.checked:  # it saved the copy, which nobody writes to
        node.cells = tuple(
            cell[:1] if i == 0 else cell for i, cell in zip(node.checked, node.cells)
        )
    store(target, result._array)
    finish_write(target, result._node if recording else None, result)
    return target


def write_fast(
    out: Any, spec: Any, operands: Sequence[Any], arrays: Sequence[Any], parameters: tuple
) -> bool:
    """Compute a result in the memory of ``out=``; False where that takes `write_out` or raises an error."""
    if not isinstance(out, Tensor) or (
        mode.recording
        and (out._node is not None or any(isinstance(x, Tensor) and x._node is not None for x in operands))
    ):  # fmt: skip
        return False
    if (
        broadcast([a.shape for a in arrays]) != out._array.shape
        or out._kind.device is not spec.result.device
        or not can_cast(spec.result.dtype, out.dtype)
    ):
        return False
    check_writable(out)
    with quiet():
        spec.writers[out._kind](out._array, *arrays, *parameters)
    finish_write(out, None)
    return True
