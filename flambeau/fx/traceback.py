"""What is noted in the meta of nodes that are made from now on.

Source: torch.fx.traceback
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["annotate", "format_stack", "get_current_meta", "has_preserved_node_meta"]
__all__ += ["preserve_node_meta", "set_current_meta", "set_stack_trace"]

current_meta: dict[str, Any] = {}
_preserving: list[bool] = []


@contextmanager
def preserve_node_meta(enable: bool = True) -> Iterator[None]:
    """Within ``with``, nodes get the meta of the node that an `Interpreter` runs."""
    before = dict(current_meta)
    _preserving.append(enable)
    try:
        yield
    finally:
        _preserving.pop()
        current_meta.clear()
        current_meta.update(before)


def has_preserved_node_meta() -> bool:
    """Is meta kept right now?"""
    return bool(_preserving and _preserving[-1])


def get_current_meta() -> dict[str, Any]:
    """What nodes get."""
    return current_meta


@contextmanager
def set_current_meta(node: Any, pass_name: str = "") -> Iterator[None]:
    """Within ``with``, nodes get this node's meta."""
    if not (has_preserved_node_meta() and node.meta):
        yield
        return
    before = dict(current_meta)
    current_meta.clear()
    current_meta.update(node.meta)
    try:
        yield
    finally:
        current_meta.clear()
        current_meta.update(before)


@contextmanager
def annotate(annotation_dict: dict[str, Any]) -> Iterator[None]:
    """Within ``with``, nodes get these under ``meta["custom"]``."""
    before = current_meta.get("custom")
    current_meta["custom"] = {**(before or {}), **annotation_dict}
    try:
        yield
    finally:
        if before is None:
            current_meta.pop("custom", None)
        else:
            current_meta["custom"] = before


def set_stack_trace(stack: list[str]) -> None:
    """Let nodes get this stack trace, if meta is kept."""
    if has_preserved_node_meta() and stack:
        current_meta["stack_trace"] = "".join(stack)


def format_stack() -> list[str]:
    """The stack trace that nodes get."""
    found = current_meta.get("stack_trace")
    return [found] if found else []
