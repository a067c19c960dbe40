"""A process in which one library makes the calls of rows, and times them when it is its turn."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..fuzz.arguments import Call
from ..fuzz.child import MEMORY, ROOT, Child, Gone, read, write

CHUNK = 1e-3
"""Seconds of calls of which one figure is made: short ones, of which some are not disturbed."""
PROGRAM = """
import sys
sys.path[:0] = [{root!r}]
from benchmarks.rows.worker import serve
sys.path[:0] = [{checkout!r}]
serve({library!r}, {threads})
"""


class Worker(Child):
    """A process of one library.

    Args:
        checkout: The folder of another flambeau.
    """

    def __init__(self, library: str, threads: int, checkout: Path | None = None):
        super().__init__(library, timeout=20.0)
        self.program = PROGRAM.format(
            root=str(ROOT), checkout=str(checkout or ROOT), library=library, threads=threads
        )
        counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self.environment |= dict.fromkeys(counts, str(threads))
        if checkout is not None and "FLAMBEAU_CACHE_DIR" in os.environ:
            own = Path(os.environ["FLAMBEAU_CACHE_DIR"]) / "other"
            self.environment["FLAMBEAU_CACHE_DIR"] = str(own)

    def command(self) -> list[str]:
        return [self.python, "-c", self.program]

    def open(self, path: str, form: str, call: Call, backward: bool) -> Any:
        """What the call gives: (arrays, elements of the largest result), or why it is refused."""
        return self._asked(("open", path, form, call, backward))

    def time(self, seconds: float) -> Any:
        """The least seconds that the opened call took."""
        return self._asked(("time", seconds))

    def _asked(self, question: tuple) -> Any:
        self.send(question)
        return self.answer()


class Step:
    """The call of a row, ready to be repeated."""

    def __init__(self, side: Any, path: str, form: str, call: Call, backward: bool):
        args = [side.value(a) for a in call.args]
        kwargs = {n: side.value(v) for n, v in call.kwargs.items()}
        if form == "inplace":
            name = path.rpartition(".")[2]
            self.call: Callable = partial(getattr(args[0], f"{name}_"), *args[1:], **kwargs)
        else:
            self.call = partial(side.function(path), *args, **kwargs)
        self.side, self.leaves = side, []
        if backward:
            self.leaves = [
                t
                for t in _tensors(side, (args, list(kwargs.values())))
                if t.dtype.is_floating_point
            ]
            for leaf in self.leaves:
                leaf.requires_grad_(True)

    def first(self) -> list[Any]:
        """The results of the first call."""
        results = self.call()
        if not self.leaves:
            return self.side.arrays(results)
        outs = [t for t in _tensors(self.side, results) if t.requires_grad]
        if not outs:
            raise TypeError("the result has no gradient")
        self.call = partial(self._backward, self.call, [self._gradient(t) for t in outs])
        return self.side.arrays([g for g in self.call() if g is not None])

    def _gradient(self, result: Any) -> Any:
        """A gradient of a result that is not the same everywhere."""
        places = self.side.module.arange(result.numel()).reshape(result.shape)
        return ((places % 7 - 3) / 4).to(result.dtype)

    def _backward(self, forward: Callable, gradients: list) -> Any:
        results = forward()
        outs = (
            (results,)
            if len(gradients) == 1 and not isinstance(results, (tuple, list))
            else [t for t in _tensors(self.side, results) if t.requires_grad]
        )
        return self.side.module.autograd.grad(outs, self.leaves, gradients, allow_unused=True)

    def time(self, seconds: float) -> float:
        call, clock = self.call, time.perf_counter
        start = clock()
        call()
        best, end = max(clock() - start, 1e-7), start + seconds
        count = max(1, int(CHUNK / best))
        if count > 1:
            best = float("inf")
        elif clock() > end:
            return best
        while True:
            start = clock()
            for _ in range(count):
                call()
            now = clock()
            best = min(best, (now - start) / count)
            count = max(1, int(CHUNK / best))
            if now > end:
                return best


def _tensors(side: Any, item: Any) -> list:
    if isinstance(item, side.module.Tensor):
        return [item]
    if isinstance(item, (tuple, list)):
        return [t for part in item for t in _tensors(side, part)]
    return []


def _opened(side: Any, question: tuple) -> tuple[Step | None, Any]:
    try:
        side.start(0)
        step = Step(side, *question)
        values = step.first()
        start = time.perf_counter()
        while time.perf_counter() < start + 5e-3:  # whatever is prepared at first is no part of it
            step.call()
        return step, values
    except Exception as error:
        return None, Gone(f"{type(error).__name__}: {error}"[:300])


def serve(library: str, threads: int) -> None:
    """Answer until nobody asks any more."""
    from ..fuzz.side import side as side_of

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    side = side_of(library)
    side.module.set_num_threads(threads)
    step: Step | None = None
    while (question := read(sys.stdin.buffer)) is not None:
        task, *rest = question
        if task == "open":
            step = None
            gc.collect()
            step, answer = _opened(side, tuple(rest))
            write(pipe, answer)
        else:
            assert step is not None
            write(pipe, step.time(*rest))
