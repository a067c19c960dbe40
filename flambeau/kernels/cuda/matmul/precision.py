"""What products of float32 matrices may lose on a GPU."""

from __future__ import annotations


class Precision:
    """The permission that `backends.cuda.matmul.allow_tf32` and `set_float32_matmul_precision` give.

    Attributes:
        allow_tf32: Factors may be rounded to 11 significant bits (TF32), for tensor cores; sums stay float32.
    """

    __slots__ = ("allow_tf32",)

    def __init__(self) -> None:
        self.allow_tf32 = False


precision = Precision()

__all__ = ["precision"]
