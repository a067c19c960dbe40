"""How a masked tensor is written: `--` for what does not count."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor

NOTHING = "--"
WIDTH = 8


def shown(data: Tensor, mask: Tensor) -> str:
    """The text that repr gives."""
    write = "{:8.4f}".format if data.is_floating_point() else str
    if data.ndim == 0:
        return f"MaskedTensor({write(data.item()) if mask else NOTHING}, {bool(mask)})"
    lines = _lines(data.tolist(), mask.tolist(), write)
    return "\n".join(["MaskedTensor(", *(f"  {line}" for line in lines), ")"])


def _lines(values: Any, counts: Any, write: Any) -> list[str]:
    if not values or not isinstance(values[0], list):
        texts = [write(v) if c else NOTHING.rjust(WIDTH) for v, c in zip(values, counts)]
        return [f"[{', '.join(texts)}]"]
    rows = [_lines(v, c, write) for v, c in zip(values, counts)]
    inner = [f"  {line}" for row in rows for line in (*row[:-1], f"{row[-1]},")]
    return ["[", *inner[:-1], inner[-1][:-1], "]"]
