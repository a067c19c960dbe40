"""Graphs of the accelerator's work: its own module's.

Source: torch.accelerator.graphs
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .memory import _module


class Graph:
    """Work of the accelerator, recorded on the current stream in a ``with`` block, and started with `replay`.

    Args:
        keep_graph: See `torch.cuda.CUDAGraph`.
        pool: The name of the pool of its memory; None for a new one.
        capture_error_mode: "default" or one of `torch.cuda.CUDAGraph.capture_begin`.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.accelerator.Graph
    """

    def __init__(
        self, keep_graph: bool = False, *, pool: Any = None, capture_error_mode: str = "default"
    ) -> None:
        self._graph = _module().CUDAGraph(keep_graph)
        self.graph_pool = pool
        self.capture_error_mode = capture_error_mode

    def capture_begin(self) -> None:
        """Let all that the current stream is told from now on be recorded."""
        mode = "global" if self.capture_error_mode == "default" else self.capture_error_mode
        self._graph.capture_begin(self.graph_pool, mode)

    def capture_end(self) -> None:
        """Stop recording; the graph is ready."""
        self._graph.capture_end()

    def instantiate(self) -> None:
        """Make the graph ready, as `capture_end` has."""
        self._graph.instantiate()

    def replay(self) -> None:
        """Start what was recorded, on the current stream."""
        self._graph.replay()

    def reset(self) -> None:
        """Forget what was recorded, and let go of its memory."""
        self._graph.reset()

    def pool(self) -> tuple[int, int]:
        """The name of the pool of its memory."""
        name: tuple[int, int] = self._graph.pool()
        return name

    def enable_debug_mode(self) -> None:
        """Allow `debug_dump`."""
        self._graph.enable_debug_mode()

    def debug_dump(self, path: str) -> None:
        """Write the graph, in the language of Graphviz."""
        self._graph.debug_dump(path)

    def __enter__(self) -> None:
        self.capture_begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.capture_end()


__all__ = ["Graph"]
