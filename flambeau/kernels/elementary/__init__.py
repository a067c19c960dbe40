"""Primitives as instructions: exp, log, sin, pow, remainder and their like, each beside the primitive that it writes."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
