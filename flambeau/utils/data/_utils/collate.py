"""torch.utils.data._utils.collate: joining samples; what is put into the table is used."""

from ..collate import _arrays as collate_numpy_array_fn
from ..collate import _floats as collate_float_fn
from ..collate import _ints as collate_int_fn
from ..collate import _kept as collate_str_fn
from ..collate import _scalars as collate_numpy_scalar_fn
from ..collate import _stacked as collate_tensor_fn
from ..collate import (
    collate,
    default_collate,
    default_collate_fn_map,
    default_convert,
)

__all__ = [
    "collate",
    "collate_float_fn",
    "collate_int_fn",
    "collate_numpy_array_fn",
    "collate_numpy_scalar_fn",
    "collate_str_fn",
    "collate_tensor_fn",
    "default_collate",
    "default_collate_fn_map",
    "default_convert",
]
