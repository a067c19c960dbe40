"""How large an object is when it is walked: a small file can describe one that no program survives."""

from __future__ import annotations

from typing import Any

from .error import SerializationError

MAX_NODES = 50_000_000
MAX_DEPTH = 1_000
_CONTAINERS = (dict, list, tuple, set)


def check_extent(root: Any) -> None:
    """Refuse an object that contains itself, is nested too deep, or expands to too many parts.

    Parts that are shared count as often as they are met: a tuple of two of the same tuple, forty
    levels deep, takes a hundred bytes in a file and a program's lifetime to walk.

    Raises:
        SerializationError: It is one of these.
    """
    known: dict[int, tuple[int, int]] = {}  # nodes and depth of what is below, by id
    open_: set[int] = set()
    stack = [root]
    while stack:
        item = stack[-1]
        if not isinstance(item, _CONTAINERS) or id(item) in known:
            stack.pop()
            continue
        inner = [part for part in _parts(item) if isinstance(part, _CONTAINERS)]
        if id(item) not in open_:
            open_.add(id(item))
            for part in inner:
                if id(part) in open_:
                    raise SerializationError("an object of the file contains itself")
                stack.append(part)
            continue
        stack.pop()
        open_.discard(id(item))
        below = [known[id(part)] for part in inner]
        nodes = 1 + len(item) + sum(count for count, _ in below)
        depth = 1 + max((level for _, level in below), default=0)
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise SerializationError(
                f"the file describes an object of more than {MAX_NODES} parts or {MAX_DEPTH} levels"
            )
        known[id(item)] = nodes, depth


def _parts(item: Any) -> Any:
    return [*item.keys(), *item.values()] if isinstance(item, dict) else item
