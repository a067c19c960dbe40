"""A kernel's body as one list of instructions: called functions pasted in, predicates as branches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .operation import CARRY, Unsupported
from .parser import WIDTHS, Function, Instruction, Module, Parameter, Variable, listed, place

SPECIAL = re.compile(
    r"%(?:(?:n?tid|n?ctaid)\.[xyz]|laneid|n?warpid|n?smid|gridid|lanemask_(?:eq|lt|le|gt|ge)|clock(?:64)?|globaltimer|"
    r"dynamic_smem_size|total_smem_size)$"
)
"""Registers that say who a thread is and how it was launched."""
_NAME = re.compile(r"%[\w$.]+")
_ENDS = ("ret", "exit")


@dataclass(slots=True)
class Body:
    """Instructions and labels, and what they name.

    Attributes:
        widths: Bytes of registers; "%r" stands for all that are called so and numbered.
    """

    items: list[Instruction | str]
    widths: dict[str, int]
    parameters: list[Parameter]
    variables: list[Variable] = field(default_factory=list)


def flattened(module: Module, function: Function) -> Body:
    """A kernel's body.

    Raises:
        Unsupported: A function calls itself, or one that is not in the module.
    """
    widths = {name: WIDTHS[type] for name, type in function.registers.items()}
    widths[CARRY] = 1
    made = Body([], widths, function.parameters, list(function.variables))
    own = {parameter.name for parameter in function.parameters}
    for item in _pasted(module, function, made, (function.name,)):
        if isinstance(item, Instruction) and item.modifiers[:1] == ("param",):
            made.items += _moved(item, own, made)
        else:
            made.items.append(item)
    return made


def _moved(item: Instruction, own: set[str], into: Body) -> Iterator[Instruction]:
    """An access to a parameter of a called function: a copy from register to register."""
    text, value = item.operands if item.name == "st" else item.operands[::-1]
    base, offset = place(text)
    if base in own or base.startswith("%"):
        yield item
        return
    width = WIDTHS[item.modifiers[-1]]
    for k, register in enumerate(listed(value)):
        name = f"%parameter.{base}.{offset + k * width}."
        into.widths[name] = max(2, width)
        pair = [name, register] if item.name == "st" else [register, name]
        yield replace(item, name="mov", modifiers=(f"b{8 * max(2, width)}",), operands=pair)


def _pasted(
    module: Module, function: Function, into: Body, callers: tuple[str, ...]
) -> list[Instruction | str]:
    made: list[Instruction | str] = []
    for item in function.body:
        if isinstance(item, str):
            made.append(item)
        elif item.name == "call":
            made += _called(module, item, into, callers)
        elif item.guard and item.name not in ("bra",):
            made += _guarded(item, into)
        else:
            made.append(item)
    return made


def _guarded(item: Instruction, into: Body) -> list[Instruction | str]:
    """An instruction under a predicate: a branch around it."""
    label = f"guard.{len(into.widths)}.{id(item)}"
    around = Instruction(item.text, "bra", (), [label], item.guard, not item.negated)
    return [around, replace(item, guard="", negated=False), label]


def _called(
    module: Module, call: Instruction, into: Body, callers: tuple[str, ...]
) -> list[Instruction | str]:
    results, name, given = _operands(call)
    callee = module.functions.get(name)
    if callee is None or name in callers:
        why = "calls itself" if name in callers else "is not in its module"
        raise Unsupported(f"the simulator does not execute {call.text!r}: {name} {why}")
    number = len(into.widths)
    prefix = f"call{number}."
    into.widths |= {
        f"%{prefix}{register[1:]}": WIDTHS[type] for register, type in callee.registers.items()
    }
    into.variables += [
        replace(variable, name=prefix + variable.name)
        for variable in callee.variables
        if variable.space == "local"
    ]
    names = dict(zip((p.name for p in callee.results), results, strict=True))
    names |= dict(zip((p.name for p in callee.parameters), given, strict=True))
    names |= {v.name: prefix + v.name for v in callee.variables if v.space in ("local", "param")}
    end = f"{prefix}end"
    made: list[Instruction | str] = []
    for item in _pasted(module, callee, into, (*callers, name)):
        made.append(
            f"{prefix}{item}" if isinstance(item, str) else _renamed(item, prefix, names, end)
        )
    return [*_guarded_call(call, end), *made, end]


def _guarded_call(call: Instruction, end: str) -> list[Instruction | str]:
    if not call.guard:
        return []
    return [Instruction(call.text, "bra", (), [end], call.guard, not call.negated)]


def _operands(call: Instruction) -> tuple[list[str], str, list[str]]:
    lists = [
        [x.strip() for x in text.strip("()").split(",") if x.strip()]
        for text in call.operands
        if text.startswith("(")
    ]
    name = next(text for text in call.operands if not text.startswith("("))
    results = lists.pop(0) if call.operands[0].startswith("(") else []
    return results, name, lists[0] if lists else []


def _renamed(item: Instruction, prefix: str, names: dict[str, str], end: str) -> Instruction:
    """An instruction of a called function, where it is called."""
    if item.name in _ENDS and item.name == "ret":
        return replace(item, name="bra", modifiers=("uni",), operands=[end])
    labels = item.name in ("bra", "brx")
    made = [
        _text(operand, prefix, names, labels and k == 0) for k, operand in enumerate(item.operands)
    ]
    guard = f"%{prefix}{item.guard[1:]}" if item.guard else ""
    return replace(
        item, operands=made, guard=guard, targets=[prefix + target for target in item.targets]
    )


def _text(operand: str, prefix: str, names: dict[str, str], is_label: bool) -> str:
    if is_label and not operand.startswith("%"):
        return prefix + operand
    operand = _NAME.sub(lambda m: m[0] if SPECIAL.match(m[0]) else f"%{prefix}{m[0][1:]}", operand)
    return re.sub(r"(?<![%\w$.])[a-zA-Z_$][\w$]*", lambda m: names.get(m[0], m[0]), operand)


__all__ = ["SPECIAL", "Body", "flattened"]
