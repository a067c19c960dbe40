"""How long files and functions are: a report to read, not a limit.

python benchmarks/code_size.py [FOLDER]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONG_FILE, LONG_FUNCTION = 400, 35


def functions(tree: ast.AST) -> Iterator[tuple[int, str, int]]:
    """The lines of each function without its docstring, its name, and the line it begins at."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                text = node.body[0]
                lines -= (text.end_lineno or text.lineno) - text.lineno + 1
            yield lines, node.name, node.lineno


def spread(numbers: Sequence[int]) -> str:
    """Median, ninetieth percentile and maximum."""
    ordered = sorted(numbers)
    at = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.9, 1)]
    return "median {}, 90 % up to {}, longest {}".format(*at)


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "flambeau")
    files, found = [], []
    rooms: dict[str, list[int]] = {}
    for path in sorted(root.rglob("*.py")):
        text = path.read_text()
        lines = text.count("\n")
        files.append((lines, str(path)))
        room = rooms.setdefault("/".join(path.relative_to(root).parts[:-1][:2]) or ".", [0, 0])
        room[0] += 1
        room[1] += lines
        found += [
            (size, f"{path}:{line} {name}") for size, name, line in functions(ast.parse(text))
        ]
    print(f"{'room':<32}{'files':>6}{'lines':>8}")
    for name, (count, lines) in sorted(rooms.items()):
        print(f"{name:<32}{count:>6}{lines:>8}")
    print(f"{len(files)} files, {sum(n for n, _ in files)} lines: {spread([n for n, _ in files])}")
    print(f"{len(found)} functions: {spread([n for n, _ in found])}")
    for title, limit, listed in (
        ("files", LONG_FILE, files),
        ("functions", LONG_FUNCTION, found),
    ):
        print(f"{title} over {limit} lines:")
        for size, place in sorted(listed, reverse=True):
            if size > limit:
                print(f"  {size:>5}  {place}")


if __name__ == "__main__":
    main()
