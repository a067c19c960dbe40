"""Where does each public function run on a GPU: own kernels, CuPy's functions, the host, or nowhere?

    FLAMBEAU_CUDA_SIMULATOR=1 python -m benchmarks.fuzz.places [--only NAMES] [--into docs/cuda.md]

Every function is called with random operands on a GPU (the cases of the fuzzer); what it launches, and what it brings to the
host, is watched. The table counts the functions of each family; what runs on the host, or nowhere, is named.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tqdm import tqdm

import flambeau
from flambeau.core.cuda import numpy
from flambeau.kernels.cuda import driver

from .__main__ import chosen
from .case import Case
from .registry import Entry
from .side import OnCuda, Side

OWN, LIBRARY, HOST, NOWHERE, UNTRIED = "own kernel", "library", "host", "missing", "not tried"
BEGIN, END = "<!-- where functions run: begin -->", "<!-- where functions run: end -->"
SEEDS = 16
"""Cases that are tried until one goes well on the CPU."""
WITHOUT = ("empty", "invalid", "form", "special", "wide", "large", "many")
"""Features that cases do not have: of an empty operand nothing is computed."""


class Finding(NamedTuple):
    """Where a function ran, and what was said of it if that is not on the GPU."""

    entry: Entry
    place: str
    why: str = ""


def found(entry: Entry, cpu: Side, gpu: OnCuda) -> Finding:
    """Where a function runs: by the first of its cases that the CPU does not refuse."""
    for seed in range(SEEDS):
        case = Case(entry, seed, WITHOUT)
        with flambeau.device("cpu"):
            usable = case.run(cpu).status == "value"
        if usable:
            return _placed(entry, case, gpu)
    return Finding(entry, UNTRIED)


def _placed(entry: Entry, case: Case, gpu: OnCuda) -> Finding:
    launch, fetched = driver.Kernel.__call__, numpy.fetched
    with (
        mock.patch.object(driver.Kernel, "__call__", autospec=True, side_effect=launch) as own,
        mock.patch.object(numpy, "fetched", side_effect=fetched) as host,
    ):
        outcome = case.run(gpu)
    if outcome.status != "value":
        return Finding(entry, NOWHERE, outcome.text)
    if host.called:
        return Finding(entry, HOST)
    return Finding(entry, OWN if own.called else LIBRARY)


def table(findings: list[Finding]) -> str:
    """Counts by family, and the names of what does not run on the GPU."""
    rows: dict[str, Counter] = defaultdict(Counter)
    for item in findings:
        rows[item.entry.family.partition(".")[0] or "lists of tensors"][item.place] += 1
    total = sum(rows.values(), Counter())
    places = (OWN, LIBRARY, HOST, NOWHERE, UNTRIED)
    lines = [f"| | {' | '.join(places)} |", f"| --- |{' ---: |' * len(places)}"]
    for name, row in (*sorted(rows.items()), ("all", total)):
        lines.append(f"| {name} | {' | '.join(str(row[place]) for place in places)} |")
    for place in (HOST, NOWHERE, UNTRIED):
        names = sorted(f"`{item.entry.path}`" for item in findings if item.place == place)
        if names:
            lines += ["", f"{place.capitalize()}: {', '.join(names)}."]
    return "\n".join(lines)


def write(file: Path, text: str) -> None:
    """Put a table between the marks of a Markdown file."""
    head, begin, rest = file.read_text().partition(BEGIN)
    if not begin:
        raise SystemExit(f"{file} has no line {BEGIN}")
    file.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="functions or families"
    )
    parser.add_argument("--into", type=Path, help="a Markdown file with marks for the table")
    given = parser.parse_args()
    cpu, gpu = Side("flambeau"), OnCuda()
    findings = [
        found(entry, cpu, gpu) for entry in tqdm(chosen(given.only), mininterval=1, disable=None)
    ]
    for item in findings:
        if item.why:
            print(f"{item.place}: {item.entry.path}: {item.why.splitlines()[0][:160]}")
    text = table(findings)
    print(text)
    if given.into:
        write(given.into, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
