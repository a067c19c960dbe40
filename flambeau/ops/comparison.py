"""Comparisons, logic, bits, and choosing: where, clamp, maximum."""
