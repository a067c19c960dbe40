"""What convolutions on a GPU may use."""

from __future__ import annotations


class Permission:
    """What `backends.cudnn` says.

    Attributes:
        enabled: May cuDNN be used?
        allow_tf32: May it round float32 factors to 11 significant bits, for tensor cores?
    """

    __slots__ = ("allow_tf32", "enabled")

    def __init__(self) -> None:
        self.enabled = self.allow_tf32 = True


permission = Permission()

__all__ = ["permission"]
