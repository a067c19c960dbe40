"""The fuzzer of `benchmarks/fuzz`: some hundred of its cases, and that it finds what is broken on purpose."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import flambeau
from benchmarks.fuzz.arguments import Call
from benchmarks.fuzz.case import Case
from benchmarks.fuzz.child import Child, Gone
from benchmarks.fuzz.draw import FEATURES
from benchmarks.fuzz.judge import judge
from benchmarks.fuzz.known import KNOWN, reason
from benchmarks.fuzz.operand import plain
from benchmarks.fuzz.recipes import RECIPES
from benchmarks.fuzz.reference import REFERENCES
from benchmarks.fuzz.registry import Entry, entries
from benchmarks.fuzz.session import Session
from benchmarks.fuzz.side import Side
from flambeau import kernels
from flambeau.dispatch.registry import OPERATIONS
from flambeau.formula import primitive
from flambeau.kernels.loops.nest import Nest
from flambeau.nn import functional

SEED = 8
ENTRIES = entries()


@pytest.fixture
def side() -> Iterator[Side]:
    with warnings.catch_warnings():
        yield Side("flambeau")


def complaints(side: Side, chosen: list[Entry], seed: int = SEED) -> list[str]:
    verdicts = [judge(Case(entry, seed), side) for entry in chosen]
    return [
        f"{v.repeat} {v.case}: {v.complaint}"
        for v in verdicts
        if v.complaint and not reason(v.path, v.complaint)
    ]


@pytest.mark.parametrize("part", range(4))
def test_a_case_of_every_fourth_function(part: int, side: Side) -> None:
    assert complaints(side, list(ENTRIES.values())[part::8]) == []


def test_the_whole_registry_is_walked() -> None:
    """Recipes and references are for functions that exist, and most functions are there."""
    places = (
        flambeau,
        flambeau.Tensor,
        functional,
        flambeau.linalg,
        flambeau.fft,
        flambeau.special,
    )
    for path in (*REFERENCES, *RECIPES):
        assert any(hasattr(place, path.rpartition(".")[2]) for place in places), path
    assert len(ENTRIES) > 600
    assert {"add", "conv2d", "linalg.svd", "fft.rfft", "Tensor.copy_"} <= set(ENTRIES)


def test_cases_repeat_and_get_smaller() -> None:
    entry = ENTRIES["add"]
    cases = [Case(entry, seed) for seed in range(200)]
    assert [str(c) for c in cases] == [str(Case(entry, seed)) for seed in range(200)]
    used = set().union(*(c.draw.used for c in cases))
    assert used >= {"layout", "overlap", "special", "mixed", "broadcast", "number", "many", "form"}
    assert used <= set(FEATURES)
    for case in cases[:50]:
        assert not Case(entry, case.seed, FEATURES).draw.used
        assert "layout" not in Case(entry, case.seed, ["layout"]).draw.used


def test_layouts_of_every_kind_are_drawn() -> None:
    operands = [x for seed in range(400) for x in Case(ENTRIES["exp"], seed).operands]
    strides = [s for x in operands for s in x.strides]
    assert min(strides) < 0
    assert 0 in strides
    assert any(x.offset for x in operands)
    assert any(0 in x.shape for x in operands)
    assert any(len(x.shape) > 32 for x in operands)
    assert {x.dtype.name for x in operands} >= {"bool", "int8", "float16", "bfloat16", "complex64"}


def test_what_is_known_has_a_reason() -> None:
    assert all(len(kind.reason) > 20 for kind in KNOWN)


# --------------------------------------------------------------------------- negative controls


@pytest.fixture
def untraced() -> Iterator[Callable[[str], None]]:
    """Lets a test change how an operation is made: it is traced anew, before and after."""
    before = []

    def forget(name: str) -> None:
        operation = OPERATIONS[name]
        for table in (operation.specializations, operation.same, operation.promoted):
            before.append((table, dict(table)))
            table.clear()

    yield forget
    for table, known in before:
        table.clear()
        table.update(known)


def found(side: Side, path: str, seeds: range = range(30)) -> list[str]:
    return [text for seed in seeds for text in complaints(side, [ENTRIES[path]], seed)]


def test_a_wrong_formula_is_found(side: Side, untraced: Callable, monkeypatch) -> None:
    """x + y for x y, in kernels and interpreter alike: only another source of the right result can tell."""
    assert found(side, "mul", range(10)) == []
    untraced("mul")
    monkeypatch.setattr(OPERATIONS["mul"], "formula", lambda x, y: x + y)
    assert any("unlike NumPy" in text for text in found(side, "mul", range(10)))


@pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
def test_a_kernel_that_is_off_by_a_little_is_found(
    side: Side, untraced: Callable, monkeypatch
) -> None:
    untraced("tanh")
    right = primitive.tanh.lowering
    worse = right._replace(make=lambda *args: right.make(*args) * 1.001)
    monkeypatch.setattr(primitive.tanh, "lowering", worse)
    assert any("unlike" in text for text in found(side, "tanh", range(10)))


@pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
def test_a_write_beside_the_target_is_found(side: Side, untraced: Callable, monkeypatch) -> None:
    untraced("neg")
    right = Nest.mask
    monkeypatch.setattr(Nest, "mask", lambda self, i, end: right(self, i, end + 1))
    assert any("memory beside" in text for text in found(side, "neg", range(60)))


def test_a_write_into_an_input_is_found(side: Side, monkeypatch) -> None:
    def function(x):
        x._array[...] = 0
        return x.clone()

    monkeypatch.setattr(side, "function", lambda path: function)
    assert any("an input was changed" in text for text in found(side, "exp"))


@pytest.mark.parametrize(
    ("program", "timeout", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 60, "SIGSEGV"),
        ("import time; time.sleep(60)", 0.2, "no answer in 0 s"),
        ("raise SystemExit(3)", 60, "status 3"),
    ],
)
def test_a_process_that_ends_or_hangs_is_named(program: str, timeout: float, how: str) -> None:
    class Broken(Child):
        def start(self) -> None:
            command = [sys.executable, "-c", program]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )

    child = Broken(timeout=timeout)
    child.ask("add", 0, (), ())
    answer = child.answer()
    assert isinstance(answer, Gone)
    assert how in answer.how
    assert child.process is None


def test_a_session_reports_and_counts() -> None:
    """One case through both processes; and one that they answer differently."""
    entry = ENTRIES["add"]
    with Session(Child(), Child(judges=False, kernels=False)) as session:
        assert session.run(entry, 3) is None
        assert session.figures[entry.family]["tried"] == 1
        verdict, complaint = session.ask("add", 3)
        assert (complaint, verdict.checked) == ("", "NumPy")
        session.sibling.ask = lambda path, seed, *drawn: Child.ask(
            session.sibling, path, seed + 1, *drawn
        )
        finding = session.run(entry, 3)
        assert "unlike the sibling" in finding.complaint
        assert finding.repeat.startswith("add:3")
        assert session.figures[entry.family]["mismatched"] == 1
        assert "mismatched" in session.table()


def test_a_refusal_that_has_already_written_is_found(side: Side, monkeypatch) -> None:
    case = Case(ENTRIES["Tensor.copy_"], 1, FEATURES)
    case.call = Call((plain(np.zeros(3)), plain(np.ones(2))), {})

    def function(x, y):
        x._array[...] = 1
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(side, "function", lambda path: function)
    assert "although the call was refused" in judge(case, side).complaint
