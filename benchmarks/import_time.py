#!/usr/bin/env python3
"""How long `import flambeau` takes beyond `import numpy`.

What is measured is the package as an installer leaves it: copied to a folder of its own, with its
byte code beside it. A checkout would be compiled on the way, or not, by what ran there before.

Each round starts one fresh interpreter for each of the two, in turn, so that a change of the
machine's speed hits both alike. The interpreter itself takes the time of its import statement,
and the fastest round counts: everything else is noise from outside.

    python benchmarks/import_time.py
    python benchmarks/import_time.py --rounds 40 --modules 15
"""

from __future__ import annotations

import argparse
import compileall
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_MS = 40.0
PACKAGE = Path(__file__).resolve().parent.parent / "flambeau"

TIMED_IMPORT = """
import sys
sys.path.insert(0, {folder!r})
from time import perf_counter
start = perf_counter()
import {module}
print(1e3 * (perf_counter() - start))
assert {module}.__file__.startswith({folder!r}) or {module!r} == "numpy"
"""


def install(folder: str) -> None:
    """Copy the package there and compile it."""
    target = Path(folder, PACKAGE.name)
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    if not compileall.compile_dir(target, quiet=2):
        raise SystemExit("the package does not compile")


def milliseconds(module: str, folder: str) -> float:
    command = [sys.executable, "-P", "-c", TIMED_IMPORT.format(module=module, folder=folder)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(result.stdout)


def slowest_modules(count: int, folder: str) -> list[str]:
    """The lines of Python's own import profile with the most time in the module itself."""
    program = f"import sys; sys.path.insert(0, {folder!r}); import flambeau"
    command = [sys.executable, "-P", "-X", "importtime", "-c", program]
    profile = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
    header, *lines = profile.splitlines()
    lines.sort(key=lambda line: int(line.partition(":")[2].split("|")[0]), reverse=True)
    return [header, *lines[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--modules", type=int, default=0, help="also list the N slowest modules")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        install(folder)
        modules = ("numpy", "flambeau")
        rounds = [[milliseconds(name, folder) for name in modules] for _ in range(options.rounds)]
        slowest = slowest_modules(options.modules, folder) if options.modules else []
    numpy, flambeau = (min(column) for column in zip(*rounds, strict=True))
    extra = flambeau - numpy
    print(f"import numpy     {numpy:7.1f} ms")
    print(f"import flambeau  {flambeau:7.1f} ms")
    verdict = "within" if extra <= LIMIT_MS else "OVER"
    print(f"beyond numpy     {extra:7.1f} ms   {verdict} the limit of {LIMIT_MS:.0f} ms")
    print(*slowest, sep="\n", end="\n" if slowest else "")


if __name__ == "__main__":
    main()
