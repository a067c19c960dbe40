"""What runs on the CPU for CUDA tensors too, with copies there and back and one warning: no library has it for the GPU.

The Bunch-Kaufman factorisation looks at single elements to decide what comes next; CuPy binds cuSOLVER's sytrf, which has no
form for Hermitian matrices, and nothing that solves with its factors.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ...kernels.cuda import driver
from .numpy import on_host

DEFINITIONS = {
    "ops.linalg.ldl.factored": "linalg.ldl_factor",
    "ops.linalg.ldl.solved": "linalg.ldl_solve",
}
"""By a function's place in the package, what programs know it by."""


def function(place: str) -> Callable:
    """A function that brings its arrays to the host and its results back."""
    module, name = place.rsplit(".", 1)
    package = __name__.partition(".")[0]
    plain = getattr(import_module(f"{package}.{module}"), name)
    return on_host(plain, DEFINITIONS[place], driver.cupy())


__all__ = ["DEFINITIONS", "function"]
