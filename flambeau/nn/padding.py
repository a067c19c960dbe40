"""Padding layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module


class _Pad(Module):
    """Puts elements around the last dimensions."""

    dims: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        count = 2 * self.dims
        self.padding = (padding,) * count if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Any) -> Any:
        if not self.dims + 1 <= input.ndim <= self.dims + 2 and self.mode == "circular":
            raise ValueError(
                f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.ndim}D input)"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_Pad):
    """Base of the mirror images."""


class _ReplicationPadNd(_Pad):
    """Base of the repeated edges."""


class _CircularPadNd(_Pad):
    """Base of what takes the other end."""


_DOCS = {
    "Constant": (_ConstantPadNd, "constant", "A value"),
    "Zero": (_ZeroPad, "constant", "Zeros"),
    "Reflection": (_ReflectionPadNd, "reflect", "The mirror image, without the edge,"),
    "Replication": (_ReplicationPadNd, "replicate", "The edge, repeated,"),
    "Circular": (_CircularPadNd, "circular", "The other end"),
}


def _pad(kind: str, n: int) -> type[Module]:
    base, mode, what = _DOCS[kind]
    name = f"{kind}Pad{n}d"
    plural = "s" if n > 1 else ""
    doc = f"{what} around the last {n} dimension{plural}.\n\n    Source: torch.nn.{name}\n    "
    return type(
        name, (base,), {"__module__": "flambeau.nn", "__doc__": doc, "dims": n, "mode": mode}
    )


LAYERS = {f"{kind}Pad{n}d": _pad(kind, n) for kind in _DOCS for n in (1, 2, 3)}
