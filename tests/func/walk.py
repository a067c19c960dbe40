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
from flambeau.autograd.mode import mode
from flambeau.core.promotion import PromotionKind
from flambeau.dispatch.arguments import arguments
from flambeau.dispatch.formula.formula_operation import FormulaOperation
from flambeau.dispatch.registry import OPERATIONS
from flambeau.dispatch.rule.rule_operation import Operation
from flambeau.dispatch.rule.view_operation import ViewOperation
from flambeau.func.batched import Mapping
from flambeau.nn import functional as F
from flambeau.ops import families
from flambeau.sparse.dispatch import _load
from tests.dispatch.rule.test_rule_operation import UNREACHED
from tests.ops.sample import PLACES, PROGRAMS, UNDERIVED, UNREAL, arrays_of
from tests.ops.test_registry import derivable, formulas, several

families.load_all()
_load()  # those of sparse tensors

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


LAYERS: dict[str, Callable[..., Any]] = {
    "rows": lambda x: (
        *(getattr(x, name)(-1) for name in ("amax", "amin", "sum", "mean", "prod", "softmax")),
        *(getattr(x, name)(0) for name in ("logsumexp", "log_softmax", "nansum", "cumsum")),
        *(x.var(1), x.std((0, 2)), x.sum(), x.mean(), x.argmax(1) * x[:, 0], x.max(1)[0]),
        *(*torch.std_mean(x, 1), *torch.var_mean(x), *torch.aminmax(x, dim=2)),
    ),
    "layers": lambda x, w: (
        *(F.layer_norm(x, (2,)), F.rms_norm(x, (4, 2)), F.normalize(x, dim=-1)),
        *(
            F.layer_norm(x, (2,), w[0, 0], w[1, 1]),
            F.linear(x, w[0]),
            F.linear(x, w[0], w[0, :, 1]),
        ),
        *(F.conv1d(x, w[:, :, :1].mT.reshape(2, 4, 1)), F.avg_pool1d(x, 2), F.max_pool1d(x, 2)),
        *(F.conv1d(x, w, w[:, 0, 0]), F.group_norm(x, 2), F.instance_norm(x)),
        *(F.embedding(PLACES, w[0]), F.glu(x, -1), F.scaled_dot_product_attention(x, w, w)),
    ),
    "losses": lambda x, y: (
        *(F.mse_loss(x, y), F.l1_loss(x, y + 1), F.smooth_l1_loss(x, y, reduction="sum")),
        *(F.huber_loss(x, y), F.binary_cross_entropy_with_logits(x, y)),
        *(F.cross_entropy(x[0], PLACES[[0, 1, 2, 0]] % 2), F.cross_entropy(x[1, 0], PLACES[0] % 2)),
    ),
    "shapes": lambda x: tuple(
        y * y
        for y in (
            *(
                x.reshape(4, 4),
                x.view(-1),
                x.flatten(1),
                x.unflatten(1, (2, 2)),
                x.permute(2, 0, 1),
            ),
            *(
                x.transpose(0, 2),
                x[0].t(),
                x.mT,
                x.movedim(0, -1),
                x.unsqueeze(1),
                x[:, :1].squeeze(1),
            ),
            *(
                x.expand(3, 2, 4, 2),
                x.select(1, 2),
                x.narrow(1, 1, 2),
                x.diagonal(),
                x.unfold(1, 2, 1),
            ),
            *(
                *x.chunk(2, 1),
                *x.split(1),
                *x.unbind(2),
                torch.cat([x, x], 1),
                torch.stack([x, x], -1),
            ),
            *(x[..., 0], x[:, None, 1], x[PLACES % 2], x.tril(), x.flip(1), x.roll(1, 1)),
        )
    ),
}
"""Calls of public functions that programs train with, on (2, 4, 2)."""


def calls() -> dict[str, tuple[Callable[..., Any], list[np.ndarray]]]:
    """Functions of tensors by name, with float64 arrays for them."""
    found = {}
    for name in formulas():
        function, arrays = derivable(OPERATIONS[name])
        if arrays and any(y.is_floating_point() for y in several(function(*tensors(arrays)))):
            found[f"formula {name}"] = function, arrays
    for name, (function, _) in PROGRAMS.items():
        found[name] = function, arrays_of(name)
    for name, function in LAYERS.items():
        draw = np.random.default_rng(len(name))
        found[name] = function, [draw.uniform(0.2, 0.8, (2, 4, 2)) for _ in arguments(function)]
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


@contextmanager
def ways() -> Iterator[dict[str, str]]:
    """For the operations that are recorded in the block: does vmap run them on whole batches?"""
    found: dict[str, str] = {}
    usual, depth = Mapping.one_by_one, [0]

    def noted(*args: Any) -> Any:
        depth[0] += 1
        try:
            return usual(*args)
        finally:
            depth[0] -= 1

    def watch(node: Any, *_: Any) -> None:
        operation = getattr(node, "operation", None) or getattr(
            getattr(node, "specialization", None), "operation", None
        )
        if operation is not None and not depth[0]:
            found[operation.name] = "whole batch"
        elif operation is not None:
            found.setdefault(operation.name, "sample by sample")

    Mapping.one_by_one, mode.watchers = noted, (watch,)  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Mapping.one_by_one, mode.watchers = usual, ()  # type: ignore[method-assign]


def how_forward(operation: Any) -> str:
    """How an operation has its tangents."""
    if isinstance(operation, FormulaOperation):
        return "derived"
    if operation.tangent_rule is not None or operation.product_rule is not None:
        return "rule"
    asks = set(operation.asks) & {*operation.operands, *operation.outputs, "y"}
    asks -= {"g", "index"}  # what arrives, and what is no number
    return "linear" if operation.linear and not asks else "transposed"


def reasons() -> dict[str, str]:
    """Operations without a derivative, and why."""
    found = dict(UNREAL)
    found |= dict.fromkeys(UNDERIVED, "it has no derivative by its first operands, as PyTorch's")
    found |= {
        name: UNREACHED[name]
        for name in (
            *("dirichlet_slope", "standard_gamma_slope"),
            *("r", "geqrf", "ldl", "ldl_solve"),
        )
    }
    return found


def batches() -> dict[str, str]:
    """For each operation how vmap runs the sample calls that reach it."""
    with ways() as found:
        for name, (function, arrays) in calls().items():
            if is_mapped(name):
                stacked = [torch.stack([x, x]).requires_grad_() for x in tensors(arrays)]
                torch.vmap(lambda *xs, f=function: tuple(outputs(f(*xs))))(*stacked)
    return found


def rows() -> list[tuple[str, str, str, str, str]]:
    """Operation, reverse, forward, vmap, and what is missing and why."""
    why, how = reasons(), batches()
    table = []
    for name, operation in sorted(OPERATIONS.items()):
        if isinstance(operation, Operation) and operation.rule is None:
            continue
        if name.startswith(
            ("mean_of_", "sum_of_")
        ):  # formulas of losses, joined to a mean when asked for
            continue
        if isinstance(operation, FormulaOperation) and (
            not operation.differentiable or operation.promotion is PromotionKind.ALWAYS_BOOL
        ):
            continue
        if name in why:
            table.append((name, "-", "-", how.get(name, "-"), why[name]))
            continue
        kind = "derived" if isinstance(operation, FormulaOperation) else "rule"
        if isinstance(operation, ViewOperation):
            kind = "view"
        table.append((name, kind, how_forward(operation), how.get(name, "as others"), ""))
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
* **vmap**: *whole batch* if sample calls run it once for all samples; *sample by sample* if not, with the same results; *as
  others* if the functions that use it run other operations for a batch (`mm` is `bmm` then), or if it is a part of
  gradients.

Derivatives of all orders compose: forward over reverse, reverse over forward, and `vmap` inside and outside of both.
"""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
