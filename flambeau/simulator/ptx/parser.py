"""PTX text as objects: variables, functions, and what stands in their bodies. What an instruction does is `decoder.py`'s."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

WIDTHS = {
    "pred": 1,
    "b8": 1,
    "u8": 1,
    "s8": 1,
    "b16": 2,
    "u16": 2,
    "s16": 2,
    "f16": 2,
    "bf16": 2,
} | {
    f"{kind}{bits}": bits // 8
    for kind, sizes in (("b", (32, 64, 128)), ("u", (32, 64)), ("s", (32, 64)), ("f", (32, 64)))
    for bits in sizes
}
"""Bytes of PTX's types."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_LINES = re.compile(r"^\s*\.(?:loc|file|version|target|address_size)\b[^\n]*", re.M)
_HEAD = re.compile(
    r"((?:\.\w+\s+)*)\.(entry|func)\s+(?:\(([^)]*)\)\s*)?([\w$]+)\s*(?:\(([^)]*)\))?([^{;]*)([{;])"
)
_VARIABLE = re.compile(
    r"((?:\.(?:visible|extern|weak|common)\s+)*)\.(global|const|shared|local|param)\s+(?:\.align\s+(\d+)\s+)?"
    r"(?:\.ptr\s+)?\.(\w+)\s+([\w$]+)((?:\[\d*\])*)\s*(?:=\s*(.*))?$",
    re.S,
)
_PARAMETER = re.compile(
    r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(?:\.ptr\s+(?:\.\w+\s+)*?(?:\.align\s+\d+\s+)?)?([\w$]+)(?:\[(\d+)\])?$"
)
_REGISTER = re.compile(r"\.reg\s+\.(\w+)\s+(.*)", re.S)
_LABEL = re.compile(r"([\w$%]+)\s*:(?!:)\s*")
_INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([a-z][\w.:]*)\s*(.*)", re.S)
_OPERAND = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\([^)]*\)|[^,\s(][^,]*")


def listed(text: str) -> list[str]:
    """An operand's registers: one, or those in braces."""
    return [x.strip() for x in text.strip("{}").split(",")]


def place(text: str) -> tuple[str, int]:
    """What stands in brackets: a register or a name, and the bytes behind it."""
    found = re.fullmatch(r"\[\s*([%\w$.]+)\s*(?:\+\s*(-?\w+))?\s*\]", text)
    if found is None:
        raise ValueError(f"the simulator does not read the address {text!r}")
    return found[1], int(found[2] or "0", 0)


@dataclass(slots=True)
class Variable:
    """Memory with a name: how much, how it is aligned, and what it holds at first."""

    name: str
    space: str
    size: int
    align: int
    initial: bytes = b""
    is_dynamic: bool = False


@dataclass(slots=True)
class Parameter:
    """A parameter of a function: its type's name, its bytes, and how they are aligned."""

    name: str
    type: str
    size: int
    align: int


@dataclass(slots=True)
class Instruction:
    """One instruction: its name's parts, its operands' texts, and the predicate that it waits for."""

    text: str
    name: str
    modifiers: tuple[str, ...]
    operands: list[str]
    guard: str = ""
    negated: bool = False
    targets: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Function:
    """A kernel or a function that kernels call.

    Attributes:
        body: Instructions, and labels as texts.
        registers: The type of each register; "%r" stands for all that are called so and numbered.
    """

    name: str
    is_kernel: bool
    parameters: list[Parameter]
    results: list[Parameter]
    registers: dict[str, str] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    body: list[Instruction | str] = field(default_factory=list)
    bound: int = 1024


@dataclass(slots=True)
class Module:
    """What one PTX text declares."""

    functions: dict[str, Function]
    variables: list[Variable]


@lru_cache(16)
def parse(text: str) -> Module:
    """A PTX text's module.

    Raises:
        ValueError: This is not PTX as the simulator reads it.
    """
    text = _LINES.sub("", _COMMENT.sub("", text))
    module = Module({}, [])
    at = 0
    while (at := _skip(text, at)) < len(text):
        head = _HEAD.match(text, at)
        if head is None:
            stop = text.find(";", at)
            if stop < 0:
                raise ValueError(f"PTX ends within {text[at : at + 40]!r}")
            module.variables.append(_variable(text[at:stop]))
            at = stop + 1
            continue
        at = head.end()
        if head[7] == "{":
            start, at = at, _closing(text, at)
            function = _function(head, text[start : at - 1])
            module.functions[function.name] = function
    return module


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _closing(text: str, at: int) -> int:
    """Behind the brace that closes the one before `at`."""
    depth = 1
    for found in re.compile("[{}]").finditer(text, at):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return found.end()
    raise ValueError("PTX ends within a function")


def _variable(text: str) -> Variable:
    found = _VARIABLE.match(text.strip())
    if found is None:
        raise ValueError(f"the simulator does not read PTX's {text.strip()[:80]!r}")
    linkage, space, align, type, name, dimensions, initial = found.groups()
    width = size = WIDTHS[type]
    counts = re.findall(r"\[(\d*)\]", dimensions)
    for count in counts:
        size *= int(count or 0)
    return Variable(
        name,
        space,
        size,
        int(align or width),
        _bytes(initial, width, type) if initial else b"",
        is_dynamic="extern" in linkage and space == "shared",
    )


def _bytes(initial: str, width: int, type: str) -> bytes:
    """A variable's first values; the rest is zeros."""
    made = b""
    for item in initial.strip("{} \n").split(","):
        item = item.strip()
        if not re.fullmatch(r"-?\d+|0[xX][0-9a-fA-F]+|0[fd][0-9a-fA-F]+", item):
            raise ValueError(f"the simulator does not put {item!r} into variables")
        word = int(item[2:], 16) if item[1:2] in ("f", "d") else int(item, 0)
        made += (word & (1 << 8 * width) - 1).to_bytes(width, "little")
    return made


def _parameters(text: str | None) -> list[Parameter]:
    made = []
    for item in filter(None, (part.strip() for part in (text or "").split(","))):
        found = _PARAMETER.match(item)
        if found is None:
            raise ValueError(f"the simulator does not read the parameter {item!r}")
        align, type, name, count = found.groups()
        width = WIDTHS[type]
        made.append(Parameter(name, type, width * int(count or 1), int(align or width)))
    return made


def _function(head: re.Match[str], body: str) -> Function:
    _, kind, results, name, parameters, directives, _ = head.groups()
    made = Function(name, kind == "entry", _parameters(parameters), _parameters(results))
    bound = re.search(r"\.(?:maxntid|reqntid)\s+([\d, ]+)", directives)
    if bound:
        made.bound = 1
        for count in bound[1].split(","):
            made.bound *= int(count)
    lists: dict[str, list[str]] = {}
    for statement in body.split(";"):
        _statement(made, statement, lists)
    for item in made.body:
        if isinstance(item, Instruction) and item.name == "brx":
            item.targets = lists[item.operands[1]]
    return made


def _statement(function: Function, text: str, lists: dict[str, list[str]]) -> None:
    text = text.strip().lstrip("{} \n\t")
    label = ""
    while found := _LABEL.match(text):
        label = found[1]
        function.body.append(label)
        text = text[found.end() :].lstrip("{} \n\t")
    if not text:
        return
    if not text.startswith("."):
        function.body.append(_instruction(text))
    elif text.startswith(".reg"):
        _registers(function, text)
    elif text.startswith(".branchtargets"):
        lists[label] = [name.strip() for name in text[len(".branchtargets") :].split(",")]
    elif not text.startswith((".pragma", ".callprototype")):
        function.variables.append(_variable(text))


def _registers(function: Function, text: str) -> None:
    found = _REGISTER.match(text)
    if found is None:
        raise ValueError(f"the simulator does not read {text!r}")
    for name in found[2].split(","):
        function.registers[name.strip().partition("<")[0]] = found[1]


def _instruction(text: str) -> Instruction:
    found = _INSTRUCTION.match(text)
    if found is None:
        raise ValueError(f"the simulator does not read the instruction {text!r}")
    negated, guard, full, rest = found.groups()
    name, *modifiers = full.split(".")
    modifiers = [m.removeprefix(":") for m in modifiers]
    operands = [operand.strip() for operand in _OPERAND.findall(rest)]
    shown = " ".join(text.split())
    return Instruction(shown, name, tuple(modifiers), operands, guard or "", bool(negated))


__all__ = [
    "WIDTHS", "Function", "Instruction", "Module", "Parameter", "Variable", "listed", "parse", "place",
]  # fmt: skip
