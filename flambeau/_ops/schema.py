"""Schemas: the signature of an operation as PyTorch writes it, read and checked.

    add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
    add_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)

``(a!)`` marks an argument that is written to, ``(a)`` one whose memory the result shares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..core.device import device
from ..core.dtype import dtype
from ..core.layout import layout, memory_format
from ..core.tensor import Tensor

_SHOWN = {
    "Scalar": "number",
    "SymInt": "int",
    "ScalarType": "int",
    "Layout": "int",
    "MemoryFormat": "int",
    "float": "float",
}
_TYPE = re.compile(
    r"(?P<base>Dict\([\w, ]+\)|__torch__[\w.]+|[A-Za-z_]\w*)"
    r"(?P<alias>\((?P<set>[\w*|> ]*)(?P<write>!)?(?P<after>[^)]*)\))?"
    r"(?P<rest>(\[\d*\]|\?|\(\w+!?\))*)"
)
_CLASSES: dict[str, Any] = {
    "Tensor": Tensor,
    "bool": bool,
    "str": str,
    "ScalarType": dtype,
    "Layout": layout,
    "MemoryFormat": memory_format,
}


class Type(NamedTuple):
    """The type of an argument or result.

    Attributes:
        base: "Tensor", "int", "Scalar", ...
        suffix: What follows it: "?", "[]", "[2]?" and so on.
    """

    base: str
    suffix: str

    def __str__(self) -> str:
        text = _SHOWN.get(self.base, self.base)
        for part in re.findall(r"\[\d*\]|\?", self.suffix):
            text = f"Optional[{text}]" if part == "?" else f"List[{text}]"
        return text

    def written(self) -> str:
        """As schemas write it."""
        return self.base + self.suffix

    def accepts(self, value: Any) -> bool:
        """Can a value be given for it? What is not known here is accepted."""
        return _accepts(self.base, self.suffix, value)


def _accepts(base: str, suffix: str, value: Any) -> bool:
    if suffix.endswith("?"):
        return value is None or _accepts(base, suffix[:-1], value)
    if suffix.endswith("]"):
        inner, _, size = suffix.rpartition("[")
        if isinstance(value, (list, tuple)):
            return all(_accepts(base, inner, item) for item in value)
        return size != "]" and base in ("int", "SymInt", "float") and _accepts(base, inner, value)
    if base in ("int", "SymInt"):
        return hasattr(value, "__index__") and not isinstance(value, bool)
    if base in ("float", "Scalar"):
        if isinstance(value, Tensor):
            return value.ndim == 0
        kinds = (int, float) if base == "float" else (int, float, complex)
        return isinstance(value, kinds) or hasattr(value, "__float__")
    if base == "Device":
        return isinstance(value, (device, str, int))
    kind = _CLASSES.get(base)
    return kind is None or isinstance(value, kind)


NUMBERS_AS_TENSORS = frozenset(
    f"aten::{name}{written}"
    for name in ("add", "sub", "mul", "div", "true_divide", "floor_divide", "remainder", "fmod")
    for written in ("", "_")
)
"""Operations that take numbers where their schemas say Tensor."""


class Alias(NamedTuple):
    """Which memory an argument shares with others.

    Attributes:
        before_set: The names of that memory.
        is_write: Is it written to?
    """

    before_set: frozenset[str]
    is_write: bool


_ABSENT = object()


class Argument:
    """An argument, or a result, of a schema.

    Attributes:
        name, type, kwarg_only, default_value: As in the schema.
        alias_info: Which memory it shares, or None.
    """

    __slots__ = ("_default", "alias_info", "kwarg_only", "name", "real_type", "type")

    def __init__(
        self,
        name: str,
        type: Type,
        default: Any = _ABSENT,
        kwarg_only: bool = False,
        alias_info: Alias | None = None,
    ) -> None:
        self.name, self.type, self.real_type = name, type, type
        self._default, self.kwarg_only, self.alias_info = default, kwarg_only, alias_info

    @property
    def default_value(self) -> Any:
        """The default; None also where there is none (see `has_default_value`)."""
        return None if self._default is _ABSENT else self._default

    def has_default_value(self) -> bool:
        """May it be left out?"""
        return self._default is not _ABSENT

    @property
    def is_write(self) -> bool:
        return self.alias_info is not None and self.alias_info.is_write

    @property
    def is_out(self) -> bool:
        """Is it an ``out=``: given by name, and written to?"""
        return self.kwarg_only and self.is_write

    @property
    def N(self) -> int | None:
        """How long a list has to be, or None."""
        found = re.search(r"\[(\d+)\]", self.type.suffix)
        return int(found[1]) if found else None

    def __str__(self) -> str:
        text = self.type.base
        if self.alias_info is not None:
            names = "|".join(sorted(self.alias_info.before_set))
            text += f"({names}{'!' * self.alias_info.is_write})"
        text = f"{text}{self.type.suffix}"
        if self.name:
            text += f" {self.name}"
        return text if self._default is _ABSENT else f"{text}={_default_text(self)}"

    __repr__ = __str__


def _default_text(argument: Argument) -> str:
    value = argument.default_value
    if isinstance(value, str):
        return value if argument.type.base != "str" else f'"{value}"'
    if isinstance(value, float) and value.is_integer():
        return f"{int(value)}."
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


class FunctionSchema:
    """The signature of an operation.

    Attributes:
        name: With its namespace: "aten::add".
        overload_name: "Tensor", or "".
        arguments, returns: `Argument`s.

    Example:
        >>> schema = parse_schema("my::scale(Tensor x, float s=1.) -> Tensor")
        >>> schema.name, [a.name for a in schema.arguments], str(schema)
        ('my::scale', ['x', 's'], 'my::scale(Tensor x, float s=1.) -> Tensor')
    """

    def __init__(
        self,
        name: str,
        overload_name: str,
        arguments: Sequence[Argument],
        returns: Sequence[Argument],
        several: bool | None = None,
    ) -> None:
        self.name, self.overload_name = name, overload_name
        self.arguments, self.returns = list(arguments), list(returns)
        self._several = len(self.returns) != 1 if several is None else several

    @property
    def is_mutable(self) -> bool:
        """Is an argument written to?"""
        return any(argument.is_write for argument in self.arguments)

    @cached_property
    def is_view(self) -> bool:
        """Does a result share an argument's memory without being written to?"""
        return any(
            part.alias_info is not None and not part.alias_info.is_write for part in self.returns
        )

    @cached_property
    def positional(self) -> list[Argument]:
        """The arguments that may be given in their place."""
        return [argument for argument in self.arguments if not argument.kwarg_only]

    def __str__(self) -> str:
        parts: list[str] = []
        for argument in self.arguments:
            if argument.kwarg_only and "*" not in parts:
                parts.append("*")
            parts.append(str(argument))
        results = ", ".join(map(str, self.returns))
        if self._several:
            results = f"({results})"
        name = f"{self.name}.{self.overload_name}" if self.overload_name else self.name
        return f"{name}({', '.join(parts)}) -> {results}"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionSchema) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments that were given, by name.

        Raises:
            RuntimeError: Too many, an unknown one, one too few, or one of the wrong type.
        """
        positional = self.positional
        if len(args) > len(positional):
            raise RuntimeError(
                f"{self.name}() expected at most {len(positional)} argument(s) but received "
                f"{len(args)} argument(s). Declaration: {self}"
            )
        given = dict(zip([argument.name for argument in positional], args))
        known = {argument.name: argument for argument in self.arguments}
        for name, value in kwargs.items():
            if name not in known:
                raise RuntimeError(
                    f"Unknown keyword argument '{name}' for operator '{self.name}'. Schema: {self}"
                )
            if name in given:
                raise RuntimeError(
                    f"{self.name}() got two values for argument '{name}'. Declaration: {self}"
                )
            given[name] = value
        for place, argument in enumerate(self.arguments):
            if argument.name not in given:
                if not argument.has_default_value():
                    raise RuntimeError(
                        f"{self.name}() is missing value for argument '{argument.name}'. "
                        f"Declaration: {self}"
                    )
            elif not argument.type.accepts(given[argument.name]) and not (
                self.name in NUMBERS_AS_TENSORS
                and isinstance(given[argument.name], (int, float, complex))
            ):
                value = given[argument.name]
                raise RuntimeError(
                    f"{self.name}() Expected a value of type '{argument.type}' for argument "
                    f"'{argument.name}' but instead found type '{type(value).__name__}'.\n"
                    f"Position: {place}\nValue: {value}\nDeclaration: {self}"
                )
        return given

    def filled(self, given: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """A call's arguments with defaults where none were given: in their place, and by name."""
        args = tuple(given.get(a.name, a.default_value) for a in self.positional)
        rest = {a.name: given.get(a.name, a.default_value) for a in self.arguments if a.kwarg_only}
        return args, rest


# ------------------------------------------------------------------------------------------- reading


def parse_schema(text: str) -> FunctionSchema:
    """Read a schema.

    Raises:
        RuntimeError: It is none.
    """
    found = re.fullmatch(r"\s*([\w:]+)(?:\.(\w+))?\s*\((.*)\)\s*->\s*(.*?)\s*", text, re.DOTALL)
    if found is None:
        raise RuntimeError(
            f"{text!r} is no schema: write it as 'name(Tensor x, int n=1) -> Tensor'"
        )
    name, overload, inside, results = found.groups()
    arguments: list[Argument] = []
    by_name = False
    for part in _split(inside):
        if part == "*":
            by_name = True
        else:
            arguments.append(_argument(part, by_name, text))
    several = results.startswith("(")
    inner = results[1:-1] if several else results
    returns = [_argument(part, False, text) for part in _split(inner)]
    return FunctionSchema(name, overload or "", arguments, returns, several)


def _split(text: str) -> Iterator[str]:
    """Parts between commas, but for those within brackets and strings."""
    depth, start, quoted = 0, 0, ""
    for i, char in enumerate(text):
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and not depth:
            yield text[start:i].strip()
            start = i + 1
    if text[start:].strip():
        yield text[start:].strip()


def _argument(text: str, kwarg_only: bool, schema: str) -> Argument:
    found = _TYPE.match(text)
    if found is None:
        raise RuntimeError(f"{text!r} is no argument of a schema, in {schema!r}")
    alias = None
    if found["alias"]:
        names = frozenset(part.strip() for part in found["set"].split("|"))
        alias = Alias(names, bool(found["write"]) or "!" in found["after"])
    suffix = re.sub(r"\(\w+!?\)", "", found["rest"])
    name, equal, default = text[found.end() :].strip().partition("=")
    kind = Type(found["base"], suffix)
    return Argument(
        name.strip(), kind, _value(default.strip(), kind) if equal else _ABSENT, kwarg_only, alias
    )


_WORDS = {"None": None, "True": True, "False": False, "inf": float("inf"), "Mean": 1}


def _value(text: str, kind: Type) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] in "\"'":
        return text[1:-1]
    if text.startswith("["):
        return [_value(part, kind) for part in _split(text[1:-1])]
    try:
        value = float(text)
    except ValueError:
        return text  # long, contiguous_format: a name
    whole = kind.base in ("int", "SymInt", "ScalarType") or re.fullmatch(r"-?\d+", text)
    if kind.base == "Device" or (whole and kind.base != "float"):
        return int(value)
    return value
