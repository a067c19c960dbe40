"""Convolutions: which kernel suits a case, and the kernels."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
