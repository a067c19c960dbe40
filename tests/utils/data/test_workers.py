"""Worker processes: epochs that overlap, how workers end and fail, and what is left of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

import flambeau as torch
from flambeau.core import segment
from flambeau.utils import data
from flambeau.utils.data import pool

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and processes of POSIX")


class Numbers:
    """Indices, but where something is to happen."""

    def __init__(self, at: int = 2, length: int = 6) -> None:
        self.at, self.length = at, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.special() if index == self.at else index

    def special(self) -> Any:
        raise NotImplementedError


class Local(Numbers):
    def special(self) -> Any:
        class Secret(Exception):
            pass

        raise Secret("of a class within a function")


class Fussy(Numbers):
    def special(self) -> Any:
        return b"\xff".decode("utf-8")


class NotSent(Numbers):
    def special(self) -> Any:
        return lambda: None


class NotReceived(Numbers):
    def special(self) -> Any:
        return Unloadable()


class Unloadable:
    def __reduce__(self) -> tuple:
        return int, ("no number",)


class Noted(Numbers):
    def special(self) -> Any:
        raise ValueError("wrong") from KeyError("its cause")


class Killed(Numbers):
    def special(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class Leaves(Numbers):
    def special(self) -> Any:
        raise SystemExit(7)


class Stops(Numbers):
    def special(self) -> Any:
        raise StopIteration


class Hangs(Numbers):
    def special(self) -> Any:
        time.sleep(1000)


class Stream(data.IterableDataset):
    def __iter__(self) -> Any:
        return iter(range(5))


class Broken(data.IterableDataset):
    def __iter__(self) -> Any:
        raise ValueError("no stream")


def same(item: Any) -> Any:
    return item


def loader(dataset: Any, workers: int = 1, **options: Any) -> data.DataLoader:
    return data.DataLoader(
        dataset, batch_size=None, collate_fn=same, num_workers=workers, **options
    )


# ---------------------------------------------------------------------------------------- epochs


@pytest.mark.parametrize("dataset", [range(12), Stream()])
def test_an_epoch_left_early_leaves_nothing_to_the_next(dataset: Any) -> None:
    several = loader(dataset, 2, persistent_workers=True)
    wanted = sorted([*dataset] if isinstance(dataset, range) else [*dataset, *dataset])
    for taken in (0, 1, 3):
        for _ in zip(range(taken), several):
            pass
        assert sorted(several) == wanted
    assert several._pool is not None
    several._pool.close()


def test_two_epochs_of_the_same_workers_at_once() -> None:
    several = loader(range(8), 2, persistent_workers=True)
    first, second = iter(several), iter(several)
    assert list(zip(first, second)) == [(i, i) for i in range(8)]
    assert list(zip(Iterations(several), several)) == [(i, i) for i in range(8)]
    streams = loader(Stream(), 1, persistent_workers=True)
    assert list(zip(streams, streams)) == [(i, i) for i in range(5)]


class Iterations:
    """An epoch that begins when it is first asked."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __iter__(self) -> Any:
        yield from self.of


def test_a_later_epoch_of_the_same_workers_draws_no_seed() -> None:
    """PyTorch's answers."""
    torch.manual_seed(0)
    several = data.DataLoader(range(10), 3, shuffle=True, num_workers=1, persistent_workers=True)
    assert [x.tolist() for x in several] == [[6, 7, 1], [4, 2, 0], [9, 8, 3], [5]]
    assert [x.tolist() for x in several] == [[3, 5, 0], [6, 1, 2], [4, 9, 7], [8]]
    assert torch.rand(1, device="cpu").item() == pytest.approx(0.4901, abs=1e-4)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_epoch_goes_on_after_an_exception(workers: int) -> None:
    epoch = iter(loader(Noted(), workers))
    assert len(epoch) == 6  # type: ignore[arg-type]
    assert [next(epoch), next(epoch)] == [0, 1]
    with pytest.raises(ValueError, match="wrong"):
        next(epoch)
    assert list(epoch) == [3, 4, 5]


def test_indices_and_batches_larger_than_the_pipes() -> None:
    """Neither side waits for the other to read."""
    indices = [bytes([i]) * 100_000 for i in range(12)]
    echo = data.DataLoader(Echo(), batch_size=None, sampler=indices, num_workers=2, collate_fn=same)
    assert list(echo) == [index * 10 for index in indices]


class Echo:
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: bytes) -> bytes:
        return index * 10


def test_out_of_order() -> None:
    assert sorted(loader(range(9), 3, in_order=False)) == list(range(9))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    several = data.DataLoader(range(6), 2, num_workers=1, multiprocessing_context=method)
    got = []
    for batch in several:
        got += batch.tolist()
        if len(got) == 2:
            time.sleep(1.3)  # workers look for their parent meanwhile
    assert got == list(range(6))


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (Local(), RuntimeError, "Caught Secret in DataLoader worker process 0"),
        (Local(), RuntimeError, "Secret: of a class within a function"),
        (Fussy(), RuntimeError, "Caught UnicodeDecodeError in DataLoader worker"),
        (NotSent(), (AttributeError, TypeError, Exception), "which could not send its batch"),
        (NotSent(), (AttributeError, TypeError, Exception), "NotSent.special.<locals>.<lambda>"),
        (NotReceived(), ValueError, "invalid literal for int"),
        (Noted(), ValueError, "KeyError: 'its cause'"),
        (Stops(), RuntimeError, "Caught StopIteration in DataLoader worker"),
    ],
)
def test_errors_arrive(dataset: Any, error: Any, message: str) -> None:
    epoch = iter(loader(dataset))
    assert [next(epoch), next(epoch)] == [0, 1]
    with pytest.raises(error) as caught:
        next(epoch)
    assert message in str(caught.value)
    assert list(epoch) == [3, 4, 5]


def test_a_tensor_with_a_history_is_an_error() -> None:
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"send tensor\.detach\(\)"):
        list(data.DataLoader([1.0], batch_size=None, num_workers=1, collate_fn=lambda i: x * i))


def fail(number: int) -> None:
    raise OSError(f"no start of {number}")


@pytest.mark.parametrize("persistent", [False, True])
def test_a_start_that_fails_fails_all(persistent: bool) -> None:
    several = loader(range(4), 1, worker_init_fn=fail, persistent_workers=persistent)
    for _ in range(2):
        epoch = iter(several)
        for _ in range(4):
            with pytest.raises(OSError, match="no start of 0"):
                next(epoch)
        assert list(epoch) == []


def test_a_stream_that_cannot_begin() -> None:
    with pytest.raises(ValueError, match="no stream"):
        list(loader(Broken()))


def test_an_index_that_cannot_be_sent() -> None:
    sampler: Any = [0, lambda: None, 1]
    epoch = None
    with pytest.raises(Exception, match="pickle"):
        epoch = list(loader(range(3), sampler=sampler))
    assert epoch is None


@posix
@pytest.mark.parametrize(
    ("dataset", "fate"),
    [
        (Killed(), "it was killed by SIGKILL, as by a system that runs out of memory"),
        (Leaves(), "its exit status was 7"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_dead_worker_is_named(dataset: Any, fate: str, workers: int) -> None:
    several = loader(dataset, workers, persistent_workers=True)
    epoch = iter(several)
    pid = several._pool.hands[0].process.pid  # type: ignore[union-attr]
    with pytest.raises(RuntimeError) as caught:
        list(epoch)
    assert str(caught.value) == f"DataLoader worker (pid(s) {pid}) exited unexpectedly: {fate}"
    with pytest.raises(RuntimeError, match="begin a new epoch"):
        next(epoch)
    again = loader(range(3), workers, persistent_workers=True)
    again._pool = several._pool
    assert list(again) == [0, 1, 2]  # by new workers


@posix
def test_a_worker_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    several = loader(Hangs(0), 2, timeout=0.2)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        next(iter(several))
    epoch = iter(loader(Hangs(3), 2, prefetch_factor=1))
    assert next(epoch) == 0
    processes = [hand.process for hand in epoch.pool.hands]  # type: ignore[attr-defined]
    pids = [process.pid for process in processes]
    del epoch
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_pause_and_a_stopped_sampler() -> None:
    def indices() -> Any:
        yield from range(3)
        raise LookupError("no more")

    epoch = iter(loader(range(9), 1, sampler=Once(indices)))
    assert [next(epoch) for _ in range(1)] == [0]
    with pytest.raises(LookupError, match="no more"):
        list(epoch)


class Once:
    def __init__(self, make: Any) -> None:
        self.make = make

    def __iter__(self) -> Any:
        return self.make()


# -------------------------------------------------------------------------------- what is left


@pytest.mark.skipif(not segment.POSSIBLE, reason="POSIX hands over open files")
def test_small_shared_memory_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment, "create", refuse)
    monkeypatch.setattr(pool, "_UNSHARED", [])
    several = data.DataLoader(
        [torch.full((100_000,), float(i)) for i in range(4)], batch_size=None, num_workers=2,
        multiprocessing_context="fork",
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            assert [float(x[-1]) for x in several] == [0, 1, 2, 3]
    said = [str(item.message) for item in caught if item.category is RuntimeWarning]
    assert len(said) == 1
    assert "could not be used: [Errno 28] No space left on device" in said[0]


@posix
def test_files_and_processes_of_epochs_are_gone() -> None:
    files = Path("/dev/fd")

    def count() -> int:
        return len(list(files.iterdir())) if files.is_dir() else 0

    list(loader(range(4), 2))
    before, children = count(), set(multiprocessing.active_children())
    for _ in range(3):
        list(loader(range(4), 2))
        next(iter(loader(range(40), 2)))
    assert count() == before
    assert set(multiprocessing.active_children()) <= children


MAIN = """
import multiprocessing, os, sys, time
import flambeau as torch

class Large(torch.utils.data.Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        if i > 2: time.sleep(PAUSE)
        return torch.full((SIZE,), float(i))

epoch = iter(torch.utils.data.DataLoader(Large(), batch_size=None, num_workers=3))
next(epoch)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
PAUSED
"""


def started(size: int, pause: float, paused: str) -> tuple[subprocess.Popen, list[int]]:
    program = MAIN.replace("SIZE", str(size)).replace("PAUSED", paused)
    program = program.replace("PAUSE", str(pause))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@posix
@pytest.mark.parametrize(
    ("size", "pause"), [(1, 0), (40_000, 0), (4_000_000, 0), (1, 1000)], ids=str
)
def test_workers_end_with_their_main_process(size: int, pause: float) -> None:
    """With messages in the pipe, with shared memory, and in the midst of a batch."""
    main, workers = started(size, pause, "time.sleep(1000)")
    main.kill()
    main.communicate()
    assert len(workers) == 3
    patience = time.monotonic() + 30
    while any(map(runs, workers)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(runs, workers))


@posix
def test_an_interrupt_prints_one_traceback() -> None:
    main, workers = started(10, 0.01, "for batch in epoch: pass")
    os.killpg(main.pid, signal.SIGINT)
    _, said = main.communicate(timeout=60)
    assert said.count("Traceback") == 1, said
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not any(map(runs, workers))


@posix
def test_who_catches_an_interrupt_goes_on() -> None:
    """The workers leave it to the main process what an interrupt means."""
    caught = """
import signal
signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
print(sum(1 for batch in zip(range(50), epoch)), flush=True)
"""
    main, _ = started(10, 0.01, caught)
    assert main.stdout is not None
    assert main.stdout.readline() == "ready\n"
    os.killpg(main.pid, signal.SIGINT)
    out, said = main.communicate(timeout=60)
    assert (out, said) == ("50\n", "")
