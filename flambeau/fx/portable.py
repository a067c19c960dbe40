"""Graph modules as plain data, from which they are made again without running code of a file.

A file holds numbers, strings, tensors, and lists and dicts of these. Functions stand in it by name; the reader
finds them among torch's public functions and a few of Python's operators, and takes no others.
"""

from __future__ import annotations

import builtins
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from .. import nn
from ..core.device import device
from ..core.dtype import DTYPES, dtype
from ..core.layout import NAMES, layout, memory_format
from ..core.size import Size
from ..core.tensor import Tensor
from ..nn import Module, Parameter
from .graph import Graph
from .graph_module import GraphModule, _assign_attr, _get_attr
from .naming import found, public_name, qualified_name
from .node import Node

__all__ = ["pack", "packed_module", "unpack", "unpacked_module"]

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_PATH = re.compile(r"\w+(\.\w+)*\Z")
_OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs"),
    *("invert", "and_", "or_", "xor", "lshift", "rshift", "eq", "ne", "lt", "le", "gt", "ge"),
    *("getitem", "setitem", "iadd", "isub", "imul", "itruediv"),
)
_PYTHON: dict[str, Callable] = {
    **{f"operator.{name}": getattr(operator, name) for name in _OPERATORS},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "sqrt", "log", "prod")},
    **{f"builtins.{name}": getattr(builtins, name) for name in ("abs", "getattr", "len", "max")},
    **{f"builtins.{name}": getattr(builtins, name) for name in ("min", "float", "int", "round")},
}


class Unsaved(TypeError):
    """Something of a graph that a file cannot hold."""


# --------------------------------------------------------------------------------------- functions


def _function_name(function: Any) -> str:
    """The name of a function in a file.

    Raises:
        Unsaved: The reader would not find it.
    """
    public = public_name(function)
    if public is not None and not public.startswith("torch.Tensor."):
        return public
    name = qualified_name(function)
    if _PYTHON.get(name) is function or found(name) is function:
        return name
    raise Unsaved(
        f"the graph calls {name}, which is neither one of torch's functions nor an operator of Python; "
        "a file can hold calls of these only"
    )


def _function(name: str) -> Callable:
    if name in _PYTHON:
        return _PYTHON[name]
    function = found(name) if name.startswith("torch.") and _PATH.match(name) else None
    if not callable(function) or (public_name(function) != name and name not in _CHECKS):
        raise ValueError(f"the file names a function that is not one of torch's: {name!r}")
    return function  # type: ignore[no-any-return]


_CHECKS = frozenset(("torch._assert", "torch.cond"))


# ------------------------------------------------------------------------------------------ values


def _packed(value: Any) -> Any:
    """A value as plain data: what is not plain is a dict with a "kind"."""
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return value
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Node):
        return {"kind": "node", "name": value.name}
    if isinstance(value, (tuple, list)):
        kind = (
            "size" if isinstance(value, Size) else "tuple" if isinstance(value, tuple) else "list"
        )
        return {"kind": kind, "items": [_packed(item) for item in value]}
    if isinstance(value, dict):
        items = [[_packed(k), _packed(v)] for k, v in value.items()]
        return {"kind": "dict", "items": items}
    if isinstance(value, slice):
        return {"kind": "slice", "items": [*map(_packed, (value.start, value.stop, value.step))]}
    if value is ...:
        return {"kind": "ellipsis"}
    for kind, cls in _NAMED.items():
        if isinstance(value, cls):
            return {"kind": kind, "name": str(value).removeprefix("torch.")}
    raise Unsaved(f"a file cannot hold a value of type {type(value).__name__}: {value!r}")


_NAMED: dict[str, Any] = {
    "dtype": dtype,
    "device": device,
    "layout": layout,
    "memory_format": memory_format,
}


def _value(data: Any, nodes: dict[str, Node]) -> Any:
    if not isinstance(data, dict):
        return data
    kind = data["kind"]
    if kind == "node":
        return nodes[data["name"]]
    if kind in ("dtype", "layout", "memory_format"):
        return (DTYPES if kind == "dtype" else NAMES)[data["name"]]
    if kind == "device":
        return device(data["name"])
    if kind == "ellipsis":
        return ...
    if kind == "dict":
        return {_value(k, nodes): _value(v, nodes) for k, v in data["items"]}
    items = [_value(item, nodes) for item in data["items"]]
    if kind == "slice":
        return slice(*items)
    return {"tuple": tuple, "list": list, "size": Size}[kind](items)


# ------------------------------------------------------------------------------------------- graphs


def pack(graph: Graph) -> list[dict[str, Any]]:
    """A graph's nodes as plain data.

    Raises:
        Unsaved: It calls what a file cannot name, or holds a value that a file cannot.
    """
    packed = []
    for node in graph.nodes:
        target = node.target if isinstance(node.target, str) else _function_name(node.target)
        args, kwargs = _packed(tuple(node.args)), _packed(dict(node.kwargs))
        packed.append(
            {"op": node.op, "name": node.name, "target": target, "args": args, "kwargs": kwargs}
        )
    return packed


def unpack(data: list[dict[str, Any]]) -> Graph:
    """The graph of such data.

    Raises:
        ValueError: The data name what is none of torch's functions, or no name at all.
    """
    graph = Graph()
    nodes: dict[str, Node] = {}
    for item in data:
        op, name, target = item["op"], item["name"], item["target"]
        args, kwargs = _value(item["args"], nodes), _value(item["kwargs"], nodes)
        if not _NAME.match(name):
            raise ValueError(f"the file has a node without a proper name: {name!r}")
        if op == "call_function":
            target = _function(target)
            if target is getattr and not _is_open(args[1]):
                raise ValueError(f"the file looks at an attribute that is not public: {args[1]!r}")
        elif op == "call_method":
            if not _is_open(target):
                raise ValueError(f"the file calls a method that is not public: {target!r}")
        elif not _PATH.match(str(target).lstrip("*")):
            raise ValueError(f"the file has a path that is none: {target!r}")
        nodes[name] = graph.create_node(op, target, args, kwargs, name)
        if op == "placeholder" and name == target:
            nodes[name]._name_exactly(name)
    return graph


def _is_open(name: Any) -> bool:
    """Is it the name of an attribute or method that anybody may use on a tensor?"""
    return isinstance(name, str) and bool(_NAME.match(name)) and not name.startswith("_")


# ------------------------------------------------------------------------------------------ modules


def packed_module(module: GraphModule) -> dict[str, Any]:
    """A graph module as plain data: its graph, and what that looks up.

    Raises:
        Unsaved: See `pack`; or it calls a module that is none of torch.nn's.
    """
    held: dict[str, Any] = {}
    for node in module.graph.nodes:
        if node.op in ("get_attr", "call_module"):
            held[str(node.target)] = _held(_get_attr(module, str(node.target)))
    name = type(module).__name__
    return {"name": name, "training": module.training, "nodes": pack(module.graph), "held": held}


def _held(value: Any) -> dict[str, Any]:
    if isinstance(value, GraphModule):
        return {"kind": "graph", "data": packed_module(value)}
    if isinstance(value, Module):
        return {"kind": "module", "data": _layer(value)}
    if isinstance(value, Parameter):
        return {"kind": "parameter", "data": value.detach(), "grad": value.requires_grad}
    if isinstance(value, Tensor):
        return {"kind": "tensor", "data": value.detach()}
    return {"kind": "value", "data": _packed(value)}


def _layer(layer: Module) -> dict[str, Any]:
    """A layer of torch.nn as its class's name and its attributes."""
    cls = type(layer)
    if getattr(nn, cls.__name__, None) is not cls:
        raise Unsaved(
            f"the graph calls a module of class {cls.__name__}, which is none of torch.nn's: trace "
            "through it (torch.jit.trace, or a tracer whose is_leaf_module says no)"
        )
    plain = {}
    for key, value in vars(layer).items():
        if (key.startswith("_") and key not in _KEPT) or key in ("training", "forward"):
            continue
        plain[key] = _packed(value)
    return {
        "class": cls.__name__,
        "plain": plain,
        "training": layer.training,
        "parameters": {k: p if p is None else _held(p) for k, p in layer._parameters.items()},
        "buffers": {
            k: [None if b is None else b.detach(), k not in layer._non_persistent_buffers_set]
            for k, b in layer._buffers.items()
        },
        "modules": {k: None if m is None else _layer(m) for k, m in layer._modules.items()},
    }


_KEPT = frozenset(("_all_weights", "_reversed_padding_repeated_twice", "_qkv_same_embed_dim"))


def unpacked_module(data: dict[str, Any]) -> GraphModule:
    """The graph module of such data.

    Raises:
        ValueError: See `unpack`.
    """
    root = Module()
    for path, item in data["held"].items():
        if not _PATH.match(path):
            raise ValueError(f"the file has a path that is none: {path!r}")
        _assign_attr(_made(item), root, path)
    name = data["name"] if _NAME.match(data["name"]) else "GraphModule"
    module = GraphModule(root, unpack(data["nodes"]), name)
    module.training = bool(data["training"])
    return module


def _made(item: dict[str, Any]) -> Any:
    kind, data = item["kind"], item["data"]
    if kind == "graph":
        return unpacked_module(data)
    if kind == "module":
        return _made_layer(data)
    if kind == "parameter":
        return Parameter(data, bool(item["grad"]))
    return data if kind == "tensor" else _value(data, {})


def _made_layer(data: dict[str, Any]) -> Module:
    cls = getattr(nn, data["class"], None)
    if not (isinstance(cls, type) and issubclass(cls, Module)):
        raise ValueError(f"the file names a module that is none of torch.nn's: {data['class']!r}")
    layer: Any = cls.__new__(cls)
    Module.__init__(layer)
    for key, value in data["plain"].items():
        layer.__dict__[key] = _value(value, {})
    for key, value in data["parameters"].items():
        layer.register_parameter(key, None if value is None else _made(value))
    for key, (value, persistent) in data["buffers"].items():
        layer.register_buffer(key, value, persistent)
    for key, value in data["modules"].items():
        layer.add_module(key, None if value is None else _made_layer(value))
    layer.training = bool(data["training"])
    return layer  # type: ignore[no-any-return]
