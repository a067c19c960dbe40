"""What kernels found wrong: they say it without being waited for, and it is asked for where the host waits anyway."""

from __future__ import annotations

from collections.abc import Callable

_checks: list[Callable[[], None]] = []


def register(check: Callable[[], None]) -> None:
    """Ask this from now on, too: it raises what kernels of the current device have found wrong."""
    if check not in _checks:
        _checks.append(check)


def ask() -> None:
    """Raise what kernels of the current device have found wrong; the host has just waited for them.

    Raises:
        IndexError: An index was out of range.
    """
    for check in _checks:
        check()


__all__ = ["ask", "register"]
