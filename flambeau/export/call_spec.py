"""How an exported module is called, and what a call has to keep to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class CallSpec(NamedTuple):
    """The nestings of a module's arguments and results.

    Attributes:
        in_spec, out_spec: As `torch.utils._pytree` describes them.
    """

    in_spec: Any
    out_spec: Any


@dataclass
class ModuleCallSignature:
    """What a module is called with, and gives."""

    inputs: list[Any]
    outputs: list[Any]
    in_spec: Any
    out_spec: Any
    forward_arg_names: list[str] | None = None


@dataclass
class ModuleCallEntry:
    """A module, and how it is called."""

    fqn: str
    signature: ModuleCallSignature | None = None


@dataclass
class OpenSize:
    """A size of an argument that stays open.

    Attributes:
        leaf: The place of the argument among the leaves.
        dim: The dimension.
        symbol: Its name.
        factor, shift: The size is ``symbol * factor + shift``.
    """

    leaf: int
    dim: int
    symbol: str
    factor: int = 1
    shift: int = 0


@dataclass
class Checks:
    """What a call has to keep to.

    Attributes:
        names: The leaves' names.
        shapes: Their shapes in the example; None for what is no tensor.
        values: Their values, where they are no tensors.
        sizes: The sizes that stay open.
        keywords: The names of arguments by name.
        arguments: The names of all arguments.
    """

    names: list[str]
    shapes: list[Any]
    values: list[Any]
    sizes: list[OpenSize] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
