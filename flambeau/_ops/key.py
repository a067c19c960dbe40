"""Dispatch keys: under which circumstances PyTorch takes which kernel of an operation.

Here kernels are chosen by dtype and device; keys name the kernels that programs register (see `library`).

Source: torch._C.DispatchKey, torch._C.DispatchKeySet
"""

from __future__ import annotations

import enum
from typing import Any

_NAMES = (
    *("Undefined", "CPU", "CUDA", "HIP", "XLA", "MPS", "IPU", "XPU", "HPU", "VE", "Lazy", "MTIA"),
    *("PrivateUse1", "PrivateUse2", "PrivateUse3", "Meta", "QuantizedCPU", "QuantizedCUDA"),
    *("SparseCPU", "SparseCUDA", "SparseCsrCPU", "SparseCsrCUDA", "NestedTensorCPU"),
    *("NestedTensorCUDA", "BackendSelect", "Python", "Fake", "FuncTorchDynamicLayerBackMode"),
    *("Functionalize", "Named", "Conjugate", "Negative", "ZeroTensor", "ADInplaceOrView"),
    *("AutogradOther", "AutogradCPU", "AutogradCUDA", "AutogradMeta", "AutogradXLA"),
    *("AutogradMPS", "AutogradXPU", "AutogradHPU", "AutogradPrivateUse1", "AutogradNestedTensor"),
    *("Tracer", "AutocastCPU", "AutocastCUDA", "AutocastXPU", "AutocastMPS", "AutocastHPU"),
    *("AutocastPrivateUse1", "FuncTorchBatched", "BatchedNestedTensor", "FuncTorchVmapMode"),
    *("Batched", "VmapMode", "FuncTorchGradWrapper", "PythonTLSSnapshot"),
    *("FuncTorchDynamicLayerFrontMode", "PreDispatch", "PythonDispatcher"),
    *("Autograd", "CompositeImplicitAutograd", "CompositeExplicitAutograd"),
    *("CompositeExplicitAutogradNonFunctional", "FuncTorchBatchedDecomposition"),
)

DispatchKey = enum.IntEnum("DispatchKey", {name: i for i, name in enumerate(_NAMES)})  # type: ignore[misc]
DispatchKey.__doc__ = "The keys, by name."
DispatchKey.__module__ = "torch._C"


class DispatchKeySet:
    """A set of dispatch keys.

    Args:
        keys: A key, or several.
    """

    def __init__(self, keys: Any = ()) -> None:
        self._keys = frozenset((keys,) if isinstance(keys, DispatchKey) else keys)

    def has(self, key: Any) -> bool:
        """Is the key one of them?"""
        return key in self._keys

    def add(self, key: Any) -> DispatchKeySet:
        """These and another."""
        return DispatchKeySet(self._keys | {key})

    def remove(self, key: Any) -> DispatchKeySet:
        """These without one."""
        return DispatchKeySet(self._keys - {key})

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self._keys | other._keys)

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self._keys & other._keys)

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self._keys - other._keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DispatchKeySet) and self._keys == other._keys

    def __hash__(self) -> int:
        return hash(self._keys)

    def __repr__(self) -> str:
        return f"DispatchKeySet({', '.join(key.name for key in sorted(self._keys))})"


class _ExcludeDispatchKeyGuard:
    """Leave kernels of some keys out inside a ``with``: autocast's keys switch autocast off, which is all
    that is done by a key here.

    Raises:
        NotImplementedError: Another key.
    """

    def __init__(self, keys: DispatchKeySet) -> None:
        others = [key.name for key in keys._keys if not key.name.startswith("Autocast")]
        if others:
            raise NotImplementedError(f"nothing in flambeau depends on the keys {others}")
        self.devices = [key.name.removeprefix("Autocast").lower() for key in keys._keys]

    def __enter__(self) -> None:
        from ..amp.autocast_mode import autocast

        self.modes = [autocast(d, enabled=False) for d in self.devices if d in ("cpu", "cuda")]
        for mode in self.modes:
            mode.__enter__()

    def __exit__(self, *exception: Any) -> None:
        for mode in reversed(self.modes):
            mode.__exit__(*exception)
