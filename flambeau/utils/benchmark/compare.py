"""Measurements side by side: a table for each label, rows by sub-label, columns by description."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

BEST, GOOD, BAD, WORST = "\033[92m\033[1m", "\033[34m", "\033[2m\033[91m", "\033[31m"
END = "\033[0m\033[0m"


class Compare:
    """A table of measurements.

    Args:
        results: Measurements; those of one task are merged.

    Example:
        >>> from flambeau.utils.benchmark import Compare, Measurement, TaskSpec
        >>> def seen(row, column, time):
        ...     return Measurement(1, [time], TaskSpec("f(x)", "pass", "", "f", row, column))
        >>> rows = [seen("small", "old", 2e-6), seen("small", "new", 1e-6), seen("big", "old", 9e-6)]
        >>> Compare(rows).print()
        [----------- f -----------]
                     |  old  |  new
        1 threads: ----------------
              small  |  2.0  |  1.0
              big    |  9.0  |
        <BLANKLINE>
        Times are in microseconds (us).
        <BLANKLINE>

    Source:
        torch.utils.benchmark.Compare
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim = self._highlight = self._by_row = self._color = False
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements.

        Raises:
            ValueError: something else is among them.
        """
        results = list(results)
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Compare takes measurements, but got {type(result).__name__}")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Show no more digits than the spread of the measurements allows."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the best and the worst of each column, or of each row."""
        self._color, self._by_row = True, rowwise

    def highlight_warnings(self) -> None:
        """Mark measurements whose spread makes them doubtful."""
        self._highlight = True

    def print(self) -> None:
        print(str(self))

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        labels = ordered_unique(m.label for m in merged)
        return "\n".join(self._table([m for m in merged if m.label == label]) for label in labels)

    def _table(self, results: list[Measurement]) -> str:
        unit, scale = select_unit(min(m.median for m in results))
        columns = ordered_unique(m.description for m in results)
        rows = ordered_unique((m.num_threads, m.env, m.as_row_name) for m in results)
        rows.sort(key=lambda row: row[0])
        found = {(m.num_threads, m.env, m.as_row_name, m.description): m for m in results}
        grid = [[found.get((*row, column)) for column in columns] for row in rows]
        texts = self._texts(grid, scale)
        names = [f"({env})  {name}" if env else name for _, env, name in rows]
        widths = [
            max(len(column or ""), *(len(line[k]) for line in texts))
            for k, column in enumerate(columns)
        ]
        left = max(max(map(len, names)) + 6, len("1 threads: "))
        head = [(column or "").center(w) for column, w in zip(columns, widths)]
        body = self._lines(left, [row[0] for row in rows], names, texts, widths, grid)
        first = " " * left + "".join(f"  |  {text}" for text in head).rstrip()
        rule = max(len(first), left + 5 * len(columns) + sum(widths))
        title = f" {results[0].label or results[0].title} ".center(rule - 2, "-")
        body = [line.replace("\0", "-" * max(rule - 11, 1)) for line in body]
        times = f"\nTimes are in {unit_to_english(unit)}s ({unit}).\n"
        if self._highlight and any("(! " in text for line in texts for text in line):
            times += "(! XX%) The middle half of the times spans XX% of their median.\n"
        return "\n".join([f"[{title}]", first, *body, times])

    def _lines(
        self,
        left: int,
        threads: Sequence[int],
        names: Sequence[str],
        texts: Sequence[Sequence[str]],
        widths: Sequence[int],
        grid: Sequence[Sequence[Measurement | None]],
    ) -> list[str]:
        colors = self._colors(grid) if self._color else [[""] * len(widths) for _ in grid]
        lines: list[str] = []
        for k, name in enumerate(names):
            if not k or threads[k] != threads[k - 1]:
                lines.append(f"{threads[k]} threads: \0")
            cells = (
                f"  |  {color}{text.center(width)}{END if color else ''}"
                for color, text, width in zip(colors[k], texts[k], widths)
            )
            lines.append("      " + name.ljust(left - 6) + "".join(cells).rstrip(" "))
        return lines

    def _texts(self, grid: list[list[Measurement | None]], scale: float) -> list[list[str]]:
        """What the cells say; numbers of a column have the same decimals, so that points align."""
        columns = []
        for column in zip(*grid):
            digits = min((m.significant_figures for m in column if m is not None), default=1)
            decimals = 0 if self._trim and digits == 1 else 1
            columns.append([self._text(m, scale, digits, decimals) for m in column])
            wide = max(map(len, columns[-1]))
            columns[-1] = [text.rjust(wide) for text in columns[-1]]
        return [list(row) for row in zip(*columns)]

    def _text(self, m: Measurement | None, scale: float, digits: int, decimals: int) -> str:
        if m is None:
            return ""
        value = trim_sigfig(m.median, digits) if self._trim else m.median
        text = f"{value / scale:.{decimals}f}"
        if self._highlight and m.has_warnings:
            text += f" (! {100 * m.iqr / m.median:.0f}%)"
        return text

    def _colors(self, grid: Sequence[Sequence[Measurement | None]]) -> list[list[str]]:
        """Each cell beside the best of its row or column: within a tenth, a quarter, or beyond twice."""
        groups = grid if self._by_row else list(zip(*grid))
        best = [min(m.median for m in group if m is not None) for group in groups]
        return [
            [
                "" if m is None else _color(m.median / best[i if self._by_row else k])
                for k, m in enumerate(row)
            ]
            for i, row in enumerate(grid)
        ]


def _color(ratio: float) -> str:
    for limit, color in ((1.1, BEST), (1.25, GOOD), (2.0, ""), (3.0, BAD)):
        if ratio <= limit:
            return color
    return WORST
