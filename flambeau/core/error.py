"""Errors of devices, under torch's names."""

from __future__ import annotations


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left. On a CPU that is Python's MemoryError.

    Source: torch.OutOfMemoryError
    """


class AcceleratorError(RuntimeError):
    """An accelerator has reported an error.

    Source: torch.AcceleratorError
    """
