"""Formulas of single elements: arithmetic, comparisons, special functions, activations."""
