"""The table of where functions run is made by looking: at launches, at copies to the host, at errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import flambeau as torch
from benchmarks.fuzz import places, registry
from benchmarks.fuzz.side import OnCuda, Side


@pytest.fixture
def sides() -> Iterator[tuple[Side, OnCuda]]:
    yield Side("flambeau"), OnCuda()
    torch.set_default_device(None)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("add", places.OWN),
        ("nn.functional.softmax", places.OWN),
        ("Tensor.view", places.LIBRARY),
        ("linalg.cholesky", places.LIBRARY),
        ("Tensor.numpy", places.NOWHERE),
    ],
)
def test_functions_are_placed(sides: tuple[Side, OnCuda], name: str, place: str) -> None:
    found = places.found(registry.entries()[name], *sides)
    assert found.place == place
    assert (place == places.NOWHERE) == ("numpy" in found.why)


def test_the_table_is_written_between_its_marks(tmp_path) -> None:
    entry = registry.entries()["add"]
    text = places.table(
        [places.Finding(entry, places.OWN), places.Finding(entry, places.NOWHERE, "why")]
    )
    assert "| all | 1 | 0 | 0 | 1 | 0 |" in text
    assert "Missing: `add`." in text
    file = tmp_path / "page.md"
    file.write_text(f"before\n{places.BEGIN}\nold\n{places.END}\nafter\n")
    places.write(file, text)
    assert file.read_text() == f"before\n{places.BEGIN}\n{text}\n{places.END}\nafter\n"
    file.write_text("no marks")
    with pytest.raises(SystemExit, match="has no line"):
        places.write(file, text)
