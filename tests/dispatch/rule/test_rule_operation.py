"""Every operation with a gradient rule: derivatives of sample programs to second order, and a check that
the programs reach every operation of the registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from flambeau.autograd.mode import mode
from flambeau.dispatch.formula.formula_operation import FormulaOperation
from flambeau.dispatch.registry import OPERATIONS
from flambeau.dispatch.rule.rule_operation import Operation
from flambeau.ops import families
from tests.ops.checker import assert_gradients, cotangents, derived
from tests.ops.sample import PROGRAMS, arrays_of

families.load_all()

pytestmark = pytest.mark.filterwarnings("ignore:index_reduce.. is in beta:UserWarning")

UNREACHED = {
    "attention": "it is recorded with kernels only: test_attention_gradient.py checks both ways",
    "ctc": "its gradient is PyTorch's, right behind a softmax only: test_window compares it",
    "standard_gamma": "its gradient is that of a drawn number: tests/distributions compare it with samples",
    "dirichlet": "its gradient is that of a drawn number: tests/distributions compare it with samples",
    "dirichlet_slope": "its rule says that it has no derivative",
    "standard_gamma_slope": "its rule says that it has no derivative",
    "small_batch_norm": "it is for float32 alone: tests/ops/nn/test_normalized.py compares it",
    "small_group_norm": "it is for float32 alone: tests/ops/nn/test_normalized.py compares it",
    "small_by_statistics": "it is for float32 alone: tests/ops/nn/test_normalized.py compares it",
    "take_along": "it is the gradient of a gradient: that of put_along",
    "normal_of": "as PyTorch's, its gradient is zero though the numbers move: see test_sampling.py",
    "_sparse_gather": "its gradient is sparse: see tests/sparse/test_leaf.py",
    "sparse_rows": "its gradient is sparse: see tests/sparse/test_leaf.py",
    "fake_quantized": "its gradient is straight through: see test_fake_quantize.py",
    "spmm": "it takes a pattern: see tests/sparse/test_product.py",
    "sampled": "it takes a pattern: see tests/sparse/test_product.py",
    "_moved": "it takes two devices, and there is one",
    "known_copy": "its value is what autocast kept: see tests/amp/test_cast.py",
    "native_dropout": "the kernel of a GPU draws for it: see tests/on_cuda/test_draws.py",
    "pinned": "it takes an accelerator, for which memory is page-locked",
    "r": "its rule says that mode='r' has no derivative",
    "geqrf": "its rule says that it has no derivative",
    "ldl": "its rule says that it has no derivative",
    "ldl_solve": "its rule says that it has no derivative",
}


@contextmanager
def operations_recorded() -> Iterator[set[str]]:
    """The names of the operations that record a node in the block."""
    names: set[str] = set()

    def watch(node: object, *_: object) -> None:
        operation = getattr(node, "operation", None) or getattr(
            getattr(node, "specialization", None), "operation", None
        )
        if operation is not None:
            names.add(operation.name)

    mode.watchers = (*mode.watchers, watch)
    try:
        yield names
    finally:
        mode.watchers = tuple(w for w in mode.watchers if w is not watch)


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_agree_with_differences(name: str) -> None:
    assert_gradients(PROGRAMS[name][0], arrays_of(name))


def test_every_rule_is_reached_by_a_program() -> None:
    with operations_recorded() as reached:
        for name, (function, _) in PROGRAMS.items():
            arrays = arrays_of(name)
            derived(function, arrays, cotangents(function, arrays), create_graph=True)
    rules = {
        name
        for name, operation in OPERATIONS.items()
        if isinstance(operation, Operation) and operation.rule is not None
    }
    special = {
        name
        for name, operation in OPERATIONS.items()
        if isinstance(operation, FormulaOperation) and (operation.not_promoted or operation.reduced)
    }
    missing = (rules | special) - reached - set(UNREACHED)
    assert not missing, f"no sample reaches {sorted(missing)}: add a program to tests/ops/sample.py"


def test_the_check_goes_red_for_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a rule that forgets a transposition, or is 1 % off, is found."""
    operation = OPERATIONS["mm"]
    right = operation.rule
    for wrong in (
        lambda *args: tuple(None if g is None else g * 1.01 for g in right(*args)),
        lambda *args: tuple(None if g is None else -g for g in right(*args)),
    ):
        monkeypatch.setattr(operation, "rule", wrong)
        with pytest.raises(AssertionError):
            assert_gradients(lambda x, y: x @ y, [np.eye(2) + 0.1, np.eye(2) * 2 + 0.3])
