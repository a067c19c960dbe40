"""A few of the files that benchmarks/fuzz_load.py loads by the ten thousand."""

from __future__ import annotations

import contextlib
import io
import os

import pytest

import flambeau as torch
from benchmarks.load_mutation import KINDS, mutated, seeds
from flambeau.serialization import SerializationError

SOURCES = seeds()


def test_every_seed_loads() -> None:
    for whole in SOURCES[:-2] + SOURCES[-1:]:  # but the module of a class that is not here
        torch.load(io.BytesIO(whole), weights_only=False)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_changed_files_load_or_are_refused(first: int, tmp_path) -> None:
    seen = set()
    path = tmp_path / "x.pt"
    for number in range(first, first + 50):
        kind, _, whole = mutated(number, SOURCES)
        seen.add(kind)
        path.write_bytes(whole)
        for source in (io.BytesIO(whole), os.fspath(path)):
            with contextlib.suppress(SerializationError):
                torch.load(source, weights_only=bool(number % 2), map_location="cpu")
    assert seen == set(KINDS)
