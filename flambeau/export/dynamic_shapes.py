"""torch.export.dynamic_shapes: sizes that stay open, under PyTorch's name of the file."""

from ._dims import AdditionalInputs, Constraint, Dim, ShapesCollection, dims

__all__ = ["AdditionalInputs", "Constraint", "Dim", "ShapesCollection", "dims"]
