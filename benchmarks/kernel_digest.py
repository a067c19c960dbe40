"""A digest of the text of every kernel that the tests compile: has a change of the code changed a kernel?

    python benchmarks/kernel_digest.py --write before.txt     # on the commit before
    python benchmarks/kernel_digest.py --against before.txt   # on the commit after

Each line of the file is the digest of one module of LLVM's language and the functions it defines. Kernels are
compared as a set: which test asks for one, and when, is of no account. With `--functions` a line is a function and
not a module, so that a change to what all modules share does not hide the rest. `--texts FOLDER` keeps the texts too, for
`diff`. What follows `--` goes to pytest; without it all tests run. Tests that start another
process are not seen. The text depends on the processor: compare files of one machine.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

JIT = "flambeau.kernels.runtime.jit"  # where Machine is; --jit names another place


class Recorder:
    """Notes each text that is given to the compiler."""

    def __init__(self, module: str):
        self.texts: dict[str, str] = {}
        cls = import_module(module).Machine
        address = cls.address

        def noted(machine: Any, text: str) -> int:
            self.texts.setdefault(digest(text), text)
            return address(machine, text)

        cls.address = noted

    def lines(self, functions: bool) -> list[str]:
        """A digest and a name for each module, or for each function of one."""
        if functions:
            found = FUNCTION.finditer("\n".join(self.texts.values()))
            return sorted({f"{digest(match[0])} {match[1]}" for match in found})
        return sorted(f"{digest(text)} {defined(text)}" for text in self.texts.values())


FUNCTION = re.compile(r"^define [^@]*(@\w+).*?^}", re.MULTILINE | re.DOTALL)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def defined(text: str) -> str:
    """The functions that a module defines."""
    return " ".join(match[1] for match in FUNCTION.finditer(text))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="where the lines go")
    parser.add_argument("--against", type=Path, help="lines written before, to compare with")
    parser.add_argument("--texts", type=Path, help="a folder for the texts themselves")
    parser.add_argument("--functions", action="store_true", help="compare functions, not modules")
    parser.add_argument("--jit", default=JIT, help="the module of the class Machine")
    parser.add_argument("pytest", nargs="*", default=["-q", "-p", "no:cacheprovider"])
    options = parser.parse_args()
    recorder = Recorder(options.jit)
    status = pytest.main(options.pytest)
    lines = recorder.lines(options.functions)
    what = "functions" if options.functions else "kernels"
    print(f"{len(lines)} {what}, digest {digest(chr(10).join(lines))}")
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")
    if options.texts:
        options.texts.mkdir(parents=True, exist_ok=True)
        for key, text in recorder.texts.items():
            (options.texts / f"{key}.ll").write_text(text)
    if options.against:
        before = set(options.against.read_text().splitlines())
        gone, come = sorted(before - set(lines)), sorted(set(lines) - before)
        for sign, listed in (("-", gone), ("+", come)):
            for line in listed:
                print(sign, line)
        print(f"{len(gone)} went, {len(come)} came, {len(before & set(lines))} stayed")
        return 1 if gone or come else int(status)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
