"""autocast: inside, functions get their operands in the dtype that suits them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from .._caller import warn
from ..core.device import backends
from ..core.dtype import DTYPES, dtype
from ..core.handler import casters, lower, state
from ..core.tensor import Tensor
from ..dispatch.torch_function import guards
from .cast import Casts, converted
from .policy import POLICIES

_bfloat16, _float16, _float32 = (DTYPES[name] for name in ("bfloat16", "float16", "float32"))
_defaults = {"cpu": _bfloat16, "cuda": _float16}
_keeps = [True]


_NARROW = (_float16, _bfloat16)
_FLOATS = (_float32, *_NARROW)


def _cast(
    value: Any, to: dtype, of: tuple[dtype, ...], device: str, casts: Casts | None = None
) -> Any:
    """Tensors of a type of device that have one of some dtypes, in another dtype, also in lists and tuples."""
    if isinstance(value, Tensor):
        kind = value._kind
        if kind.dtype is to or kind.dtype not in of or kind.device.type != device:
            return value
        return converted(value, to) if casts is None else casts.of(value, to)
    if value.__class__ in (list, tuple):
        return type(value)(_cast(item, to, of, device, casts) for item in value)
    return value


class _Context:
    """What is in force inside an `autocast`: the functions that it wants to see are handed to `run`.

    Attributes:
        device: The type of device whose tensors are cast.
        to: The 16-bit type.
        casts: Of weights, if they are kept.
    """

    def __init__(self, device: str, to: dtype, casts: Casts | None) -> None:
        self.device, self.to, self.policy, self.casts = device, to, POLICIES[device], casts

    def run(self, guard: Any, args: tuple, kwargs: dict) -> Any:
        """A call: within it casts are not in force, but for those outside of what casts."""
        before = state.casting
        for i in range(len(before) - 1, -1, -1):
            handler = _handler(before[i].device, guard.cast_as)
            if handler is not None:
                state.casting = before[:i]
                try:
                    return handler(before[i], guard, args, kwargs)
                finally:
                    state.casting = before
        return _below(guard, args, kwargs)


def _below(guard: Any, args: tuple, kwargs: dict) -> Any:
    if not (kwargs or lower):
        return guard.original(*args)
    function, args, kwargs = guard.below(args, kwargs)
    return function(*args, **kwargs)


def _call(guard: Any, args: tuple, kwargs: dict) -> Any:
    """The function itself; the contexts outside of what casts are in force."""
    return guard.published(*args, **kwargs) if state.casting else _below(guard, args, kwargs)


def _run(
    context: _Context, guard: Any, args: tuple, kwargs: dict, to: dtype, of: tuple[dtype, ...]
) -> Any:
    device, casts = context.device, context.casts
    if kwargs:
        kwargs = {name: _cast(value, to, of, device, casts) for name, value in kwargs.items()}
    return _call(guard, tuple([_cast(value, to, of, device, casts) for value in args]), kwargs)


def _lower(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    return _run(context, guard, args, kwargs, context.to, _FLOATS)


def _lower_anew(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    """The same of what may give a view of what it is given: nobody may write to a cast that is kept."""
    return _lower(_Context(context.device, context.to, None), guard, args, kwargs)


def _full(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    return _run(context, guard, args, kwargs, _float32, _NARROW)


def _chosen(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    if kwargs.get("dtype") is None:
        return _full(context, guard, args, kwargs)
    return _call(guard, args, kwargs)


def _to_widest(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    to = _widest((args, kwargs), context.device)
    return _run(context, guard, args, kwargs, to, _FLOATS)


def _like_input(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    given = args[0] if args else kwargs["input"]
    result = _call(guard, args, kwargs)
    return result.to(given.dtype) if given.device.type == context.device else result


def _recurrent(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    """A whole network, whose products cast by themselves."""
    state.casting = (*state.casting, context)
    device = context.device
    given = [_cast(value, _float32, _NARROW, device) for value in args]
    named = {name: _cast(value, _float32, _NARROW, device) for name, value in kwargs.items()}
    result = _below(guard, tuple(given), named)
    if context.policy.recurrent[guard.cast_as]:
        return _cast(result, context.to, (_float32,), device)
    return result


def _refused(context: _Context, guard: Any, args: tuple, kwargs: dict) -> Any:
    if any(x.device.type == context.device for x in _tensors((args, kwargs))):
        raise RuntimeError(context.policy.refused[1])  # type: ignore[index]
    return _call(guard, args, kwargs)


_VIEWING = ("einsum",)


@functools.cache
def _handler(device: str, path: str) -> Callable | None:
    """What a function is handed to, by the name that guards know it by; None if it is not on the lists."""
    policy = POLICIES[device]
    lists = (
        (_VIEWING, _lower_anew),
        (policy.lower, _lower),
        (policy.full, _full),
        (policy.chosen, _chosen),
        (policy.widest, _to_widest),
        (policy.like_input, _like_input),
        (policy.recurrent, _recurrent),
        (policy.refused or (), _refused),
    )
    if path.startswith(policy.spaces):
        return _full
    return next((handler for names, handler in lists if path in names), None)


def _is_cast(path: str) -> bool:
    """Is a function on a list of any type of device?"""
    return any(_handler(device, path) is not None for device in POLICIES)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)


def _widest(values: Any, device: str) -> dtype:
    """The dtype that holds those of all tensors of a type of device."""
    found = {x.dtype for x in _tensors(values) if x.device.type == device} & set(_FLOATS)
    return found.pop() if len(found) == 1 else _float32


def is_autocast_available(device_type: str) -> bool:
    """Can `autocast` work on devices of this type?

    Source: torch.amp.is_autocast_available
    """
    return device_type in _defaults


class autocast:
    """Inside, products run in a 16-bit type, losses and what needs range in float32, as in PyTorch.

    Which functions cast are PyTorch's lists for the type of device (`policy.py`). From the first use on, these ask whether a
    cast is in force, and no others do.

    Args:
        device_type: "cpu"; "cuda" warns and does nothing where there is no such device.
        dtype: bfloat16 or float16. Default: bfloat16 on a CPU, float16 on CUDA.
        enabled: False: as if outside of all `autocast`.
        cache_enabled: Keep the casts of weights until they change, also for other blocks; see `amp.cast.Casts`.

    Source: torch.autocast; Micikevicius et al. (2018)

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, 2)
        >>> with torch.autocast("cpu"):
        ...     y = x @ x
        >>> y.dtype
        torch.bfloat16
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _check_type(device_type)
        if device_type not in _defaults:
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}': expected "
                "'cpu' or 'cuda'"
            )
        self.device = device_type
        self.fast_dtype = _defaults[device_type] if dtype is None else dtype
        self._enabled = enabled and self._possible()
        self._keeps = _keeps[0] if cache_enabled is None else bool(cache_enabled)

    def _possible(self) -> bool:
        if self.fast_dtype not in (_bfloat16, _float16):
            warn(
                f"In {self.device.upper()} autocast, but the target dtype {self.fast_dtype} is not "
                "supported: autocast is disabled. Supported are torch.bfloat16 and torch.float16."
            )
            return False
        backend = backends.find(self.device)
        if backend is None or not backend.is_available():
            warn(
                f"User provided device_type of '{self.device}', but {self.device.upper()} is not "
                "available. Disabling"
            )
            return False
        return True

    def __enter__(self) -> autocast:
        self.before = state.casting
        others = tuple([context for context in self.before if context.device != self.device])
        self.context = self._made() if self._enabled else None
        if self.context is not None:
            guards.cast(_is_cast)
            casters.append(self.context)
            others = (*others, self.context)
        state.casting = others
        return self

    def _made(self) -> _Context:
        casts = state.casting[-1].casts if state.casting else None
        return _Context(self.device, self.fast_dtype, (casts or Casts()) if self._keeps else None)

    def __exit__(self, *exception: object) -> None:
        state.casting = self.before
        if self.context is not None:
            casters.remove(self.context)

    def __call__(self, func: Callable) -> Callable:
        """Decorator: the whole function runs inside."""

        @functools.wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.device, self.fast_dtype, self._enabled, self._keeps):
                return func(*args, **kwargs)

        return inside


def _innermost(device: str) -> _Context | None:
    """`autocast` for a type of device, where it is in force."""
    return next((context for context in state.casting if context.device == device), None)


def kept() -> Callable[[], AbstractContextManager[Any]]:
    """Makes the contexts that are in force here once more, for what is computed again elsewhere."""
    inside = {device: _innermost(device) for device in _defaults}

    @contextmanager
    def again() -> Iterator[None]:
        with ExitStack() as stack:
            for device, context in inside.items():
                if context is not None:
                    keeps = context.casts is not None
                    stack.enter_context(autocast(device, context.to, True, keeps))
                elif _innermost(device) is not None:
                    stack.enter_context(autocast(device, enabled=False))
            yield

    return again


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Does `autocast` work here on devices of this type (default: "cuda")?

    Source: torch.is_autocast_enabled
    """
    return _innermost(device_type or "cuda") is not None


def is_autocast_cpu_enabled() -> bool:
    """Does `autocast` work here on the CPU?

    Source: torch.is_autocast_cpu_enabled
    """
    return _innermost("cpu") is not None


def get_autocast_dtype(device_type: str) -> dtype:
    """The 16-bit type that `autocast` uses here, or would use.

    Source: torch.get_autocast_dtype
    """
    inside = _innermost(device_type)
    return _defaults[device_type] if inside is None else inside.to


def get_autocast_cpu_dtype() -> dtype:
    """The same for the CPU.

    Source: torch.get_autocast_cpu_dtype
    """
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> dtype:
    """The same for CUDA.

    Source: torch.get_autocast_gpu_dtype
    """
    return get_autocast_dtype("cuda")


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """The 16-bit type that `autocast` uses where none is given.

    Source: torch.set_autocast_dtype
    """
    _defaults[device_type] = dtype


def is_autocast_cache_enabled() -> bool:
    """Are casts of weights kept within `autocast`, where nothing else is said?

    Source: torch.is_autocast_cache_enabled
    """
    return _keeps[0]


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether casts of weights are kept within `autocast`, where nothing else is said.

    Source: torch.set_autocast_cache_enabled
    """
    _keeps[0] = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts of weights that were kept.

    Source: torch.clear_autocast_cache
    """
    for context in state.casting:
        if context.casts is not None:
            context.casts.clear()


# ------------------------------------------------------------------- in functions with a gradient


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: dtype | None = None
) -> Any:
    """Decorator of the `forward` of an `autograd.Function`: it remembers `autocast` for `custom_bwd`.

    Args:
        fwd: The function.
        device_type: "cpu" or "cuda".
        cast_inputs: Within `autocast`, cast floating-point tensors to this dtype, and run without it.

    Raises:
        ValueError: `device_type` is no string.

    Source: torch.amp.custom_fwd

    Example:
        >>> import flambeau as torch
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     @torch.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> with torch.autocast("cpu"):
        ...     Double.apply(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    _check_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx, inside = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = inside and cast_inputs is None
        if cast_inputs is None or not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            given = [_cast(value, cast_inputs, _FLOATS, device_type) for value in args[1:]]
            named = {
                name: _cast(value, cast_inputs, _FLOATS, device_type)
                for name, value in kwargs.items()
            }
            return fwd(ctx, *given, **named)

    return decorated


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Any:
    """Decorator of the `backward`: it runs with `autocast` as `forward` did (see `custom_fwd`).

    Raises:
        ValueError: `device_type` is no string.

    Source: torch.amp.custom_bwd
    """
    _check_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        if not ctx._fwd_used_autocast:
            with _outside():
                return bwd(*args, **kwargs)
        with autocast(device_type, ctx._dtype):
            return bwd(*args, **kwargs)

    return decorated


@contextmanager
def _outside() -> Iterator[None]:
    """As if outside of all `autocast`."""
    before, state.casting = state.casting, ()
    try:
        yield
    finally:
        state.casting = before


def _check_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}`: pass device.type"
        )


def _enter_autocast(*args: Any) -> autocast:
    """`autocast` without a block, as generated code uses it; `_exit_autocast` ends it."""
    return autocast(*args).__enter__()


def _exit_autocast(mode: autocast) -> None:
    mode.__exit__(None, None, None)
