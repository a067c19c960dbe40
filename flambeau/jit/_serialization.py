"""save and load: a scripted function or module as its graph, in a file of `torch.save`.

The file holds plain data and tensors only (`fx.portable`), so reading it runs none of its contents.
"""

from __future__ import annotations

import os
import zipfile
from typing import Any

from .. import serialization
from ..fx.graph_module import GraphModule, _assign_attr
from ..fx.portable import unpacked_module
from ._file import write
from ._script import RecursiveScriptModule, ScriptFunction, ScriptModule
from ._state import deprecated


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Write a scripted function or module to a file.

    Args:
        m: What `script` or `trace` gave.
        f: A path, or a file open for writing bytes.
        _extra_files: Texts or bytes that go with it, by name.

    Raises:
        RuntimeError: Its flow depends on values, so that there is no one graph.

    Source: torch.jit.save
    """
    deprecated("save", "switch to `torch.export`")
    if not isinstance(m, (ScriptModule, ScriptFunction)):
        raise AttributeError(
            f"'{type(m).__name__}' object has no attribute 'save_to_buffer': make it a ScriptModule "
            "first, by torch.jit.script or torch.jit.trace"
        )
    write(m, f, _extra_files)


def load(
    f: Any,
    map_location: Any = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> Any:
    """Read what `save` wrote.

    Args:
        f: A path, or a file open for reading bytes.
        map_location: Where tensors go, as of `torch.load`.
        _extra_files: For each name in it, gets what went with the module, as bytes.

    Raises:
        ValueError: There is no such file.
        RuntimeError: An archive that PyTorch's TorchScript wrote, or another file.

    Source: torch.jit.load
    """
    if isinstance(f, (str, os.PathLike)):
        if not os.path.exists(f):
            raise ValueError(f"The provided filename {f} does not exist")
        if os.path.isdir(f):
            raise ValueError(f"The provided filename {f} is a directory")
    deprecated("load", "switch to `torch.export`")
    if is_torchscript(f):
        raise RuntimeError(
            "this is a TorchScript archive of PyTorch: it holds a program in TorchScript's language, which "
            "flambeau does not run. With PyTorch, save its parameters, "
            "torch.save(torch.jit.load(file).state_dict(), other), and load them into the model's Python class"
        )
    data = serialization.read(f, map_location)
    if not serialization.is_scripted(data):
        raise RuntimeError(
            "the file is none that torch.jit.save wrote; torch.load reads what torch.save wrote"
        )
    for name in _extra_files or ():
        _extra_files[name] = data["extra"].get(name, b"")  # type: ignore[index]
    module = unpacked_module(data["module"])
    if data["function"]:
        return ScriptFunction(module, module)
    methods = {name: unpacked_module(item) for name, item in data["methods"].items()}
    for name, graph in methods.items():
        _share(module, graph)
        module.__dict__[name] = graph
    made = RecursiveScriptModule(module)
    made._graph_module, made._method_graphs = module, methods
    return made


def _share(module: GraphModule, graph: GraphModule) -> None:
    """Let a method's graph use the module's parameters and buffers, which gets those that it lacks."""
    known = dict([*module.named_parameters(), *module.named_buffers()])
    for path, value in [*graph.named_parameters(), *graph.named_buffers()]:
        if path in known:
            _assign_attr(known[path], graph, path)
        else:
            _assign_attr(value, module, path)


def is_torchscript(f: Any) -> bool:
    """Is it an archive of TorchScript?"""
    at = None if isinstance(f, (str, os.PathLike)) else f.tell()
    try:
        with zipfile.ZipFile(f) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False
    finally:
        if at is not None:
            f.seek(at)
