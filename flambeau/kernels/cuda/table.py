"""Which functions of the CPU's kernels have one for the GPU.

A function stands at the same place below `kernels/cuda` and has the same name, arguments and meaning. It is loaded when
it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

_NAMES = {
    "array.argmax": "place",
    "array.concatenate": "concatenate stack",
    "array.copy": "contiguous copy_into in_order",
    "array.fill": "fill write",
    "array.masked_fill": "fill filled",
    "array.scan": "running_extreme running_logsumexp running_product running_sum",
    "array.sort": "first order",
    "array.xor": "reduce",
    "array.zeros": "fresh full zeros",
    "convolution.convolution": "forward transposed weight",
    "gather.along": "write write_at write_flat",
    "gather.segment": "largest",
    "gather.indexed": "add_at combine_at placed put_at spread take",
    "lapack.solving": "factor triangle",
    "matmul.gemv": "matrix_vector",
    "matmul.matmul": "added product",
    "nn.attention": "backward forward",
    "nn.pooling": (
        "averaged averaged_of_parts largest largest_of_parts shared shared_of_parts spread taken"
    ),
    "nn.resample": "chosen mixed",
    "nn.rnn": "backward forward",
}
"""By module: its functions."""

TABLE: dict[str, str] = {
    f"kernels.{module}.{name}": f"{module}.{name}"
    for module, names in _NAMES.items()
    for name in names.split()
}
"""Where a CPU's function stands in the package: where the GPU's stands below `kernels.cuda`."""


def function(place: str) -> Callable:
    """The GPU's function for a place of the table."""
    module, name = TABLE[place].rsplit(".", 1)
    return getattr(import_module(f"{__package__}.{module}"), name)


__all__ = ["TABLE", "function"]
