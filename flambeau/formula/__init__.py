"""The expression language: primitives, tracing, differentiation, simplification, NumPy evaluation."""

from . import simplification

__all__ = ["simplification"]
