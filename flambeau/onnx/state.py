"""Is an export running?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _State(threading.local):
    exporting = False


_state = _State()


def is_in_onnx_export() -> bool:
    """Is this thread exporting a model?

    Source: torch.onnx.is_in_onnx_export

    Example:
        >>> import flambeau as torch
        >>> torch.onnx.is_in_onnx_export()
        False
    """
    return _state.exporting


@contextmanager
def exporting() -> Iterator[None]:
    """A block in which `is_in_onnx_export` says True."""
    before, _state.exporting = _state.exporting, True
    try:
        yield
    finally:
        _state.exporting = before
