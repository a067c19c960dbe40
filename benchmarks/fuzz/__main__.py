"""Call every public function and method with random operands, and look whether it is right and touches nothing else.

    python -m benchmarks.fuzz                        100,000 cases of the whole registry
    python -m benchmarks.fuzz --only conv2d softmax  of these functions
    python -m benchmarks.fuzz --repeat add:17-layout one case, as a finding names it

Each case is a function, a seed and what follows from them: shapes, strides (transposed, in steps, backwards,
expanded, overlapping), offsets, dtypes, hard values, arguments, and the form of the call (function, method,
in place, out=). What it gives is compared with the same function of plain operands, with NumPy's result
where a function has one, with the same in 64 bits, and with a sibling process whose kernels are off, or which computes
with PyTorch or on a GPU (--beside; FLAMBEAU_CUDA_SIMULATOR=1 makes one).
It may change no memory but its target's, and nothing if it is refused. Both processes are children, so
that a crash or a hang ends one of them and is reported.

Exits with 1 if anything was found that `known.py` does not explain.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time

from tqdm import tqdm

from .child import Child
from .draw import FEATURES
from .registry import Entry, entries
from .session import Session


def chosen(only: list[str]) -> list[Entry]:
    every = list(entries().values())
    found = [e for e in every if not only or e.path in only or e.name in only or e.family in only]
    if not found:
        raise SystemExit(f"no function or family is called {' or '.join(only)}")
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first case of each function")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="functions or families"
    )
    parser.add_argument(
        "--always", nargs="*", default=[], choices=FEATURES, help="features of all cases"
    )
    parser.add_argument("--repeat", metavar="NAME:SEED+FEATURE-FEATURE", help="run one case again")
    parser.add_argument(
        "--beside", choices=("interpreter", "nothing", "torch", "cuda"), default="interpreter"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for all cases")
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter of --beside torch"
    )
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one case")
    return parser.parse_args()


def sibling(given: argparse.Namespace) -> Child | None:
    if given.beside == "nothing":
        return None
    if given.beside == "cuda":
        return Child("cuda", judges=False, timeout=given.timeout)
    if given.beside == "torch":
        return Child("torch", judges=False, python=given.python, timeout=given.timeout)
    return Child(judges=False, kernels=False, timeout=given.timeout)


def repeat(session: Session, name: str) -> bool:
    """Run a case as a finding names it, and show it."""
    head, *without = name.split("-")
    head, *session.always = head.split("+")
    path, _, seed = head.rpartition(":")
    unknown = [f for f in (*without, *session.always) if f not in FEATURES]
    if unknown:
        raise SystemExit(f"there is no feature {unknown[0]}: there are {', '.join(FEATURES)}")
    verdict, complaint = session.ask(path, int(seed), without)
    if verdict is not None:
        print(verdict.case, f"features: {', '.join(verdict.features)}", sep="\n")
        print(verdict.outcome.text or verdict.outcome.values)
    print(complaint or "nothing is wrong")
    return not complaint


def main() -> int:
    given = options()
    judge = Child(timeout=given.timeout)
    with Session(judge, sibling(given), given.always) as session:
        if given.repeat:
            return 0 if repeat(session, given.repeat) else 1
        functions = chosen(given.only)
        with contextlib.suppress(KeyboardInterrupt):  # then the table is of the cases so far
            end = time.monotonic() + given.seconds
            for i in tqdm(range(given.cases), unit="case", mininterval=1, smoothing=0.02):
                if time.monotonic() > end:
                    break
                entry = functions[i % len(functions)]
                finding = session.run(entry, given.seed + i // len(functions))
                if finding:
                    tqdm.write(str(finding))
        print(session.table())
        return 1 if session.findings else 0


if __name__ == "__main__":
    sys.exit(main())
