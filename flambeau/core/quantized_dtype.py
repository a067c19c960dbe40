"""The types of quantised elements, and the schemes by which they stand for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtype import BY_NUMPY, DTYPES, dtype

QUANTIZED: dict[str, dtype] = {}
"""Every such type by its name."""


def _define(name: str, legacy: str, holder: str) -> dtype:
    """A type with the facts of the integer type that holds it, and a name of its own."""
    made: dtype = object.__new__(dtype)
    like = BY_NUMPY[np.dtype(holder)]
    for slot in dtype.__slots__:
        if slot != "__weakref__":
            object.__setattr__(made, slot, getattr(like, slot))
    for slot, value in {
        "name": name,
        "abbreviation": name,
        "legacy": legacy,
        "conversion": "",
        "numpy": None,  # no plain tensor is of it
    }.items():
        object.__setattr__(made, slot, value)
    return made


qint8 = _define("qint8", "QInt8", "int8")
quint8 = _define("quint8", "QUInt8", "uint8")
qint32 = _define("qint32", "QInt32", "int32")
QUANTIZED.update((item.name, item) for item in (qint8, quint8, qint32))

INTEGERS: dict[Any, dtype] = {item: DTYPES[item.name[1:]] for item in QUANTIZED.values()}
"""The type of the integers that hold a quantised type."""

PACKED: dict[str, dtype] = {
    name: _define(name, "", "uint8")
    for name in (
        *("quint4x2", "quint2x4", "bits1x8", "bits2x4", "bits4x2", "bits8", "float4_e2m1fn_x2"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)),
    )
}
"""Types of less than a byte, which programs name in their tables; no tensor is of one."""


class qscheme:
    """How integers stand for numbers: with one scale for all or one a channel, around 0 or not.

    Source: torch.qscheme
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, *args: object) -> qscheme:
        raise TypeError(
            "cannot create 'torch.qscheme' instances; use torch.per_tensor_affine or its like"
        )

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return SCHEMES.__getitem__, (self.name,)


SCHEMES: dict[str, qscheme] = {}


def _scheme(name: str) -> qscheme:
    made: qscheme = object.__new__(qscheme)
    made.name = name
    return SCHEMES.setdefault(name, made)


per_tensor_affine, per_tensor_symmetric = (
    _scheme("per_tensor_affine"),
    _scheme("per_tensor_symmetric"),
)
per_channel_affine = _scheme("per_channel_affine")
per_channel_symmetric = _scheme("per_channel_symmetric")
globals().update(PACKED)
