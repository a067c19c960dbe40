"""Writing into tensors: in-place operations and out=, their checks, and what they do to history."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..autograd.node import Leaf, Node, Port, next_sequence
from ..core.promotion import can_cast
from ..core.quiet import quiet
from ..core.tensor import Tensor

_new = object.__new__


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


def write_into(
    target: Tensor, operation: Any, spec: Any, operands: tuple, arrays: list, parameters: tuple
) -> Tensor:
    """An in-place formula operation on its first operand; nothing changes if it fails."""
    if not can_cast(spec.result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {_title(spec.result.dtype)} can't be cast to the desired output type "
            f"{_title(target.dtype)}: use the out-of-place form, or convert the tensor first"
        )
    shape = broadcast([a.shape for a in arrays])
    if shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(shape)}"
        )
    from .formula import apply

    check_writable(target, operands)
    recording = mode.recording and any(
        isinstance(x, Tensor) and x._node is not None for x in operands
    )
    if recording:  # what is saved must be the values before the write
        arrays = [arrays[0].copy(), *arrays[1:]]
    result = apply(spec, operands, arrays, parameters, None)
    if result._node is not None:  # it saved the copy, which nobody writes to
        result._node.cells = (None, *result._node.cells[1:])
    store(target, result._array)
    finish_write(target, result._node if recording else None, result)
    return target


def _title(dtype: Any) -> str:
    return {
        "uint8": "Byte",
        "int8": "Char",
        "int64": "Long",
        "int32": "Int",
        "int16": "Short",
        "float32": "Float",
        "float64": "Double",
        "bool": "Bool",
        "float16": "Half",
        "bfloat16": "BFloat16",
        "complex64": "ComplexFloat",
        "complex128": "ComplexDouble",
    }.get(dtype.name, dtype.name)


def check_writable(target: Tensor, operands: Sequence[Any] = ()) -> None:
    """Raises RuntimeError where an in-place write would break history or overlap itself."""
    array = target._array
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
    if type(node) is Leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation: wrap it "
            "in torch.no_grad(), or use the out-of-place form"
        )
    if base is None or (not recorded and base._node is None):
        return
    if type(base._node) is Leaf and node is not None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation: "
            "wrap it in torch.no_grad()"
        )
    if base._node is not None and node is None:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled: put both inside the no_grad block, or both outside it"
        )
    if type(node) is Port:
        raise RuntimeError(
            f"Output {node.index} of {node.node.name()} is a view and is being modified inplace. "
            "This view is the output of a function that returns multiple views; such functions do "
            "not allow the output views to be modified inplace: use the out-of-place form, or "
            "clone() it first"
        )


def store(target: Tensor, values: Any) -> None:
    """Copy values into a tensor's memory; overlapping memory is safe."""
    with quiet():
        np.copyto(target._array, values, casting="unsafe")


def finish_write(target: Tensor, node: Any, made: Tensor | None = None) -> None:
    """Count the version up, and make `node` (None: no gradient) the history of what was written."""
    cell = target._cell
    cell[0] += 1
    if node is not None and mode.recording:
        rebase(target, node, cell)


def rebase(target: Tensor, node: Any, cell: list) -> None:
    """After a recorded write, `target` was made by `node`, and everything that sees its memory knows."""
    base = target._base
    if base is None:
        target._node = node
        root = target
    else:
        base._node = copy_slices(base, target, node)
        root = base
    for reference in cell[1:]:
        view = reference()
        if view is not None and view is not root:
            view._node = view_of_base(root, view)


class SliceNode(Node):
    """A part of a tensor, found by its place in memory."""

    __slots__ = ("inner",)

    def name(self) -> str:
        return "AsStridedBackward0"

    def backward(self, g: Any) -> list[Any]:
        shape, place = self.saved
        whole, part = place.memory(g, shape)
        np.add.at(part, ..., g) if place.overlaps else np.copyto(part, g)  # type: ignore[arg-type]
        return [whole]

    def backward_recorded(self, g: Any) -> list[Any]:
        shape, place = self.saved
        return [g._scatter_place(shape, place)]

    def release(self) -> None:
        """Holds no arrays, so nothing needs to go."""


class CopySlices(Node):
    """A tensor, part of which was written over by `inner`'s output."""

    __slots__ = ("inner",)

    def name(self) -> str:
        return "CopySlices"

    def backward(self, g: Any) -> list[Any]:
        shape, place = self.saved
        whole, part = place.memory(g, shape)
        np.copyto(whole, g)
        inner = part.copy()
        part[...] = 0
        parts = list(self.inner.backward(inner))
        at = (self.inner.notes or {}).get("self")
        if at is not None and parts[at] is not None:
            np.copyto(part, np.broadcast_to(parts[at], part.shape))
        return [whole, *parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        _shape, place = self.saved
        inner = g._take_place(place)
        parts = list(self.inner.backward_recorded(inner))
        at = (self.inner.notes or {}).get("self")
        own = parts[at] if at is not None else None
        return [g._put_place(place, own), *parts]

    def release(self) -> None:
        self.inner.release()


class Place:
    """Where a view lies in its base's memory."""

    __slots__ = (
        "base_shape",
        "base_strides",
        "low",
        "offset",
        "overlaps",
        "shape",
        "span",
        "strides",
    )

    def __init__(self, base: Any, view: Any):
        low, high = np.lib.array_utils.byte_bounds(base)
        self.low = _address(base) - low
        self.span = high - low
        self.offset = _address(view) - low
        self.base_shape, self.base_strides = base.shape, base.strides
        self.shape, self.strides = view.shape, view.strides
        self.overlaps = (
            view.size > 1
            and any(step == 0 and size > 1 for step, size in zip(view.strides, view.shape))
        ) or _overlapping(view)
        self.base_strides = base.strides

    def memory(self, g: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Zeros laid out as the base, and the view's part of them."""
        item = g.dtype.itemsize
        buffer = np.zeros(self.span // item if self.span else 0, g.dtype)
        return (
            np.ndarray(self.base_shape, g.dtype, buffer, self.low, self.base_strides),
            np.ndarray(self.shape, g.dtype, buffer, self.offset, self.strides),
        )


def _overlapping(view: Any) -> bool:
    """Could two indices meet? True only for odd as_strided and unfold views."""
    steps = sorted((abs(s), n) for s, n in zip(view.strides, view.shape) if n > 1)
    reach = 0
    for step, size in steps:
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]


def _node_of(cls: type, edges: tuple, saved: Any, tensor: Tensor) -> Any:
    node = _new(cls)  # type: ignore[var-annotated]
    node.edges, node.saved, node.cells, node.versions = edges, saved, (), ()
    node.sequence, node.shape, node.kind = next_sequence(), tensor._array.shape, tensor._kind
    node.hooks = node.notes = None
    return node


def view_of_base(base: Tensor, view: Tensor) -> SliceNode:
    """The history of a view after its base's was rewritten."""
    saved = base._array.shape, Place(base._array, view._array)
    return _node_of(SliceNode, (base._node,), saved, view)


def copy_slices(base: Tensor, view: Tensor, node: Any) -> CopySlices:
    """The history of a base after a view of it was written by `node`."""
    own = view._node
    at = next((i for i, edge in enumerate(node.edges) if edge is own and own is not None), None)
    made = _node_of(
        CopySlices,
        (base._node, *(None if i == at else e for i, e in enumerate(node.edges))),
        (base._array.shape, Place(base._array, view._array)),
        base,
    )
    made.inner = node
    if at is not None:
        node.note("self", at)
    return made


def write_out(out: Any, result: Any, name: str, warns: bool = True) -> Any:
    """Copy a result into ``out=``, which is resized if its shape differs.

    warns: Say so, unless it was empty; factories do not.

    Raises:
        TypeError: out is no tensor.
        RuntimeError: The result cannot be cast to out's dtype, or history would be lost.
    """
    if isinstance(result, tuple):
        for target, value in zip(out, result):
            write_out(target, value, name, warns)
        return out
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if mode.recording and (result._node is not None or out._node is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if not can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {_title(result.dtype)} can't be cast to the desired output type "
            f"{_title(out.dtype)}"
        )
    if out._array.shape != result._array.shape:
        if warns and out._array.size:
            _warn_of_resize(out._array.shape, result._array.shape)
        out._array = result._array.astype(out._kind.numpy)
    else:
        store(out, result._array)
    out._cell[0] += 1
    return out


def _warn_of_resize(shape: tuple[int, ...], required: tuple[int, ...]) -> None:
    warnings.warn(
        f"An output with one or more elements was resized since it had shape {list(shape)}, which does "
        f"not match the required output shape {list(required)}. This behavior is deprecated, and in a "
        "future PyTorch release outputs will not be resized unless they have zero elements. You can "
        "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
        UserWarning,
        stacklevel=4,
    )
