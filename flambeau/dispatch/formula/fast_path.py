"""The fast path of a formula operation: its usual call, written out from its signature.

`FormulaOperation.general` takes any call and looks at everything that a call can be. Nearly all calls are one
case: tensors of one kind, Python numbers that fit it, nothing to promote, no class that overrides. For that
case a function is written, once for each set of operands that are there; what it cannot take it
hands to the general path, which does the call anew and explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.quiet import quiet
from ...core.tensor import UNVERSIONED, Tensor, wrap_dim
from ...formula.evaluate import row_length
from ..write import finish_write
from .formula_node import NO_CELL

FALLBACK = (AttributeError, KeyError, ValueError, TypeError, OverflowError, IndexError)
"""What the fast path may stumble over."""

REAL = frozenset((int, float))


class FastPath(dict):
    """The function for each tuple that says which operands are there, written when first asked for.

    form: "new" for ``f(*operands, statics, numbers)``, "into" for the same in place, "out" for
        ``f(*operands, statics, numbers, out)``, "rows" for
        ``f(*operands, statics, numbers, dim, keepdim)``. Absent operands are None.
    """

    def __init__(self, operation: Any, form: str):
        self.operation, self.form = operation, form

    def __missing__(self, present: tuple[bool, ...]) -> Callable:
        made = self[present] = _write(self.operation, present, self.form)
        return made


class Axes(dict):
    """The axes of a row kernel, counted from the end, for each `dim` and number of dimensions."""

    def __missing__(self, key: tuple[Any, int]) -> tuple[int, ...] | None:
        dim, ndim = key
        if not ndim:
            raise KeyError(key)
        if dim is None or dim == ():
            return None
        dims = [wrap_dim(int(d), ndim) for d in (dim if isinstance(dim, tuple) else (dim,))]
        if len(set(dims)) < len(dims):
            raise KeyError(key)
        axes = self[key] = tuple(d - ndim for d in sorted(dims))
        return axes


def _write(operation: Any, present: tuple[bool, ...], form: str) -> Callable:
    names = [n for n, there in zip(operation.operands, present) if there]
    scope: dict[str, Any] = {
        "specializations": operation.specializations,
        "slow": operation.slow if form == "rows" else operation.general,
        "make": handle.make,
        "mode": mode,
        "ndarray": np.ndarray,
        "FALLBACK": FALLBACK,
        "REAL": REAL,
        "NO_CELL": NO_CELL,
        "UNVERSIONED": UNVERSIONED,
        "Tensor": Tensor,
        "finish_write": finish_write,
        "recorded": recorded,
        "AXES": AXES,
        "dropped": dropped,
    }
    extra = {"rows": ", dim, keepdim", "out": ", out"}.get(form, "")
    body = _heads(operation, names, present)
    tail = {"new": _made, "into": _written, "out": _given, "rows": _reduced}[form]
    given = "".join(f"{n if there else None}, " for n, there in zip(operation.operands, present))
    again = {
        "new": f"slow(({given}), statics, numbers)",
        "into": f"slow(({given}), statics, numbers, None, True)",
        "out": f"slow(({given}), statics, numbers, out)",
        "rows": f"slow(({given}), dim, keepdim, None, None, statics, numbers)",
    }[form]
    lines = [
        f"def {operation.name}({', '.join(operation.operands)}, statics, numbers{extra}):",
        "    while True:  # once: `break` leads to the general path",
        "        try:",
        *("            " + line for line in (*body, *tail(operation, names))),
        "        except FALLBACK:",
        "            break",
        *("        " + line for line in _finish(names, form)),
        f"    return {again}",
    ]
    exec(compile("\n".join(lines), f"<flambeau {operation.name}>", "exec"), scope)
    return scope[operation.name]


AXES = Axes()


def _heads(operation: Any, names: list[str], present: tuple[bool, ...]) -> list[str]:
    """Lines that take the operands apart: arrays a, nodes n, and the specialisation."""
    voters = [n for n in names if n not in operation.not_promoted]
    first = voters[0]
    lines = [f"kind = {first}._kind"]
    for i, name in enumerate(names):
        tensor = [f"a{i} = {name}._array", f"n{i} = {name}._node"]
        if name in operation.not_promoted:
            lines += [f"k{i} = {name}._kind", f"if k{i}.device is not kind.device: break", *tensor]
        elif name == first:
            lines += tensor
        else:
            check = f"if {name}._kind is not kind: break"
            if name not in operation.numbers:
                lines += [check, *tensor]
                continue
            lines += [
                f"if {name}.__class__ in REAL:",
                f"    if {name}.__class__ not in kind.numbers: break",
                f"    a{i} = kind._scalars.get({name})",
                f"    if a{i} is None: a{i} = kind.scalar({name})",
                f"    n{i} = None",
                "else:",
                f"    {check}",
                *("    " + line for line in tensor),
            ]
    lines += [
        f"if numbers[{i}].__class__ not in REAL: break" for i in range(len(operation.parameters))
    ]
    where = iter(range(len(names)))
    kinds = ""
    for name, there in zip(operation.operands, present):
        i = next(where) if there else None
        kinds += (
            "None, " if i is None else f"k{i}, " if name in operation.not_promoted else "kind, "
        )
    lines += [
        f"spec = specializations[({kinds}), kind, statics]",
        "if not spec.has_fast_path: break",
    ]
    return lines


def _wanted(names: list[str]) -> str:
    some = " or ".join(f"n{i} is not None" for i in range(len(names)))
    return f"({some}) and mode.recording"


def _each(names: list[str], letter: str) -> str:
    return "".join(f"{letter}{i}, " for i in range(len(names)))


def _made(operation: Any, names: list[str]) -> list[str]:
    some = "".join(f"n{i} is not None, " for i in range(len(names)))
    cells = "".join(
        f"NO_CELL if {n}.__class__ in REAL else {n}._cell, "
        if n in operation.numbers
        else f"{n}._cell, "
        for n in names
    )
    nodes, arrays = _each(names, "n"), _each(names, "a")
    edges = f"({nodes})" if len(names) == 1 else f"tuple([n for n in ({nodes}) if n is not None])"
    return [
        f"if {_wanted(names)} and spec.floating:",
        f"    cls = spec.plans[{some}]",
        "    if cls.extended is not None:",
        f"        array = recorded(spec, ({', '.join(names)},), ({arrays}), ({nodes}), numbers, None)",
        "    else:",
        f"        array = spec.run({arrays}*numbers)",
        "        if array.__class__ is not ndarray: array = spec.common.xp.asarray(array)",
        "        cell = [0]",
        f"        node = cls.record({edges}, {arrays}array, {cells}cell, array.shape, spec.result, "
        "numbers, None)",
        "        array = make(array, spec.result, node, cell, None)",
        f"else: array = spec.run({arrays}*numbers)",
    ]


def _written(_: Any, names: list[str]) -> list[str]:
    target = names[0]
    return [
        "if spec.result is not kind or not a0.flags.carray: break",
        f"if mode.recording and ({target}._base is not None or {_wanted(names)}): break",
        f"if {target}._cell[0] is UNVERSIONED: break",
        f"spec.into(a0, {_each(names, 'a')}*numbers)",
    ]


def _given(_: Any, names: list[str]) -> list[str]:
    """Into `out`, where that has the shape of an operand: a larger result is refused when it is written."""
    same = " and ".join(f"shape != a{i}.shape" for i in range(len(names)))
    return [
        "array = out._array",
        "shape = array.shape",
        f"if {same} or out._kind is not spec.result or not array.flags.carray: break",
        f"if mode.recording and (out._node is not None or out._base is not None or {_wanted(names)}): break",
        "if out._cell[0] is UNVERSIONED: break",
        f"spec.into(array, {_each(names, 'a')}*numbers)",
    ]


def _reduced(_: Any, names: list[str]) -> list[str]:
    return [
        "axes = AXES[dim, a0.ndim]",
        "drops = not keepdim and spec.reduces",
        f"if {_wanted(names)} and spec.floating:",
        f"    array = recorded(spec, ({', '.join(names)},), ({_each(names, 'a')}), "
        f"({_each(names, 'n')}), (*numbers, axes), dropped(a0, axes) if drops else None)",
        f"else: array = (spec.flat if drops else spec.run)({_each(names, 'a')}*numbers, axes)",
    ]


def _finish(names: list[str], form: str) -> list[str]:
    if form in ("into", "out"):
        target = names[0] if form == "into" else "out"
        return [f"finish_write({target}, None)", f"return {target}"]
    return [
        "if array.__class__ is Tensor:  # recorded",
        "    for watch in mode.watchers: watch(array._node, (array,))",
        "    return array",
        "if array.__class__ is not ndarray: array = spec.common.xp.asarray(array)",
        "return make(array, spec.result, None, [0], None)",
    ]


def dropped(array: Any, axes: tuple[int, ...] | None) -> tuple[tuple, tuple]:
    """The shape of a reduction's result with its axes kept as 1, and without them."""
    ndim = array.ndim
    if axes is None:
        return (1,) * ndim, ()
    shape = array.shape
    return (
        tuple([1 if i - ndim in axes else n for i, n in enumerate(shape)]),
        tuple([n for i, n in enumerate(shape) if i - ndim not in axes]),
    )


def recorded(
    spec: Any, operands: tuple, arrays: tuple, nodes: tuple, parameters: tuple, kept: tuple | None
) -> Any:
    """Run a specialisation of one result and record it, but for `mode.watchers`; kept: see `dropped`."""
    wanted = tuple([node is not None for node in nodes])
    cls = spec.plans[wanted]
    if cls.extended is None:
        values = (spec.run(*arrays, *parameters),)
    else:
        with quiet():
            values = cls.extended(*arrays, *parameters)
    array = values[0]
    if kept is not None:
        array, kept = array.reshape(kept[1]), kept[0]
    elif array.__class__ is not np.ndarray:
        array = spec.common.xp.asarray(array)
        values = (array, *values[1:])
    if cls.gradient.counted:
        parameters = (*parameters[:-1], row_length(arrays[0], parameters[-1]), parameters[-1])
    cell = [0]
    node = cls.record(
        nodes if False not in wanted else tuple([node for node in nodes if node is not None]),
        *arrays,
        *values,
        *[NO_CELL if x.__class__ in REAL else x._cell for x in operands],
        cell,
        array.shape,
        spec.result,
        parameters,
        kept,
    )
    return handle.make(array, spec.result, node, cell, None)


__all__ = ["AXES", "FastPath", "dropped"]
