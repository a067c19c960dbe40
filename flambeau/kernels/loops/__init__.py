"""From a formula's program to a kernel: loop nests, entry points, and which arrays they take."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
