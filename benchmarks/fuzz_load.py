#!/usr/bin/env python3
"""Loads mutated files in child processes with limits, and tells what became of them.

    python benchmarks/fuzz_load.py [--inputs 100000] [--first 0] [--markdown FILE] [--without GUARD]
    python benchmarks/fuzz_load.py --show NUMBER        # one input, in this process

A file may be refused by SerializationError, or loaded. Everything else is a finding: another
exception, a child that ends, more memory or time than it has, an object of the reader's own workings
in the result, a tensor that reaches outside its memory, code that runs (an audit hook watches), or a
result that `save` writes and `load` then refuses. Each finding is named by its number, from which the
file can be made again. `--without` takes one guard out of the reader, to see that its work is noticed.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from load_mutation import KINDS, mutated, seeds
from tqdm import tqdm

import flambeau as torch
from flambeau.core.memory import address, extent, owner
from flambeau.serialization import SerializationError, tensor_decoder, unpickler
from flambeau.serialization import extent as bounds

MEMORY = 3 << 30
SECONDS = 5
DEEPEST, MOST, OF_ONE_HASH = 1000, 60_000_000, 64
HANGS = 15
STARTS = 180  # seconds that a child may take to import and to make its seeds
BATCH = 10_000
GUARDS = ("levels", "parts", "keys", "copies", "places")
_RUNNING = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "socket.connect",
)
FINE = ("refused", "equal", "changed")


# -------------------------------------------------------------------------------- in the child


def without(guard: str) -> None:
    """Take a guard out."""
    if guard == "levels":
        bounds.MAX_DEPTH = 1 << 60
    elif guard == "parts":
        bounds.MAX_NODES = 1 << 200
    elif guard == "keys":
        bounds.Keys.check = lambda *args: None  # type: ignore[method-assign]
    elif guard == "copies":
        unpickler.Allowance.spend = lambda *args: None  # type: ignore[method-assign]
    elif guard == "places":
        tensor_decoder.view_of = _unchecked_view


def _unchecked_view(flat: np.ndarray, offset: Any, size: Any, stride: Any) -> np.ndarray:
    steps = tuple(step * flat.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(flat[offset:], size, steps)


class Watch:
    """Notes what an audit hook sees while a file is read."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple) -> None:
        if self.on and event in _RUNNING:
            self.seen.append(event)
        if self.on and event == "import" and not str(args[0]).startswith(_KNOWN):
            self.seen.append(f"import {args[0]}")


_KNOWN = ("flambeau", "ml_dtypes", "numpy", "_", "llvmlite")


class Checked:
    """What a result has to be for a program to survive it; see the module's docstring."""

    def __init__(self, size: int):
        self.size = size
        self.known: dict[int, tuple[int, int]] = {}  # parts and levels, by id
        self.bytes = 0

    def check(self, item: Any) -> None:
        """Raise AssertionError where it is not."""
        parts, levels = self.extent(item)
        if levels > DEEPEST or parts > MOST:
            raise AssertionError(f"the result has {parts} parts and {levels} levels")
        if self.bytes > 20 * self.size + (4 << 20):
            raise AssertionError(f"{self.bytes} bytes were made of a file of {self.size}")

    def extent(self, item: Any) -> tuple[int, int]:
        """Parts, as often as they are met, and levels."""
        found = self.known.get(id(item))
        if found is None:
            self._check_one(item)
            below = [self.extent(part) for part in _parts(item)]
            levels = max((depth for _, depth in below), default=-1) + 1
            found = self.known[id(item)] = 1 + sum(count for count, _ in below), levels
        return found

    def _check_one(self, value: Any) -> None:
        if type(value).__module__.startswith("flambeau.serialization"):
            raise AssertionError(f"the result holds a {type(value).__name__} of the reader's own")
        if isinstance(value, torch.Tensor):
            _check_inside(value)
        elif isinstance(value, (bytes, bytearray)):
            self.bytes += len(value)
        elif isinstance(value, (dict, set, frozenset)):
            _check_hashes(value)
            self.bytes += 50 * len(value)
        elif isinstance(value, (list, tuple, collections.deque)):
            self.bytes += 8 * len(value)


def _check_hashes(table: Any) -> None:
    most = max(Counter(map(hash, table)).values(), default=0)
    if most > OF_ONE_HASH:
        raise AssertionError(f"{most} keys of a table have one hash")


def _parts(value: Any) -> Any:
    if isinstance(value, (torch.Size, torch.UntypedStorage, torch.TypedStorage, PurePath)):
        return ()
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        return value
    has_parts = hasattr(value, "__dict__") and not isinstance(value, type)
    return list(vars(value).values()) if has_parts else ()


def _check_inside(x: torch.Tensor) -> None:
    array = x._array
    if x.is_meta or not array.size:
        return
    low, size = extent(owner(array))
    reach = sum((n - 1) * s for n, s in zip(array.shape, array.strides))
    if not low <= address(array) <= address(array) + reach + array.itemsize <= low + size:
        raise AssertionError(f"a tensor of shape {tuple(x.shape)} reaches outside its memory")
    if x.numel() <= 1 << 20:
        x.contiguous()


def outcome(number: int, seed: int, whole: bytes, originals: list[str], watch: Watch) -> str:
    """What becomes of an input."""
    watch.seen.clear()
    watch.on = True
    try:
        loaded = _load(number, whole)
        Checked(len(whole)).check(loaded)
        answer = "equal" if _shown(loaded) == originals[seed] else "changed"
        _save_again(loaded)
    except SerializationError:
        answer = "refused"
    except RuntimeError as error:
        known = number % 4 == 1 and "mmap can only be used" in str(error)
        answer = "refused" if known else f"RuntimeError: {error}"
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    watch.on = False
    return f"ran {', '.join(watch.seen)}" if watch.seen else answer


def _load(number: int, whole: bytes) -> Any:
    options: dict[str, Any] = {"weights_only": number % 3 != 0, "map_location": "cpu"}
    if number % 4 != 1:
        return torch.load(io.BytesIO(whole), **options)
    with tempfile.NamedTemporaryFile() as held:
        held.write(whole)
        held.flush()
        return torch.load(held.name, mmap=True, **options)


def _save_again(loaded: Any) -> None:
    buffer = io.BytesIO()
    try:
        torch.save(loaded, buffer)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return
    try:
        torch.load(buffer, weights_only=False)
    except SerializationError as error:
        raise AssertionError(f"save() wrote what load() refuses: {error}") from None


def _shown(loaded: Any, most: int = 20_000) -> str:
    """The first parts of an object, whose whole may be far larger than the file."""
    words: list[str] = []
    stack = [loaded]
    while stack and len(words) < most:
        value = stack.pop()
        if isinstance(value, dict):
            stack += [part for pair in value.items() for part in pair]
        elif isinstance(value, (list, tuple, set, frozenset, collections.deque)):
            stack += value
        elif type(value) in (argparse.Namespace, torch.nn.Parameter) or _is_module(value):
            stack.append(vars(value))
        words.append(type(value).__name__ if _is_large(value) else _word(value))
    return "\n".join(words)


def _is_module(value: Any) -> bool:
    return isinstance(value, torch.nn.Module)


def _is_large(value: Any) -> bool:
    containers = (dict, list, tuple, set, frozenset, collections.deque, argparse.Namespace)
    return isinstance(value, containers) or _is_module(value)


def _word(value: Any) -> str:
    try:
        return f"{value!r}"[:1000] if not _is_long(value) else str(value.bit_length())
    except Exception as error:
        return type(error).__name__


def _is_long(value: Any) -> bool:
    return type(value) is int and value.bit_length() > 1000


def child(first: int, end: int, guard: str) -> None:
    """Try inputs, and say before each one which it is, and after it what became of it."""
    warnings.simplefilter("ignore")
    sources = seeds()
    originals = [
        _shown(torch.load(io.BytesIO(whole), weights_only=False)) for whole in sources[:-3]
    ]
    originals += [""] * 3
    if guard:
        without(guard)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.setrecursionlimit(20_000)
    watch = Watch()
    for number in range(first, end):
        print(json.dumps({"start": number}), flush=True)
        start = time.perf_counter()
        kind, seed, whole = mutated(number, sources)
        answer = outcome(number, seed, whole, originals, watch)
        seconds = time.perf_counter() - start
        if seconds > SECONDS:
            answer = f"slow: {seconds:.1f} s, {answer}"
        print(
            json.dumps({"end": number, "kind": kind, "answer": answer[:300], "seconds": seconds}),
            flush=True,
        )


# ------------------------------------------------------------------------------- in the parent


class Run:
    """All inputs, in one child after the other."""

    def __init__(self, first: int, count: int, guard: str):
        self.next, self.end, self.guard = first, first + count, guard
        self.counts: Counter[tuple[str, str]] = Counter()
        self.findings: list[tuple[int, str]] = []
        self.slowest = 0.0
        self.bar = tqdm(total=count, unit="file", smoothing=0.05, mininterval=1.0)

    def note(self, number: int, kind: str, answer: str, seconds: float) -> None:
        what = answer if answer in FINE else "finding"
        self.counts[kind, what] += 1
        self.slowest = max(self.slowest, seconds)
        if what == "finding":
            self.findings.append((number, answer))
            self.bar.write(f"{number}: {answer}")
        self.next = number + 1
        self.bar.update()

    def run(self, stop: int) -> None:
        while self.next < self.end and len(self.findings) < stop:
            self.batch(min(self.next + BATCH, self.end), stop)
        self.bar.close()

    def batch(self, end: int, stop: int) -> None:
        command = [sys.executable, __file__, "--child", str(self.next), str(end)]
        command += ["--without", self.guard] if self.guard else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        current = None
        for line in _lines(process):
            said = json.loads(line)
            current = said.get("start", current)
            if "end" in said:
                self.note(said["end"], said["kind"], said["answer"], said["seconds"])
                current = None
            if len(self.findings) >= stop:
                break
        process.kill()
        status = process.wait()
        if current is not None and len(self.findings) < stop:
            kind = mutated(current, seeds())[0]
            self.note(current, kind, f"the child ended: {_ending(status)}", float(HANGS))
        elif current is None and self.next < end and len(self.findings) < stop:
            raise RuntimeError(f"the child did not start: {' '.join(command)}")

    def table(self) -> str:
        lines = [
            "| change | refused | loaded, equal | loaded, changed | findings |",
            "| --- " * 5 + "|",
        ]
        for kind in (*KINDS, "all"):
            row = [
                sum(self.counts[k, what] for k in ([kind] if kind != "all" else KINDS))
                for what in (*FINE, "finding")
            ]
            lines.append(f"| {kind} | " + " | ".join(f"{n:,}" for n in row) + " |")
        return "\n".join([*lines, "", f"Slowest {self.slowest:.2f} s."])


def _lines(process: subprocess.Popen) -> Any:
    """What a child says, until it ends or says nothing for too long."""
    assert process.stdout is not None
    held = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        wait = STARTS
        while selector.select(wait):
            wait = HANGS
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return
            *lines, held = (held + part).split(b"\n")
            yield from lines


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return f"no answer in {HANGS} s"
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first input's number")
    parser.add_argument("--without", choices=GUARDS, default="", help="take a guard out")
    parser.add_argument("--stop", type=int, default=20, help="stop after so many findings")
    parser.add_argument("--show", type=int, help="one input's number")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child, given.without)
        return 0
    if given.show is not None:
        kind, seed, whole = mutated(given.show, seeds())
        Path(f"input_{given.show}.pt").write_bytes(whole)
        print(f"{kind} of seed {seed}: {len(whole)} bytes")
        print(_shown(_load(given.show, whole)))
        return 0
    run = Run(given.first, given.inputs, given.without)
    run.run(given.stop)
    print(run.table())
    return bool(run.findings)


if __name__ == "__main__":
    sys.exit(main())
