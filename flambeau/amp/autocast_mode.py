"""autocast: inside, functions get their operands in the dtype that suits them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from .._caller import warn
from ..core.device import backends
from ..core.dtype import DTYPES, dtype
from ..core.handler import entered, state
from ..core.tensor import Tensor
from ..dispatch.function_mode import TorchFunctionMode
from ..dispatch.torch_function import full_name, guards
from .cast import Casts
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
        if value.dtype is to or value.dtype not in of or value.device.type != device:
            return value
        return value.to(to) if casts is None else casts.of(value, to)  # type: ignore[attr-defined]
    if value.__class__ in (list, tuple):
        return type(value)(_cast(item, to, of, device, casts) for item in value)
    return value


class _Mode(TorchFunctionMode):
    """Sees every public function and casts; what is on no list runs with the mode still in force.

    Attributes:
        device: The type of device whose tensors are cast.
        to: The 16-bit type.
        casts: Of weights, if they are kept.
    """

    def __init__(self, device: str, to: dtype, casts: Casts | None) -> None:
        self.device, self.to, self.policy, self.casts = device, to, POLICIES[device], casts

    def __torch_function__(
        self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        path = full_name(func).removeprefix("torch.")
        for space in ("Tensor.", "nn.functional."):
            path = path.removeprefix(space)
        policy = self.policy
        if path in policy.lower:
            return self._run(func, args, kwargs, self.to, _FLOATS)
        if path in policy.full or path.startswith(policy.spaces):
            return self._run(func, args, kwargs, _float32, _NARROW)
        if path in policy.chosen and kwargs.get("dtype") is None:
            return self._run(func, args, kwargs, _float32, _NARROW)
        if path in policy.widest:
            return self._run(func, args, kwargs, _widest((args, kwargs), self.device), _FLOATS)
        if path in policy.like_input:
            given = args[0] if args else kwargs["input"]
            result = func(*args, **kwargs)
            return result.to(given.dtype) if given.device.type == self.device else result
        if policy.refused is not None and path == policy.refused[0]:
            self._refuse(args, kwargs, policy.refused[1])
        guard = guards.table.get(id(func))
        if guard is None or types:
            return func(*args, **kwargs)
        before, state.modes = state.modes, (*state.modes, self)
        try:
            return guard.original(*args, **kwargs)
        finally:
            state.modes = before

    def _run(
        self, func: Callable, args: tuple, kwargs: dict, to: dtype, of: tuple[dtype, ...]
    ) -> Any:
        device, casts = self.device, self.casts
        named = {name: _cast(value, to, of, device, casts) for name, value in kwargs.items()}
        return func(*[_cast(value, to, of, device, casts) for value in args], **named)

    def _refuse(self, args: tuple, kwargs: dict, why: str) -> None:
        if any(x.device.type == self.device for x in _tensors((args, kwargs))):
            raise RuntimeError(why)


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

    Which functions cast are PyTorch's lists for the type of device (`policy.py`). The first use makes every later call of a
    small function slower by a tenth, because from then on each one asks whether a cast is in force.

    Args:
        device_type: "cpu"; "cuda" warns and does nothing where there is no such device.
        dtype: bfloat16 or float16. Default: bfloat16 on a CPU, float16 on CUDA.
        enabled: False: as if outside of all `autocast`.
        cache_enabled: Keep the casts of weights until they change or the outermost `autocast` is left.

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
        self.before = state.modes
        others = _without(self.device)
        self.mode = self._mode() if self._enabled else None
        if self.mode is not None:
            guards.enable()
            entered.append(self.mode)
            others = (*others, self.mode)
        state.modes = others
        return self

    def _mode(self) -> _Mode:
        outer = next((mode for mode in reversed(state.modes) if isinstance(mode, _Mode)), None)
        casts = None if outer is None else outer.casts
        return _Mode(self.device, self.fast_dtype, (casts or Casts()) if self._keeps else None)

    def __exit__(self, *exception: object) -> None:
        state.modes = self.before
        if self.mode is not None:
            entered.remove(self.mode)

    def __call__(self, func: Callable) -> Callable:
        """Decorator: the whole function runs inside."""

        @functools.wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.device, self.fast_dtype, self._enabled, self._keeps):
                return func(*args, **kwargs)

        return inside


def _without(device: str | None = None) -> tuple[Any, ...]:
    """The modes in force but `autocast` for a type of device, or for any."""
    return tuple(
        mode
        for mode in state.modes
        if not (isinstance(mode, _Mode) and device in (None, mode.device))
    )


def _innermost(device: str) -> _Mode | None:
    """`autocast` for a type of device, where it is in force."""
    found = (m for m in reversed(state.modes) if isinstance(m, _Mode) and m.device == device)
    return next(found, None)


def kept() -> Callable[[], AbstractContextManager[Any]]:
    """Makes the contexts that are in force here once more, for what is computed again elsewhere."""
    inside = {device: _innermost(device) for device in _defaults}

    @contextmanager
    def again() -> Iterator[None]:
        with ExitStack() as stack:
            for device, mode in inside.items():
                if mode is not None:
                    stack.enter_context(autocast(device, mode.to, True, mode.casts is not None))
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
    for mode in state.modes:
        if isinstance(mode, _Mode) and mode.casts is not None:
            mode.casts.kept.clear()


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
    before = state.modes
    state.modes = _without()
    try:
        yield
    finally:
        state.modes = before


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
