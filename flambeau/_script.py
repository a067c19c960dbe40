"""Runs a script or a module as the main program, the way ``python SCRIPT`` and ``python -m`` do.

An exception that leaves the program is reported as the interpreter would report it, without the
frames of this file. SystemExit passes through, and with it the program's exit status.
"""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType

_RUNNER_MODULES = {__name__, "runpy"}
_INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


def run_script(path: str, arguments: Sequence[str]) -> int:
    """Run the Python file `path` as ``__main__`` and return its exit status.

    Raises:
        OSError: the file cannot be read.
    """
    with io.open_code(path) as file:
        source = file.read()
    sys.argv = [path, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    path = os.path.abspath(path)  # as Python has it: tracebacks can be followed from any folder
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main  # stays: pickling and threads look here until the very end
    return _report(lambda: exec(compile(source, path, "exec"), main.__dict__))


def run_module(name: str, arguments: Sequence[str]) -> int:
    """Run the module or package `name` as ``__main__`` and return its exit status."""
    sys.argv = [name, *arguments]
    return _report(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _report(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit:
        raise
    except BaseException as error:
        frames = _program_frames(error.__traceback__)
        error.__traceback__ = frames
        if sys.excepthook is sys.__excepthook__ and _shows_written_code(frames):
            traceback.print_exception(error)
        else:
            sys.excepthook(type(error), error, frames)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _program_frames(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in _RUNNER_MODULES:
        frames = frames.tb_next
    return frames


def _shows_written_code(frames: TracebackType | None) -> bool:
    """Are there lines of code that flambeau writes? The interpreter's own hook shows none before Python 3.13."""
    return any(
        frame.f_code.co_filename.startswith("<flambeau ") for frame, _ in traceback.walk_tb(frames)
    )
