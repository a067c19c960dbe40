"""What this process has: the machine, its threads, and its memory. All are made once, when first asked for.

This is the only file that imports `machine`, and thereby llvmlite: loading that takes longer than importing all the
rest, so it waits for the first kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .allocator import Allocator
    from .machine import Machine

LIMIT = 256 << 20
"""Bytes of free memory that are kept at most, unless `memory.set_limit` says otherwise."""
_state: list[bool] = []
_waiting: list[Callable[[], None]] = []
_machine: list[Machine] = []
_allocator: list[Allocator] = []


def enabled() -> bool:
    """Are kernels compiled? Not with FLAMBEAU_KERNELS=0, without llvmlite, or on an unknown Python."""
    if not _state:
        _state.append(os.environ.get("FLAMBEAU_KERNELS", "1") != "0" and _possible())
        for action in _waiting if _state[0] else ():
            action()
    return _state[0]


def known_enabled() -> bool:
    """Has `enabled` said yes already? Asking does not load the compiler."""
    return bool(_state) and _state[0]


def when_enabled(action: Callable[[], None]) -> None:
    """Call this as soon as `enabled` says yes for the first time."""
    _waiting.append(action)


def _possible() -> bool:
    try:
        from . import machine, runtime
    except ImportError:
        return False
    return machine is not None and runtime.layout_is_known()


def machine() -> Machine:
    """The one machine of this process."""
    if not _machine:
        from .machine import Machine

        _machine.append(Machine())
        _machine[0].start_pool()
        _start_allocator()
    return _machine[0]


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
