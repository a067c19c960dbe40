"""Special functions as formulas of primitives."""
