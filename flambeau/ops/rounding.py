"""Rounding, signs and parts of numbers."""
