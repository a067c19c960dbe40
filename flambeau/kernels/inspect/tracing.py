"""Seeing kernels while they run: which are called, and with what.

A kernel is a builtin function, so `sys.setprofile` sees it as a c_call, which costs nothing while nobody looks.
It does not see the arguments. For these a kernel is turned aside for a while: its two words that say
where its code is and what its fallback is are exchanged for those of a spy.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ..llvm import Module
from ..runtime.layout import HEAD, MethodDefinition, builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, recipe_of
from ..runtime.vectorcall import Vectorcall


def _forwarding() -> str:
    """An entry point that gives every call to its fallback."""
    module = Module()
    f = Vectorcall(module)
    f.code.jump(f.REFUSED)
    f.fall_back()
    return module.text()


class Call:
    """One call of a kernel.

    Attributes:
        name: The kernel's.
        kernel: The builtin function.
        recipe: How its text is written.
        given, value: What it was called with, and what it gave.
        refused: Did it hand the call to its fallback?
        inside: Kernels that its fallback called.
    """

    def __init__(self, name: str, kernel: Any, recipe: Recipe, given: tuple = ()):
        self.name, self.kernel, self.recipe, self.given = name, kernel, recipe, given
        self.value: Any = None
        self.refused, self.inside = False, 0


class Kernels:
    """Context manager: the kernels that this thread calls in it, each once, in order.

    Attributes:
        found: The builtin functions, after those that are known.
    """

    def __init__(self, known: Sequence[Any] = ()) -> None:
        self.found = list(known)

    def __enter__(self) -> Kernels:
        self.before = sys.getprofile()
        sys.setprofile(self.see)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(self.before)

    def see(self, frame: Any, event: str, arg: Any) -> None:
        if (
            event == "c_call"
            and recipe_of(arg) is not None
            and not any(arg is x for x in self.found)
        ):
            self.found.append(arg)


@contextmanager
def turned_aside(kernel: Any, function: Callable) -> Iterator[None]:
    """Give the kernel's calls to `function`, from wherever they come."""
    address = machine().address(_forwarding())
    spy = builtin(kernel.__name__, address, function)
    words = _words(kernel)
    before = tuple(words)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(function))  # the kernel holds it too, meanwhile
    words[:] = _words(spy)[:]
    try:
        yield
    finally:
        words[:] = before
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(function))


def _words(kernel: Any) -> Any:
    """Where a builtin function keeps its definition and its self."""
    return (ctypes.c_size_t * 2).from_address(id(kernel) + HEAD)


def twin(kernel: Any, fallback: Any) -> Any:
    """The kernel's machine code with another fallback."""
    definition = MethodDefinition.from_address(_words(kernel)[0])
    return builtin(kernel.__name__, definition.address, fallback)


def calls_of(function: Callable, inputs: Sequence[Any], most: int = 6) -> list[Call]:
    """The calls of kernels while this thread runs ``function(*inputs)``.

    It runs until it calls no kernel that was not known before, at most `most` times: twice, and
    again where a first call took another path.
    """
    known: list[Any] = []
    for _ in range(most):
        made, found = _calls_of(function, inputs, known)
        if len(found) == len(known):
            break
        known = found
    return made


def _calls_of(
    function: Callable, inputs: Sequence[Any], kernels: Sequence[Any]
) -> tuple[list[Call], list[Any]]:
    """The calls of these kernels; and these kernels with all others that were called."""
    made: list[Call] = []
    open_calls: list[Call] = []
    owner = threading.get_ident()

    def spying(kernel: Any) -> Callable:
        recipe, fallback = recipe_of(kernel), kernel.__self__
        assert recipe is not None

        def refused(*given: Any) -> Any:
            if open_calls and threading.get_ident() == owner:
                open_calls[-1].refused = True
            return fallback(*given)

        original = twin(kernel, refused if callable(fallback) else fallback)

        def spy(*given: Any) -> Any:
            if threading.get_ident() != owner:
                return original(*given)
            for outer in open_calls:
                outer.inside += 1
            call = Call(kernel.__name__, kernel, recipe, given)
            made.append(call)
            open_calls.append(call)
            try:
                call.value = original(*given)
            finally:
                open_calls.pop()
            return call.value

        return spy

    with ExitStack() as stack:
        for kernel in kernels:
            stack.enter_context(turned_aside(kernel, spying(kernel)))
        seen = stack.enter_context(Kernels(kernels))
        function(*inputs)
    return made, seen.found
