"""Families that load when one of their names is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

import flambeau as torch
from flambeau.dispatch import lazy
from flambeau.dispatch.registry import NAMESPACES
from flambeau.ops import families

PROGRAM = """
import json
from importlib.machinery import SourceFileLoader
import flambeau as torch
from flambeau.dispatch import lazy
from flambeau.dispatch.registry import NAMESPACES
from flambeau.ops import families

def registered():
    methods = {n for n, m in vars(torch.Tensor).items() if not isinstance(m, lazy.LazyMethod)}
    return {("torch", n) for n in NAMESPACES["torch"]} | {("Tensor", n) for n in methods}

def exec_module(loader, module):
    before = registered()
    of_families.append(set())  # names that families bring which this one imports
    execute(loader, module)
    new, inner = registered() - before, of_families.pop()
    family = module.__name__.removeprefix("flambeau.ops.")
    if family in families.LAZY:
        brought[family] = sorted(new - inner)
        inner = new
    of_families[-1].update(inner)

brought, of_families, execute = {}, [set()], SourceFileLoader.exec_module
SourceFileLoader.exec_module = exec_module
families.load_all()
print(json.dumps(brought))
"""


@pytest.fixture(scope="module")
def brought() -> dict[str, list[list[str]]]:
    """For each family where it registers what, and under which names."""
    command = [sys.executable, "-c", PROGRAM]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("family", families.LAZY)
def test_the_names_listed_are_those_registered(family: str, brought: dict) -> None:
    functions, methods = (names.split() for names in families.LAZY[family])
    listed = {("torch", name) for name in functions if "." not in name}
    listed |= {("Tensor", name) for name in methods}
    assert {(place, name) for place, name in brought[family]} == listed


def test_names_listed_of_other_namespaces_are_registered() -> None:
    for space in ("nn.functional", "linalg"):
        for name in NAMESPACES[space].late:
            assert NAMESPACES[space][name].__name__ == name
    assert {*NAMESPACES["linalg"].late} == {"vector_norm"}


def test_the_names_of_sparse_tensors() -> None:
    for module, (functions, methods) in families.SPARSE.items():
        import_module(f"flambeau.{module}")
        assert {*functions.split()} <= NAMESPACES["torch"].keys()
        for name in methods.split():
            assert not isinstance(vars(torch.Tensor)[name], lazy.LazyMethod)


def test_nothing_is_loaded_before() -> None:
    program = "import sys, flambeau\nprint(*[n for n in sys.modules if 'flambeau' in n])"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    for family in families.LAZY:
        assert f"flambeau.ops.{family}" not in loaded
    for part in (
        "sparse",
        "core.sparse",
        "linalg",
        "fft",
        "func",
        "testing",
        "signal",
        "distributions",
    ):
        assert f"flambeau.{part}" not in loaded


def test_names_are_found_where_torch_has_them() -> None:
    x = torch.eye(2)
    assert torch.det is NAMESPACES["torch"]["det"]
    assert x.det().item() == torch.det(x).item() == 1.0
    assert torch.Tensor.det is NAMESPACES["torch"]["det"]
    assert {"svd", "stft", "diff"} <= set(dir(torch))
    assert torch.nn.functional.pdist(x).shape == (1,)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = torch.nothing
