"""Whole models, each written once against a library `T`: flambeau or PyTorch.

``MODELS[name](T)`` makes the model with its data and gives a step, a function without arguments that
returns what is compared between the libraries: a loss, or a tensor of results. Both libraries draw the same weights
from the same seed.
"""

from . import (
    convolution,
    generative,
    half,
    language,
    other,
    recurrent,
    structured,
    vision,
    written_out,
)
from .registry import MODELS

__all__ = [
    "MODELS",
    "convolution",
    "generative",
    "half",
    "language",
    "other",
    "recurrent",
    "structured",
    "vision",
    "written_out",
]
