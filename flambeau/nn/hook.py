"""How a module is called: the hooks around forward and backward."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .._caller import warn
from ..autograd import Function
from ..autograd.node import RemovableHandle, registered
from ..core.tensor import Tensor
from .failure import note_call


class _Table(OrderedDict):
    """Hooks on every module: from the first on, every module looks for them."""

    def __setitem__(self, number: int, hook: Callable) -> None:
        super().__setitem__(number, hook)
        Hooked._hooked = True


class GlobalHooks:
    """Hooks on every module, by kind."""

    forward_pre: OrderedDict = _Table()
    forward: OrderedDict = _Table()
    backward_pre: OrderedDict = _Table()
    backward: OrderedDict = _Table()
    old_backward: OrderedDict = _Table()
    parameter: OrderedDict = OrderedDict()
    buffer: OrderedDict = OrderedDict()
    module: OrderedDict = OrderedDict()
    with_kwargs: dict[int, bool] = {}
    always: dict[int, bool] = {}


class Hooked:
    """The part of Module that is called and calls hooks.

    `_hooked` says that there may be hooks. It is False on the class, so that a module without any
    costs one look-up; the first hook of a module sets its own, the first global one the class's.
    """

    _hooked = False
    _is_full_backward_hook: bool | None
    _forward_hooks: OrderedDict
    _forward_hooks_with_kwargs: OrderedDict
    _forward_hooks_always_called: OrderedDict
    _forward_pre_hooks: OrderedDict
    _forward_pre_hooks_with_kwargs: OrderedDict
    _backward_hooks: OrderedDict
    _backward_pre_hooks: OrderedDict
    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            # Most calls take the short way past `_call_impl`, which costs 0.2 us: those of modules without
            # hooks whose class has the `_call_impl` of this file.
            if self._hooked or self.__class__._call_impl is not _CALL_IMPL:
                return self._call_impl(*args, **kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            note_call(error, self, args, kwargs)
            raise

    _wrapped_call_impl = __call__

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """Forward and the hooks around it: what a call does, and what programs replace to change that."""
        if self._hooked:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _slow_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward: what PyTorch calls in its place while it traces a module."""
        return self.forward(*args, **kwargs)

    # ------------------------------------------------------------------------------- register

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; a result replaces the output.

        Args:
            prepend: Before the hooks that there are.
            with_kwargs: Call ``hook(module, args, kwargs, output)``.
            always_call: Also when forward raised, with None for the output.
        """
        with_keywords, always = self._forward_hooks_with_kwargs, self._forward_hooks_always_called
        handle = self._register(hook, self._forward_hooks, with_keywords, always, first=prepend)
        if with_kwargs:
            with_keywords[handle.id] = True
        if always_call:
            always[handle.id] = True
        return handle

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; a result replaces the arguments.

        Args:
            prepend: Before the hooks that there are.
            with_kwargs: Call ``hook(module, args, kwargs)``, which may give both anew.
        """
        with_keywords = self._forward_pre_hooks_with_kwargs
        handle = self._register(hook, self._forward_pre_hooks, with_keywords, first=prepend)
        if with_kwargs:
            with_keywords[handle.id] = True
        return handle

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        A result replaces grad_input.

        Raises:
            RuntimeError: There are hooks of the old kind.
        """
        self._backward_kind(True)
        return self._register(hook, self._backward_hooks, first=prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when gradients arrive; a result replaces grad_output."""
        return self._register(hook, self._backward_pre_hooks, first=prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old kind: ``hook(module, grad_input, grad_output)`` of the last operation of forward.

        Raises:
            RuntimeError: There are hooks of the full kind.
        """
        self._backward_kind(False)
        return self._register(hook, self._backward_hooks)

    def _backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _register(
        self, hook: Callable, hooks: OrderedDict, *flags: dict, first: bool = False
    ) -> RemovableHandle:
        self._hooked = True
        return registered(hook, hooks, *flags, first=first)

    # ----------------------------------------------------------------------------------- call

    def _call_with_hooks(self, args: tuple, kwargs: dict) -> Any:
        called: set[int] = set()
        try:
            return self._call_in_order(args, kwargs, called)
        except Exception:
            self._call_always(args, kwargs, called)
            raise

    def _call_in_order(self, args: tuple, kwargs: dict, called: set[int]) -> Any:
        args, kwargs = self._before_forward(args, kwargs)
        full = self._is_full_backward_hook is not False
        hooks = [*GlobalHooks.backward.values(), *(self._backward_hooks.values() if full else ())]
        pre = [*GlobalHooks.backward_pre.values(), *self._backward_pre_hooks.values()]
        full_hooks = BackwardHook(self, hooks, pre) if hooks or pre else None
        if full_hooks is not None:
            args = full_hooks.setup_input_hook(args)
        output = self.forward(*args, **kwargs)
        for hooks_, flags in (
            (GlobalHooks.forward, GlobalHooks.with_kwargs),
            (self._forward_hooks, self._forward_hooks_with_kwargs),
        ):
            for number, hook in tuple(hooks_.items()):
                called.add(number)
                given = (args, kwargs, output) if number in flags else (args, output)
                result = hook(self, *given)
                output = output if result is None else result
        if full_hooks is not None:
            output = full_hooks.setup_output_hook(output)
        old = (*GlobalHooks.old_backward.values(), *(() if full else self._backward_hooks.values()))
        if old:
            watch_last_operation(self, old, args, output)
        return output

    def _before_forward(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        for number, hook in (*GlobalHooks.forward_pre.items(), *self._forward_pre_hooks.items()):
            if number not in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
                continue
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not isinstance(result, tuple) or len(result) != 2:
                raise RuntimeError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{result}."
                )
            args, kwargs = result
        return args, kwargs

    def _call_always(self, args: tuple, kwargs: dict, called: set[int]) -> None:
        """After an error: the hooks that asked to be called in any case, and were not yet."""
        for hooks, always, flags in (
            (GlobalHooks.forward, GlobalHooks.always, GlobalHooks.with_kwargs),
            (
                self._forward_hooks,
                self._forward_hooks_always_called,
                self._forward_hooks_with_kwargs,
            ),
        ):
            for number, hook in tuple(hooks.items()):
                if number not in always or number in called:
                    continue
                try:
                    hook(self, *((args, kwargs, None) if number in flags else (args, None)))
                except Exception as error:
                    warn(
                        "module forward hook with ``always_call=True`` raised an exception that was "
                        f"silenced as another error was raised in forward: {error}"
                    )


_CALL_IMPL = Hooked._call_impl


class BackwardHookFunction(Function):
    """Passes tensors on; its node is where hooks see the gradients of all of them together."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Any:
        ctx.set_materialize_grads(False)
        return tensors

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return grad_outputs


class BackwardHook:
    """The identities before and after one call of forward, and the hooks that wait at their nodes.

    Args:
        module: What hooks get as their first argument.
        user_hooks: Called ``hook(module, grad_input, grad_output)``.
        user_pre_hooks: Called ``hook(module, grad_output)``.

    Source: torch.utils.hooks.BackwardHook
    """

    def __init__(
        self, module: Any, user_hooks: Sequence[Callable], user_pre_hooks: Sequence[Callable]
    ) -> None:
        self.module, self.hooks, self.pre = module, user_hooks, user_pre_hooks
        self.grad_output: tuple | None = None
        self.has_inputs = False
        self.count = 0

    def setup_input_hook(self, args: tuple) -> tuple:
        """The arguments, through an identity."""
        self.count = len(args)
        passed, node, places = _through_identity(args)
        if node is not None and self.hooks:
            self.has_inputs = True

            def left(gs: tuple, _: tuple) -> tuple:
                result = self._run(_spread(gs, places, self.count))
                return tuple(result[i] for i in places)

            node.register_hook(left)
        return passed

    def setup_output_hook(self, output: Any) -> Any:
        """The output, through an identity."""
        if not isinstance(output, (Tensor, tuple)):
            warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(output)}"
            )
            return output
        listed = output if isinstance(output, tuple) else (output,)
        passed, node, places = _through_identity(listed)
        if node is None:
            return output
        count = len(listed)

        def arrived(gs: tuple) -> tuple:
            grads = _spread(gs, places, count)
            for hook in self.pre:
                result = hook(self.module, grads)
                if result is not None:
                    grads = _same_length("Backward pre hook", result, count, "grad_output")
            self.grad_output = grads
            if self.hooks and not self.has_inputs:
                warn(
                    "Full backward hook is firing when gradients are computed with respect to module "
                    "outputs since no inputs require gradients."
                )
                self._run((None,) * self.count)
            return tuple(grads[i] for i in places)

        node.register_prehook(arrived)
        return passed if isinstance(output, tuple) else passed[0]

    def _run(self, grads: tuple) -> tuple:
        """The hooks on the gradients of the inputs."""
        for hook in self.hooks:
            result = hook(self.module, grads, self.grad_output)
            if result is not None:
                grads = _same_length("Backward hook", result, len(grads), "grad_input")
        self.grad_output = None
        return grads


def _same_length(what: str, result: Any, count: int, name: str) -> tuple:
    listed = result if isinstance(result, tuple) else (result,)
    if len(listed) != count:
        raise RuntimeError(
            f"{what} returned an invalid number of {name}, got {len(listed)}, but expected {count}"
        )
    return listed


def _through_identity(values: tuple) -> tuple[tuple, Any, list[int]]:
    """Values with those that require grad led through an identity; its node, and their places."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return values, None, places
    passed = list(values)
    made = BackwardHookFunction.apply(*(values[i] for i in places))
    for i, tensor in zip(places, made):
        passed[i] = tensor
    node = made[0].grad_fn
    return tuple(passed), node, places


def _spread(grads: Sequence[Any], places: list[int], count: int) -> tuple:
    """Gradients at the places of all values, None between."""
    spread: list[Any] = [None] * count
    for i, g in zip(places, grads):
        spread[i] = g
    return tuple(spread)


def watch_last_operation(module: Any, hooks: Sequence[Callable], args: tuple, output: Any) -> None:
    """Hooks of the old kind wait at the node that made the output."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    node = output.grad_fn
    if node is None:
        return
    own = {x.grad_fn or x._node for x in args if isinstance(x, Tensor) and x.requires_grad}
    if {edge for edge, _ in node.next_functions if edge is not None} != own:
        warn(
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is "
            "deprecated and will be removed in future versions. This hook will be missing some "
            "grad_input. Please use register_full_backward_hook to get the documented behavior.",
            FutureWarning,
        )
    for hook in hooks:
        node.register_hook(lambda ins, outs, hook=hook: hook(module, ins, outs))


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module."""
    handle = registered(hook, GlobalHooks.forward, GlobalHooks.with_kwargs, GlobalHooks.always)
    if with_kwargs:
        GlobalHooks.with_kwargs[handle.id] = True
    if always_call:
        GlobalHooks.always[handle.id] = True
    return handle


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module."""
    return registered(hook, GlobalHooks.forward_pre)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` for every module.

    Raises:
        RuntimeError: There are hooks of the old kind on every module.
    """
    if GlobalHooks.old_backward:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    return registered(hook, GlobalHooks.backward)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` for every module."""
    return registered(hook, GlobalHooks.backward_pre)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The old kind, for every module: ``hook(module, grad_input, grad_output)`` of forward's last operation.

    Raises:
        RuntimeError: There are hooks of the full kind on every module.
    """
    if GlobalHooks.backward:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    return registered(hook, GlobalHooks.old_backward)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` when a module gets a parameter; a result takes its place."""
    return registered(hook, GlobalHooks.parameter)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when a module gets a buffer; a result takes its place."""
    return registered(hook, GlobalHooks.buffer)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when a module gets another; a result takes its place."""
    return registered(hook, GlobalHooks.module)


def at_registration(hooks: OrderedDict, module: Any, name: str, value: Any) -> Any:
    """What a module is given: the value, or what the hooks put in its place."""
    if not hooks:
        return value
    for hook in tuple(hooks.values()):
        result = hook(module, name, value)
        value = value if result is None else result
    return value
