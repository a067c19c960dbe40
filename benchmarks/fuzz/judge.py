"""What a case should have given, and whether it did."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from flambeau.core.memory import may_overlap

from .case import TOO_LARGE, Case, Outcome
from .compare import Near, difference, largest
from .operand import is_floating
from .reference import REFERENCES
from .reference.special import Sampled
from .side import Side

RANDOM = (
    *("create.sampling", "create.rand", "create.gamma", "nn.dropout", "nn.gumbel"),
    "nn.pooling_fractional",
)
"""Families whose draws depend on dtype and layout: only the sibling draws the same."""
OF_LAYOUT = frozenset(
    name
    for names in (
        "stride is_contiguous dim_order storage_offset",
        "view view_as view_copy view_as_complex view_as_complex_copy",
        "as_strided as_strided_copy as_strided_scatter",
    )
    for name in names.split()
)
"""Functions that show how a tensor lies in memory, or that refuse some layouts."""
NOT_WIDENED = frozenset(
    name
    for names in (
        "nextafter element_size type_as type frexp new_tensor result_type tolist numpy",
        "nan_to_num nan_to_num_ histc histogram svd_lowrank pca_lowrank rms_norm histogramdd",
    )
    for name in names.split()
)
"""Results of 32 bits are not rounded results of 64."""


class Verdict(NamedTuple):
    """What the process that ran a case says of it.

    Attributes:
        complaint: What is wrong with it, or "".
        outcome: For the comparison with the sibling, with how near each of its values must be.
        checked: What it was compared with.
    """

    path: str
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
    if case.entry.family.startswith(("elementwise", "special")):
        ulps = 24 if case.entry.family != "elementwise.polynomial" else 400
        ulps = 400 if value.dtype.kind == "c" else ulps
        return Near(ulps, 4, _magnitudes(case, value.shape))
    m = max((largest(x.array) for x in case.operands), default=0.0)
    with np.errstate(all="ignore"):
        scale = float(np.float64(max(m, 1.0)) ** 2)
        powers = float(np.float64(max(m, 1.0)) ** 3)
        top = _top(value.dtype)
        size = sum(x.array.size for x in case.operands)
        risky = not powers * max(size, 1) < top or "prod" in case.entry.name
    ulps = 2000 if case.entry.family.startswith("linalg") else 64
    return Near(ulps, 8, min(scale, 1e300), risky)


def _top(dtype: np.dtype) -> float:
    """The largest finite number, of sums on the way to a result of this dtype."""
    if is_floating(dtype):
        return float(ml_dtypes.finfo(dtype).max)
    return float(np.finfo(np.float32 if dtype.itemsize <= 8 else np.float64).max)


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
            return max(map(largest, (y.array for y in case.operands)))
    return found if found.shape == shape else float(found.max(initial=0))


def product(*parts: np.ndarray) -> np.ndarray:
    """U diag(S) V^H of the matrices U, S and V^H, of which U and V may be larger."""
    u, s, vh = parts
    k = s.shape[-1]
    return (u[..., :k] * s[..., None, :]) @ vh[..., :k, :]


UNIQUE: dict[str, Callable[..., list]] = {
    "linalg.svd": lambda u, s, vh: [s, product(u, s, vh)],
    "svd": lambda u, s, v: [s, product(u, s, np.conj(np.swapaxes(v, -1, -2)))],
    "svd_lowrank": lambda u, s, v: [s, product(u, s, np.conj(np.swapaxes(v, -1, -2)))],
    "pca_lowrank": lambda u, s, v: [s, product(u, s, np.conj(np.swapaxes(v, -1, -2)))],
    "linalg.eigh": lambda w, v: [w, product(v, w, np.conj(np.swapaxes(v, -1, -2)))],
    "linalg.eig": lambda w, v: [np.sort_complex(w)],
    "linalg.eigvals": lambda w: [np.sort_complex(w)],
}
"""What is unique in the results of decompositions: vectors are so up to a factor, and eigenvalues have no order."""


def unique(path: str, outcome: Outcome) -> Outcome:
    """The outcome with only what does not depend on the algorithm."""
    if path not in UNIQUE or outcome.status != "value":
        return outcome
    return outcome._replace(values=UNIQUE[path](*outcome.values))


def judge(case: Case, side: Side) -> Verdict:
    """Run a case and compare it with what else is known here."""
    made = unique(case.entry.path, case.run(side))
    near = [nearness(case, v) for v in made.values]
    complaint, checked = _complaint(case, side, made, near)
    return Verdict(
        case.entry.path, str(case), case.repeat, case.entry.family, sorted(case.draw.used), complaint,
        made, near, checked,
    )  # fmt: skip


def _complaint(case: Case, side: Side, made: Outcome, near: list[Near]) -> tuple[str, str]:
    if made.damage:
        return made.damage, ""
    if made.status == "fault":
        return made.text, ""
    if case.entry.family in RANDOM or made.text == TOO_LARGE:
        return "", ""
    if case.entry.name in OF_LAYOUT:
        return _against_reference(case, made, near) if made.values else ("", "")
    if _shares_target(case):
        return "", ""  # the order of writes to one place is nobody's promise
    plain = unique(case.entry.path, case.function(side, case.plain_call()))
    if made.status == "refused":
        allowed = plain.status == "refused" or case.form != "function" or case.writes
        return ("" if allowed else f"refused, unlike its plain form: {made.text}"), ""
    if plain.status == "refused":
        return f"its plain form is refused: {plain.text}", ""
    found = unlike(made, plain, near, cast=case.form == "inplace")
    if found:
        return f"unlike its plain form: {found}", ""
    complaint, checked = _against_reference(case, made, near)
    return (complaint, checked) if checked else _against_wide(case, side, made, near)


def _shares_target(case: Case) -> bool:
    return any(may_overlap(target.shape, target.strides) for target in case.targets)


def _against_reference(case: Case, made: Outcome, near: list[Near]) -> tuple[str, str]:
    """Beside the function written with NumPy, where there is one and it takes these arguments."""
    reference = REFERENCES.get(case.entry.path)
    if reference is None or not all(isinstance(v, np.ndarray) for v in made.values):
        return "", ""
    call = case.array_call(made.values[0].dtype if made.values else None)
    if call is None:
        return "", ""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wanted = reference(*call.args, **call.kwargs)
        except (TypeError, ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError):
            return "", ""  # arguments that the reference was not written for
    if wanted is None:
        return "", ""
    several = (
        list(wanted)
        if isinstance(wanted, (list, tuple)) and not hasattr(wanted, "places")
        else [wanted]
    )
    for got, want, how in zip(made.values, several, near):
        found = _unlike_reference(got, want, how)
        if found:
            return f"unlike NumPy: {found}", "NumPy"
    return "", "NumPy"


def _unlike_reference(got: np.ndarray, want: Any, how: Near) -> str | None:
    if isinstance(want, Sampled):
        scale = how.scale
        if isinstance(scale, np.ndarray):
            scale = scale.ravel()[want.places]
        return difference(got.ravel()[want.places], want.values, how._replace(scale=scale))
    want = np.asarray(want)
    if not _inexact(got):
        with np.errstate(all="ignore"):
            want = want.astype(got.dtype)
    return difference(got, want, how)


def _against_wide(case: Case, side: Side, made: Outcome, near: list[Near]) -> tuple[str, str]:
    call = None if case.entry.name in NOT_WIDENED else case.wide_call()
    wide = unique(case.entry.path, case.function(side, call)) if call else None
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
    return all(_inexact(x) for x in arrays)


def _inexact(array: np.ndarray) -> bool:
    return is_floating(array.dtype) or array.dtype.kind == "c"


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
    sibling = unique(verdict.path, sibling)
    if sibling.damage:
        return f"in the sibling {sibling.damage}"
    found = unlike(verdict.outcome, sibling, verdict.near)
    return f"unlike the sibling: {found}" if found else ""
