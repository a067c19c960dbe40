"""One case: a call drawn from a seed, what it gives, and what it does to memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import recipes
from .arguments import Call, DType, by_signature, foreach
from .draw import Draw
from .operand import BFLOAT16, DTYPES, Operand, fresh, plain
from .registry import Entry
from .side import Side

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, MemoryError)
LEAKS = (
    "operands could not be broadcast", "cannot reshape array", "axes don't match", "ufunc", "numpy.",
    "out of bounds for axis", "array of size", "setting an array element", "einstein sum",
    "shape mismatch", "maximum supported dimension", "object arrays", "NoneType", "unpack",
    "object has no attribute", "unhashable", "positional argument but", "unexpected keyword",
)  # fmt: skip
"""Words of messages that were written for the code inside, and not for the caller."""


LARGEST = 64 << 20
"""Bytes of results that are compared."""
TOO_LARGE = "the result is too large to be compared"


class Outcome(NamedTuple):
    """What a call did.

    Attributes:
        status: "value", "refused", or "fault" for an exception that no caller should see.
        values: The results, as arrays.
        text: The exception.
        damage: What the call changed that it should not have.
    """

    status: str
    values: list[Any]
    text: str = ""
    damage: str = ""


class Case:
    """A call of a function, drawn from a seed.

    Attributes:
        form: "function", "method", "inplace" or "out".
        call: The arguments.
    """

    def __init__(
        self, entry: Entry, seed: int, without: Iterable[str] = (), always: Iterable[str] = ()
    ):
        self.entry, self.seed = entry, seed
        self.draw = draw = Draw(entry.path, seed, without, always)
        maker = recipes.RECIPES.get(entry.path) or recipes.RECIPES.get(entry.name)
        if entry.name.startswith("_foreach_"):
            maker = partial(foreach, entry)
        self.call: Call = maker(draw) if maker else by_signature(entry, draw)
        self.form = self._form()

    def _form(self) -> str:
        first = self.call.args[0] if self.call.args else None
        forms = [f for f in self.entry.forms if isinstance(first, Operand) or f == "out"]
        if not forms or not self.draw.has("form", 0.35):
            return "function"
        return self.draw.one(forms)

    @property
    def operands(self) -> list[Operand]:
        return list(_operands((self.call.args, list(self.call.kwargs.values()))))

    @property
    def repeat(self) -> str:
        """What runs this case again, as the argument of --repeat."""
        added = "".join(f"+{f}" for f in sorted(self.draw.always))
        left_out = "".join(f"-{f}" for f in sorted(self.draw.without))
        return f"{self.entry.path}:{self.seed}{added}{left_out}"

    def __str__(self) -> str:
        name = f"{self.entry.path}_" if self.form == "inplace" else self.entry.path
        given = [repr(a) for a in self.call.args]
        given += [f"{n}={v!r}" for n, v in self.call.kwargs.items()]
        return f"{name}({', '.join(given)})" + (
            f" [{self.form}]" if self.form != "function" else ""
        )

    # ------------------------------------------------------------------------------------ runs

    def run(self, side: Side) -> Outcome:
        """The call as it was drawn."""
        side.start(self.seed)
        if self.form == "out":
            return self._run_out(side)
        return self._guarded(side, lambda: self._called(side), self.targets)

    @property
    def writes(self) -> bool:
        name = self.entry.name
        return self.form == "inplace" or (name.endswith("_") and not name.endswith("__"))

    @property
    def targets(self) -> list[Operand]:
        """What the call writes to."""
        return list(_operands(self.call.args[:1])) if self.writes else []

    def _called(self, side: Side) -> Any:
        args = [side.value(a) for a in self.call.args]
        kwargs = {n: side.value(v) for n, v in self.call.kwargs.items()}
        if self.form == "function":
            return side.function(self.entry.path)(*args, **kwargs)
        name = self.entry.name + ("_" if self.form == "inplace" else "")
        return getattr(args[0], name)(*args[1:], **kwargs)

    def _guarded(self, side: Side, call: Any, targets: list[Operand]) -> Outcome:
        """The outcome of a call that may change its targets and nothing else."""
        before = {id(x): x.block.copy() for x in self.operands}
        try:
            values = side.arrays(call())
            status, text = "value", ""
        except REFUSALS as error:
            values, text = [], f"{type(error).__name__}: {error}"
            leaks = type(error).__name__.startswith("_") or "Ufunc" in type(error).__name__
            leaks |= any(words in str(error) for words in LEAKS)
            status = "fault" if leaks and side.native else "refused"
        except Exception as error:
            values, status, text = [], "fault", f"{type(error).__name__}: {error}"
        if sum(getattr(v, "nbytes", 0) for v in values) > LARGEST:
            values, status, text = [], "refused", TOO_LARGE
        return Outcome(status, values, text, self._damage(side, before, targets, status))

    def _damage(self, side: Side, before: dict, targets: list[Operand], status: str) -> str:
        for operand in self.operands:
            now = side.blocks.get(id(operand))
            old = before[id(operand)]
            if now is None or now.tobytes() == old.tobytes():
                continue
            if not any(operand is target for target in targets):
                return f"an input was changed: {operand!r}"
            if status != "value":
                return f"the target was changed although the call was refused: {operand!r}"
            if operand.beside(now).tobytes() != operand.beside(old).tobytes():
                return f"memory beside the target was changed: {operand!r}"
        return ""

    def _run_out(self, side: Side) -> Outcome:
        """The function with out=, into places that lie somehow and are full of garbage."""
        first = self.function(side, self.call)
        if first.status != "value" or not all(isinstance(v, np.ndarray) for v in first.values):
            return first
        draw = Draw(self.entry.path + " out", self.seed, self.draw.without)
        places = [fresh(draw, v) for v in first.values]
        several = len(places) > 1
        side.start(self.seed)

        def call() -> Any:
            outs = tuple(side.value(p) for p in places)
            args = [side.value(a) for a in self.call.args]
            kwargs = {n: side.value(v) for n, v in self.call.kwargs.items()}
            side.function(self.entry.path)(*args, **kwargs, out=outs if several else outs[0])
            return outs

        made = self._guarded(side, call, [])
        for place in places:
            now = side.blocks.get(id(place))
            if (
                now is not None
                and place.beside(now).tobytes() != place.beside(place.block).tobytes()
            ):
                return made._replace(damage=f"memory beside out= was changed: {place!r}")
        return made

    def function(self, side: Side, call: Call) -> Outcome:
        """The function itself with other arguments."""
        side.start(self.seed)
        try:
            args = [side.value(a) for a in call.args]
            kwargs = {n: side.value(v) for n, v in call.kwargs.items()}
            values = side.arrays(side.function(self.entry.path)(*args, **kwargs))
        except Exception as error:
            return Outcome("refused", [], f"{type(error).__name__}: {error}")
        return Outcome("value", values)

    def plain_call(self) -> Call:
        """The same operands, in order and each with its own memory."""
        return mapped(self.call, lambda x: plain(x.array))

    def wide_call(self) -> Call | None:
        """The same operands in 64 bits, if that makes a difference."""
        narrow = {"float16", "bfloat16", "float32", "complex64"}
        if not any(x.dtype.name in narrow for x in self.operands):
            return None
        if any(isinstance(v, DType) for v in (*self.call.args, *self.call.kwargs.values())):
            return None
        return mapped(self.call, lambda x: plain(widened(x.array)))

    def array_call(self, result: np.dtype | None) -> Call | None:
        """The operands as arrays for NumPy: in 64 bits, or as the result's integers; no dtypes are named."""
        values = (*self.call.args, *self.call.kwargs.values())
        if any(isinstance(v, DType) for v in values):
            return None
        if result is not None and self.entry.family.startswith("elementwise"):
            call = mapped(self.call, lambda x: _as_result(x.array, result))
            return call._replace(args=tuple(int(a) if a is True else a for a in call.args))
        return mapped(self.call, lambda x: widened(x.array).copy())


def _as_result(array: np.ndarray, result: np.dtype) -> np.ndarray:
    """An operand of a function of elements: converted first, as promotion does."""
    if array.dtype.kind in "iub" and (result.kind in "iufc" or result == BFLOAT16):
        return widened(array.astype(result))
    return widened(array)


def widened(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f" or array.dtype == BFLOAT16:
        return array.astype(np.float64)
    return array.astype(DTYPES["complex128"]) if array.dtype.kind == "c" else array


def _operands(item: Any) -> Any:
    if isinstance(item, Operand):
        yield item
    elif isinstance(item, (tuple, list)):
        for part in item:
            yield from _operands(part)


def mapped(item: Any, change: Any) -> Any:
    """The same arguments with every operand changed."""
    if isinstance(item, Call):
        kwargs = {n: mapped(v, change) for n, v in item.kwargs.items()}
        return Call(tuple(mapped(a, change) for a in item.args), kwargs)
    if isinstance(item, Operand):
        return change(item)
    if isinstance(item, (tuple, list)) and not isinstance(item, DType):
        return type(item)(mapped(x, change) for x in item)
    return item
