"""What of TorchScript's names is in force: a warning that was given, a trace that runs."""

from __future__ import annotations

import threading

from .._caller import warn


class _State(threading.local):
    """Of this thread.

    Attributes:
        tracing: How many traces are being recorded?
    """

    tracing = 0


state = _State()
_warned: list[str] = []


def deprecated(name: str, instead: str = "switch to `torch.compile` or `torch.export`") -> None:
    """Say, once in a program, that TorchScript is deprecated."""
    if not _warned:
        _warned.append(name)
        warn(f"`torch.jit.{name}` is deprecated. Please {instead}.", FutureWarning)


def is_scripting() -> bool:
    """Is code being turned into TorchScript? Never here.

    Source: torch.jit.is_scripting
    """
    return False


def is_tracing() -> bool:
    """Is a trace being recorded?

    Source: torch.jit.is_tracing
    """
    return state.tracing > 0
