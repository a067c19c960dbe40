"""The context of a Function: what its forward and backward share (``ctx``).

A saved output would close a circle (output, node, context, output), so outputs are kept without
their history; `saved_tensors` puts it back, through a weak reference to the node.
"""

from __future__ import annotations

import weakref
from typing import Any

from ..core.dtype import dtype
from ..core.tensor import Tensor, wrap
from .engine import TWICE
from .report import modified


class Context:
    """What forward and backward share (``ctx``); attributes of the user's own may be set on it.

    Attributes:
        needs_input_grad: For each argument of forward: is its gradient wanted?
    """

    materialize_grads = True
    output_grad_dtypes: tuple[Any, ...] | None = None
    _saved: tuple[Any, ...] | None = ()
    _versions: tuple[Any, ...] | None = None
    _cells: tuple[Any, ...] = ()
    _fixed: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _node: Any = None
    _unpack: Any = None
    _forward: tuple[Any, ...] = ()
    _going_forward = False
    _kinds: dict[int, tuple] | None = None
    """Shape and kind of forward's arguments, where tangents may be wanted."""
    _own: dict[int, int]
    """For each saved output, which one it is."""
    _edges: dict[int, Any]
    """The history of each saved tensor that is no output."""

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward; call it once, in forward or setup_context.

        Raises:
            TypeError: Something else than a tensor or None was given; that goes on ctx itself.
        """
        check_saved("save_for_backward", tensors)
        self._saved = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for jvp, which runs when forward has; it finds them in `saved_tensors`.

        Raises:
            TypeError: Something else than a tensor or None was given; that goes on ctx itself.
        """
        check_saved("save_for_forward", tensors)
        self._forward = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept.

        Raises:
            RuntimeError: It was freed by an earlier backward, or modified in place since.
        """
        if self._going_forward:
            return self._forward
        saved, versions = self._saved, self._versions
        if saved is None:
            raise RuntimeError(TWICE.format("this Function"))
        if versions is None:  # not recorded, or not yet
            return saved
        node = self._node()
        if self._unpack is not None:
            saved = tuple(
                connected(self._unpack(item), self._edges.get(i))
                if i in self._edges or i in self._own
                else None
                for i, item in enumerate(saved)
            )
        else:
            for i, (x, cell, version) in enumerate(zip(saved, self._cells, versions)):
                if x is not None and cell[0] != version:
                    edge = node.port(self._own[i]) if i in self._own else self._edges[i]
                    raise RuntimeError(modified(node, x._array, edge, cell, version))
        if not self._own:
            return saved
        return tuple(self._connected(i, x, node) for i, x in enumerate(saved))

    def _connected(self, i: int, x: Tensor | None, node: Any) -> Tensor | None:
        """A saved output with its history."""
        if x is None or i not in self._own:
            return x
        return connected(x, None if node is None else node.port(self._own[i]))

    def _pack(self, pack: Any, unpack: Any) -> None:
        """Keep what `pack` makes of the saved tensors; outputs it sees without their history."""
        self._saved = tuple([None if x is None else pack(x) for x in self._saved or ()])
        self._unpack, self._cells = unpack, ()

    def _keep(self, node: Any, places: dict[int, int]) -> None:
        """Note the versions, and let go of outputs; called when the node is recorded.

        places: For each output that forward made, by its id, which one it is.
        """
        self._node = weakref.ref(node)
        saved, own, edges = list(self._saved or ()), {}, {}
        for i, x in enumerate(saved):
            if id(x) in places:
                own[i] = places[id(x)]
                saved[i] = alias(x)
            elif x is not None:
                edges[i] = x._node
        self._saved, self._own, self._edges = tuple(saved), own, edges
        self._cells = tuple([None if x is None else x._cell for x in saved])
        self._versions = tuple([None if x is None else x._cell[0] for x in saved])

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward changed in place (and returns).

        Raises:
            RuntimeError: One is no tensor.
        """
        self._dirty = _tensors("mark_dirty", tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient.

        Raises:
            RuntimeError: One is no tensor.
        """
        self._fixed = _tensors("mark_non_differentiable", tensors)

    def set_output_grad_dtype(self, *dtypes: Any) -> None:
        """Say in which dtype backward receives the gradient of each output; None: in that which it has.

        Without it they come in the outputs' own dtypes.

        Raises:
            RuntimeError: It is called twice, or something is no dtype. Later, if there are as many outputs
                not, or one that has no gradient is given a dtype.

        Source: torch.autograd.function.FunctionCtx.set_output_grad_dtype
        """
        if self.output_grad_dtypes is not None:
            raise RuntimeError("set_output_grad_dtype can only be called once")
        for item in dtypes:
            if item is not None and not isinstance(item, dtype):
                raise RuntimeError(
                    "set_output_grad_dtype expects each declaration to be a torch.dtype or None, but got "
                    f"{type(item).__name__}"
                )
        self.output_grad_dtypes = dtypes

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward gets None, not zeros, for an output that nothing reached."""
        self.materialize_grads = bool(value)


def _tensors(name: str, values: tuple) -> tuple:
    for i, x in enumerate(values):
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{name} can only accept variables, but argument {i} is of type {type(x).__name__}"
            )
    return values


def connected(x: Tensor, history: Any) -> Tensor:
    """The same memory and version cell with this history."""
    tensor = alias(x)
    tensor._node = history
    return tensor


def alias(x: Tensor) -> Tensor:
    """The same memory and version cell without history."""
    result = wrap(x._array, x._kind)
    result._cell = x._cell
    return result


def check_saved(name: str, tensors: tuple) -> None:
    """Raises TypeError for what only tensors can be."""
    for i, tensor in enumerate(tensors):
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"{name} can only save variables, but argument {i} is of type {type(tensor).__name__}: "
                "keep it as an attribute of ctx"
            )
