"""Families that load when one of their names is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import flambeau as torch
from flambeau.dispatch import lazy
from flambeau.dispatch.registry import NAMESPACES
from flambeau.ops import families

PROGRAM = """
import flambeau as torch
from flambeau.dispatch import lazy
from flambeau.dispatch.registry import NAMESPACES
from flambeau.ops import families
before = set(NAMESPACES["torch"])
methods = {n for n, m in vars(torch.Tensor).items() if not isinstance(m, lazy.LazyMethod)}
families.load(%r)
print(*sorted(set(NAMESPACES["torch"]) - before))
print(*sorted(n for n, m in vars(torch.Tensor).items()
              if not isinstance(m, lazy.LazyMethod) and n not in methods))
"""


@pytest.mark.parametrize("family", families.LAZY)
def test_the_names_listed_are_those_registered(family: str) -> None:
    command = [sys.executable, "-c", PROGRAM % family]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    brought = [set(line.split()) for line in lines]
    functions, methods = ({*names.split()} for names in families.LAZY[family])
    functions = {name for name in functions if "." not in name}
    needed = {
        n for n, f in lazy.FUNCTIONS.items() if f != f"flambeau.ops.{family}"
    }  # of families it builds on
    needed_methods = {n for n, f in lazy.METHODS.items() if f != f"flambeau.ops.{family}"}
    assert brought[0] - needed == functions
    assert brought[1] - needed_methods == methods


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
