"""Dtypes of floats, by their names: what kernels compute with."""

from __future__ import annotations

HALF = ("float16", "bfloat16")
"""Those of 16 bits, which are widened when they are loaded and rounded once."""
ELEMENTS = {"float32": "float", "float64": "double"}
"""LLVM's types of the others."""
SUMS = dict.fromkeys((*HALF, "float32"), "float32") | {"float64": "float64"}
"""The dtypes in which sums are made."""

__all__ = ["ELEMENTS", "HALF", "SUMS"]
