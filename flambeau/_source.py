"""Functions that are written out as text where a general one would be slow.

A function that is written for one signature, one formula or one class has no loops over operands and no
questions whose answers are known. `Source` collects its lines, compiles them under a file name of
their own, and gives the text to `linecache`, so that tracebacks and debuggers show it:

    source = Source("double", two=2)
    with source.block("def double(x):"):
        source("return x * two")
    double = source.function("double")
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any


class Source:
    """The text of one function, and the scope that it runs in.

    Args:
        title: What tracebacks call the file, as ``<flambeau title>``; a second one of the name is numbered.
        scope: What the names in the text mean.
    """

    def __init__(self, title: str, /, **scope: Any):
        self.title, self.scope = title, scope
        self.lines: list[str] = []
        self.depth = 0

    def __call__(self, text: str) -> None:
        """Add lines, indented as deep as the block that is open; their own common indentation goes."""
        lines = [line for line in text.splitlines() if line.strip()]
        margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        self.lines += ["    " * self.depth + line[margin:] for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a line that ends in a colon; what is added meanwhile stands below it."""
        self(head)
        self.depth += 1
        yield
        self.depth -= 1

    def function(self, name: str) -> Callable[..., Any]:
        """The function of that name which the text defines."""
        text = "\n".join(self.lines) + "\n"
        file = _register(self.title, text)
        exec(compile(text, file, "exec", dont_inherit=True), self.scope)
        made: Callable = self.scope[name]
        forget = weakref.finalize(_innermost(made.__code__), linecache.cache.pop, file, None)
        forget.atexit = False
        return made


def _innermost(code: CodeType) -> CodeType:
    """The last code that was written within `code`, which lives as long, or longer."""
    within = [item for item in code.co_consts if isinstance(item, CodeType)]
    return _innermost(within[-1]) if within else code


def _register(title: str, text: str) -> str:
    """Give the text to linecache; returns the file name that it has there.

    An entry without a time of change is one that `linecache.checkcache` keeps.
    """
    file, number = f"<flambeau {title}>", 1
    while True:
        entry = (len(text), None, text.splitlines(True), file)
        if linecache.cache.setdefault(file, entry) is entry:
            return file
        number += 1
        file = f"<flambeau {title} {number}>"


def listed(items: Iterable[str]) -> str:
    """A tuple of expressions: ``(a, b)``, with the comma that a single one needs."""
    items = tuple(items)
    return f"({', '.join(items)}{',' * (len(items) == 1)})"
