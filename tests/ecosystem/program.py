"""The programs of ``programs/``: what each needs, what it prints, and what PyTorch printed."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PROGRAMS = {
    path.stem: path for path in sorted(FOLDER.glob("programs/*.py")) if path.stem != "report"
}
PROVIDED = {"flambeau", "report", "torch", *sys.stdlib_module_names}


def packages(name: str) -> list[str]:
    """What the program imports beyond torch."""
    tree = ast.parse(PROGRAMS[name].read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return sorted(found - PROVIDED)


def absent(name: str) -> list[str]:
    return [package for package in packages(name) if importlib.util.find_spec(package) is None]


def read(output: str) -> dict[str, dict]:
    """The numbers in what a program printed: for each name a value, and the accuracy it has."""
    shown = [json.loads(line) for line in output.splitlines() if line.startswith('{"name": ')]
    numbers = {entry.pop("name"): entry for entry in shown}
    assert len(numbers) == len(shown), "two results of one name"
    return numbers


def recorded_path(name: str) -> Path:
    return FOLDER / "numbers" / f"{name}.json"


def recorded(name: str) -> dict[str, dict]:
    return json.loads(recorded_path(name).read_text())["numbers"]
