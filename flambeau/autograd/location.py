"""Where in the user's program something happened: lines of source, and paths of modules.

Looking a frame up costs a tenth of a microsecond a level. Ordinary recording therefore looks up
nothing; `detect_anomaly` does for each operation, and an in-place write does where a node may have
saved what is written.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from sys import getrefcount
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .._caller import OURS, user_frame
from ..core.tensor import wrap_numpy
from .counts import fewest


class Location:
    """An instruction of the user's program; its line is worked out when somebody asks."""

    __slots__ = ("code", "instruction")

    def __init__(self, code: CodeType, instruction: int):
        self.code, self.instruction = code, instruction

    @property
    def line(self) -> int:
        for start, end, line in self.code.co_lines():
            if start <= self.instruction < end and line is not None:
                return line
        return self.code.co_firstlineno

    def __str__(self) -> str:
        import linecache  # rare: an error is being written

        text = linecache.getline(self.code.co_filename, self.line).strip()
        where = f"{self.code.co_filename}:{self.line}"
        return f"{where} (`{text}`)" if text else where


class Written(Location):
    """The last in-place write of a version cell. It stands in the cell among the weak references to
    views, and answers as one whose view is gone.

    Attributes:
        by: What wrote, where the line alone would not explain it: "SGD.step()".
    """

    __slots__ = ("by",)

    def __init__(self, code: CodeType, instruction: int, by: str = ""):
        super().__init__(code, instruction)
        self.by = by

    def __call__(self) -> None:
        return None


def user_location() -> Location | None:
    """The user's line that is running."""
    frame = user_frame(sys._getframe(1))
    return None if frame is None else Location(frame.f_code, frame.f_lasti)


def note_write(cell: list, by: str = "") -> None:
    """Remember in a version cell which line of the user's program is writing now."""
    frame = user_frame(sys._getframe(2))
    if frame is not None:
        _note(cell, frame, by)


def _note(cell: list, frame: FrameType, by: str) -> None:
    last = cell[-1]
    if last.__class__ is Written:
        last.code, last.instruction, last.by = frame.f_code, frame.f_lasti, by
    else:  # an older mark stays behind the views made since, until the cell is pruned
        cell.append(Written(frame.f_code, frame.f_lasti, by))


UNSAVED = 0
"""References to the version cell of a tensor without views that no node knows, seen in a function that holds it in
a variable; 0: unknown, so every write is noted."""


def count_writes(tensors: Iterable[Any], by: str = "") -> None:
    """Count up the versions of tensors that were written to, and remember the line where a node may have saved one."""
    references, unsaved, saved = getrefcount, UNSAVED, []
    for tensor in tensors:
        cell = tensor._cell
        cell[0] += 1
        if references(cell) > unsaved:
            saved.append(cell)
    if saved:
        frame = user_frame(sys._getframe(1))
        for cell in saved if frame is not None else ():
            _note(cell, frame, by)  # type: ignore[arg-type]


def _measure() -> None:
    """Find out the count by writes to a tensor whose cell nobody else holds, or a node does."""

    def unnoted(count: int, saved: bool) -> bool:
        global UNSAVED
        UNSAVED = count
        target = wrap_numpy(np.zeros(1, np.float32))
        _held = (target._cell,) if saved else ()
        count_writes((target,))
        return last_write(target._cell) is None

    global UNSAVED
    UNSAVED = fewest(unnoted)


def last_write(cell: list) -> Written | None:
    """The line that wrote last, where it is known."""
    for item in cell[:0:-1]:
        if item.__class__ is Written:
            return item
    return None


_measure()


class Recorded:
    """Where an operation was recorded: the stack of the user's lines, innermost last, and the module."""

    __slots__ = ("lines", "module")

    def __init__(self) -> None:
        self.lines: list[Location] = []
        modules: list[Any] = []
        known = sys.modules.get(f"{__package__.rpartition('.')[0]}.nn.module")
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if not code.co_filename.startswith(OURS):
                self.lines.insert(0, Location(code, frame.f_lasti))
            if known is not None and code.co_name == "forward" and code.co_argcount:
                owner = frame.f_locals.get(code.co_varnames[0])
                if isinstance(owner, known.Module) and not any(owner is m for m in modules):
                    modules.insert(0, owner)
            frame = frame.f_back
        self.module = path(modules)

    def __str__(self) -> str:
        """The innermost line, and the module if it was one's forward."""
        where = str(self.lines[-1]) if self.lines else "an unknown line"
        return f"{where} in module {self.module}" if self.module else where

    def warn(self, text: str) -> None:
        """Warn, as if from the user's innermost line."""
        at = self.lines[-1] if self.lines else None
        file, line = ("<unknown>", 1) if at is None else (at.code.co_filename, at.line)
        warnings.warn_explicit(text, UserWarning, file, line)

    def stack(self) -> str:
        """All lines, as a traceback prints them."""
        import linecache

        parts = []
        for at in self.lines:
            text = linecache.getline(at.code.co_filename, at.line).strip()
            parts.append(f'  File "{at.code.co_filename}", line {at.line}, in {at.code.co_name}\n')
            parts.append(f"    {text}\n" if text else "")
        return "".join(parts)


def path(modules: list[Any]) -> str:
    """The name of the innermost of nested modules, seen from the outermost, and its class."""
    if not modules:
        return ""
    root, inner = modules[0], modules[-1]
    name = next((name for name, module in root.named_modules() if module is inner), None)
    if not name:  # the outermost itself, or one that it reaches otherwise than as a submodule
        return type(inner).__name__
    return f"{name} ({type(inner).__name__})"
