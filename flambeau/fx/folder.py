"""A graph module as a Python package on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..nn import (
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    Dropout,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Module,
    ReLU,
)
from ..serialization import save
from .codegen import known_globals

_SHORT: tuple[type, ...] = (
    *(Linear, Conv1d, Conv2d, Conv3d, BatchNorm1d, BatchNorm2d, BatchNorm3d, ReLU, Dropout),
    *(AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d),
)
"""Classes whose printed form is a call that makes an equal one."""


def write(module: Any, folder: Path, name: str) -> None:
    """Write ``module.py``, ``__init__.py``, ``state_dict.pt``, and a file for each module without a short text."""
    folder.mkdir(parents=True, exist_ok=True)
    save(module.state_dict(), folder / "state_dict.pt")
    code = module.graph.python_code("self")
    lines = [
        "import os",
        import_lines(code.globals),
        "from torch.nn import *",
        "",
        "_FOLDER = os.path.dirname(os.path.abspath(__file__))",
        "",
        "",
        f"class {name}(torch.nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
    ]
    lines += [f"        {_child(folder, key, child)}" for key, child in module.named_children()]
    for key, buffer in module._buffers.items():
        if buffer is not None:
            lines.append(f"        self.register_buffer({key!r}, {_empty(buffer)})")
    for key, parameter in module._parameters.items():
        if parameter is not None:
            lines.append(f"        setattr(self, {key!r}, torch.nn.Parameter({_empty(parameter)}))")
    state = "torch.load(os.path.join(_FOLDER, 'state_dict.pt'))"
    lines += [f"        self.load_state_dict({state})", ""]
    body = code.src.strip("\n").splitlines()
    text = "\n".join(lines + [f"    {line}".rstrip() for line in body]) + "\n"
    (folder / "module.py").write_text(text)
    (folder / "__init__.py").write_text("from .module import *\n")


def _child(folder: Path, key: str, child: Module) -> str:
    if type(child) in _SHORT:
        return f"setattr(self, {key!r}, {child!r})"
    save(child, folder / f"{key}.pt")
    path = f"os.path.join(_FOLDER, {key + '.pt'!r})"
    return f"setattr(self, {key!r}, torch.load({path}, weights_only=False))"


def _empty(tensor: Any) -> str:
    return f"torch.empty({list(tensor.shape)}, dtype={tensor.dtype})"


def import_lines(used: dict[str, Any]) -> str:
    """Import statements for the names that a graph's text uses."""
    known = known_globals()
    lines = [line for line, _ in known.values()]
    for name, value in used.items():
        if name not in known and hasattr(value, "__module__"):
            lines.append(f"from {value.__module__} import {value.__qualname__} as {name}")
    return "\n".join(lines)
