"""torch.compile and torch.compiler: everything runs eagerly, through kernels compiled as they are met.

No graph is made of a function, but for backends of the program's own. So what tells PyTorch's compiler how to make one
(`disable`, `allow_in_graph`, `set_stance`, guards, ...) is taken, checked as far as it can be wrong, and changes nothing.
What would hand out a graph or compiled code raises an error.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from types import TracebackType
from typing import Any

from .backend import BACKENDS, lookup_backend
from .config import CONFIG as config

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "config",
    "cudagraph_mark_step_begin",
    "cudagraph_mark_warmup_incomplete",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "keep_portable_guards_unsafe",
    "keep_tensor_guards_unsafe",
    "list_backends",
    "load_cache_artifacts",
    "load_compiled_function",
    "nested_compile_region",
    "nonstrict_trace",
    "precompile",
    "reset",
    "save_cache_artifacts",
    "set_default_backend",
    "set_enable_guard_collectives",
    "set_stance",
    "skip_all_guards_unsafe",
    "skip_guard_on_all_nn_modules_unsafe",
    "skip_guard_on_globals_unsafe",
    "skip_guard_on_inbuilt_nn_modules_unsafe",
    "substitute_in_graph",
    "wrap_numpy",
]

_MODES = ("default", "lite", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_THEIRS = frozenset(
    (
        *("inductor", "eager", "eager_debug", "eager_noexcept", "pre_dispatch_eager", "aot_eager"),
        *("aot_eager_decomp_partition", "aot_eager_default_partitioner", "aot_ts", "ts"),
        *("cudagraphs", "openxla", "openxla_eval", "tvm", "onnxrt"),
    )
)
"""PyTorch's own backends: flambeau's kernels stand for all."""


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    dynamic_shapes: Any = None,
) -> Any:
    """A function, or a module, that calls the given one: everything is eager here.

    Each operation's kernel is compiled when the operation first meets a dtype, and nothing is joined
    beyond that, so there is nothing left that a graph of the whole function would be used for. A backend
    of the program's own gets such a graph, for each kind of arguments (`export._capture`).

    What is given back is what PyTorch gives: of a module an `OptimizedModule`, whose parameters are called
    ``_orig_mod.weight`` and so on, so that checkpoints of compiled modules fit; of a function one with
    ``__wrapped__``.

    Args:
        model: A function or module. None gives a decorator.
        mode: One of PyTorch's, which say how hard to try: there is nothing to try here.
        backend: A function ``backend(graph_module, example_inputs)`` that gives what runs instead, or the name of
            one that `register_backend` was given. PyTorch's own names stand for flambeau's kernels.
        fullgraph: Refuse functions that have no one graph? Only backends of the program's own ask for one.
        options: Go to such a backend by this name.
        dynamic, dynamic_shapes: Advice on PyTorch's graphs; graphs here have the sizes of their run.
        disable: Give back `model` itself.

    Raises:
        RuntimeError: An unknown `mode`, or `mode` and `options` both.
        InvalidBackend: A name that nobody registered.
        AssertionError: `model` cannot be called.

    Source: torch.compile

    Example:
        >>> import flambeau as torch
        >>> @torch.compile
        ... def double(x):
        ...     return 2 * x
        >>> double(torch.ones(2))
        tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if backend == "inductor":
        backend = _backend[0]
    if not callable(backend) and backend not in _THEIRS:
        backend = lookup_backend(backend)
    if model is None:
        return lambda function: compile(
            function, fullgraph=fullgraph, backend=backend, options=options, disable=disable
        )
    if not callable(model):
        raise AssertionError(  # PyTorch's type of error
            f"A callable function is expected, but {type(model)} is provided."
        )
    if disable:
        return model
    from ..nn.optimized import Module, OptimizedModule  # loads with the first call

    if callable(backend):
        capture = import_module(f"{__package__.partition('.')[0]}.export._capture")  # stands above
        run = capture.captured(model, backend, fullgraph, options)
    else:
        run = None
    if isinstance(model, Module):
        return OptimizedModule(model, run)
    return _calling(model, run or model)


def _calling(function: Callable, run: Callable) -> Callable:
    @functools.wraps(function)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs)

    compiled._torchdynamo_orig_callable = function  # type: ignore[attr-defined]
    return compiled


# ------------------------------------------------------------------------------------- is there a graph?


class _State(threading.local):
    exporting = False


_state = _State()


@contextlib.contextmanager
def exporting() -> Iterator[None]:
    """A block in which a module runs so that `torch.export` sees what it does."""
    before, _state.exporting = _state.exporting, True
    try:
        yield
    finally:
        _state.exporting = before


def is_compiling() -> bool:
    """Is a graph being made? Only by `torch.export`.

    Source: torch.compiler.is_compiling
    """
    return _state.exporting


def is_dynamo_compiling() -> bool:
    """Is a graph being made of Python's code? Never here.

    Source: torch.compiler.is_dynamo_compiling
    """
    return False


def is_exporting() -> bool:
    """Does a module run for `torch.export`?

    Source: torch.compiler.is_exporting
    """
    return _state.exporting


# ------------------------------------------------------------------- marks: the function as it was given


def _mark(fn: Any) -> Any:
    if not callable(fn):
        raise TypeError(f"a callable function is expected, got {type(fn).__name__}")
    return fn


def disable(
    fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None
) -> Any:
    """Keep a function out of graphs: the function itself, as there are none.

    Source: torch.compiler.disable
    """
    return _mark if fn is None else _mark(fn)


def allow_in_graph(fn: Any) -> Any:
    """Let graphs call a function without a look inside: the function itself, or the functions of a list.

    Source: torch.compiler.allow_in_graph
    """
    return [_mark(item) for item in fn] if isinstance(fn, (list, tuple)) else _mark(fn)


def nonstrict_trace(traceable_fn: Callable) -> Callable:
    """Let graphs take a function as it was traced: the function itself.

    Source: torch.compiler.nonstrict_trace
    """
    return _mark(traceable_fn)


def assume_constant_result(fn: Callable) -> Callable:
    """Let graphs hold a function's first result: the function itself, which is called each time.

    Source: torch.compiler.assume_constant_result
    """
    return _mark(fn)


def substitute_in_graph(
    original_fn: Callable,
    *,
    can_constant_fold_through: bool = False,
    skip_signature_check: bool = False,
) -> Callable[[Callable], Callable]:
    """Let graphs take another function in place of one: a decorator that gives its function as it is.

    Source: torch.compiler.substitute_in_graph
    """
    _mark(original_fn)
    return _mark


def nested_compile_region(
    fn: Callable | None = None,
    *,
    options: Any = None,
    max_reuse_entries: int = 8,
    reuse_hash_fn: Callable | None = None,
) -> Any:
    """Mark a function whose graph would be made once: the function itself.

    Source: torch.compiler.nested_compile_region
    """
    return _mark if fn is None else _mark(fn)


def wrap_numpy(fn: Callable) -> Callable:
    """A function of arrays as one of tensors: ndarrays go in, and come out as tensors on their memory.

    Source: torch.compiler.wrap_numpy

    Example:
        >>> import numpy as np
        >>> import flambeau as torch
        >>> torch.compiler.wrap_numpy(np.cumsum)(torch.tensor([1, 2, 3]))
        tensor([1, 3, 6])
    """
    import numpy as np

    from ..core.pytree.tree import tree_map_only
    from ..core.tensor import Tensor
    from ..ops.create.data import as_tensor

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree_map_only(Tensor, lambda x: x.numpy(), (args, kwargs))
        return tree_map_only(np.ndarray, as_tensor, fn(*args, **kwargs))

    return wrapped


# ---------------------------------------------------------------------------------- how graphs are made

_STANCES = (
    *("default", "eager_then_compile", "aot_eager_then_compile", "force_eager"),
    *("eager_on_recompile", "fail_on_recompile"),
)


class set_stance:
    """What PyTorch's compiler does with functions that it has not seen: checked, and without an effect.

    A function, a context manager and a decorator, as in PyTorch.

    Raises:
        RuntimeError: An unknown stance.

    Source: torch.compiler.set_stance

    Example:
        >>> import flambeau as torch
        >>> with torch.compiler.set_stance("force_eager"):
        ...     torch.compile(torch.neg)(torch.ones(1))
        tensor([-1.])
    """

    def __init__(
        self,
        stance: str = "default",
        *,
        skip_guard_eval_unsafe: bool = False,
        force_backend: str | Callable | None = None,
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(
                f"invalid torch.compile stance '{stance}': one of {', '.join(_STANCES)}"
            )
        if force_backend is not None and stance != "default":
            raise RuntimeError("non-default stance cannot have force_backend set")

    def __call__(self, fn: Callable) -> Callable:
        return _mark(fn)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def reset() -> None:
    """Forget all graphs: there are none.

    Source: torch.compiler.reset
    """


def cudagraph_mark_step_begin() -> None:
    """Say that a step of training or inference begins: nothing of the last one is kept anyway.

    Source: torch.compiler.cudagraph_mark_step_begin
    """


def cudagraph_mark_warmup_incomplete() -> None:
    """Say that a graph is not ready to be recorded: none is.

    Source: torch.compiler.cudagraph_mark_warmup_incomplete
    """


def set_enable_guard_collectives(enabled: bool) -> bool:
    """Let processes agree on whether to compile again: they never do. Gives what was set before.

    Source: torch.compiler.set_enable_guard_collectives
    """
    before = config.enable_guard_collectives
    config.enable_guard_collectives = enabled
    return before  # type: ignore[no-any-return]


_backend: list[Any] = ["inductor"]


def set_default_backend(backend: str | Callable | None) -> None:
    """The backend that `compile` uses where none is given; None for "inductor".

    Source: torch.compiler.set_default_backend
    """
    _backend[0] = "inductor" if backend is None else backend


def get_default_backend() -> str | Callable:
    """What `set_default_backend` set.

    Source: torch.compiler.get_default_backend
    """
    return _backend[0]  # type: ignore[no-any-return]


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that `backend` may be given by: "inductor", whose place kernels take here, and registered ones.

    Source: torch.compiler.list_backends
    """
    return ["inductor", *sorted(BACKENDS)]


# ------------------------------------------------------------------------ guards: which ones graphs keep


def keep_portable_guards_unsafe(guard_entries: Any) -> list[bool]:
    """A filter of guards: all are kept.

    Source: torch.compiler.keep_portable_guards_unsafe
    """
    return [True for _ in guard_entries]


def skip_guard_on_inbuilt_nn_modules_unsafe(guard_entries: Any) -> list[bool]:
    """A filter of guards: those on layers of torch.nn are dropped.

    Source: torch.compiler.skip_guard_on_inbuilt_nn_modules_unsafe
    """
    return [
        not entry.orig_guard.source.is_unspecialized_builtin_nn_module() for entry in guard_entries
    ]


def skip_guard_on_all_nn_modules_unsafe(guard_entries: Any) -> list[bool]:
    """A filter of guards: those on modules are dropped.

    Source: torch.compiler.skip_guard_on_all_nn_modules_unsafe
    """
    return [not entry.orig_guard.source.is_unspecialized_nn_module() for entry in guard_entries]


def keep_tensor_guards_unsafe(guard_entries: Any, keep_parameters: bool = False) -> list[bool]:
    """A filter of guards: those on tensors are kept, on parameters if asked for.

    Source: torch.compiler.keep_tensor_guards_unsafe
    """
    from ..nn.parameter import Parameter

    return [
        entry.guard_type == "TENSOR_MATCH"
        and (keep_parameters or not isinstance(entry.value, Parameter))
        for entry in guard_entries
    ]


def skip_guard_on_globals_unsafe(guard_entries: Any) -> list[bool]:
    """A filter of guards: those on global variables are dropped.

    Source: torch.compiler.skip_guard_on_globals_unsafe
    """
    return [not entry.is_global for entry in guard_entries]


def skip_all_guards_unsafe(guard_entries: Any) -> list[bool]:
    """A filter of guards: all are dropped.

    Source: torch.compiler.skip_all_guards_unsafe
    """
    return [False for _ in guard_entries]


# --------------------------------------------------------------------------------- what would be handed out


class PrecompileError(RuntimeError):
    """A function cannot be compiled ahead of time.

    Source: torch.compiler.PrecompileError
    """


def precompile(fn: Callable, *example_inputs: Any, **options: Any) -> Any:
    """Raises PrecompileError: kernels are compiled as they are met and kept on disk, a function never is.

    Source: torch.compiler.precompile
    """
    raise PrecompileError(
        "flambeau compiles no functions, so there is none to write: call the function once, and its kernels stay in "
        "the cache on disk (FLAMBEAU_CACHE_DIR)"
    )


def load_compiled_function(file: Any, **options: Any) -> Callable:
    """Raises PrecompileError: compiled functions are PyTorch's.

    Source: torch.compiler.load_compiled_function
    """
    raise PrecompileError("compiled functions can be loaded by the PyTorch that wrote them only")


def save_cache_artifacts() -> tuple[bytes, Any] | None:
    """What the compiler holds, to be loaded elsewhere: None, as kernels are in a cache on disk already.

    Source: torch.compiler.save_cache_artifacts
    """
    return None


def load_cache_artifacts(serialized_artifacts: bytes) -> Any:
    """Load what `save_cache_artifacts` gave: PyTorch's artifacts are of no use here, and None says so.

    Source: torch.compiler.load_cache_artifacts
    """
    return None
