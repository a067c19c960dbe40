"""Functions whose checks and choices depend on layouts and options alone, made once for each and remembered.

Such a function does not compute: it looks at its arguments, raises what there is to raise, and gives the function that
computes for all arguments like these. `decided` makes of it a function that computes, and looks again only where no
case is known (see `remembered`): layouts, dtypes and options are the key, values are not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper

from .._source import Source
from .arguments import arguments, written
from .remembered import keep, lookup


def decided(decide: Callable) -> Callable:
    """Decorator: of a function that gives what computes.

    For ``def pool(input, size, stride=None)``, which gives ``run(input)``, since only `input` is said to be computed
    with, by the annotation of a tensor::

        def pool(input, size, stride=default_stride):
            run = find(token, input, size, stride)
            if run is None: run = keep(token, (input, size, stride), decide(input, size, stride))
            return run(input)

    The operands are the first arguments, up to the first that is annotated with something else than a tensor.
    """
    found = arguments(decide)
    operands = []
    for name in found:
        if not str(decide.__annotations__.get(name, "")).startswith("Tensor"):
            break
        operands.append(name)
    source = Source(decide.__name__, decide=decide, keep=keep)
    lookup(source)
    given = ", ".join(found)
    with source.block(f"def {decide.__name__}({', '.join(written(found, source))}):"):
        source(f"""
            run = find(token, {given})
            if run is None: run = keep(token, ({given},), decide({given}))
            return run({", ".join(operands)})
            """)
    made = source.function(decide.__name__)
    update_wrapper(made, decide)
    return made
