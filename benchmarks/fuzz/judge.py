"""What a case should have given, and whether it did."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .case import Case, Outcome
from .compare import Near, difference, largest
from .operand import is_floating
from .side import Side

RANDOM = ("create.sampling", "create.rand", "create.gamma", "nn.dropout", "nn.gumbel")
"""Families whose draws depend on dtype and layout: only the sibling draws the same."""
OF_LAYOUT = frozenset(
    ("stride", "is_contiguous", "dim_order", "storage_offset", "is_set_to", "empty_like")
)
NOT_WIDENED = frozenset(
    "nextafter element_size view type_as type frexp new_tensor result_type tolist numpy".split()  # noqa: SIM905
)
"""Results of 32 bits are not rounded results of 64."""


class Verdict(NamedTuple):
    """What the process that ran a case says of it.

    Attributes:
        complaint: What is wrong with it, or "".
        outcome: For the comparison with the sibling, with how near each of its values must be.
        checked: What it was compared with.
    """

    case: str
    repeat: str
    family: str
    features: list[str]
    complaint: str
    outcome: Outcome
    near: list[Near]
    checked: str


def nearness(case: Case, value: Any) -> Near:
    """How near a value must be to another way of computing it."""
    if not isinstance(value, np.ndarray):
        return Near(64, 4)
    if case.entry.family.startswith(("elementwise", "special", "loss.elementwise")):
        return Near(24, 4, _magnitudes(case, value.shape))
    m = max((largest(x.array) for x in case.operands), default=0.0)
    with np.errstate(all="ignore"):
        scale = float(np.float64(max(m, 1.0)) ** 2)
        top = float(np.finfo(np.float32).max) if value.dtype.itemsize <= 8 else 1e308
        size = sum(x.array.size for x in case.operands)
        risky = not scale * max(size, 1) < top
    ulps = 2000 if case.entry.family.startswith("linalg") else 64
    return Near(ulps, 8, min(scale, 1e300), risky)


def _magnitudes(case: Case, shape: tuple[int, ...]) -> Any:
    """The largest operand at each place of the result."""
    found = np.zeros(shape)
    for x in case.operands:
        with np.errstate(all="ignore"):
            size = np.abs(x.array.astype(complex if x.dtype.kind == "c" else float))
        size = np.where(np.isfinite(size), size, 0)
        try:
            found = np.maximum(found, size)
        except ValueError:
            return largest(x.array)
    return found if found.shape == shape else float(found.max(initial=0))


def judge(case: Case, side: Side) -> Verdict:
    """Run a case and compare it with what else is known here."""
    made = case.run(side)
    near = [nearness(case, v) for v in made.values]
    complaint, checked = _complaint(case, side, made, near)
    return Verdict(
        str(case), case.repeat, case.entry.family, sorted(case.draw.used), complaint, made, near, checked
    )  # fmt: skip


def _complaint(case: Case, side: Side, made: Outcome, near: list[Near]) -> tuple[str, str]:
    if made.damage:
        return made.damage, ""
    if made.status == "fault":
        return made.text, ""
    if case.entry.family in RANDOM or case.entry.name in OF_LAYOUT:
        return "", ""
    plain = case.function(side, case.plain_call())
    if made.status == "refused":
        allowed = plain.status == "refused" or case.form != "function" or case.writes
        return ("" if allowed else f"refused, unlike its plain form: {made.text}"), ""
    if plain.status == "refused":
        return f"its plain form is refused: {plain.text}", ""
    found = unlike(made, plain, near, cast=case.form == "inplace")
    if found:
        return f"unlike its plain form: {found}", ""
    return _against_wide(case, side, made, near)


def _against_wide(case: Case, side: Side, made: Outcome, near: list[Near]) -> tuple[str, str]:
    call = None if case.entry.name in NOT_WIDENED else case.wide_call()
    wide = case.function(side, call) if call else None
    if wide is None or wide.status != "value":
        return "", ""
    checked = ""
    for got, want, how in zip(made.values, wide.values, near):
        if not isinstance(got, np.ndarray) or not _both_inexact(got, want):
            continue
        checked = "float64"
        found = difference(got, want, how)
        if found:
            return f"unlike float64: {found}", checked
    return "", checked


def _both_inexact(*arrays: Any) -> bool:
    return all(is_floating(x.dtype) or x.dtype.kind == "c" for x in arrays)


def unlike(made: Outcome, other: Outcome, near: list[Near], cast: bool = False) -> str | None:
    """How two outcomes differ."""
    if made.status != other.status:
        return f"{made.status} {made.text} for {other.status} {other.text}"
    if len(made.values) != len(other.values):
        return f"{len(made.values)} results for {len(other.values)}"
    for got, want, how in zip(made.values, other.values, near):
        if isinstance(got, np.ndarray) and isinstance(want, np.ndarray):
            if cast:
                with np.errstate(all="ignore"):
                    want = want.astype(got.dtype)
            elif got.dtype != want.dtype:
                return f"{got.dtype} for {want.dtype}"
        found = difference(got, want, how)
        if found:
            return found
    return None


def beside(verdict: Verdict, sibling: Outcome) -> str:
    """What is wrong with a case beside the same case in another process."""
    if sibling.damage:
        return f"in the sibling {sibling.damage}"
    found = unlike(verdict.outcome, sibling, verdict.near)
    return f"unlike the sibling: {found}" if found else ""
