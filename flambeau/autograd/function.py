"""Function: a user's own operation, with forward and backward written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor, wrap
from .mode import enable_grad, mode, no_grad
from .node import Node, Port, next_sequence


class Context:
    """What forward and backward share (``ctx``).

    Attributes:
        needs_input_grad: For each argument of forward: is its gradient wanted?
    """

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self.materialize_grads = True
        self._saved: tuple[Any, ...] = ()
        self._fixed: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._versions: tuple[int, ...] = ()
        self._node: Any = None
        self._outputs: tuple[Any, ...] = ()
        self._freed = False

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward; call it once, in forward or setup_context."""
        self._saved = tensors
        self._versions = tuple(-1 if t is None else t._cell[0] for t in tensors)

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept.

        Raises:
            RuntimeError: It was freed by an earlier backward, or modified in place since.
        """
        if self._freed:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors "
                "after they have already been freed). Specify retain_graph=True in the first backward() "
                "if you need the graph again."
            )
        for tensor, version in zip(self._saved, self._versions, strict=True):
            if tensor is not None and tensor._cell[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: a saved tensor of shape {list(tensor.shape)} is at version "
                    f"{tensor._cell[0]}; expected version {version} instead."
                )
        return self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward changed in place (and returns)."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._fixed = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward gets None, not zeros, for an output that nothing reached."""
        self.materialize_grads = value


class FunctionNode(Node):
    """The recorded call of a Function."""

    __slots__ = ("context", "count", "function", "places")

    context: Context
    function: type
    places: tuple[int, ...]
    count: int

    def backward(self, g: Any) -> list[Any]:
        with no_grad():
            parts = self._call(
                [None if part is None else wrap(part, kind) for part, kind in self._kinds(g)]
            )
        return [None if part is None else part._array for part in parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        with enable_grad():
            return self._call([part for part, _ in self._kinds(g)])

    def _kinds(self, g: Any) -> list[tuple[Any, Any]]:
        if self.outputs == 1:
            return [(g, self.kind)]
        return [(part, kind) for part, (_, kind) in zip(g, self.shape, strict=True)]

    def _call(self, gs: list[Any]) -> list[Any]:
        shapes = [(self.shape, self.kind)] if self.outputs == 1 else self.shape
        if self.context.materialize_grads:
            gs = [
                wrap(kind.xp.zeros(shape, kind.numpy), kind) if g is None else g
                for g, (shape, kind) in zip(gs, shapes, strict=True)
            ]
        result = self.function.backward(self.context, *gs)  # type: ignore[attr-defined]
        parts = result if isinstance(result, tuple) else (result,)
        if len(parts) > self.count and all(part is None for part in parts[self.count :]):
            parts = parts[: self.count]
        if len(parts) != self.count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {self.count}, "
                f"got {len(parts)})"
            )
        return [parts[i] for i in self.places]

    def release(self) -> None:
        self.context._freed = bool(self.context._saved)
        self.context._saved = ()
        self.context._versions = ()


class Function:
    """A user's own differentiable operation: static methods `forward` and `backward`, called by `apply`.

    Source: torch.autograd.Function

    Example:
        >>> import flambeau as torch
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> x = torch.ones(1, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> x.grad
        tensor([2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} is not called itself: write {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes; the first argument is ctx, unless there is a setup_context."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """A gradient for each argument of forward (None for those that have none)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function, recorded."""
        needs = tuple(isinstance(x, Tensor) and x._node is not None for x in args)
        context = Context(needs)
        setup = getattr(cls, "setup_context", None)
        with no_grad():
            if setup is None:
                outputs = cls.forward(context, *args)
            else:
                outputs = cls.forward(*args)
                setup(context, args, outputs)
        several = isinstance(outputs, tuple)
        listed = list(outputs) if several else [outputs]
        if any(needs) and mode.recording:
            listed = cls._record(context, args, listed, needs)
        return tuple(listed) if several else listed[0]

    @classmethod
    def _record(
        cls, context: Context, args: tuple, outputs: list[Any], needs: tuple[bool, ...]
    ) -> list[Any]:
        tensors = [x for x in outputs if isinstance(x, Tensor)]
        node: Any = object.__new__(_node_class(cls, len(tensors)))
        node.places = tuple(i for i, on in enumerate(needs) if on)
        node.edges = tuple(args[i]._node for i in node.places)
        node.context, node.function, node.count = context, cls, len(args)
        node.saved, node.cells, node.versions = (), (), ()
        node.sequence, node.hooks, node.notes = next_sequence(), None, None
        node.shape = tuple((x._array.shape, x._kind) for x in tensors)
        node.kind = tensors[0]._kind if tensors else None
        if len(tensors) == 1:
            node.shape = tensors[0]._array.shape
        fixed = {id(x) for x in context._fixed}
        inputs = {id(x) for x in args if isinstance(x, Tensor)}
        dirty = {id(x) for x in context._dirty}
        recorded, index = [], 0
        for output in outputs:
            if isinstance(output, Tensor):
                if id(output) in inputs and id(output) not in dirty:
                    output = wrap(output._array, output._kind)
                if id(output) in dirty:
                    output._cell[0] += 1
                if id(output) not in fixed and output._kind.dtype.category >= 2:
                    output._node = (
                        node
                        if len(tensors) == 1
                        else Port(node, index, output._array.shape, output._kind)
                    )
                index += 1
            recorded.append(output)
        for watch in mode.watchers:
            watch(node)
        return recorded


_classes: dict[tuple[type, int], type] = {}


def _node_class(function: type, outputs: int) -> type:
    found = _classes.get((function, outputs))
    if found is None:
        found = _classes[function, outputs] = type(
            f"{function.__name__}Backward",
            (FunctionNode,),
            {"__slots__": (), "outputs": max(1, outputs)},
        )
    return found


def once_differentiable(backward: Callable) -> Callable:
    """Decorator of a backward that cannot be differentiated again: doing so raises.

    Source: torch.autograd.function.once_differentiable
    """

    def wrapped(ctx: Any, *gs: Any) -> Any:
        with no_grad():
            result = backward(ctx, *gs)
        if not (mode.recording and any(isinstance(g, Tensor) and g.requires_grad for g in gs)):
            return result
        parts = result if isinstance(result, tuple) else (result,)
        return tuple(None if part is None else _Refuse.apply(part, *gs) for part in parts)

    return wrapped


class _Refuse(Function):
    """Passes its first argument on, and refuses to go back."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        return args[0].detach()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


FunctionCtx = Context
