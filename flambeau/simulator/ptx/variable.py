"""Where a kernel's variables and parameters lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .body import Body
from .parser import WIDTHS, Instruction, Parameter, Variable

_ELSEWHERE = {"global", "param", "local", "const"}


@dataclass(slots=True)
class Layout:
    """Addresses within each of a kernel's memories.

    Attributes:
        addresses: Of variables in shared and local memory, and of parameters.
        shared: Where the variables in shared memory begin and end; `shared_size`: all of them; `is_dynamic`: more may
            follow, as the launch says.
        grain: Bytes of the smallest access that may go to shared memory.
        local_size: Bytes of a thread's local memory.
        parameters: Where each begins, its bytes, and its type's name.
    """

    addresses: dict[str, int]
    shared: list[tuple[int, int]]
    shared_size: int
    is_dynamic: bool
    grain: int
    local_size: int
    parameters: tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]


def laid_out(body: Body, outer: list[Variable]) -> Layout:
    """The memories of a kernel, with those of its module's variables that it uses."""
    variables = [*outer, *body.variables]
    used = _names(body)
    shared = [v for v in variables if v.space == "shared" and v.name in used]
    static, dynamic = [v for v in shared if not v.is_dynamic], [v for v in shared if v.is_dynamic]
    places, shared_size = _placed(static)
    local, local_size = _placed([v for v in variables if v.space == "local"])
    parameters, _ = _placed(body.parameters)
    return Layout(
        {**places, **dict.fromkeys((v.name for v in dynamic), shared_size), **local, **parameters},
        [(places[v.name], places[v.name] + v.size) for v in static],
        shared_size,
        bool(dynamic),
        _grain(body),
        local_size,
        (
            tuple(parameters.values()),
            tuple(p.size for p in body.parameters),
            tuple(p.type for p in body.parameters),
        ),
    )


def _placed(items: Iterable[Variable | Parameter]) -> tuple[dict[str, int], int]:
    """One behind the other, each aligned; and the end, a multiple of 16."""
    places, end = {}, 0
    for item in items:
        places[item.name] = -(-end // item.align) * item.align
        end = places[item.name] + item.size
    return places, -(-end // 16) * 16


def _names(body: Body) -> set[str]:
    """All names that instructions mention."""
    text = " ".join(" ".join(i.operands) for i in body.items if isinstance(i, Instruction))
    return {*re.findall(r"[a-zA-Z_$][\w$.]*", text)}


def _grain(body: Body) -> int:
    accesses = (
        i
        for i in body.items
        if isinstance(i, Instruction) and i.name in ("ld", "st", "atom", "red")
    )
    return min(
        (WIDTHS[i.modifiers[-1]] for i in accesses if not _ELSEWHERE & {*i.modifiers}), default=16
    )


__all__ = ["Layout", "laid_out"]
