"""Nested tensors: batches of tensors whose sizes differ in one dimension (or, strided, in several).

A tensor of the layout `jagged` has all rows of its parts in one tensor, `values()`, and where each part
begins in `offsets()`: what is computed element by element, or row by row, is computed of the values. One
of the layout `strided` is a list of tensors.

Source: torch.nested
"""

from __future__ import annotations

from . import attention as _attention  # what functions are for such tensors
from .construct import (
    as_nested_tensor,
    masked_select,
    narrow,
    nested_tensor,
    nested_tensor_from_jagged,
    to_padded_tensor,
)
from .tensor import NestedInt, NestedTensor

del _attention
__all__ = [
    "NestedInt",
    "NestedTensor",
    "as_nested_tensor",
    "masked_select",
    "narrow",
    "nested_tensor",
    "nested_tensor_from_jagged",
    "to_padded_tensor",
]
