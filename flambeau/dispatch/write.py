"""Writing into tensors: in-place operations and out=, their checks, and what they do to history."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from .. import kernels
from ..autograd.counts import fewest
from ..autograd.function import FunctionNode
from ..autograd.history import rebase
from ..autograd.inference import WRITTEN
from ..autograd.location import last_write, note_write
from ..autograd.mode import mode
from ..autograd.node import Leaf, Port
from ..core.promotion import check_cast
from ..core.tensor import UNVERSIONED, Tensor, wrap_numpy
from ..formula.quiet import quiet


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape.

    Raises:
        RuntimeError: There is none, in PyTorch's words.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        pass
    known = shapes[0]
    for shape in shapes[1:]:
        for i in range(1, min(len(known), len(shape)) + 1):
            a, b = known[-i], shape[-i]
            if a != b and a != 1 and b != 1:
                at = max(len(known), len(shape)) - i
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at "
                    f"non-singleton dimension {at}: shapes {list(known)} and {list(shape)} do "
                    "not broadcast"
                )
        known = np.broadcast_shapes(known, shape)
    raise AssertionError("unreachable: some pair of shapes differs")


def check_writable(target: Tensor, operands: Sequence[Any] = ()) -> None:
    """Raises RuntimeError where an in-place write would break history or overlap itself."""
    array = target._array
    if target._cell[0] is UNVERSIONED and not mode.inference:
        raise RuntimeError(WRITTEN)
    if not array.flags.writeable:
        raise RuntimeError(
            "this tensor's memory is read-only (it came from a read-only array or an expanded "
            "one): clone() it before writing in place"
        )
    if (
        0 in array.strides
        and array.size > 1
        and any(step == 0 and size > 1 for step, size in zip(array.strides, array.shape))
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if mode.recording:
        check_history(target, any(isinstance(x, Tensor) and x._node is not None for x in operands))


def check_history(target: Tensor, recorded: bool) -> None:
    """Raises RuntimeError for a recorded write into a leaf, or through a view that history lost."""
    node, base = target._node, target._base
    if type(node) is Leaf and base is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation: wrap it "
            "in torch.no_grad(), or use the out-of-place form"
        )
    if base is None or (not recorded and base._node is None):
        return
    if node is not None and (base._node is None or type(base._node) is Leaf):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation: "
            "wrap it in torch.no_grad()"
        )
    if base._node is not None and node is None:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled: put both inside the no_grad block, or both outside it"
        )
    if node is not None and isinstance(node.node, FunctionNode):
        raise RuntimeError(
            f"Output {node.index} of {node.node.name()} is a view and is being modified inplace. This view "
            "was made inside a custom Function (or an input was returned as it is), and the write would "
            "replace the Function's own backward: clone() the output before writing to it"
        )
    if type(node) is Port:
        raise RuntimeError(
            f"Output {node.index} of {node.node.name()} is a view and is being modified inplace. "
            "This view is the output of a function that returns multiple views; such functions do "
            "not allow the output views to be modified inplace: use the out-of-place form, or "
            "clone() it first"
        )


_SMALL = 2048
"""Elements up to which a copy is NumPy's without further question."""


def store(target: Tensor, values: Any) -> None:
    """Copy values into a tensor's memory; overlapping memory is safe."""
    with quiet():
        if values.__class__ is np.ndarray and values.size > _SMALL:
            kernels.array.copy.copy_into(target._array, values)
        else:
            np.copyto(target._array, values, casting="unsafe")


UNSAVED = 0
"""References to the version cell of a tensor without views that no node knows, seen in `finish_write`; 0:
unknown, so every write is noted."""


def finish_write(target: Tensor, node: Any, made: Tensor | None = None) -> None:
    """Count the version up, and make `node` (None: no gradient) the history of what was written."""
    cell = target._cell
    cell[0] += 1
    if getrefcount(cell) > UNSAVED:  # a node may have saved what is written over
        note_write(cell)
    if node is not None and mode.recording:
        rebase(target, node, cell)


def _measure() -> None:
    """Find out the count by writes to a tensor whose cell nobody else holds, or a node does."""

    def unnoted(count: int, saved: bool) -> bool:
        global UNSAVED
        UNSAVED = count
        target = wrap_numpy(np.zeros(1, np.float32))
        _held = (target._cell,) if saved else ()
        finish_write(target, None)
        return last_write(target._cell) is None

    global UNSAVED
    UNSAVED = fewest(unnoted)


_measure()


def write_out(
    out: Any, result: Any, name: str, inputs: Sequence[Tensor] = (), warns: bool = True
) -> Any:
    """Copy a result into ``out=``, which is resized if its shape differs.

    Args:
        out: The tensor, or one for each result.
        result: The result, or several.
        name: The function's, for messages.
        inputs: Tensors whose memory `out` may not share.
        warns: Say so, unless it was empty; factories do not.

    Raises:
        TypeError: out is no tensor.
        RuntimeError: The result cannot be cast to out's dtype, or history would be lost.
    """
    if isinstance(result, tuple):
        for target, value in zip(out, result):
            write_out(target, value, name, warns=warns)
        return out
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if mode.recording and (result._node is not None or out._node is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    check_cast(result.dtype, out.dtype)
    if out._cell[0] is UNVERSIONED and not mode.inference:
        raise RuntimeError(WRITTEN)
    for x in inputs:
        if np.may_share_memory(out._array, x._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor "
                "refer to a single memory location. Please clone() the tensor before performing the "
                "operation."
            )
    if out._array.shape == result._array.shape:
        check_writable(out)
    if out._array.shape != result._array.shape:
        if warns and out._array.size:
            warnings.warn(_RESIZED.format(list(out.shape), list(result.shape)), stacklevel=3)
        out._array = result._array.astype(out._kind.numpy)
    else:
        store(out, result._array)
    out._cell[0] += 1
    return out


_RESIZED = (
    "An output with one or more elements was resized since it had shape {}, which does not match the "
    "required output shape {}. This behavior is deprecated, and in a future PyTorch release outputs "
    "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by "
    "resizing it, inplace, to zero elements with t.resize_(0)."
)
