"""A module of LLVM's language: functions, with what they need declared before them."""

from __future__ import annotations

import re

from .code import Code, Function
from .value import Value

RUNTIME = "@runtime_SYMBOL = global ptr null"
"""Where a module finds the process's table of addresses. The JIT puts them there, and a name of its own for SYMBOL."""
_SIGNATURE = re.compile(r"(.+) @([\w.]+)\((.*)\)(.*)")


def external(text: str) -> Function:
    """A function of C's library or of LLVM, by the text of its declaration: ``i32 @munmap(ptr, i64)``."""
    result, name, listed, _ = _parsed(text)
    return Function(result, name, tuple(listed), external=True)


def _parsed(text: str) -> tuple[str, str, list[str], str]:
    """The result, name, parameters and attributes of a signature."""
    found = _SIGNATURE.fullmatch(text)
    if found is None:
        raise ValueError(f"expected 'type @name(type, ...)', got {text!r}")
    result, name, listed, attributes = found.groups()
    return result, name, listed.split(", ") if listed else [], attributes.strip()


class Definition(Code):
    """A function of a module, while it is written.

    Attributes:
        parameters: Their values.
        handle: What calls it by its name.
    """

    def __init__(self, text: str, lanes: int, declarations: set[str]):
        super().__init__(lanes, declarations)
        self.result, name, self.listed, self.attributes = _parsed(text)
        words = [parameter.split() for parameter in self.listed]
        self.parameters = [Value(self, given[-1], given[0]) for given in words]
        types = tuple(given[0] for given in words)
        self.handle = Function(self.result.removeprefix("internal "), name, types)

    def text(self) -> str:
        signature = f"@{self.handle.name}({', '.join(self.listed)})"
        return self.function(signature, self.result, self.attributes)


class Module:
    """The functions of one compilation.

    Attributes:
        declarations: Of what stands outside.
        variables: Definitions of global variables.
        functions: In their order; as text, those that were written by a `Code` of their own.
    """

    def __init__(self, declarations: set[str] | None = None):
        self.declarations: set[str] = set() if declarations is None else declarations
        self.variables: list[str] = []
        self.functions: list[Definition | str] = []

    def define(self, text: str, lanes: int = 1) -> Definition:
        """Begin a function: ``define("internal i64 @name(i64 %x, ptr noalias %y) noinline")``."""
        made = Definition(text, lanes, self.declarations)
        self.functions.append(made)
        return made

    def add(self, *functions: str) -> None:
        self.functions += functions

    def text(self) -> str:
        functions = [f if isinstance(f, str) else f.text() for f in self.functions]
        declarations = "\n".join(sorted(self.declarations))
        return "\n".join([RUNTIME, *self.variables, declarations, *functions])
