"""The fast path of a rule operation: its usual call and its backward, written out from its signature.

`Operation.general` and `RuleNode.backward` take any call; they walk lists of operands and fill dictionaries.
Nearly all calls give one array of the first operand's kind. For that case a function is written for
each set of operands that are there (others are None), and a node class whose backward calls the
rule with what it asks for. Operations with several results have a function that makes tensors of them and
records these. Whatever is different is handed to the general path before anything was done, or with
the values that were computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...autograd.node import Port, next_sequence
from ...autograd.report import check_versions
from ...core import tensor as handle
from ...core.dtype import FLOAT
from ...core.quiet import restore, silence, silent
from ...core.tensor import wrap
from ..arguments import REQUIRED

NODE_SLOTS = (
    "edges", "saved", "cells", "versions", "sequence", "shape", "kind", "hooks", "notes", "checked",
    "options", "origins",
)  # fmt: skip


class Patterns(dict):
    """The function for each tuple that says which operands are there, written when first asked for."""

    def __init__(self, operation: Any, base: type):
        self.operation, self.base = operation, base

    def __missing__(self, present: tuple[bool, ...]) -> Callable:
        made = self[present] = _call(self.operation, present, self.base)
        return made


class Several(dict):
    """For the operands that are there and a number of results: what makes tensors of the results."""

    def __init__(self, operation: Any, like: Callable):
        self.operation, self.like = operation, like

    def __missing__(self, key: tuple[tuple[bool, ...], int]) -> Callable:
        made = self[key] = _several(self.operation, *key, self.like)
        return made


def write_fast_path(operation: Any, node: type, like: Callable) -> None:
    """Give an operation a class of its own, which has the written call.

    Args:
        node: The class of the nodes of rule operations.
        like: Makes a tensor of any array, on the device of a tensor.
    """
    cls = type(operation)
    patterns = Patterns(operation, node)
    call = patterns[(True,) * len(operation.operands)]
    operation.patterns, operation.several = patterns, Several(operation, like)
    operation.__class__ = type(cls.__name__, (cls,), {"__call__": call, "__slots__": ()})


def _call(operation: Any, present: tuple[bool, ...], base: type) -> Callable:
    """``__call__(self, *operands, *options)`` where just these operands are there."""
    names, options = operation.operands, list(operation.arguments)[len(operation.operands) :]
    there = [i for i, here in enumerate(present) if here]
    scope: dict[str, Any] = {
        "handle": handle, "_mode": mode, "ndarray": np.ndarray, "silence": silence,
        "restore": restore, "silent": silent, "next_sequence": next_sequence,
    }  # fmt: skip
    signature = list(names)
    for name, default in operation.defaults.items():
        scope[f"default_{name}"] = default
        signature.append(name if default is REQUIRED else f"{name}=default_{name}")
    given = f"({_listed(names)}), ({_listed(options)})"
    lines = [f"def {operation.name}(self, {', '.join(signature)}):"]
    if all(present) and len(names) > 1:
        absent = " or ".join(f"{name} is None" for name in names[1:])
        found = _listed([f"{name} is not None" for name in names])
        lines += [
            f"    if {absent}:",
            f"        return self.patterns[{found}](self, {', '.join([*names, *options])})",
        ]
    lines.append("    try:")
    for i in there:
        lines.append(f"        a{i}, n{i} = {names[i]}._array, {names[i]}._node")
    arrays = [f"a{i}" if here else "None" for i, here in enumerate(present)]
    lines += [
        f"        kind = {names[0]}._kind",
        "    except AttributeError:",
        f"        return self.general({given})",
        "    token = silence(silent)",
        "    try:",
        f"        v0 = self.compute({', '.join([*arrays, *options])})",
        "    finally:",
        "        restore(token)",
        "    if v0.__class__ is tuple:",
        f"        return self.several[{present}, len(v0)](v0, {', '.join([*names, *options])})",
        "    if v0.__class__ is not ndarray or v0.dtype is not kind.numpy:",
        f"        return self.finish(v0, {given})",
        "    r0 = handle.make(v0, kind, None, [0], None)",
    ]
    if operation.differentiable is None or 0 in operation.differentiable:
        wanted = " or ".join(f"n{i} is not None" for i in there)
        lines.append(f"    if ({wanted}) and _mode.recording and kind.dtype.category >= {FLOAT}:")
        lines += ["        " + line for line in _recorded(operation, present, options, 1)]

        def make_node(*values: Any) -> Any:
            """Makes the class when something is first recorded."""
            kernels.enabled()  # so that the constructor is a native one
            cls = _node(operation, present, base)
            scope["make_node"] = make = kernels.constructor(cls, *NODE_SLOTS)
            return make(*values)

        scope["make_node"] = make_node
    lines.append("    return r0")
    exec(compile("\n".join(lines), f"<flambeau {operation.name}>", "exec"), scope)
    return scope[operation.name]


def _listed(items: Any) -> str:
    """A tuple's inside, with the comma that a single item needs."""
    return "".join(f"{item}, " for item in items)


def _kept(operation: Any, present: tuple[bool, ...]) -> list[tuple[str, int | None, int | None]]:
    """What the rule asks to be kept, and which operand or output that is."""
    return [
        (name, operand, output)
        for name, operand, output in operation.keeps
        if (present[operand] if operand is not None else output is not None or name == "y")
    ]


def _differentiable(operation: Any, count: int) -> list[int]:
    """The outputs that have a gradient if they are floating."""
    some = operation.differentiable
    return [i for i in range(count) if some is None or i in some]


def _recorded(
    operation: Any, present: tuple[bool, ...], options: list[str], count: int
) -> list[str]:
    """Lines that make the node of the results r0, r1, ... with the arrays v0, v1, ..."""
    kept = _kept(operation, present)
    differentiable_outputs = _differentiable(operation, count)
    tensors: list[str] = []
    edges: list[str] = []
    arrays: list[str] = []
    for _, operand, output in kept:
        if operand is not None:
            found = operation.operands[operand], f"n{operand}", f"a{operand}"
        else:
            edge = "'y'" if count == 1 else output if output in differentiable_outputs else None
            found = f"r{output or 0}", f"{edge}", f"v{output or 0}"
        for items, item in zip((tensors, edges, arrays), found):
            items.append(item)
    facts = [f"{name!r}: {name}" for name in options]
    for i, (name, ask) in enumerate(zip(operation.operands, operation.asks_shapes)):
        if not present[i]:
            facts.append(f"{name!r}: None")
        elif ask:
            facts.append(f"{ask!r}: a{i}.shape")
    nodes = [f"n{i}" if here else "None" for i, here in enumerate(present)]
    if "needs" in operation.asks:
        needs = [f"{n} is not None" if n != "None" else "False" for n in nodes]
        facts.append(f"'needs': ({_listed(needs)})")
    origins = [f"({n!r}, {e}, {t}._kind)" for (n, _, _), e, t in zip(kept, edges, tensors)]
    cells = [f"c{j}" for j in range(len(kept))]
    shapes = f"({_listed(f'(v{i}.shape, r{i}._kind)' for i in range(count))})"
    return [
        *(f"{cell} = {tensor}._cell" for cell, tensor in zip(cells, tensors)),
        f"node = make_node(({_listed(nodes)}), ({_listed(arrays)}), "
        f"({_listed(cells)}), ({_listed(f'{cell}[0]' for cell in cells)}), next_sequence(), "
        f"{'v0.shape' if count == 1 else shapes}, r0._kind, None, None, range({len(kept)}), "
        f"{{{', '.join(facts)}}}, [{', '.join(origins)}])",
        *(["r0._node = node"] if count == 1 else [
            f"r{i}._node = Port(node, {i}, v{i}.shape, r{i}._kind)" for i in differentiable_outputs
        ]),
        "for watch in _mode.watchers:",
        f"    watch(node, [{_listed(f'r{i}' for i in range(count))}])",
    ]  # fmt: skip


def _several(operation: Any, present: tuple[bool, ...], count: int, like: Callable) -> Callable:
    """``f(_values, *operands, *options)``: the tensors of several results, recorded if that is wanted."""
    names, options = operation.operands, list(operation.arguments)[len(operation.operands) :]
    there = [i for i, here in enumerate(present) if here]
    results = f"({_listed(f'r{i}' for i in range(count))})"
    lines = [
        f"def {operation.name}(_values, {', '.join([*names, *options])}):",
        f"    {_listed(f'v{i}' for i in range(count))} = _values",
        f"    kind = {names[0]}._kind",
    ]
    for i in range(count):
        lines += [
            f"    if v{i}.__class__ is ndarray and v{i}.dtype is kind.numpy:",
            f"        r{i} = handle.make(v{i}, kind, None, [0], None)",
            f"    else: r{i} = like(v{i}, {names[0]})",
        ]
    differentiable_outputs = _differentiable(operation, count)
    if differentiable_outputs:
        wanted = " or ".join(f"n{i} is not None" for i in there)
        floating = " and ".join(
            f"r{i}._kind.dtype.category >= {FLOAT}" for i in differentiable_outputs
        )
        nodes = _listed(f"n{i}" if here else "None" for i, here in enumerate(present))
        lines += [
            *(f"    a{i}, n{i} = {names[i]}._array, {names[i]}._node" for i in there),
            f"    if ({wanted}) and _mode.recording:",
            f"        if not ({floating}):",
            f"            record({results}, ({_listed(names)}), ({nodes}), ({_listed(options)}))",
            f"            return {results}",
            *("        " + line for line in _recorded(operation, present, options, count)),
        ]
    scope = {
        "handle": handle, "_mode": mode, "ndarray": np.ndarray, "next_sequence": next_sequence,
        "Port": Port, "like": like, "record": operation.record,
        "make_node": operation.node_class(count).make,
    }  # fmt: skip
    lines.append(f"    return {results}")
    exec(compile("\n".join(lines), f"<flambeau {operation.name}, results>", "exec"), scope)
    return scope[operation.name]


def _node(operation: Any, present: tuple[bool, ...], base: type) -> type:
    """The class of the nodes of such calls."""
    made: dict[str, Any] = {"__slots__": (), "operation": operation, "outputs": 1}
    if operation.rule is not None:
        made["backward"] = _backward(operation, present, base)
    return type(operation.node_name, (base,), made)


def _backward(operation: Any, present: tuple[bool, ...], base: type) -> Callable:
    """``backward(self, g)``: the rule on what it asks for."""
    places = {name: i for i, (name, _, _) in enumerate(_kept(operation, present))}
    asked = []
    for name in operation.asks:
        if name == "g":
            asked.append("wrap(g, self.kind)")
        elif name in places:
            asked.append(f"wrap(s[{places[name]}], r[{places[name]}][2])")
        else:
            asked.append(f"o[{name!r}]")
    lines = [
        "def backward(self, g):",
        "    for cell, version in zip(self.cells, self.versions):",
        "        if cell[0] != version:",
        "            check_versions(self)",
        "    if self.notes is not None:  # what was saved may have to be unpacked",
        "        return general(self, g)",
        "    s, o, r = self.saved, self.options, self.origins",
        f"    parts = self.operation.rule({', '.join(asked)})",
        "    if parts.__class__ is tuple or parts.__class__ is list:",
        "        return [None if part is None else part._array for part in parts]",
        "    return [None if parts is None else parts._array]",
    ]
    scope: dict[str, Any] = {"check_versions": check_versions, "wrap": wrap}
    scope["general"] = base.backward  # type: ignore[attr-defined]
    exec(compile("\n".join(lines), f"<flambeau {operation.name}, back>", "exec"), scope)
    return scope["backward"]
