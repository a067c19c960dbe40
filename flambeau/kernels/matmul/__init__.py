"""Matrix products: the microkernel, products of matrices, and of a matrix and a vector."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
