"""flambeau: a define-by-run tensor library with NumPy's feel and PyTorch's API.

Everything public is here under torch's names: ``import flambeau as torch``.
"""

from __future__ import annotations

import sys as _sys
from importlib import import_module
from math import e, inf, nan, pi
from typing import Any

from ._introduction import begin as _introduce
from ._lazy import attach as _attach
from ._mixed import explain_imports as _explain_imports
from .autograd import variable as _variable
from .autograd.inference import is_inference
from .autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core import dtype as _dtype
from .core import installed as _installed
from .core import layout as _layout
from .core.device import device, get_default_device, set_default_device, set_default_tensor_type
from .core.dtype import finfo, get_default_dtype, iinfo, set_default_dtype
from .core.promotion import can_cast, promote_types
from .core.size import Size
from .core.tensor import Tensor
from .dispatch import lazy as _lazy_names
from .dispatch.registry import NAMESPACES as _namespaces
from .ops import families as _families
from .ops.create.constructor import LEGACY as _legacy_names
from .torch_version import __version__

_explain_imports()
_introduce()
newaxis = None
torch = functional = _tensor = _sys.modules[
    __name__
]  # what PyTorch has in files of these names is here
dtype = _dtype.dtype
globals().update(_dtype.DTYPES)
globals().update(_dtype.ALIASES)
layout, memory_format = _layout.layout, _layout.memory_format
globals().update(_layout.NAMES)
globals().update(_namespaces["torch"])

_MODULES = (
    "_C",
    "_tensor_str",
    "_utils",
    "__config__",
    "_VF",
    "_custom_ops",
    "_dynamo",
    "_functorch",
    "_guards",
    "_higher_order_ops",
    "_inductor",
    "_jit_internal",
    "_ops",
    "_subclasses",
    "accelerator",
    "amp",
    "ao",
    "autograd",
    "backends",
    "compat",
    "compiler",
    "cpu",
    "cuda",
    "distributed",
    "distributions",
    "export",
    "fft",
    "func",
    "functional",
    "futures",
    "hub",
    "fx",
    "kernels",
    "jit",
    "library",
    "linalg",
    "masked",
    "mps",
    "mtia",
    "multiprocessing",
    "nested",
    "nn",
    "onnx",
    "optim",
    "overrides",
    "profiler",
    "quantization",
    "quasirandom",
    "random",
    "return_types",
    "serialization",
    "signal",
    "sparse",
    "special",
    "storage",
    "testing",
    "torch_version",
    "types",
    "utils",
    "version",
    "xpu",
)
_NAMES = {
    "save": "serialization",
    "load": "serialization",
    "Generator": "core.random.generator",
    "default_generator": "core.random.generator",
    "vmap": "func",
    "get_num_threads": "kernels",
    "set_num_threads": "kernels",
    "from_dlpack": "ops.tensor.dlpack",
    "to_dlpack": "ops.tensor.dlpack",
    "StorageBase": "core.storage",
    "UntypedStorage": "core.storage",
    "TypedStorage": "core.storage",
    "is_storage": "core.storage",
    **dict.fromkeys(_legacy_names, "legacy"),
    "compile": "compiler",
    "cond": "fx.control",
    "get_printoptions": "core.printing",
    "printoptions": "core.printing",
    "set_printoptions": "core.printing",
    "Stream": "core.stream",
    "Event": "core.stream",
    "OutOfMemoryError": "core.error",
    "AcceleratorError": "core.error",
    "get_device_module": "_utils",
    "GradScaler": "amp",
    "Future": "futures",
    "_assert": "checking",
    "_assert_async": "checking",
    "_assert_scalar": "checking",
    "typename": "checking",
    "while_loop": "_higher_order_ops",
    "PyTorchFileReader": "serialization.reader",
    **dict.fromkeys(
        (
            *("DispatchKey", "DispatchKeySet", "DisableTorchFunction", "FunctionSchema", "Graph"),
            *("DisableTorchFunctionSubclass", "JITException", "Node", "PyTorchFileWriter"),
            *("ScriptFunction", "ScriptModule", "Type", "Value"),
        ),
        "_C",
    ),
    **dict.fromkeys(
        (
            *("_check", "_check_with", "_check_is_size", "_check_index", "_check_value"),
            *("_check_type", "_check_not_implemented", "_check_tensor_all"),
            "_check_tensor_all_with",
        ),
        "checking",
    ),
    **dict.fromkeys(
        (
            *("SymInt", "SymFloat", "SymBool", "sym_int", "sym_float", "sym_not", "sym_max"),
            *("sym_min", "sym_sum", "sym_ite", "sym_sqrt", "sym_fresh_size"),
            *("sym_constrain_range", "sym_constrain_range_for_size"),
        ),
        "symbolic",
    ),
    **dict.fromkeys(
        (
            *("autocast", "get_autocast_dtype", "is_autocast_enabled", "set_autocast_dtype"),
            *("is_autocast_cpu_enabled", "get_autocast_cpu_dtype", "get_autocast_gpu_dtype"),
            *("clear_autocast_cache", "is_autocast_cache_enabled", "set_autocast_cache_enabled"),
        ),
        "amp.autocast_mode",
    ),
    **dict.fromkeys(
        (
            *("set_autocast_enabled", "set_autocast_cpu_enabled", "set_autocast_cpu_dtype"),
            *("set_autocast_gpu_dtype", "autocast_increment_nesting"),
            "autocast_decrement_nesting",
        ),
        "amp.autocast_state",
    ),
    **dict.fromkeys(("has_lapack", "has_mkl", "has_openmp", "has_spectral"), "backends.features"),
    **dict.fromkeys(
        (
            *("are_deterministic_algorithms_enabled", "use_deterministic_algorithms"),
            *("get_deterministic_debug_mode", "set_deterministic_debug_mode"),
            *("get_float32_matmul_precision", "set_float32_matmul_precision"),
            *("get_num_interop_threads", "set_num_interop_threads"),
            *("is_deterministic_algorithms_warn_only_enabled", "set_flush_denormal"),
            *("set_warn_always", "is_warn_always_enabled"),
        ),
        "setting",
    ),
    **dict.fromkeys(
        (
            *("qint8", "quint8", "qint32", "qscheme", "per_tensor_affine", "per_tensor_symmetric"),
            *("per_channel_affine", "per_channel_symmetric", "quint4x2", "quint2x4"),
            *("bits1x8", "bits2x4", "bits4x2", "bits8", "float4_e2m1fn_x2"),
            *("int1", "int2", "int3", "int4", "int5", "int6", "int7"),
            *("uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7"),
        ),
        "core.quantized_dtype",
    ),
    **dict.fromkeys(("quantize_per_tensor", "quantize_per_channel", "dequantize"), "quantized"),
    "is_anomaly_check_nan_enabled": "autograd.anomaly_mode",
    "is_anomaly_enabled": "autograd.anomaly_mode",
    "set_anomaly_enabled": "autograd.anomaly_mode",
}


_load, _listed = _attach(__name__, _MODULES, _NAMES)


def _inplace_names() -> frozenset[str]:
    return import_module(f"{__name__}.ops.tensor.inplace_name").FUNCTIONS


def __getattr__(name: str) -> Any:
    """Submodules and what they bring load when first asked for."""
    if name in _lazy_names.FUNCTIONS:
        value = globals()[name] = _lazy_names.function(name)
        return value
    if name[-1:] == "_" != name[:1] and name in _inplace_names():
        value = globals()[name] = getattr(Tensor, name)
        return value
    if name == "__all__":
        return [n for n in __dir__() if n[0] != "_" and n not in _MODULES]
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*_listed(), *_lazy_names.FUNCTIONS, *_inplace_names()})


def is_tensor(obj: object) -> bool:
    """Is it a Tensor?

    Source: torch.is_tensor
    """
    return isinstance(obj, Tensor)
