"""Primitives as instructions: exp, log, sin, pow, remainder and their like, and the table that finds them."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
