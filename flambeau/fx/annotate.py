"""annotate: the type of a value, noted at a proxy's node.

Source: torch.fx.annotate
"""

from __future__ import annotations

from typing import Any

from .proxy import Proxy

__all__ = ["annotate"]


def annotate(val: Any, type: Any) -> Any:
    """Note the type of a proxy's value; other values are given back as they are.

    Raises:
        RuntimeError: The node has a type already.
    """
    if isinstance(val, Proxy):
        if val.node.type:
            raise RuntimeError(
                f"Tried to annotate a value that already had a type on it! Existing type is "
                f"{val.node.type} and new type is {type}."
            )
        val.node.type = type
    return val
