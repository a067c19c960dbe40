"""Captured work, as `cupy.cuda.graph`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Work = Callable[[], Any]


def perform(work: Work, works: list[Work] | None) -> None:
    """Do it, or put it to what is written down."""
    if works is None:
        with np.errstate(all="ignore"):  # a GPU says nothing of infinities
            work()
    else:
        works.append(work)


class Graph:
    """Work that a stream was given while it was captured, to be done again and again."""

    def __init__(self, works: list[Work]):
        self._works = works
        self.graph, self.graphExec = 0, id(self)

    def launch(self, stream: Any = None) -> None:
        """Do it, with what now is in the memory that was named."""
        for work in self._works:
            perform(work, None)

    def debug_dot_str(self, flags: int = 0) -> str:
        """The works in their order, in the language of Graphviz."""
        order = " -> ".join(str(i) for i in range(len(self._works)))
        return f"digraph {{ {order} }}"

    def upload(self, stream: Any = None) -> None:
        """Make it ready."""


__all__ = ["Graph"]
