"""The expression language: primitives, tracing, differentiation, simplification, NumPy evaluation."""
