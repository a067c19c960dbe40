"""A scripted function or module as a file: its graph as plain data."""

from __future__ import annotations

import io
from typing import Any

from .. import serialization
from ..fx import Proxy
from ..fx.portable import Unsaved, packed_module
from ..fx.proxy import TraceError
from ..nn import Module
from ._state import deprecated


def _data(m: Any, extra: dict[str, Any] | None) -> dict[str, Any]:
    """What a file holds.

    Raises:
        RuntimeError: The graph cannot be had, or a file cannot hold it.
    """
    try:
        packed = packed_module(m._traced())
        methods = m._traced_methods() if isinstance(m, Module) else {}
        packed_methods = {name: packed_module(graph) for name, graph in methods.items()}
    except (TraceError, TypeError, RuntimeError, Unsaved) as error:
        if not isinstance(error, (TraceError, Unsaved)) and Proxy.__name__ not in str(error):
            raise
        raise RuntimeError(
            f"this cannot be saved: a file holds one graph, and torch.fx cannot make it here ({error}). "
            "torch.jit.trace(module, inputs) makes the graph of one run, which can be saved; "
            "torch.save(module.state_dict(), file) saves the parameters"
        ) from error
    return {
        "format": serialization.JIT_FORMAT,
        "function": not isinstance(m, Module),
        "name": m.original_name if isinstance(m, Module) else m.name,
        "module": packed,
        "methods": packed_methods,
        "extra": {
            k: v.encode() if isinstance(v, str) else bytes(v) for k, v in (extra or {}).items()
        },
    }


def write(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Write it: see `torch.jit.save`."""
    deprecated("save", "switch to `torch.export`")
    serialization.save(_data(m, _extra_files), f)


def written(m: Any, _extra_files: dict[str, Any] | None = None) -> bytes:
    """The file as bytes."""
    buffer = io.BytesIO()
    write(m, buffer, _extra_files)
    return buffer.getvalue()
