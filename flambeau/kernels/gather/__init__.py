"""Reading, writing and adding at index arrays."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
