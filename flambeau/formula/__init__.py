"""The expression language: primitives, tracing, differentiation, simplification, NumPy evaluation."""

from . import derivative, simplification

__all__ = ["derivative", "simplification"]
