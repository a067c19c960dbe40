"""Checkpointing: keep a part of the graph as its inputs alone, and compute it again in backward.

Source: torch.utils.checkpoint
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

from .._caller import warn
from .._utils import _get_available_device_type, get_device_module
from ..amp.autocast_mode import kept
from ..autograd import backward
from ..autograd.function import Function
from ..autograd.mode import enable_grad, mode, no_grad
from ..core.pytree.tree import tree_map
from ..core.random.default import Snapshot
from ..core.tensor import Tensor
from .recompute import CheckpointError, Frame, random_state

DEFAULT_DETERMINISM_CHECK = "default"
_override: dict[str, bool | None] = {"early_stop": None, "debug": None}


def noop_context_fn() -> tuple[AbstractContextManager, AbstractContextManager]:
    """Contexts for the two runs that do nothing.

    Source: torch.utils.checkpoint.noop_context_fn
    """
    return nullcontext(), nullcontext()


@contextmanager
def _overriding(key: str, value: bool | None) -> Iterator[None]:
    before, _override[key] = _override[key], value
    try:
        yield
    finally:
        _override[key] = before


def _overridden(key: str, value: bool) -> bool:
    set_here = _override[key]
    return value if set_here is None else set_here


def set_checkpoint_early_stop(enable: bool) -> AbstractContextManager[None]:
    """Context manager: should second runs stop as soon as all that backward needs is there?

    Source: torch.utils.checkpoint.set_checkpoint_early_stop
    """
    return _overriding("early_stop", enable)


def set_checkpoint_debug_enabled(enabled: bool | None) -> AbstractContextManager[None]:
    """Context manager: should errors about second runs list the lines of both?

    Source: torch.utils.checkpoint.set_checkpoint_debug_enabled
    """
    return _overriding("debug", enabled)


class DefaultDeviceType:
    """The type of device whose random numbers are looked after where the arguments have none but the CPU's.

    Source: torch.utils.checkpoint.DefaultDeviceType
    """

    _default_device_type: str | None = None

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set it."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The accelerator's, or "cpu", unless it was set."""
        return DefaultDeviceType._default_device_type or _get_available_device_type() or "cpu"


def detach_variable(inputs: Any) -> tuple:
    """The same tensors without their history, each as one whose gradient is wanted if it was.

    Raises:
        RuntimeError: They are no tuple.

    Source: torch.utils.checkpoint.detach_variable
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if no input requires grad.

    Source: torch.utils.checkpoint.check_backward_validity
    """
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warn("None of the inputs have requires_grad=True. Gradients will be None")


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The accelerators that tensors among the arguments are on, and the states of their random generators.

    Source: torch.utils.checkpoint.get_device_states
    """
    found: list[tuple[int, Tensor]] = []

    def look(x: Any) -> Any:
        if isinstance(x, Tensor) and x.device.type not in ("cpu", "meta"):
            module = get_device_module(x.device)
            found.append((x.get_device(), module.get_rng_state(x.device)))
        return x

    tree_map(look, args)
    return [index for index, _ in found], [state for _, state in found]


def set_device_states(
    devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None
) -> None:
    """Set the states of accelerators' random generators.

    Args:
        devices, states: As `get_device_states` gives them.
        device_type: Of the devices; `DefaultDeviceType`'s if not given.

    Source: torch.utils.checkpoint.set_device_states
    """
    kind = device_type or DefaultDeviceType.get_device_type()
    if kind == "meta":
        return
    module = get_device_module(kind)
    for device, state in zip(devices, states):
        with module.device(device):
            module.set_rng_state(state)


def _not_said(where: str) -> bool:
    warn(
        f"{where}: the use_reentrant parameter should be passed explicitly; without it, it is True. "
        "use_reentrant=False has fewer limits and is what new programs should choose."
    )
    return True


def checkpoint(
    function: Callable | None = None,
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Callable[[], tuple[AbstractContextManager, AbstractContextManager]] = (
        noop_context_fn
    ),
    determinism_check: str = DEFAULT_DETERMINISM_CHECK,
    debug: bool = False,
    early_stop: bool = True,
    respect_saved_tensors_hooks: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Call a function, and let backward call it again instead of keeping what it saved.

    Args:
        function: Must compute the same when it is called again. Without it, a decorator is given back.
        args, kwargs: What it takes; keywords only where use_reentrant is False.
        use_reentrant: True runs backward inside backward: it takes no `inputs=`, needs an argument
            that requires grad, and cannot be differentiated twice. False has no such limits.
        context_fn: Gives two context managers, around the first and around the second run.
        determinism_check: "default" compares shapes, dtypes and devices of what both runs save;
            "none" does not.
        debug: Errors list the lines of both runs that saved something.
        early_stop: End the second run when the last saved value is there.
        preserve_rng_state: Draw the same random numbers again.
        respect_saved_tensors_hooks: Shall `saved_tensors_hooks` around see what a context of context_fn keeps?
            Nothing is kept beside the graph here, so they see all that is saved, whatever is said.

    Raises:
        CheckpointError: The second run saved other tensors than the first.
        ValueError: Options that exclude each other, or an unknown one.

    Source: torch.utils.checkpoint.checkpoint

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.checkpoint import checkpoint
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> checkpoint(lambda x: x.exp() * x, x, use_reentrant=False).backward()
        >>> x.grad
        tensor([5.4366])
        >>> @checkpoint(use_reentrant=False)
        ... def block(x):
        ...     return x.exp() * x
        >>> block(x)
        tensor([2.7183], grad_fn=<MulBackward0>)
    """
    if function is None and not args:
        if kwargs:
            raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
        options = {
            "use_reentrant": use_reentrant,
            "preserve_rng_state": preserve_rng_state,
            "context_fn": context_fn,
            "determinism_check": determinism_check,
            "debug": debug,
            "early_stop": early_stop,
            "respect_saved_tensors_hooks": respect_saved_tensors_hooks,
        }
        return functools.partial(_checkpointed, options=options)
    if function is None:
        raise TypeError("checkpoint(None, ...): the first argument is the function to call")
    if use_reentrant is None:
        use_reentrant = _not_said("torch.utils.checkpoint")
    if not use_reentrant:
        frame = Frame(function, kwargs, preserve_rng_state, context_fn, determinism_check)
        frame.debug = debug if _override["debug"] is None else _override["debug"]
        frame.early_stop = (
            early_stop if _override["early_stop"] is None else _override["early_stop"]
        )
        return frame.first_run(args)
    if kwargs:
        raise ValueError(
            f"Unexpected keyword arguments: {','.join(kwargs)}: use_reentrant=False takes them"
        )
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve_rng_state, *args)


def _checkpointed(function: Callable, options: dict[str, Any]) -> Callable:
    """The function, checkpointed at each call."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(functools.partial(function, **kwargs), *args, **options)

    return call


class CheckpointFunction(Function):
    """Forward without recording; backward runs the function again, recorded, and back through it."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        if not any(isinstance(x, Tensor) and x.requires_grad for x in args):
            warn("None of the inputs have requires_grad=True. Gradients will be None")
        ctx.run_function = run_function
        ctx.random_state = Snapshot() if preserve_rng_state else None
        ctx.autocast = kept()
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.others = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        if mode.task is not None and mode.task[2] is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an "
                "`inputs` parameter to .backward(). To resolve this error, you can either set "
                "use_reentrant=False, or call .backward() without passing the `inputs` argument."
            )
        args = list(ctx.others)
        for i, saved in zip(ctx.places, ctx.saved_tensors):
            args[i] = saved.detach().requires_grad_(saved.requires_grad)
        with random_state(ctx.random_state), enable_grad(), ctx.autocast():
            outputs = ctx.run_function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (y, g)
            for y, g in zip(outputs, grad_outputs)
            if isinstance(y, Tensor) and y.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([y for y, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in args))


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Call functions one after the other, in segments of which all but the last are checkpointed.

    Args:
        functions: A Sequential, or a sequence of functions of one argument.
        segments: How many.
        input: What the first one takes.
        use_reentrant: As for `checkpoint`.
        preserve_rng_state: Draw the same random numbers again. Default: True.

    Raises:
        ValueError: An unknown keyword argument.

    Source: torch.utils.checkpoint.checkpoint_sequential

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.checkpoint import checkpoint_sequential
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> y = checkpoint_sequential([torch.exp, torch.log], 2, x, use_reentrant=False)
        >>> y.backward()
        >>> x.grad
        tensor([1.])
    """
    if use_reentrant is None:
        use_reentrant = _not_said("torch.utils.checkpoint.checkpoint_sequential")
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size or 1):
        input = checkpoint(
            _chain(steps[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    return _chain(steps[size * (segments - 1) :])(input)


def _chain(steps: Sequence[Callable]) -> Callable:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]

_SELECTIVE = (
    *("CheckpointPolicy", "SAC_IGNORED_OPS", "SelectiveCheckpointContext"),
    "create_selective_checkpoint_contexts",
)


def __getattr__(name: str) -> Any:
    """What is in `selective` loads when it is asked for, and operations by their names with it."""
    if name in _SELECTIVE:
        return getattr(import_module("..selective", __name__), name)
    raise AttributeError(f"module 'torch.utils.checkpoint' has no attribute '{name}'", name=name)
