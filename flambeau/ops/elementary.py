"""Exponentials, logarithms, powers, trigonometric and hyperbolic functions."""
