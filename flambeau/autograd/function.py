"""Function: a user's own operation, with forward and backward written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import kernels
from ..core import tensor as handle
from ..core.dtype import FLOAT
from ..core.handler import entered, mapped
from ..core.kind import kind_of
from ..core.tensor import Tensor, wrap
from .context import Context, alias
from .history import rebase
from .location import count_writes
from .mode import mode, no_grad
from .node import AnyKind, Leaf, Node, held_kind, next_sequence, own_kind
from .record import tell_watchers


class FunctionNode(Node):
    """The recorded call of a Function; what its ctx has can be read from the node too."""

    __slots__ = ("context", "count", "function", "gone", "outputs", "places")

    custom = True
    context: Context
    function: type
    places: tuple[int, ...]
    """Which arguments the edges belong to."""
    count: int
    """How many arguments there were."""
    gone: list[int]
    """Which arguments were no tensors."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in FunctionNode.__slots__:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.context, name)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        found = dict(zip(self.places, self.edges))
        return tuple(
            (None, 0) if found.get(i) is None else (found[i].node, found[i].index)
            for i in range(self.count)
            if i not in self.gone
        )

    def backward(self, g: Any) -> list[Any]:
        gs = []
        for part, (_, kind) in zip([g] if self.outputs == 1 else g, self.ports):
            if part is not None:
                kind = kind if kind.numpy is not None else held_kind(kind, part)
                part = wrap(part, kind)
            gs.append(part)
        parts = self._call(gs)
        return [None if part is None else part._array for part in parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        return self._call([g] if self.outputs == 1 else list(g))

    def _call(self, gs: list[Any]) -> list[Any]:
        if self.context.materialize_grads:
            gs = [
                _zeros(shape, kind) if g is None and kind else g
                for g, (shape, kind) in zip(gs, self.ports)
            ]
        result = backward_of(self.function)(self.context, *gs)
        parts = result if isinstance(result, tuple) else (result,)
        if len(parts) > self.count and all(part is None for part in parts[self.count :]):
            parts = parts[: self.count]
        if len(parts) != self.count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {self.count}, "
                f"got {len(parts)})"
            )
        for i in self.gone:
            if parts[i] is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {i + 1}, "
                    "but the corresponding forward input was not a Variable: return None there"
                )
        return [self._checked(i, parts[i], edge) for i, edge in zip(self.places, self.edges)]

    def _checked(self, i: int, part: Any, edge: Any) -> Any:
        """A returned gradient that fits its argument.

        Raises:
            RuntimeError: It is no tensor, or its shape or dtype belong to something else.
        """
        if part is None:
            return None
        if not isinstance(part, Tensor):
            raise RuntimeError(
                f"expected Variable or None (got {type(part).__name__}) from the backward of {self.name()} "
                f"at index {i}"
            )
        shape, own = part._array.shape, edge.shape
        if shape != own:
            trailing = shape[len(shape) - len(own) :]
            if len(shape) < len(own) or any(m != n and n != 1 for m, n in zip(trailing, own)):
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {i} - got {list(shape)} "
                    f"but expected shape compatible with {list(own)}"
                )
        if part.dtype.is_complex and not edge.kind.dtype.is_complex:
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {i} - got {part.dtype} for "
                f"an input of {edge.kind.dtype}: return its real part"
            )
        return part

    def tangents(self, given: Sequence[Any], history: Any) -> Sequence[Any]:
        function = self.function
        if function.jvp is Function.jvp:  # type: ignore[attr-defined]
            from .forward import transposed  # loaded: it asks for the tangents

            return transposed(self, given, self.backward_recorded, getattr(history, "wanted", True))
        self.context._going_forward = True
        try:
            found = function.jvp(self.context, *self._filled(given))  # type: ignore[attr-defined]
        finally:
            self.context._going_forward = False
        parts = found if isinstance(found, tuple) else (found,)
        if len(parts) != self.outputs:
            raise RuntimeError(
                f"Jvp function {self.name()} returned an incorrect number of tangents (expected "
                f"{self.outputs}, got {len(parts)})"
            )
        for part, (shape, _) in zip(parts, self.ports):
            if part is not None and part._array.shape != shape:
                raise RuntimeError(
                    "Trying to set a forward gradient that has a different size than that of the original "
                    f"Tensor, this is not supported. Tensor is of size {list(shape)} while the given forward "
                    f"gradient is of size {list(part.shape)}."
                )
        return parts

    def _filled(self, given: Sequence[Any]) -> list[Any]:
        """The tangent of each argument: zeros for a tensor without, unless ctx says None for it."""
        found = dict(zip(self.places, given))
        kinds = self.context._kinds or {}
        if self.context.materialize_grads:
            for i, (shape, kind) in kinds.items():
                if found.get(i) is None:
                    found[i] = wrap(kind.xp.zeros(shape, kind.numpy), kind)
        return [found.get(i) for i in range(self.count)]

    def release(self) -> None:
        if self.context._saved:
            self.context._saved = None
            self.saved = None

    def pack(self, pack: Callable, unpack: Callable) -> None:
        self.context._pack(pack, unpack)


def backward_of(function: Any) -> Callable:
    """The backward of a Function, under either of its two names.

    Raises:
        RuntimeError: It defines both.
    """
    if function.vjp is Function.vjp:
        return function.backward
    if function.backward is not Function.backward:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
            "implement one of them."
        )
    return function.vjp


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

    generate_vmap_rule = False

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
            "autograd.Function to use it with backward mode AD. Forward mode takes the tangents from a jvp "
            "method or, without one, from backward."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of forward's results, given those of its arguments (None: of what is no tensor).

        A Function without one has them from its backward, if that can be differentiated.
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The batched form; definitions are accepted, for `func.vmap`."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Prepare ctx, where forward does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function, recorded.

        Raises:
            TypeError: Keyword arguments were given, and forward takes ctx.
        """
        if entered and (mapping := mapped()) is not None:
            return mapping.around(cls.apply, args, kwargs)
        apart = cls.setup_context is not Function.setup_context
        if apart:
            args = bind_defaults(cls.forward, args, kwargs)
        elif kwargs:
            raise TypeError(
                f"{cls.__name__}.apply() takes no keyword arguments, but got {', '.join(kwargs)}: "
                "pass arguments by position"
            )
        needs = tuple([isinstance(x, Tensor) and x._node is not None for x in args])
        context = Context(needs)
        recording, mode.recording = mode.recording, False
        try:
            if apart:
                outputs = cls.forward(*args)
                cls.setup_context(context, args, outputs)
            else:
                outputs = cls.forward(context, *args)
        finally:
            mode.recording = recording
        node = None
        several = isinstance(outputs, tuple)
        listed = list(outputs) if several else [outputs]
        if recording and True in needs:
            if mode.follow is None:
                context._forward = ()
            else:
                context._kinds = kinds_of(args)
            node = new_node(cls, context, args, listed, needs)
        made = wrap_outputs(node, context, args, listed)
        if node is not None:
            tell_watchers(node, made)
        return tuple(made) if several else made[0]


def kinds_of(args: tuple) -> dict[int, tuple]:
    """Shape and kind of the arguments that can have tangents."""
    return {
        i: (x._array.shape, x._kind)
        for i, x in enumerate(args)
        if isinstance(x, Tensor) and x._kind.dtype.category >= FLOAT
    }


def bind_defaults(forward: Callable, args: tuple, kwargs: dict) -> tuple:
    """The arguments of forward with its defaults filled in."""
    import inspect  # loads when a Function with setup_context is first used

    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


def wrap_outputs(
    node: FunctionNode | None, context: Context, args: tuple, outputs: list[Any]
) -> list[Any]:
    """What apply gives: the outputs with their history, and inputs that pass through as views."""
    inputs = {id(x) for x in args if isinstance(x, Tensor)}
    dirty: Any = context._dirty and check_dirty(context, outputs)
    fixed = context._fixed and {id(x) for x in context._fixed}
    made = []
    for index, output in enumerate(outputs):
        if isinstance(output, Tensor):
            differentiable = id(output) not in fixed and output._kind.dtype.category >= FLOAT
            if id(output) in dirty:
                if node is not None and differentiable:
                    written(output, node.port(index))
            else:
                if id(output) in inputs:
                    output = (
                        handle.wrap_view(output._array, output) if differentiable else alias(output)
                    )
                if node is not None and differentiable:
                    output._node = node.port(index)
        made.append(output)
    if node is not None and context._saved:
        passed = inputs.difference(dirty).union(fixed)
        context._keep(node, {id(x): i for i, x in enumerate(outputs) if id(x) not in passed})
        node.saved = (context,)
    return made


def check_dirty(context: Context, outputs: list[Any]) -> set[int]:
    """Count the versions of what forward says it changed; gives the ids.

    Raises:
        RuntimeError: One of them is no output.
    """
    dirty = {id(x) for x in context._dirty}
    if dirty - {id(x) for x in outputs}:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The "
            "inputs that are modified inplace must all be outputs of the Function."
        )
    count_writes(context._dirty)
    return dirty


def written(output: Tensor, history: Any) -> None:
    """Give an input that forward changed in place its new history."""
    if type(output._node) is Leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad has been used in an in-place operation."
        )
    rebase(output, history, output._cell)


def new_node(
    cls: Any, context: Context, args: tuple, outputs: list[Any], needs: tuple[bool, ...]
) -> FunctionNode:
    """The node of a call."""
    make = cls.__dict__.get("_node_constructor") or node_constructor(cls)
    places = tuple([i for i, on in enumerate(needs) if on])
    shapes = [(x._array.shape, x._kind) if isinstance(x, Tensor) else ((), None) for x in outputs]
    declared = context.output_grad_dtypes
    if declared is not None:
        kinds = gradient_kinds(context, outputs, declared)
        shapes = [(shape, kind) for (shape, _), kind in zip(shapes, kinds)]
    shape: Any
    if len(shapes) == 1:
        shape, kind = shapes[0]
    else:
        shape, kind = tuple(shapes), next((kind for _, kind in shapes if kind is not None), None)
    return make(
        tuple([args[i]._node for i in places]), (), (), (), next_sequence(), shape, kind, None, None,
        context, cls, len(args), [i for i, x in enumerate(args) if not isinstance(x, Tensor)],
        max(1, len(outputs)), places,
    )  # fmt: skip


def _zeros(shape: tuple[int, ...], kind: Any) -> Tensor:
    """What backward gets for an output that nothing reached."""
    kind = own_kind(kind)
    return wrap(kind.xp.zeros(shape, kind.numpy), kind)


def gradient_kinds(context: Context, outputs: list[Any], declared: tuple) -> list[Any]:
    """The kinds in which the gradients of the outputs arrive.

    Raises:
        RuntimeError: What `set_output_grad_dtype` declared does not fit them.
    """
    if len(declared) != len(outputs):
        raise RuntimeError(
            "set_output_grad_dtype expected the number of declarations to match the number of outputs: the "
            f"Function returned {len(outputs)} values but {len(declared)} declarations were provided"
        )
    fixed = {id(x) for x in context._fixed}
    found = []
    for i, (x, item) in enumerate(zip(outputs, declared)):
        able = isinstance(x, Tensor) and x._kind.dtype.category >= FLOAT and id(x) not in fixed
        if item is None:
            found.append(AnyKind(x._kind) if able else getattr(x, "_kind", None))
        elif not able:
            raise RuntimeError(
                f"set_output_grad_dtype: got a concrete dtype for output {i}, but that output is not a "
                "differentiable tensor (it is a non-tensor, was marked non-differentiable, or has a "
                f"non-differentiable dtype). Pass None for output {i} instead."
            )
        elif item.category < FLOAT:
            raise RuntimeError(
                f"set_output_grad_dtype: gradients are floating or complex, not {item}"
            )
        else:
            found.append(kind_of(item, x._kind.device))
    return found


def node_constructor(function: Any) -> Callable[..., FunctionNode]:
    """What makes the nodes of a Function, kept with it."""
    cls = type(f"{function.__name__}Backward", (FunctionNode,), {"__slots__": ()})
    made = kernels.constructor(
        cls, "edges", "saved", "cells", "versions", "sequence", "shape", "kind", "hooks", "notes",
        "context", "function", "count", "gone", "outputs", "places",
    )  # fmt: skip
    function._node_constructor = staticmethod(made)
    return made


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


class InplaceFunction(Function):
    """`Function`, under a name from when functions that write needed one of their own: see `ctx.mark_dirty`.

    Source: torch.autograd.function.InplaceFunction
    """


FunctionCtx = Context
FunctionMeta = type(Function)
