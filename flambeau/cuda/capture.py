"""Graphs of CUDA's work: recorded once, and started again and again with one call.

Nothing is computed while a graph is recorded, and what it computes later it reads and writes where it did then: new inputs
are copied into the tensors that were there. Its tensors take memory in a pool of the graph's own.

Source: torch.cuda.graphs
"""

from __future__ import annotations

import gc
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from ..core.device import device as Device
from ..core.random.default import default_of
from ..core.random.generator import Generator
from ..kernels.cuda import driver
from . import streams
from .current import allocator, api, current_device, synchronize
from .memory import empty_cache

_MODES = ("global", "thread_local", "relaxed")


def is_current_stream_capturing() -> bool:
    """Is this thread's work recorded into a graph? Never before CUDA has begun.

    Source: torch.cuda.is_current_stream_capturing
    """
    return driver.is_loaded() and bool(api().get_current_stream().is_capturing())


def graph_pool_handle() -> tuple[int, int]:
    """The name of a new pool, which graphs that never run at the same time can share.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.graph_pool_handle
    """
    return allocator().new_identity()  # type: ignore[no-any-return]


class CUDAGraph:
    """Work of a CUDA device, recorded.

    Args:
        keep_graph: Do not make the graph ready before the first `replay`; CuPy makes each ready at once, so only False.

    Raises:
        RuntimeError: No device can be used.
        NotImplementedError: The graph shall be kept.

    Source: torch.cuda.CUDAGraph
    """

    _pool: Any = None

    def __init__(self, keep_graph: bool = False) -> None:
        if driver.why_not():
            raise RuntimeError(f"torch.cuda.CUDAGraph requires CUDA support: {driver.why_not()}")
        if keep_graph:
            raise NotImplementedError(
                "CUDAGraph: keep_graph=True is not supported: CuPy makes graphs ready at once; leave it out"
            )
        self._graph: Any = None
        self._stream: Any = None
        self._entered = ExitStack()
        self._draws: dict[Any, Any] = {}
        self._debug = False

    def capture_begin(
        self,
        pool: Any = None,
        capture_error_mode: str = "global",
        check_input_liveness: bool = False,
    ) -> None:
        """Let all that the current stream is told from now on be recorded.

        Args:
            pool: The name of the pool of its memory; None for a new one.
            capture_error_mode: What other threads may not do meanwhile. CUDA is told "relaxed" in any case, because the
                pool has to ask the driver for memory; so the other two are no more than checked.
            check_input_liveness: Only False.

        Raises:
            RuntimeError: The current stream is the default one, or something is recorded already.
            ValueError: There is no such mode.
            NotImplementedError: Inputs shall be watched.
        """
        if capture_error_mode not in _MODES:
            raise ValueError(
                f"capture_error_mode must be {', '.join(_MODES)}, not {capture_error_mode!r}"
            )
        if check_input_liveness:
            raise NotImplementedError(
                "check_input_liveness=True is not supported: keep the tensors that a graph reads"
            )
        stream = api().get_current_stream()
        if not stream.ptr:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay "
                "them on the default stream.)"
            )
        if stream.is_capturing():
            raise RuntimeError(
                "the current stream is recorded into a graph already: end that first"
            )
        self.reset()
        found = allocator()
        self._pool = found.pool(found.new_identity() if pool is None else tuple(pool))
        self._pool.graphs += 1
        self._draws.setdefault(default_of(Device("cuda", current_device())), None)
        with ExitStack() as entered:
            for generator in self._draws:
                self._draws[generator] = generator.begin_capture()
                entered.callback(generator.end_capture)
            entered.enter_context(self._pool.used())
            stream.begin_capture()
            self._entered = entered.pop_all()
        self._stream = stream

    def capture_end(self) -> None:
        """Stop recording; the graph is ready.

        Raises:
            RuntimeError: Nothing was recorded, or another stream is the current one.
        """
        if self._stream is None:
            raise RuntimeError("capture_end() without capture_begin()")
        stream, self._stream = self._stream, None
        try:
            self._graph = stream.end_capture()
        finally:
            self._entered.close()

    def instantiate(self) -> None:
        """Make the graph ready, as `capture_end` has.

        Raises:
            RuntimeError: Nothing was recorded.
        """
        self._recorded()

    def _recorded(self) -> Any:
        if self._graph is None:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        return self._graph

    def replay(self) -> None:
        """Start what was recorded, on the current stream; what it draws are the generators' next numbers.

        Raises:
            RuntimeError: Nothing was recorded.
        """
        graph = self._recorded()
        for generator, draws in self._draws.items():
            generator.replay(draws)
        graph.launch()

    def register_generator_state(self, generator: Generator) -> None:
        """Let a graph that is recorded later draw from a generator: each replay goes on where the generator is.

        The default generator of the current device is registered by itself.

        Raises:
            RuntimeError: The graph is recorded already, or is being recorded.
        """
        if self._stream is not None or self._graph is not None:
            raise RuntimeError("register_generator_state: call it before capture_begin()")
        self._draws.setdefault(generator, None)

    def reset(self) -> None:
        """Forget what was recorded, and let go of its memory."""
        if self._pool is not None:
            self._pool.graphs -= 1
        self._graph = self._pool = None
        self._draws = dict.fromkeys(self._draws)

    def __del__(self) -> None:
        if self._pool is not None:
            self.reset()

    def pool(self) -> tuple[int, int]:
        """The name of the pool of its memory, for a graph that shares it.

        Raises:
            RuntimeError: Nothing was recorded.
        """
        if self._pool is None:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
        return self._pool.identity  # type: ignore[no-any-return]

    def enable_debug_mode(self) -> None:
        """Allow `debug_dump`."""
        self._debug = True

    def debug_dump(self, debug_path: str) -> None:
        """Write the graph, in the language of Graphviz.

        Raises:
            RuntimeError: `enable_debug_mode` was not called, or nothing was recorded.
        """
        if not self._debug:
            raise RuntimeError(
                "CUDA Graphs debug not enabled, set with [graph].enable_debug_mode()"
            )
        text = self._recorded().debug_dot_str()
        with open(debug_path, "w") as file:
            file.write(text.decode() if isinstance(text, bytes) else text)

    def raw_cuda_graph(self) -> int:
        """The address of CUDA's graph.

        Raises:
            RuntimeError: Nothing was recorded.
        """
        return int(self._recorded().graph)

    def raw_cuda_graph_exec(self) -> int:
        """The address of CUDA's graph that is ready.

        Raises:
            RuntimeError: Nothing was recorded.
        """
        return int(self._recorded().graphExec)


class graph:
    """A block that is recorded, on a stream of its own.

    Args:
        cuda_graph: Where it is recorded.
        pool: The name of the pool of its memory; None for a new one.
        stream: On which stream; None for one that all such blocks share.
        capture_error_mode: See `CUDAGraph.capture_begin`.
        enable_annotations: Only False.
        check_input_liveness: Only False.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.graph
    """

    default_capture_stream: Any = None

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: Any = None,
        stream: Any = None,
        capture_error_mode: str = "global",
        enable_annotations: bool = False,
        check_input_liveness: bool = False,
    ) -> None:
        if enable_annotations:
            raise NotImplementedError("torch.cuda.graph: enable_annotations=True is not supported")
        if stream is None:
            stream = graph.default_capture_stream or streams.Stream()
            graph.default_capture_stream = stream
        self.capture_stream, self.cuda_graph, self.pool = stream, cuda_graph, pool
        self.options = {
            "capture_error_mode": capture_error_mode,
            "check_input_liveness": check_input_liveness,
        }

    def __enter__(self) -> None:
        synchronize()
        gc.collect()
        empty_cache()
        self.stream_ctx = streams.stream(self.capture_stream)
        self.stream_ctx.__enter__()
        try:
            self.cuda_graph.capture_begin(self.pool, **self.options)  # type: ignore[arg-type]
        except BaseException:
            self.stream_ctx.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.cuda_graph.capture_end()
        finally:
            self.stream_ctx.__exit__(kind, error, trace)


__all__ = [
    "CUDAGraph",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
]
