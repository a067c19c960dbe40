#!/usr/bin/env python3
"""How long `import flambeau` takes beyond `import numpy`.

Each round starts one fresh interpreter for each of the two, in turn, so that a change of the
machine's speed hits both alike. The interpreter itself takes the time of its import statement,
and the fastest round counts: everything else is noise from outside.

    python benchmarks/import_time.py
    python benchmarks/import_time.py --rounds 40 --modules 15
"""

from __future__ import annotations

import argparse
import subprocess
import sys

LIMIT_MS = 40.0

TIMED_IMPORT = """
from time import perf_counter
start = perf_counter()
import {module}
print(1e3 * (perf_counter() - start))
"""


def milliseconds(module: str) -> float:
    command = [sys.executable, "-c", TIMED_IMPORT.format(module=module)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(result.stdout)


def slowest_modules(count: int) -> list[str]:
    """The lines of Python's own import profile with the most time in the module itself."""
    command = [sys.executable, "-X", "importtime", "-c", "import flambeau"]
    profile = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
    header, *lines = profile.splitlines()
    lines.sort(key=lambda line: int(line.partition(":")[2].split("|")[0]), reverse=True)
    return [header, *lines[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--modules", type=int, default=0, help="also list the N slowest modules")
    options = parser.parse_args()

    rounds = [(milliseconds("numpy"), milliseconds("flambeau")) for _ in range(options.rounds)]
    numpy, flambeau = (min(column) for column in zip(*rounds, strict=True))
    extra = flambeau - numpy
    print(f"import numpy     {numpy:7.1f} ms")
    print(f"import flambeau  {flambeau:7.1f} ms")
    verdict = "within" if extra <= LIMIT_MS else "OVER"
    print(f"beyond numpy     {extra:7.1f} ms   {verdict} the limit of {LIMIT_MS:.0f} ms")
    if options.modules:
        print(*slowest_modules(options.modules), sep="\n")


if __name__ == "__main__":
    main()
