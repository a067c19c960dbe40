"""Native kernels: a formula's program as machine code for this processor.

`build` gives a function of arrays that computes a program; it takes any arrays that the NumPy interpreter takes.
Nothing here knows of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from .._lazy import attach
from .._source import Source
from ..formula.program import Program
from .runtime.process import FREE_THREADED, enabled, known_enabled, when_enabled, why_off

_wing, __dir__ = attach(
    __name__,
    (
        "array",
        "convolution",
        "elementary",
        "gather",
        "inspect",
        "lapack",
        "llvm",
        "loops",
        "machine",
        "matmul",
        "nn",
        "runtime",
        "sparse",
    ),
)


def __getattr__(name: str) -> Any:
    """Wings and their modules load when first asked for: ``kernels.array.sort.order(x, 0)``."""
    if name == "explain":
        return import_module(f"{__name__}.inspect.explain").explain
    return _wing(name)


def constructor(cls: type, *slots: str) -> Callable[..., Any]:
    """A function of the values of an object's slots that makes the object.

    ``make = constructor(cls, "a", "b")``, then ``make(1, 2)``: no ``__new__``, no ``__init__``, no attribute
    stores. As machine code it takes half the time of those, and there is an object for each tensor
    and each recorded operation.
    """
    if known_enabled():
        from .runtime.constructor import native

        return native(cls, *slots)
    source = Source(f"make {cls.__name__}", new=object.__new__, cls=cls)
    with source.block(f"def make({', '.join(slots)}):"):
        source("made = new(cls)")
        for name in slots:
            source(f"made.{name} = {name}")
        source("return made")
    return source.function("make")


def constructs(namespace: dict, name: str, cls: type, *slots: str) -> None:
    """Put a class's `constructor` into a namespace: at first plain, native as soon as kernels are loaded.

    Loading them takes longer than importing all the rest, so it waits for the first operation.
    """

    def put() -> None:
        namespace[name] = constructor(cls, *slots)

    put()
    when_enabled(put)


def makes_views(
    namespace: dict, name: str, cls: type, smallest: int, prune: Callable[[list], None]
) -> None:
    """Exchange the function `name` of core/tensor.py, which makes views of tensors, for machine code.

    What makes functions for views of one layout is put beside it, under the name "views".

    Args:
        namespace, name: Where the plain function is.
        cls: The class of tensors.
        smallest: The length of a cell, a power of two, from which on it is pruned at powers of two.
        prune: Takes a cell.
    """

    def put() -> None:
        from .runtime.view_constructor import ViewConstructor

        namespace["views"] = views = ViewConstructor(cls, smallest, prune)
        namespace[name] = views.wrap()

    when_enabled(put)


def build(
    program: Program,
    inputs: Sequence[Any],
    compute: Any,
    results: Sequence[Any],
    name: str,
    rows: bool,
    interpreter: Callable,
    drop: bool = False,
    into: bool = False,
) -> Callable | None:
    """A native function of the program's arrays, parameters and (with `rows`) axes.

    Args:
        program: What to compute.
        inputs: The array dtypes of its inputs.
        compute: The dtype of the arithmetic.
        results: The array dtypes of its roots.
        name: What the function is called in tracebacks and reports.
        rows: Does it take axes?
        interpreter: Computes the same with NumPy, for arrays that the machine code is not made for.
        drop: The result, one value a row, loses the axes of the rows instead of keeping them with size 1.
        into: The function's first arguments are the arrays that the results are written to, which may be
            operands; it gives those arrays.

    Returns:
        The function, or None where the program has no native form (see `lower.Unsupported`) or kernels
        are off.
    """
    if not enabled():
        return None
    from .loops.dispatch import build_native  # the compiler loads with the first operation

    return build_native(program, inputs, compute, results, name, rows, interpreter, drop, into)


class Native:
    """A function of arrays that has a kernel: its module loads with the first call.

    Args:
        module, name: Where the kernel's function is in this package; it gives NotImplemented for what
            it is not made for.
        plain: Computes the same with NumPy.
        few: The module that has a kernel of this name for a few elements, which is asked first.
    """

    def __init__(self, module: str, name: str, plain: Callable, few: str = ""):
        self.module, self.name, self.plain, self.few = module, name, plain, few
        self.function: Callable = self._find

    def _find(self, *given: Any) -> Any:
        """The first call: from then on `function` is what is called."""
        found = (
            getattr(import_module(f"{__name__}.{self.module}"), self.name) if enabled() else None
        )
        self.function = self.plain if found is None else found
        if found is not None and self.few:
            self.function = import_module(f"{__name__}.{self.few}").product(found)
        return self.function(*given)

    def __call__(self, *given: Any) -> Any:
        value = self.function(*given)
        return self.plain(*given) if value is NotImplemented else value


def set_num_threads(threads: int) -> None:
    """Let so many threads compute: those of machine code and those of NumPy's matrix products."""
    from .runtime import threads as module

    module.set_number(threads)


def get_num_threads() -> int:
    """How many threads compute."""
    from .runtime import threads as module

    return module.get_number()


if FREE_THREADED:
    enabled()  # to say so when flambeau is imported, as what is switched off with the lock
