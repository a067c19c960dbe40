"""The timer of small pieces of code: what it counts, what it says, its tables."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.utils.benchmark import (
    Compare,
    Language,
    Measurement,
    TaskSpec,
    Timer,
    select_unit,
    set_torch_threads,
    trim_sigfig,
)


class Clock:
    """A clock that a statement moves on, so that times are known."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += 0.001


def ticking(stmt: str = "tick()", **options: object) -> Timer:
    clock = Clock()
    return Timer(stmt, timer=clock, globals={"tick": clock.tick}, **options)  # type: ignore[arg-type]


def measured(*times: float, runs: int = 1, **words: str) -> Measurement:
    return Measurement(runs, list(times), TaskSpec("f(x)", "pass", **words))


def test_timeit_counts_the_executions_it_was_asked_for() -> None:
    seen = ticking().timeit(50)
    assert (seen.number_per_run, len(seen.times)) == (50, 1)
    assert seen.median == pytest.approx(0.001)


def test_blocked_autorange_measures_for_the_time_asked() -> None:
    blocks = []
    seen = ticking().blocked_autorange(lambda n, s: blocks.append((n, s)), min_run_time=0.05)
    assert sum(seen.raw_times) >= 0.05
    assert [n for n, _ in blocks] == [seen.number_per_run] * len(seen.times)
    assert seen.mean == pytest.approx(0.001)


def test_adaptive_autorange_stops_when_the_spread_is_small() -> None:
    seen = ticking().adaptive_autorange(min_run_time=0.01, max_run_time=5.0)
    assert seen.meets_confidence()
    assert sum(seen.raw_times) < 1.0


def test_adaptive_autorange_gives_up_at_the_longest_time() -> None:
    clock = Clock()
    steps = iter(range(10**6))

    def uneven() -> None:
        clock.now += 0.01 * (1 + next(steps) % 7)

    seen = Timer("f()", timer=clock, globals={"f": uneven}).adaptive_autorange(
        threshold=1e-9, min_run_time=0.01, max_run_time=1.0
    )
    assert 1.0 < sum(seen.raw_times) < 2.0


def test_threads_are_set_while_the_statement_runs_and_put_back() -> None:
    before, seen = torch.get_num_threads(), []
    Timer("f()", globals={"f": lambda: seen.append(torch.get_num_threads())}, num_threads=1).timeit(
        2
    )
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="stop"), set_torch_threads(1):
        raise ValueError("stop")
    assert torch.get_num_threads() == before


def test_statistics_of_known_times() -> None:
    seen = measured(1.0, 2.0, 3.0, 4.0, 10.0, runs=1)
    assert (seen.median, seen.mean, seen.iqr) == (3.0, 4.0, 2.0)
    assert seen.has_warnings
    assert "WARNING" in repr(seen)
    steady = measured(1.0, 1.0, 1.0, 1.001, 1.0)
    assert not steady.has_warnings
    assert "WARNING" not in repr(steady)


def test_few_digits_are_shown_of_what_spreads_much() -> None:
    assert measured(1.0, 2.0, 3.0, 4.0).significant_figures == 1
    assert measured(1.0, 1.001, 1.002, 1.001, 1.0).significant_figures >= 3


def test_measurements_of_one_task_merge() -> None:
    one, two, other = measured(1.0), measured(3.0), measured(2.0, label="g")
    merged = Measurement.merge([one, other, two])
    assert [m.times for m in merged] == [[1.0, 3.0], [2.0]]


def test_words_that_name_a_task() -> None:
    task = TaskSpec("f(x)", "x = 1", label="f", sub_label="small")
    assert (task.title, task.as_row_name, task.setup_str()) == ("f: small", "small", "setup: x = 1")
    assert TaskSpec("f(x)", "pass").title == "f(x)"
    assert TaskSpec("a\nb", "pass").title.endswith("a\nb")


@pytest.mark.parametrize(
    ("seconds", "unit"), [(2e-10, "ns"), (2e-9, "ns"), (5e-6, "us"), (1e-3, "ms"), (7.0, "s")]
)
def test_unit_of_a_time(seconds: float, unit: str) -> None:
    assert select_unit(seconds)[0] == unit


def test_significant_digits() -> None:
    assert [trim_sigfig(x, 2) for x in (0.0123, 987.0, 5.0)] == [0.012, 990.0, 5.0]


def test_a_table_marks_what_is_doubtful_and_colours_the_best() -> None:
    table = Compare(
        [
            measured(1e-6, 1e-6, 1e-6, label="f", sub_label="n=1", description="old"),
            measured(4e-6, 9e-6, 1e-6, label="f", sub_label="n=1", description="new"),
        ]
    )
    assert "!" not in str(table)
    table.highlight_warnings()
    assert "(! 100%)" in str(table)
    assert "\033" not in str(table)
    table.colorize(rowwise=True)
    row = next(line for line in str(table).splitlines() if "n=1" in line)
    assert row.index("\033[92m") < row.index("\033[31m")


def test_tables_of_other_labels_are_apart() -> None:
    text = str(Compare([measured(1e-6, label="f"), measured(1.0, label="g")]))
    assert text.count("Times are in") == 2
    assert "seconds (s)" in text


def test_what_is_refused_says_why() -> None:
    with pytest.raises(NotImplementedError, match="only Python"):
        Timer("f();", language=Language.CPP)
    with pytest.raises(NotImplementedError, match="blocked_autorange"):
        Timer("1").autorange()
    with pytest.raises(NotImplementedError, match="callgrind"):
        Timer("1").collect_callgrind()
    with pytest.raises(ValueError, match="measurements"):
        Compare([1.0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="string"):
        Timer(print)  # type: ignore[arg-type]
