"""What the documents say of the house is so: files they name exist, and the contracts on imports cover every room."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
SOURCES = [
    "/" + path.relative_to(ROOT).as_posix()
    for folder in ("flambeau", "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
]


def unknown(text: str) -> list[str]:
    """Python files and rooms that a text names and that do not exist; names may leave out the first folders."""
    named = re.findall(r"`([\w./]+\.py)`", text)
    rooms = re.findall(r"`((?:flambeau|ops|dispatch|kernels|core|formula)/(?:\w+/)*)`", text)
    return [name for name in named if not any(s.endswith("/" + name) for s in SOURCES)] + [
        room for room in rooms if not any(f"/{room}" in s for s in SOURCES)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_documents_name_exist(document: Path) -> None:
    assert unknown(document.read_text()) == []


def test_a_file_that_does_not_exist_is_found() -> None:
    assert unknown("`core/tensor.py`, `core/tensors.py`, `ops/view/` and `ops/views/`") == [
        "core/tensors.py",
        "ops/views/",
    ]


PROGRAM = """
from importlinter.cli import lint_imports
import sys
sys.exit(lint_imports(config_filename={!r}, no_cache=True))
"""


def kept(config: Path) -> bool:
    command = [sys.executable, "-c", PROGRAM.format(str(config))]
    return subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def test_an_import_against_the_stream_is_found(tmp_path: Path) -> None:
    """The contracts themselves are a step of .ci/run; here their control: turned round, they are broken."""
    layers = '["ops", "nn"]'
    config = tmp_path / "turned.toml"
    contract = f'name = "turned"\ntype = "layers"\ncontainers = ["flambeau"]\nlayers = {layers}'
    config.write_text(
        f'[tool.importlinter]\nroot_package = "flambeau"\n[[tool.importlinter.contracts]]\n{contract}'
    )
    assert not kept(config)
    config.write_text(config.read_text().replace(layers, '["nn", "ops"]'))
    assert kept(config)
