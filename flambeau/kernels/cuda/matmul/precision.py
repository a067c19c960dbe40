"""What products of float32 matrices may lose on a GPU."""

from __future__ import annotations


class Precision:
    """The permission that `set_float32_matmul_precision` and `backends.cuda.matmul.allow_tf32` give.

    Attributes:
        float32: "highest" (nothing is lost), "high" or "medium".
    """

    __slots__ = ("float32",)

    def __init__(self) -> None:
        self.float32 = "highest"

    @property
    def allow_tf32(self) -> bool:
        """May factors be rounded to 11 significant bits (TF32), for tensor cores? Sums stay float32."""
        return self.float32 != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allow: bool) -> None:
        self.float32 = "high" if allow else "highest"


precision = Precision()

__all__ = ["precision"]
