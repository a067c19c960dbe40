"""The rows of the sweep: which functions, at which sizes, dtypes and layouts, forward or backward too."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from ..fuzz.arguments import REQUIRED, Call, by_signature, foreach
from ..fuzz.case import _operands
from ..fuzz.operand import DTYPES, is_floating
from ..fuzz.recipes import RECIPES as DRAWN
from ..fuzz.registry import Entry
from .size import LAYOUTS, SIZES, NoMeaningError, Sized, laid_out
from .table import RECIPES

DTYPE_NAMES = ("float32", "float64", "bfloat16", "int64", "bool")
NOT_TIMED = {
    "Tensor.apply_ Tensor.map_ Tensor.map2_": "call a Python function for each element",
    "Tensor.record_stream Tensor.share_memory_ from_file": "devices, processes and files",
    "Tensor.reinforce eig lstsq matrix_rank solve symeig cholesky qr": "were removed, and say so",
    "Tensor.tolist numpy Tensor.numpy tensor as_tensor asarray Tensor.new_tensor": "lists of Python's numbers",
    "resize resize_as Tensor.resize Tensor.resize_as": "deprecated, and warn",
}
LEFT_OUT = {name for names in NOT_TIMED for name in names.split()}
SECOND = ("other", "exponent")


class Row(NamedTuple):
    """One measurement.

    Attributes:
        variant: What distinguishes it from other rows of the function: "dim=0", "number", "inplace".
        backward: Is the gradient timed with the call?
    """

    path: str
    variant: str
    size: str
    dtype: str
    layout: str
    backward: bool
    threads: int

    @property
    def kind(self) -> str:
        """The table that it stands in."""
        if self.layout != "contiguous":
            return "layouts"
        if self.backward:
            return "backward"
        return "dtypes" if self.dtype != "float32" else self.size

    def __str__(self) -> str:
        words = [self.path, self.variant, "" if self.dtype == "float32" else self.dtype]
        words += ["" if self.layout == "contiguous" else self.layout, "backward" * self.backward]
        return " ".join(word for word in words if word)


def variants(entry: Entry) -> list[str]:
    """How a function is called: as it is, along each dimension, with a number, in place."""
    given, found = entry.parameters, [""]
    if entry.path not in RECIPES and entry.path not in DRAWN:
        if "dim" in given:
            found += ["dim=0"]
            found += ["dim=1"] if given["dim"] is not REQUIRED and given["dim"] != -1 else []
        if any(name in given for name in SECOND):
            found += ["number"]
    inplace = "inplace" in entry.forms and not entry.family.startswith(
        "view"
    )  # whose shapes would change
    return found + (["inplace"] if inplace else [])


def call(entry: Entry, row: Row, strict: bool) -> Call:
    """The arguments of a row.

    Raises:
        NoMeaningError: If the function takes none of this dtype or layout.
    """
    draw = Sized(entry.path, SIZES[row.size], row.dtype, row.layout, strict)
    draw.axis = 0 if row.variant == "dim=0" else -1
    maker = RECIPES.get(entry.path) or RECIPES.get(entry.name)
    maker = maker or DRAWN.get(entry.path) or DRAWN.get(entry.name)
    if entry.name.startswith("_foreach_"):
        made = foreach(entry, draw)
    else:
        made = maker(draw) if maker else by_signature(entry, draw)
    if row.variant.startswith("dim=") and entry.parameters["dim"] is not REQUIRED:
        made = made._replace(kwargs={**made.kwargs, "dim": int(row.variant[4:])})
    if row.variant == "number":
        if len(made.args) < 2:
            raise NoMeaningError(row.variant)
        made = made._replace(args=(made.args[0], 2, *made.args[2:]))
    dtypes = {x.dtype.name for x in _operands((made.args, list(made.kwargs.values())))}
    if strict and row.dtype not in dtypes:
        raise NoMeaningError(row.dtype)
    if row.backward and not any(is_floating(DTYPES[d]) for d in dtypes if d in DTYPES):
        raise NoMeaningError("backward")
    return laid_out(made, draw)


def plan(
    known: dict[str, Entry],
    sizes: list[str],
    dtypes: list[str],
    layouts: list[str],
    threads: list[int],
) -> Iterator[Row]:
    """The rows of a sweep.

    Every function at every size in float32, contiguous, forward. Backward, each other dtype and each other layout
    of a function is measured at one size, which changes from function to function. With more threads than one the
    tiny rows, which take one, are left out.
    """
    functions = [e for e in known.values() if not {e.path, e.name} & LEFT_OUT]
    for count in threads:
        for size in sizes:
            if size == "tiny" and count > min(threads):
                continue
            for entry in functions:
                for variant in variants(entry):
                    if "float32" in dtypes and "contiguous" in layouts:
                        yield Row(entry.path, variant, size, "float32", "contiguous", False, count)
    sampled = [("float32", "contiguous", True)] if "float32" in dtypes else []
    sampled += [(dtype, "contiguous", False) for dtype in dtypes if dtype != "float32"]
    sampled += [("float32", layout, False) for layout in layouts if layout != "contiguous"]
    for entry in functions:
        forms = [v for v in variants(entry) if v != "inplace"]
        first = zlib.crc32(entry.path.encode())
        for turn, (dtype, layout, backward) in enumerate(sampled, first):
            size, variant = sizes[turn % len(sizes)], forms[turn // len(sizes) % len(forms)]
            yield Row(entry.path, variant, size, dtype, layout, backward, min(threads))


__all__ = ["DTYPE_NAMES", "LAYOUTS", "Row", "call", "plan", "variants"]
