"""Many cases, one after the other: who asks, counts, makes failing cases smaller, and prints the table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .case import Case
from .child import Child, Gone
from .judge import RANDOM, Verdict, beside
from .known import reason
from .registry import Entry

COLUMNS = ("tried", "refused", "float64", "NumPy", "known", "mismatched", "crashed")


class Finding(NamedTuple):
    """A case that went wrong.

    Attributes:
        repeat: The argument of --repeat.
        case: The call, if it is known.
        kind: "mismatched" or "crashed".
    """

    repeat: str
    case: str
    complaint: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}: --repeat {self.repeat}\n  {self.case}\n  {self.complaint}"


class Session:
    """A run of the fuzzer.

    Attributes:
        always: Features that all cases have.
        judge, sibling: The two processes; without a sibling one alone is asked.
        figures: Counts by family and column.
        reasons: How often each known kind was met.
    """

    def __init__(
        self,
        judge: Child,
        sibling: Child | None,
        always: Iterable[str] = (),
        renew: int = 4000,
    ):
        self.judge, self.sibling, self.renew = judge, sibling, renew
        self.always = tuple(always)
        self.figures: dict[str, Counter] = defaultdict(Counter)
        self.reasons: Counter = Counter()
        self.features: Counter = Counter()
        self.findings: list[Finding] = []
        self.asked = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        for child in self._children():
            child.stop()

    def _children(self) -> Iterator[Child]:
        yield self.judge
        if self.sibling is not None:
            yield self.sibling

    def ask(self, path: str, seed: int, without: Iterable[str] = ()) -> tuple[Verdict | None, str]:
        """What is said of a case, and what is wrong with it."""
        self.asked += 1
        if self.asked % self.renew == 0:
            self._stop()  # kernels are never unloaded
        for child in self._children():
            child.ask(path, seed, without, self.always)
        answers = [child.answer() for child in self._children()]
        for child, answer in zip(self._children(), answers):
            if isinstance(answer, Gone):
                where = "" if child is self.judge else " (sibling)"
                return None, answer.how + where
        verdict = answers[0]
        complaint = verdict.complaint
        draws_others = "cuda" in self.sibling.options if self.sibling else False
        if draws_others and verdict.family in RANDOM:
            return verdict, complaint
        if not complaint and len(answers) > 1:
            complaint = beside(verdict, answers[1])
        return verdict, complaint

    def run(self, entry: Entry, seed: int) -> Finding | None:
        """Count a case; the finding, if it went wrong."""
        path, row = entry.path, self.figures[entry.family]
        row["tried"] += 1
        verdict, complaint = self.ask(path, seed)
        if verdict is not None:
            row["refused"] += verdict.outcome.status == "refused"
            row[verdict.checked] += 1
            self.features.update(verdict.features)
        known = complaint and verdict is not None and reason(path, complaint)
        if known:
            row["known"] += 1
            self.reasons[known] += 1
        if not complaint or known:
            return None
        kind = "crashed" if verdict is None else "mismatched"
        row[kind] += 1
        case = Case(entry, seed, (), self.always)
        finding = Finding(case.repeat, str(case), complaint, kind)
        finding = self.smaller(entry, seed, finding, case.draw.used)
        self.findings.append(finding)
        return finding

    def smaller(self, entry: Entry, seed: int, finding: Finding, used: Iterable[str]) -> Finding:
        """The same fault with as few of its features as it needs."""
        without: list[str] = []
        for feature in sorted(set(used) - set(self.always)):
            verdict, complaint = self.ask(entry.path, seed, [*without, feature])
            same = (verdict is None) == (finding.kind == "crashed")
            if complaint and same and not reason(entry.path, complaint):
                without.append(feature)
                case = Case(entry, seed, without, self.always)
                finding = Finding(case.repeat, str(case), complaint, finding.kind)
        return finding

    def table(self) -> str:
        """The figures by family, the largest first."""
        rows = sorted(self.figures.items(), key=lambda row: (-row[1]["tried"], row[0]))
        total = sum((row for _, row in rows), Counter())
        lines = [_line("family", COLUMNS)]
        lines += [_line(name, [row[c] for c in COLUMNS]) for name, row in (*rows, ("all", total))]
        lines += ["", *(f"{n} times: {why}" for why, n in self.reasons.most_common())]
        lines += ["", "cases with " + ", ".join(f"{f} {n}" for f, n in self.features.most_common())]
        return "\n".join(lines)


def _line(name: str, cells: Sequence[object]) -> str:
    return f"{name:34}" + "".join(f"{cell:>12}" for cell in cells)
