#!/usr/bin/env python3
"""Are the random numbers on this GPU those of PyTorch? One command, under a minute.

    python benchmarks/gpu_draws.py [--into FOLDER] [--tiny]

Each library draws in a process of its own, from the same seeds, and saves what it has drawn in FOLDER. Then both are
compared: the share of equal numbers, the largest difference, and where the generators are afterwards. Draws that are not
meant to be equal (docs/differences.md) are left out. It needs CuPy and a PyTorch with CUDA; without PyTorch, or in the
simulator, flambeau's numbers are saved, to be compared elsewhere.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FLOATS = "float32", "float64", "float16", "bfloat16"
INTEGERS = "int64", "int32", "int16", "int8", "uint8", "bool"
SIZES = {False: (1, 1000, 3_000_001), True: (1, 1000)}
FILLS: dict[str, tuple[tuple, tuple[str, ...]]] = {
    "uniform_": ((-1.0, 2.0), FLOATS),
    "normal_": ((1.0, 2.0), FLOATS),
    "log_normal_": ((0.0, 0.5), FLOATS),
    "exponential_": ((2.0,), FLOATS),
    "cauchy_": ((1.0, 2.0), FLOATS),
    "geometric_": ((0.25,), ("float32", "float64", "int32")),
    "bernoulli_": ((0.3,), (*FLOATS, "uint8", "bool")),
    "random_": ((), (*FLOATS, *INTEGERS)),
}
"""In-place draws, their parameters, and the dtypes that they fill."""


def draws(T: Any, size: int) -> dict[str, Callable[[], Any]]:
    """What is drawn, for arrays of so many elements."""
    made: dict[str, Callable[[], Any]] = {}
    for name, (parameters, dtypes) in FILLS.items():
        for dtype in dtypes:
            made[f"{name} {dtype}"] = lambda n=name, p=parameters, d=dtype: getattr(
                T.empty(size, device="cuda", dtype=getattr(T, d)), n
            )(*p)
    ones, few = T.ones(size, device="cuda"), min(size, 1000)
    weights = T.linspace(0.1, 1, 97, device="cuda").repeat(few, 1)
    return made | {
        "rand": lambda: T.rand(size, device="cuda"),
        "randn": lambda: T.randn(size, device="cuda"),
        "randn transposed": lambda: T.empty(7, size, device="cuda").T.normal_(),
        "randn complex": lambda: T.view_as_real(T.randn(size, device="cuda", dtype=T.complex64)),
        "randint few": lambda: T.randint(10, (size,), device="cuda"),
        "randint many": lambda: T.randint(-(2**40), 2**40, (size,), device="cuda"),
        "random_ all": lambda: T.empty(size, device="cuda", dtype=T.int64).random_(-(2**63), None),
        "randperm": lambda: T.randperm(size, device="cuda"),
        "bernoulli each": lambda: T.bernoulli(T.linspace(0, 1, size, device="cuda")),
        "dropout": lambda: T.nn.functional.dropout(ones, 0.3),
        "dropout odd": lambda: T.nn.functional.dropout(T.ones(size | 1, device="cuda"), 0.3),
        "dropout in place": lambda: T.nn.functional.dropout(ones.clone(), 0.3, inplace=True),
        "multinomial once": lambda: T.multinomial(weights, 1),
        "multinomial": lambda: T.multinomial(weights, 5),
        "multinomial replaced": lambda: T.multinomial(weights, 5, replacement=True),
        "rrelu": lambda: T.nn.functional.rrelu(-ones, training=True),
        "normal of means": lambda: T.normal(ones, ones),
    }


def save(library: str, folder: Path, tiny: bool) -> None:
    """Draw everything with one library; each draw twice, the second after the first."""
    T = importlib.import_module(library)
    found: dict[str, np.ndarray] = {}
    for size in SIZES[tiny]:
        for name, draw in draws(T, size).items():
            T.cuda.manual_seed(42)
            key = f"{name}, {size}"
            for turn in ("first", "second"):
                value = draw()
                wide = value.double() if value.is_floating_point() else value.long()
                found[f"{key}, {turn}"] = wide.cpu().numpy()
            found[f"{key}, state"] = T.cuda.get_rng_state().cpu().numpy()
    np.savez_compressed(folder / f"{library}.npz", **found)


def compare(ours: Any, theirs: Any) -> int:
    """Print a line for each draw that differs; how many there are."""
    worse = 0
    for key in theirs.files:
        a, b = ours[key], theirs[key]
        equal = (a == b) | ((a != a) & (b != b))
        if equal.all():
            continue
        worse += 1
        scale = np.abs(a - b) / np.maximum(np.abs(b), 1e-6)
        print(f"{key}: {equal.mean():.3%} equal, {np.nanmax(scale):.2g} apart at most")
    print(f"{len(theirs.files) - worse} of {len(theirs.files)} equal in every bit")
    return worse


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, default=Path("gpu"), help="folder of the numbers")
    parser.add_argument("--tiny", action="store_true", help="short arrays alone")
    parser.add_argument("--library", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    if given.library:
        save(given.library, given.into, given.tiny)
        return
    for library in ("flambeau", "torch"):
        command = [sys.executable, __file__, "--library", library, "--into", str(given.into)]
        if subprocess.run(command + ["--tiny"] * given.tiny).returncode:
            print(f"{library} has not drawn: nothing is compared")
            return
    compare(*(np.load(given.into / f"{name}.npz") for name in ("flambeau", "torch")))


if __name__ == "__main__":
    main()
