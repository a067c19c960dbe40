"""The names of torch's private module that programs and packages use.

Most are about ``__torch_function__``; others switch off what flambeau does not have, and can only be asked whether it
is on. What a name's use would need and is absent raises an error when it is used.

Source: torch._C
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from .._ops.key import DispatchKey, DispatchKeySet, _ExcludeDispatchKeyGuard
from ..core import handler as _handler
from ..core.device import device as _device
from ..core.device import get_default_device as _get_default_device_object
from ..core.handler import DisableTorchDispatch as _DisableTorchDispatch
from ..core.handler import DisableTorchFunction, DisableTorchFunctionSubclass
from ..core.handler import disabled as _disabled_torch_function_impl
from ..core.layout import layout
from ..core.random.generator import Generator
from ..core.size import Size
from ..core.tensor import Tensor as TensorBase
from ..func.batched import Mapping as _Mapping
from ..ops.linalg.check import LinAlgError as _LinAlgError

_TensorBase = TensorBase
_TensorMeta = type(TensorBase)


def _is_torch_function_enabled() -> bool:
    """Do classes handle functions?"""
    return _handler.state.enabled


def _is_torch_function_mode_enabled() -> bool:
    """Is a `TorchFunctionMode` entered?"""
    return bool(_handler.state.modes)


def _is_torch_function_all_disabled() -> bool:
    """Do neither classes nor modes handle functions?"""
    return not _handler.state.enabled and not _handler.state.modes


def _len_torch_function_stack() -> int:
    """How many `TorchFunctionMode`s are entered."""
    return len(_handler.state.modes)


def _get_function_stack_at(idx: int) -> Any:
    """An entered `TorchFunctionMode`, counted from the outermost."""
    return _handler.state.modes[idx]


def _log_api_usage_once(event: str) -> None:
    """PyTorch's hook for counting uses of a package: nothing is counted here, and nothing sent."""


def _log_api_usage_metadata(event: str, metadata: Any) -> None:
    """`_log_api_usage_once` with details: nothing is counted here."""


def _get_tracing_state() -> None:
    """The TorchScript trace that is being recorded: None, always."""


def _get_default_device() -> str:
    """The type of the device that factories use."""
    return _get_default_device_object().type


def _get_accelerator(check: bool = False) -> _device:
    """The accelerator of this machine, or the CPU if there is none."""
    found = import_module("flambeau.accelerator").current_accelerator()
    return found if found is not None else _device("cpu")


def _is_alias_of(x: TensorBase, y: TensorBase) -> bool:
    """Do two tensors look at the same memory?"""
    return bool(x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr())


def _are_functorch_transforms_active() -> bool:
    """Does a tensor stand for a sample, or record for a transform? Only `vmap` has such here: the others of `func`
    work on the recorded graph."""
    return any(isinstance(mode, _Mapping) for mode in _handler.state.modes)


def _cuda_isInBadFork() -> bool:
    """Was this process forked after CUDA had begun? There is no CUDA of PyTorch's."""
    return False


def _get_privateuse1_backend_name() -> str:
    """The name of a device that a program adds: none did."""
    return "privateuseone"


def _get_cudnn_enabled() -> bool:
    """Is cuDNN in use?"""
    return False


def _set_switch(enabled: Any) -> bool:
    """Set a switch of something that is absent: it stays off."""
    return False


def _ask_switch(*args: Any) -> bool:
    """Ask for a switch of something that is absent: it is off."""
    return False


_SET = frozenset(
    (
        *("_jit_set_profiling_mode", "_jit_set_profiling_executor", "_jit_set_texpr_fuser_enabled"),
        *("_jit_override_can_fuse_on_cpu", "_jit_override_can_fuse_on_gpu"),
        *("_jit_set_nvfuser_enabled", "_jit_set_nvfuser_guard_mode", "_jit_set_fusion_strategy"),
        *("_set_math_sdp_allow_fp16_bf16_reduction", "_cuda_clearCublasWorkspaces"),
        *("_debug_set_autodiff_subgraph_inlining", "_jit_set_bailout_depth"),
    )
)
_ASKED = frozenset(
    (
        *("_jit_can_fuse_on_cpu", "_jit_can_fuse_on_gpu", "_jit_texpr_fuser_enabled"),
        *("_is_tracing", "_has_mkldnn", "_has_cuda", "_is_xnnpack_enabled"),
        *("_get_graph_executor_optimize",),
    )
)


class _Functions:
    """Every function of the torch namespace as an attribute.

    Source: torch._C._VariableFunctions
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module("flambeau"), name)

    def __dir__(self) -> Iterator[str]:
        from ..dispatch.registry import NAMESPACES

        return iter(NAMESPACES["torch"])


_VariableFunctions = _VariableFunctionsClass = _Functions()


class _OfTorchScript:
    """A class of TorchScript's: there is none, and no object is one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"torch._C.{type(self).__name__}: flambeau has no TorchScript; torch.fx has graphs"
        )


_SCRIPT = ("Graph", "Value", "Node", "Block", "Function", "ScriptModule", "ScriptFunction", "Type")
_SCRIPT += ("JITException", "FunctionSchema", "PyTorchFileWriter")


def __getattr__(name: str) -> Any:
    """Switches, TorchScript's classes, and submodules."""
    if name in ("_nn", "_functorch", "_autograd", "_profiler", "_onnx", "_distributed_c10d"):
        try:
            return import_module(f"{__package__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__package__}.{name}":
                raise
    elif name in _SET:
        return _set_switch
    elif name in _ASKED:
        return _ask_switch
    elif name == "FunctionSchema":
        return import_module("flambeau._ops.schema").FunctionSchema
    elif name == "PyTorchFileReader":
        return import_module("flambeau.serialization.reader").PyTorchFileReader
    elif name in _SCRIPT:
        base = Exception if name == "JITException" else _OfTorchScript
        made = globals()[name] = type(name, (base,), {"__module__": "torch._C"})
        return made
    elif name in ("OutOfMemoryError", "_OutOfMemoryError"):
        return import_module("flambeau.cuda").OutOfMemoryError
    raise AttributeError(f"module 'torch._C' has no attribute '{name}'")


__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "DispatchKey",
    "DispatchKeySet",
    "Generator",
    "Size",
    "TensorBase",
    "_DisableTorchDispatch",
    "_ExcludeDispatchKeyGuard",
    "_LinAlgError",
    "_disabled_torch_function_impl",
    "layout",
]
