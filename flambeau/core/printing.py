"""What a tensor looks like in print: PyTorch's text, character for character, from bare arrays.

`format_values` writes the numbers, `join_suffixes` adds what follows them (dtype=, grad_fn=), and
`format_tensor` puts the two together. Only the elements that are shown are ever read, so printing
a large array, a strided view or an array on a GPU costs no more than printing its corners.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from .dtype import widened

__all__ = [
    "PrintOptions",
    "format_tensor",
    "format_values",
    "get_printoptions",
    "join_suffixes",
    "printoptions",
    "set_printoptions",
]


class PrintOptions(NamedTuple):
    """How tensors are printed; `set_printoptions` explains the fields."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is not given keeps its value, except `sci_mode`.

    Args:
        precision: Digits after the decimal point (4 at first).
        threshold: Number of elements above which a tensor is summarised (1000 at first).
        edgeitems: Elements shown at each end of each dimension of a summarised tensor (3 at first).
        linewidth: Characters in a line (80 at first); infinity never breaks a row.
        profile: "default", "short" or "full" (never summarise); the other arguments
            change the profile. An unknown name changes nothing.
        sci_mode: Whether floats are written as 1.0000e+00; None, also when not given, lets the
            values decide.

    Raises:
        ValueError: `precision` or `edgeitems` is not a non-negative integer.
        TypeError: `threshold` or `linewidth` is not a number.

    Source: torch.set_printoptions.

    Example:
        >>> import flambeau as torch
        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([1.12345])
        tensor([1.12])
        >>> torch.set_printoptions(profile="default")
    """
    global _options
    given: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        _check_option(name, value)
    base = _PROFILES.get(profile or "", _options)
    _options = base._replace(sci_mode=sci_mode, **given)


def _check_option(name: str, value: object) -> None:
    is_count = name in ("precision", "edgeitems")
    if is_count and not _is_natural(value):
        raise ValueError(
            f"set_printoptions: {name} must be a non-negative integer, got {value!r}; "
            f"give one such as {name}=4"
        )
    if not is_count and not isinstance(value, numbers.Real):
        raise TypeError(
            f"set_printoptions: {name} must be a number, got {value!r} of type "
            f"{type(value).__name__}; give one such as {name}=100, or math.inf for no limit"
        )


def _is_natural(value: object) -> bool:
    return isinstance(value, numbers.Integral) and int(value) >= 0


def get_printoptions() -> dict[str, Any]:
    """Return the print options in force, by name, ready to be passed to `set_printoptions`.

    Source: torch._tensor_str.get_printoptions.

    Example:
        >>> from flambeau.core.printing import get_printoptions
        >>> get_printoptions()["threshold"]
        1000
    """
    return _options._asdict()


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Set print options for the length of a `with` block.

    Args:
        kwargs: What `set_printoptions` takes.

    Raises:
        ValueError, TypeError: As `set_printoptions`.

    Source: torch._tensor_str.printoptions.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.core.printing import printoptions
        >>> with printoptions(precision=1):
        ...     print(torch.tensor([0.25, 1.5]))
        tensor([0.2, 1.5])
    """
    global _options
    before = _options
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        _options = before


def format_tensor(
    array: Any,
    *,
    dtype_name: str,
    default_dtype_name: str = "float32",
    prefix: str = "tensor(",
    device: str | None = None,
    suffixes: Sequence[str] = (),
    has_values: bool = True,
    contents: str | None = None,
) -> str:
    """Write a tensor as `repr` shows it.

    Args:
        array: The values, a NumPy array or a CuPy one. Only its shape is used when `has_values`
            is false.
        dtype_name: The tensor's dtype, without "torch.".
        default_dtype_name: The default floating-point dtype, which needs no dtype=.
        prefix: What comes first, up to the opening bracket. Continuation lines are aligned with
            the end of its last line, so that "Parameter containing:\\ntensor(" serves too.
        device: The device to name, or None where it goes without saying.
        suffixes: What follows device=, size= and dtype=, such as "grad_fn=<AddBackward0>".
        has_values: False for a meta tensor, whose values are shown as "...".
        contents: What stands in place of the values.

    Source: torch.Tensor.__repr__.

    Example:
        >>> import numpy as np
        >>> from flambeau.core.printing import format_tensor
        >>> format_tensor(np.zeros(2), dtype_name="float64", suffixes=["requires_grad=True"])
        'tensor([0., 0.], dtype=torch.float64, requires_grad=True)'
    """
    indent = len(prefix) - (prefix.rfind("\n") + 1)
    size = math.prod(array.shape)
    notes = []
    if device is not None:
        notes.append(f"device='{device}'")
    if _shows_size(array.shape, size, has_values):
        notes.append(f"size={tuple(array.shape)}")
    shows_elements = has_values and size > 0
    if dtype_name not in _implied_dtypes(default_dtype_name, shows_elements):
        notes.append(f"dtype=torch.{dtype_name}")
    values = contents
    if values is None:
        values = format_values(array, indent) if has_values else "..."
    return join_suffixes(prefix + values, [*notes, *suffixes], indent)


def _shows_size(shape: tuple[int, ...], size: int, has_values: bool) -> bool:
    """Whether the values, as printed, leave the shape open."""
    if not has_values:
        return True
    return len(shape) != 1 if size == 0 else _options.edgeitems == 0


def _implied_dtypes(default: str, shows_elements: bool) -> tuple[str, ...]:
    """The dtypes that can be told from the values, or from nothing where none are shown."""
    if not shows_elements:
        return (default,)
    return (default, "complex128" if default == "float64" else "complex64", "int64", "bool")


def join_suffixes(
    text: str, suffixes: Sequence[str], indent: int, *, first_on_new_line: bool = False
) -> str:
    """Append `suffixes` and the closing bracket, on new lines where the current one is full.

    Args:
        text: The prefix and the values.
        suffixes: What follows them, such as "requires_grad=True".
        indent: Spaces at the start of a new line.
        first_on_new_line: Whether the first suffix begins a line however short it is, as it does
            for sparse tensors.

    Example:
        >>> from flambeau.core.printing import join_suffixes
        >>> join_suffixes("tensor([1.]", ["requires_grad=True"], 7)
        'tensor([1.], requires_grad=True)'
    """
    parts = [text]
    # PyTorch counts two characters too many on the line that the values end, and none thereafter.
    column = len(text) - (text.rfind("\n") + 1) + 2
    for position, suffix in enumerate(suffixes):
        is_forced = first_on_new_line and position == 0
        if is_forced or column + len(", ") + len(suffix) > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            column += len(", ") + len(suffix)
    return "".join(parts) + ")"


def format_values(array: Any, indent: int = 0) -> str:
    """Write an array's values in nested brackets, summarised where they are many.

    Args:
        array: Any strides, any shape; a CuPy array is copied to the host after summarising.
        indent: Column at which the text will start.

    Example:
        >>> import numpy as np
        >>> from flambeau.core.printing import format_values
        >>> format_values(np.arange(2000))
        '[   0,    1,    2,  ..., 1997, 1998, 1999]'
    """
    if array.size == 0:
        return "[]"
    is_summarised = array.size > _options.threshold
    edge = _options.edgeitems
    if is_summarised and edge == 0 and array.ndim:
        return "[...]"
    is_cut = [is_summarised and size > 2 * edge for size in array.shape]
    if any(is_cut):
        array = _corners(array, is_cut, edge)
    if hasattr(array, "get"):
        array = array.get()
    cells, width = _cells(array.ravel())
    if not array.ndim:
        return cells[0]
    return _bracket(iter(cells), list(zip(array.shape, is_cut, strict=True)), width, indent)


def _corners(array: Any, is_cut: list[bool], edge: int) -> Any:
    """The elements within `edge` of either end of every dimension that is cut."""
    kept = [
        [*range(edge), *range(size - edge, size)] if cut else range(size)
        for size, cut in zip(array.shape, is_cut, strict=True)
    ]
    return array[np.ix_(*kept)]


def _bracket(cells: Iterator[str], axes: list[tuple[int, bool]], width: int, indent: int) -> str:
    """Take an array's cells in order and bracket them by `axes`: (elements left, is it cut)."""
    size, is_cut = axes[0]
    if len(axes) == 1:
        return _row(list(islice(cells, size)), is_cut, width, indent)
    blocks = [_bracket(cells, axes[1:], width, indent + 1) for _ in range(size)]
    if is_cut:
        blocks.insert(size // 2, "...")
    separator = "," + "\n" * (len(axes) - 1) + " " * (indent + 1)
    return "[" + separator.join(blocks) + "]"


def _row(cells: list[str], is_cut: bool, width: int, indent: int) -> str:
    if is_cut:
        cells.insert(len(cells) // 2, " ...")
    fitting = (_options.linewidth - indent) / (width + len(", "))
    step = int(max(1, min(fitting, len(cells))))
    lines = (", ".join(cells[i : i + step]) for i in range(0, len(cells), step))
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _cells(values: np.ndarray) -> tuple[list[str], int]:
    """Each value's text, aligned, and the width by which a row counts it."""
    match values.dtype.kind:
        case "b" | "i" | "u":
            return _align([str(value) for value in values.tolist()])
        case "c" | "W":  # complex32
            return _complex_cells(widened(values))
        case _:  # extension types, such as bfloat16, give no list of Python floats
            return _float_cells(values.astype(np.float64).tolist())


def _align(cells: list[str]) -> tuple[list[str], int]:
    width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells], width


def _complex_cells(values: np.ndarray) -> tuple[list[str], int]:
    reals, real_width = _float_cells(values.real.tolist())
    imags, imag_width = _float_cells(values.imag.tolist())
    parts = zip(reals, map(str.lstrip, imags), strict=True)
    cells = [f"{x}{'' if y.startswith('-') else '+'}{y}j" for x, y in parts]
    return cells, real_width + imag_width + len("j")


def _float_cells(values: list[float]) -> tuple[list[str], int]:
    """As `_align`, but zeros, infinities and NaN decide neither notation nor width."""
    regular = [value for value in values if value and math.isfinite(value)]
    spec = _float_spec(list(map(abs, regular)))
    width = max((len(format(value, spec)) for value in regular), default=1)
    return [format(value, spec).rjust(width) for value in values], width


def _float_spec(magnitudes: list[float]) -> str:
    """The format of floats: whole ("1."), fixed-point ("1.0000") or scientific ("1.0000e+00")."""
    whole, digits = "#.0f", f".{_options.precision}"
    if not magnitudes:
        return whole
    low, high = min(magnitudes), max(magnitudes)
    is_scientific = _options.sci_mode
    if is_scientific is None:
        is_scientific = high / low > 1000 or high > 1e8 or low < 1e-4
    if is_scientific:
        return digits + "e"
    return whole if all(map(float.is_integer, magnitudes)) else digits + "f"
