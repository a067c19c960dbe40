"""Every differentiable operation under the transforms: its sample calls, and what is found of each.

The samples are those of the gradients' tests (`tests/ops/sample.py`). `rows` gives the table of
docs/transforms.md, which `python -m tests.func.walk` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import flambeau as torch
from flambeau.dispatch.formula.formula_operation import FormulaOperation
from flambeau.dispatch.registry import OPERATIONS
from flambeau.dispatch.rule.rule_operation import Operation
from flambeau.dispatch.rule.view_operation import ViewOperation
from flambeau.func.batched import Mapping
from flambeau.ops import families
from tests.dispatch.rule.test_rule_operation import UNREACHED, operations_recorded
from tests.ops.sample import PROGRAMS, UNDERIVED, UNREAL, arrays_of
from tests.ops.test_registry import derivable, formulas, several

families.load_all()

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
DRAWN = {"drawn": "it draws random numbers: tests/func/test_vmap.py"}
"""Programs that a loop does not repeat."""
UNMAPPED = {
    **DRAWN,
    "masked_select": "the results of samples differ in shape",
    "as_subclass": "a sample has a class of its own",
    "recurrence": "it is a part of nn.RNN, and no public function",
    "scaled_rows": "it is a part of batch_norm, and no public function",
    "view then square": "as_strided goes by memory, where samples lie otherwise",
}
"""Programs that vmap does not run, or that have another meaning for samples."""


def calls() -> dict[str, tuple[Callable[..., Any], list[np.ndarray]]]:
    """Functions of tensors by name, with float64 arrays for them."""
    found = {}
    for name in formulas():
        function, arrays = derivable(OPERATIONS[name])
        if arrays and any(y.is_floating_point() for y in several(function(*tensors(arrays)))):
            found[f"formula {name}"] = function, arrays
    for name, (function, _) in PROGRAMS.items():
        found[name] = function, arrays_of(name)
    return found


def is_mapped(name: str) -> bool:
    """Can vmap run it? Formulas of rows are run by public functions, which are programs."""
    operation = OPERATIONS.get(name.removeprefix("formula "))
    rows = name.startswith("formula ") and getattr(operation, "rows", False)
    return not rows and name not in UNMAPPED


def tensors(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(a.copy()) for a in arrays]


def outputs(result: Any) -> list[torch.Tensor]:
    flat = list(result) if isinstance(result, (tuple, list)) else [result]
    return [y for y in flat if y.is_floating_point() or y.is_complex()]


def directions(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    draw = np.random.default_rng(5)
    return [torch.from_numpy(draw.uniform(-1, 1, a.shape)) for a in arrays]


@contextmanager
def sample_by_sample() -> Iterator[list[str]]:
    """The functions that vmap runs on each sample in the block."""
    names: list[str] = []
    usual = Mapping.one_by_one

    def noted(self: Mapping, func: Callable, *rest: Any) -> Any:
        names.append(func.__name__)
        return usual(self, func, *rest)

    Mapping.one_by_one = noted  # type: ignore[method-assign]
    try:
        yield names
    finally:
        Mapping.one_by_one = usual  # type: ignore[method-assign]


def how_forward(operation: Any) -> str:
    """How an operation has its tangents."""
    if isinstance(operation, FormulaOperation):
        return "derived"
    if operation.tangent_rule is not None:
        return "rule"
    asks = set(operation.asks) & {*operation.operands, *operation.outputs, "y"}
    return "linear" if operation.linear and not asks else "transposed"


def reasons() -> dict[str, str]:
    """Operations without a derivative, and why."""
    found = dict(UNREAL)
    found |= dict.fromkeys(UNDERIVED, "it has no derivative by its first operands, as PyTorch's")
    found |= {
        name: UNREACHED[name] for name in ("standard_gamma_slope", "r", "geqrf", "ldl", "ldl_solve")
    }
    return found


def batches(names: dict[str, str]) -> dict[str, str]:
    """For each operation how vmap runs the sample calls that reach it."""
    found: dict[str, str] = {}
    for name, (function, arrays) in calls().items():
        if not is_mapped(name):
            continue
        with operations_recorded() as reached:
            function(*(x.requires_grad_() for x in tensors(arrays)))
        stacked = [torch.stack([x, x]) for x in tensors(arrays)]
        with sample_by_sample() as single:
            torch.vmap(lambda *xs, f=function: tuple(outputs(f(*xs))))(*stacked)
        how = "sample by sample" if single else "whole batch"
        for operation in reached:
            if found.get(operation) != "whole batch":
                found[operation] = how
    return found


def rows() -> list[tuple[str, str, str, str, str]]:
    """Operation, reverse, forward, vmap, and what is missing and why."""
    why, how = reasons(), batches({})
    table = []
    for name, operation in sorted(OPERATIONS.items()):
        if isinstance(operation, Operation) and operation.rule is None:
            continue
        if isinstance(operation, FormulaOperation) and not operation.differentiable:
            continue
        if name in why:
            table.append((name, "-", "-", how.get(name, "sample by sample"), why[name]))
            continue
        kind = "derived" if isinstance(operation, FormulaOperation) else "rule"
        if isinstance(operation, ViewOperation):
            kind = "view"
        table.append((name, kind, how_forward(operation), how.get(name, "sample by sample"), ""))
    return table


def page() -> str:
    """The text of docs/transforms.md."""
    lines = [
        TEXT,
        "| operation | reverse | forward | vmap | remark |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{n}` | {r} | {f} | {v} | {w} |".replace("|  |", "| |") for n, r, f, v, w in rows()
    ]
    return "\n".join(lines) + "\n"


TEXT = """\
# Operations and transforms

Every operation of the registry that can have a derivative, with how the transforms treat it. The table is made by
`python -m tests.func.walk` and a test holds it current; other tests (`tests/func/test_walk.py`) check each row: tangents
against central differences and against the gradient, and `vmap` against a loop.

* **reverse** (`backward`, `func.grad`, `func.vjp`): *derived* from the operation's formula, or by its *rule*; that of a
  *view* needs no values.
* **forward** (`autograd.forward_ad`, `func.jvp`, `func.jacfwd`, `func.linearize`): *derived*: another formula, the transpose
  of the gradient, fused like any; *linear*: the operation itself, of the tangents; *rule*: one of its own; *transposed*:
  the gradient rule is linear in what arrives, and is differentiated with respect to that.
* **vmap**: *whole batch* if there are calls of it that run once for all samples, else *sample by sample*, with the same
  results.

Derivatives of all orders compose: forward over reverse, reverse over forward, and `vmap` inside and outside of both.
"""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
