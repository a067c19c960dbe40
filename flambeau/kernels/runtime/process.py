"""What this process has: the machine, its threads, and its memory. All are made once, when first asked for.

This is the only file that imports `machine`, and thereby llvmlite: loading that takes longer than importing all the
rest, so it waits for the first kernel.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .allocator import Allocator
    from .jit import Machine

FREE_THREADED = "free-threading build" in sys.version
"""Machine code relies on the interpreter lock, so it is off where Python is built without."""
LIMIT = 256 << 20
"""Bytes of free memory that are kept at most, unless `memory.set_limit` says otherwise."""
_state: list[bool] = []
_why: list[str] = []
_waiting: list[Callable[[], None]] = []
_machine: list[Machine] = []
_allocator: list[Allocator] = []


def enabled() -> bool:
    """Are kernels compiled? If not, `why_off` says why; it warns once unless that was asked for."""
    if not _state:
        why = _reason()
        _state.append(not why)
        _why[:] = [why]
        for action in _waiting if not why else ():
            action()
        if why and why != _ASKED:
            _warn(why)
    return _state[0]


def why_off() -> str:
    """Why no kernels are compiled; empty where they are."""
    return "" if enabled() else _why[0]


_ASKED = "FLAMBEAU_KERNELS=0 is set"


def _reason() -> str:
    """Why kernels cannot be compiled here, if so. The compiler loads last."""
    if os.environ.get("FLAMBEAU_KERNELS", "1") == "0":
        return _ASKED
    if FREE_THREADED:
        return (
            "machine code relies on the interpreter lock, and this Python is a free-threaded build"
        )
    from ..llvm import processor
    from . import layout_check

    if processor.kind() not in processor.KINDS:
        return f"none are written for {processor.kind()} processors, only for x86-64 and arm64"
    unknown = layout_check.fault()
    if unknown:
        return f"{unknown}, with Python {platform.python_version()} and NumPy {np.__version__}"
    try:
        import llvmlite.binding  # noqa: F401
    except (ImportError, OSError) as error:
        return f"llvmlite cannot be imported ({error}); 'pip install llvmlite' where it has a wheel"
    return ""


def _warn(why: str) -> None:
    import warnings

    warnings.warn(
        f"native kernels are off, NumPy computes instead, more slowly: {why}. "
        "FLAMBEAU_KERNELS=0 chooses that, without this warning",
        RuntimeWarning,
        stacklevel=3,
    )


def known_enabled() -> bool:
    """Has `enabled` said yes already? Asking does not load the compiler."""
    return bool(_state) and _state[0]


def when_enabled(action: Callable[[], None]) -> None:
    """Call this as soon as `enabled` says yes for the first time."""
    _waiting.append(action)


def machine() -> Machine:
    """The one machine of this process."""
    if not _machine:
        from .jit import Machine

        _machine.append(Machine())
        _machine[0].start_pool()
        _start_allocator()
    return _machine[0]


@cache
def address_of(text: Callable[..., str], *given: Any) -> int:
    """Where the code of the module is that a function writes: it is written once, whoever asks how often."""
    return machine().address(text(*given))


def _start_allocator() -> None:
    """Let kernels take memory there from now on, where the system has what it needs."""
    if os.name == "posix":
        from .allocator import Allocator

        _allocator.append(Allocator(_machine[0], LIMIT))


def allocator() -> Allocator | None:
    """The allocator of results; None without kernels."""
    if not _allocator and enabled():
        machine()
    return _allocator[0] if _allocator else None
