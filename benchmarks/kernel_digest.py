"""A digest of the text of every kernel that the tests compile: has a change of the code changed a kernel?

    python benchmarks/kernel_digest.py --write before.txt     # on the commit before
    python benchmarks/kernel_digest.py --against before.txt   # on the commit after

Each line of the file is the digest of one module of LLVM's language and the functions it defines. Kernels are
compared as a set: which test asks for one, and when, is of no account. `--texts FOLDER` keeps the texts too, for
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

JIT = "flambeau.kernels.machine"  # where Machine is; --jit names another place


class Recorder:
    """Notes each text that is given to the compiler."""

    def __init__(self, module: str):
        self.texts: dict[str, str] = {}
        cls = import_module(module).Machine
        address = cls.address

        def noted(machine: Any, text: str) -> int:
            self.texts.setdefault(hashlib.sha256(text.encode()).hexdigest()[:32], text)
            return address(machine, text)

        cls.address = noted

    def lines(self) -> list[str]:
        return sorted(f"{key} {defined(text)}" for key, text in self.texts.items())


def defined(text: str) -> str:
    """The functions that a module defines."""
    return " ".join(re.findall(r"^define [^@]*(@\w+)", text, re.MULTILINE))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="where the lines go")
    parser.add_argument("--against", type=Path, help="lines written before, to compare with")
    parser.add_argument("--texts", type=Path, help="a folder for the texts themselves")
    parser.add_argument("--jit", default=JIT, help="the module of the class Machine")
    parser.add_argument("pytest", nargs="*", default=["-q", "-p", "no:cacheprovider"])
    options = parser.parse_args()
    recorder = Recorder(options.jit)
    status = pytest.main(options.pytest)
    lines = recorder.lines()
    total = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
    print(f"{len(lines)} kernels, digest {total}")
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
