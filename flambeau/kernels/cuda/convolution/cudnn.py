"""The three maps of a convolution by cuDNN, through its Python frontend (the package nvidia-cudnn-frontend).

A map is a graph of one node, which is planned once for its shapes. Plans whose sums have no fixed order are left out, so
the bits are the same every time; what cuDNN then has no plan for is computed by the kernels of this room. Where it is
not installed, or `backends.cudnn.enabled` is False, these compute all.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from ...._caller import warn
from ...convolution.window import Window
from .. import driver
from . import single
from .permission import permission

DTYPES = {
    "float16": ("HALF", "FLOAT"), "bfloat16": ("BFLOAT16", "FLOAT"), "float32": ("FLOAT", "FLOAT"),
    "float64": ("DOUBLE", "DOUBLE"),
}  # fmt: skip
"""cuDNN's names of dtypes, and of those of their sums."""
NODES = {
    "forward": ("conv_fprop", "weight", "image"),
    "transposed": ("conv_dgrad", "filter", "loss"),
    "weight": ("conv_wgrad", "loss", "image"),
}
"""By map: cuDNN's node, and what it calls the map's factors a and b (`sums.py`)."""


@cache
def library() -> Any:
    """The frontend, or None where it is not installed, or a GPU is simulated.

    Warns where it is installed, but finds no cuDNN.
    """
    if driver.why_not() or driver.is_simulated():
        return None
    try:
        cudnn = import_module("cudnn")
    except ImportError:
        return None
    try:
        cudnn.backend_version()
    except Exception as error:  # it has no class of its own for that
        warn(f"cuDNN is not used: nvidia-cudnn-frontend is installed, but finds no cuDNN ({error})")
        return None
    return cudnn


class Planned(NamedTuple):
    """A map that cuDNN computes.

    Attributes:
        graph: What it executes.
        operands: Its tensors: a, b and the result.
        workspace: How many bytes of scratch memory it wants.
    """

    graph: Any
    operands: tuple[Any, Any, Any]
    workspace: int


def computed(name: str, a: Any, b: Any, bias: Any, window: Window, shape: tuple[int, ...]) -> Any:
    """A map's result; NotImplemented where cuDNN is not used, or has no plan.

    Args:
        name: "forward", "transposed" or "weight".
        a, b: The map's factors in order: the weight, or for "weight" the results' side; and the other one.
        bias: For the result's channels, or None.
        shape: The result's.
    """
    if not permission.enabled or library() is None:
        return NotImplemented
    xp = driver.cupy()
    handle = _handle(driver.device(), threading.get_ident())
    exact = a.dtype.name == "float32" and not permission.allow_tf32
    found = _planned(handle, name, a.dtype.name, a.shape, b.shape, shape, window, exact)
    if found is None:
        return NotImplemented
    c, scratch = xp.empty(shape, a.dtype), xp.empty(found.workspace, "uint8")
    library().set_stream(handle, xp.cuda.get_current_stream().ptr)
    places = {t: x.data.ptr for t, x in zip(found.operands, (a, b, c))}
    found.graph.execute(places, scratch.data.ptr, handle=handle)
    if bias is not None:
        blocks = -(-c.size // single.THREADS)
        rows = c.size, shape[1], math.prod(shape[2:])
        single.biased(c.dtype.name)(blocks, single.THREADS, c, bias, *rows)
    return c


@cache
def _handle(device: int, thread: int) -> Any:
    """A handle for each device and thread, since handles know of one stream."""
    return library().create_handle()


def _dense(shape: Sequence[int]) -> tuple[list[int], list[int]]:
    """Sizes and strides of a contiguous array, of one dimension as of two."""
    sizes = [*shape] if len(shape) > 3 else [*shape[:2], 1, *shape[2:]]
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    return sizes, strides


@lru_cache(1024)
def _planned(
    handle: Any, name: str, dtype: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...],
    shape: tuple[int, ...], window: Window, exact: bool,
) -> Planned | None:  # fmt: skip
    cudnn = library()
    graph, operands = described(cudnn, handle, name, dtype, (a_shape, b_shape, shape), window)
    notes = cudnn.numerical_note
    refused = [notes.NONDETERMINISTIC, notes.REDUCED_PRECISION_REDUCTION]
    if exact:
        refused += [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS]
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        graph.deselect_numeric_notes(refused)
        graph.check_support()
        graph.build_plans()
    except cudnn.cudnnGraphNotSupportedError:
        return None
    return Planned(graph, operands, graph.get_workspace_size())


def described(
    cudnn: Any,
    handle: Any,
    name: str,
    dtype: str,
    shapes: Sequence[tuple[int, ...]],
    window: Window,
) -> tuple[Any, tuple[Any, Any, Any]]:
    """A graph of one map, not yet planned, and its tensors; shapes: of a, b and the result."""
    io, compute = (getattr(cudnn.data_type, word) for word in DTYPES[dtype])
    graph = cudnn.pygraph(
        io_data_type=io, intermediate_data_type=compute, compute_data_type=compute, handle=handle
    )
    a, b = (graph.tensor(*_dense(x)) for x in shapes[:2])
    node, first, second = NODES[name]
    flat = len(window.size) == 1
    stride, dilation = ([1, *v] if flat else [*v] for v in window[1:3])
    before, after = ([0, *v] if flat else [*v] for v in window[3:])
    c = getattr(graph, node)(
        **{first: a, second: b}, pre_padding=before, post_padding=after, stride=stride,
        dilation=dilation,
    )  # fmt: skip
    sizes, strides = _dense(shapes[2])
    c.set_output(True).set_dim(sizes).set_stride(strides)
    return graph, (a, b, c)


__all__ = ["computed", "described", "library"]
