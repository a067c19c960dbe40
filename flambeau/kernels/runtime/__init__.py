"""The process that kernels live in: JIT, threads, memory, layouts of objects, calls."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
