"""Functions whose checks and choices depend on layouts and options alone, made once for each and remembered.

Such a function does not compute: it looks at its arguments, raises what there is to raise, and gives the function that
computes for all arguments like these. `decided` makes of it a function that computes, and looks again only where no
case is known (see `remembered`): layouts, dtypes and options are the key, values are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from .._source import Source
from .arguments import arguments, written
from .remembered import keep, lookup


def decided(decide: Any) -> Callable:
    """Decorator: of a function that gives what computes.

    For ``def pool(input, size, stride=None)``, which gives ``run(input)``::

        def pool(input, size, stride=default_stride):
            run = find(token, input, size, stride)
            if run is None: run = keep(token, (input, size, stride), decide(input, size, stride))
            return run(input)

    What it gives takes the operands: the first arguments, up to the first whose annotation is no tensor's, or
    those that are named: ``@decided("input weight bias")``.
    """
    if isinstance(decide, str):
        return lambda function: _computing(function, decide.split())
    operands = []
    for name in arguments(decide):
        if not str(decide.__annotations__.get(name, "")).startswith("Tensor"):
            break
        operands.append(name)
    if not operands:
        raise TypeError(
            f"{decide.__name__}(): say which arguments are operands, as decided('input')"
        )
    return _computing(decide, operands)


def _computing(decide: Any, operands: Sequence[str]) -> Callable:
    found = arguments(decide)
    source = Source(decide.__name__, decide=decide, keep=keep)
    lookup(source)
    count = decide.__code__.co_argcount
    head, given = written(found, source), [*found]
    passed = ", ".join([*given[:count], *(f"{name}={name}" for name in given[count:])])
    if count < len(head):
        head.insert(count, "*")
    key = ", ".join(given)
    with source.block(f"def {decide.__name__}({', '.join(head)}):"):
        source(f"""
            run = find(token, {key})
            if run is None: run = keep(token, ({key},), decide({passed}))
            return run({", ".join(operands)})
            """)
    made = source.function(decide.__name__)
    update_wrapper(made, decide)
    return made
