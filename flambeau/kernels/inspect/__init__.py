"""Looking at kernels: their text, loops and speed, calls as they happen, and the machine's limits."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
