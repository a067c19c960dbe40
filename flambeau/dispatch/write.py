"""Writing into tensors: in-place operations and out=, their checks, and what they do to history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from .. import kernels
from .._caller import warn
from ..autograd.history import rebase
from ..autograd.inference import WRITTEN
from ..autograd.location import UNSAVED, count_writes, note_write
from ..autograd.mode import mode
from ..autograd.node import Leaf, Port
from ..core.error import two_devices
from ..core.memory import is_writable, share_elements
from ..core.promotion import check_cast
from ..core.tensor import UNVERSIONED, Tensor, class_name
from ..core.twin import around
from ..formula.dimensions import broadcast_shapes
from ..formula.quiet import quiet


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape.

    Raises:
        RuntimeError: There is none, in PyTorch's words.
    """
    try:
        return broadcast_shapes(*shapes)
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
        known = broadcast_shapes(known, shape)
    raise AssertionError("unreachable: some pair of shapes differs")


OVERLAPS = (
    "unsupported operation: more than one element of the written-to tensor refers to a "
    "single memory location. Please clone() the tensor before performing the operation."
)


def repeats(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Is an element seen at several indices because a stride is 0? A write would have several values for it."""
    return 0 not in shape and any(step == 0 and n > 1 for step, n in zip(strides, shape))


def check_writable(target: Tensor, operands: Sequence[Any] = ()) -> None:
    """Raises RuntimeError where an in-place write would break history or overlap itself."""
    array = target._array
    if target._cell[0] is UNVERSIONED and not mode.inference:
        raise RuntimeError(WRITTEN)
    if not is_writable(array):
        raise RuntimeError(
            "this tensor's memory is read-only (it came from a read-only array or an expanded "
            "one): clone() it before writing in place"
        )
    if 0 in array.strides and repeats(array.shape, array.strides):
        raise RuntimeError(OVERLAPS)
    if mode.recording is True and (target._node is not None or target._base is not None):
        check_history(target, any(isinstance(x, Tensor) and x._node is not None for x in operands))


def check_history(target: Tensor, recorded: bool) -> None:
    """Raises RuntimeError for a recorded write into a leaf, or through a view that history lost."""
    node, base = target._node, target._base
    if mode.recording is not True:
        return
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
    if node is not None and node.node.custom:
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
            with around((target,)):
                np.copyto(target._array, values, casting="unsafe")


def finish_write(target: Tensor, node: Any, made: Tensor | None = None) -> None:
    """Count the version up, and make `node` (None: no gradient) the history of what was written."""
    cell = target._cell
    cell[0] += 1
    if getrefcount(cell) > UNSAVED:  # a node may have saved what is written over
        note_write(cell)
    if node is not None and mode.recording:
        rebase(target, node, cell)


def written_as_known(target: Tensor, write: Callable[..., Any], given: Any = None) -> bool:
    """Let `write`, which is known for the target's layout, write to its array, given that (and `given`); False, and
    nothing written, where its memory or its history are to be looked at."""
    array, cell = target._array, target._cell
    if cell[0] is UNVERSIONED or not array.flags.behaved:
        return False
    if mode.recording:
        base = target._base
        if target._node is not None or (base is not None and base._node is not None):
            return False
    if given is None:
        write(array)
    else:
        write(array, given)
    cell[0] += 1
    if getrefcount(cell) > UNSAVED:
        note_write(cell)
    return True


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
        TypeError: out is no tensor, or not one for each result.
        RuntimeError: The result cannot be cast to out's dtype, or history would be lost.
    """
    if _is_usual(out, result) and not any(
        np.may_share_memory(out._array, x._array) for x in inputs
    ):
        np.copyto(out._array, result._array)
        count_writes((out,))
        return out
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            given = f"{len(out)} of them" if isinstance(out, (tuple, list)) else type(out).__name__
            raise TypeError(
                f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, not {given}"
            )
        for target, value in zip(out, result):
            write_out(target, value, name, warns=warns)
        return out
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {class_name(out)}")
    if mode.recording and (result._node is not None or out._node is not None):
        check_out((result, out), name)
    check_cast(result.dtype, out.dtype)
    if out._kind.device is not result._kind.device:
        raise two_devices(
            (result._kind.device, out._kind.device), f"{name}, whose result goes into out"
        )
    if out._cell[0] is UNVERSIONED and not mode.inference:
        raise RuntimeError(WRITTEN)
    for x in inputs:
        if share_elements(out._array, x._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor "
                "refer to a single memory location. Please clone() the tensor before performing the "
                "operation."
            )
    check_writable(out)
    if out._array.shape != result._array.shape:
        if warns and out._array.size:
            warn(_RESIZED.format(list(out.shape), list(result.shape)))
        out._array = result._array.astype(out._kind.numpy)
    else:
        store(out, result._array)
    count_writes((out,))
    return out


def _is_usual(out: Any, result: Any) -> bool:
    """Two tensors of one kind and shape without histories, of which one is in order and may be written to."""
    if (
        out.__class__ is not Tensor
        or result.__class__ is not Tensor
        or out._kind is not result._kind
    ):
        return False
    array, base = out._array, out._base
    return (
        array.__class__ is ndarray
        and array.flags.carray
        and array.shape == result._array.shape
        and out._node is None
        and result._node is None
        and (base is None or base._node is None)
        and out._cell[0] is not UNVERSIONED
    )


def check_out(tensors: Sequence[Tensor], name: str) -> None:
    """Raises an error where ``out=`` would lose a gradient or a tangent."""
    nodes = [x._node for x in tensors if x._node is not None]
    if mode.recording is True and any(node.reverse for node in nodes):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if any(not node.reverse for node in nodes):
        raise NotImplementedError(
            f"Trying to use forward AD with {name}_out that does not support it because it is an out= "
            "function: assign the result instead"
        )


_RESIZED = (
    "An output with one or more elements was resized since it had shape {}, which does not match the "
    "required output shape {}. This behavior is deprecated, and in a future PyTorch release outputs "
    "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by "
    "resizing it, inplace, to zero elements with t.resize_(0)."
)
