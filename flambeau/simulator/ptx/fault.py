"""What a GPU would trap on, or would let pass and compute something else with."""

from __future__ import annotations


class Fault(RuntimeError):
    """A kernel does what it must not do: which one, at which instruction, in which thread, and what."""


__all__ = ["Fault"]
