"""Imports every family of operations, which fills the registry."""

from . import (
    activation, arithmetic, comparison, contraction, convert, creation, elementary, indexing, loss,
    normalization, randomness, reduction, rounding, structure, view,
)

__all__ = [
    "activation", "arithmetic", "comparison", "contraction", "convert", "creation", "elementary", "indexing",
    "loss", "normalization", "randomness", "reduction", "rounding", "structure", "view",
]
