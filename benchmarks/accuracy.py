#!/usr/bin/env python3
"""The worst errors of elementary and special functions, beside PyTorch's at the same places.

    python benchmarks/accuracy.py [--count N] [--write]

An error is counted in units in the last place of the exact value, which mpmath gives, over results that are
finite and not subnormal. Samples are spread evenly over the stretches that tests/kernels/accuracy_table.py lists for the
function, N each, and over all magnitudes where it has values there; functions that NumPy has are also sampled
densely in float32, against NumPy's float64. --write puts the table into docs/accuracy.md;
PyTorch must be installed for that.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import flambeau  # noqa: E402
from tests.kernels.accuracy_table import DENSE, FUNCTIONS, densest, exact, samples, worst  # noqa: E402

HEAD = """# Accuracy of elementary and special functions

The worst error seen, in units in the last place (0.5 is a correctly rounded result), over finite
results that are not subnormal; PyTorch {version} at the same places. Written by
`python benchmarks/accuracy.py --count {count} --write`, which says how it is measured; where each function was
sampled stands in `tests/kernels/accuracy_table.py`. Sines, cosines and tangents were sampled up to the largest number.
PyTorch's figures in the millions are results that it rounds to zero or takes from a difference of nearly equal
numbers. With `FLAMBEAU_KERNELS=0` the functions are NumPy's, or formulas in NumPy's arithmetic, whose
errors in float32 are larger.

| function | float32 | PyTorch's | float64 | PyTorch's |
| --- | ---: | ---: | ---: | ---: |
"""


def shown(error: float) -> str:
    return f"{error:.2f}" if error < 1000 else f"{error:.0e}"


def row(name: str, libraries: list, count: int) -> str:
    cells = []
    for dtype in (np.float32, np.float64):
        operands = samples(name, dtype, count)
        wanted = exact(name, operands)
        for library in libraries:
            error = worst(library, name, operands, wanted)
            if dtype is np.float32 and name in DENSE:
                error = max(error, densest(library, name))
            cells.append(shown(error))
    return f"| `{name}` | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    options = parser.parse_args()
    libraries = [flambeau]
    try:
        import torch

        libraries.append(torch)
    except ImportError:
        if options.write:
            parser.error("--write wants PyTorch installed, for its columns")
    rows = []
    for name in FUNCTIONS:
        rows.append(row(name, libraries, options.count))
        print(rows[-1], flush=True)
    if options.write:
        head = HEAD.format(version=torch.__version__.partition("+")[0], count=options.count)
        (ROOT / "docs" / "accuracy.md").write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
