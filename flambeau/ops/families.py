"""Imports every family of operations, which fills the registry."""

from . import (
    activation, activation_function, arithmetic, comparison, contraction, convert, creation,
    elementary, indexing, loss, normalization, polynomial, randomness, reduction, rounding, special,
    structure, view,
)

__all__ = [
    "activation", "activation_function", "arithmetic", "comparison", "contraction", "convert",
    "creation", "elementary", "indexing", "loss", "normalization", "polynomial", "randomness", "reduction",
    "rounding", "special", "structure", "view",
]
