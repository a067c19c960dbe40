"""Tensors that processes share, and processes that run one function."""

from __future__ import annotations

import os
import pickle
import signal
import time
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

import flambeau as torch
from flambeau import multiprocessing as mp

fork = mp.get_context("fork")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="shared memory needs open files")


@pytest.fixture(params=sorted(mp.get_all_sharing_strategies()))
def strategy(request: pytest.FixtureRequest) -> Any:
    mp.set_sharing_strategy(request.param)
    yield request.param
    mp.set_sharing_strategy("file_descriptor")


def named() -> list[Path]:
    return sorted(Path("/dev/shm").glob(f"torch_{os.getpid()}_*"))


def test_views_move_with_their_memory() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    view, storage = x[1], x.untyped_storage()
    assert not x.is_shared()
    assert view[1:].share_memory_().tolist() == [4.0, 5.0]
    assert x.is_shared()
    assert view.is_shared()
    assert x.untyped_storage() is storage
    assert storage.is_shared()
    x[1, 0] = 9
    assert view.tolist() == [9.0, 4.0, 5.0]
    assert view.storage_offset() == 3
    place = x.data_ptr()
    assert x.share_memory_().data_ptr() == place


def test_modules_and_storages() -> None:
    model = torch.nn.BatchNorm1d(2).share_memory()
    assert all(x.is_shared() for x in (*model.parameters(), *model.buffers()))
    storage = torch.UntypedStorage([1, 2, 3]).share_memory_()
    assert (storage.is_shared(), storage.tolist()) == (True, [1, 2, 3])
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    optimizer.share_memory()
    assert all(x.is_shared() for state in optimizer.state.values() for x in state.values())
    assert torch.zeros(0).share_memory_().is_shared()


def _double(inbox: Any, outbox: Any) -> None:
    x, view, parameter = inbox.get()
    x *= 2
    shared = x.untyped_storage() is view.untyped_storage()
    again = inbox.get()
    outbox.put((shared, again.untyped_storage() is x.untyped_storage(), parameter))
    inbox.get()


def test_queues_share_memory(strategy: str) -> None:
    inbox, outbox = fork.Queue(), fork.Queue()
    worker = fork.Process(target=_double, args=(inbox, outbox))
    worker.start()
    x = torch.arange(4, dtype=torch.bfloat16)
    weight = torch.nn.Parameter(torch.ones(2))
    inbox.put((x, x[2:], weight))
    inbox.put(x)
    shared, again, found = outbox.get(timeout=20)
    assert shared
    assert again
    assert x.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert isinstance(found, torch.nn.Parameter)
    assert found.requires_grad
    with torch.no_grad():
        found += 1
    assert weight.tolist() == [2.0, 2.0]
    inbox.put(None)
    worker.join()
    assert worker.exitcode == 0
    del x, weight, found
    if strategy == "file_system":
        assert named() == []


def _send(outbox: Any) -> None:
    outbox.put([torch.full((3,), 7.0), torch.zeros(0)])


def test_who_has_sent_stays_until_it_was_received(strategy: str) -> None:
    outbox = fork.Queue()
    worker = fork.Process(target=_send, args=(outbox,))
    worker.start()
    time.sleep(0.2)  # the worker has nothing else to do
    full, empty = outbox.get(timeout=20)
    worker.join(timeout=20)
    assert worker.exitcode == 0
    assert full.tolist() == [7.0] * 3
    assert empty.shape == (0,)


def test_a_history_cannot_leave_its_process() -> None:
    x = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        ForkingPickler.dumps(x)


def test_a_mapped_file_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x"
    storage = torch.UntypedStorage.from_file(str(path), True, 3)
    storage.fill_(7)
    found = pickle.loads(ForkingPickler.dumps(storage))
    found[0] = 1
    assert storage.tolist() == [1, 7, 7]


def test_ways_of_sharing() -> None:
    assert mp.get_sharing_strategy() == "file_descriptor"
    with pytest.raises(AssertionError, match="invalid sharing strategy 'none'"):
        mp.set_sharing_strategy("none")


def _fill(index: int, x: torch.Tensor) -> None:
    x[index] = index + 1


def _fail(index: int, how: str) -> None:
    if index == 1:
        if how == "raise":
            raise ValueError("of process one")
        if how == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)


def test_processes_write_to_one_tensor() -> None:
    x = torch.zeros(3).share_memory_()
    mp.start_processes(_fill, (x,), nprocs=3, start_method="fork")
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_new_interpreters() -> None:
    x = torch.zeros(1)
    context = mp.spawn(_fill, (x,), join=False)
    assert len(context.pids()) == 1
    while not context.join():
        pass
    assert context.join()
    assert x.tolist() == [1.0]


def test_the_first_failure_is_raised() -> None:
    with pytest.raises(mp.ProcessRaisedException) as caught:
        mp.start_processes(_fail, ("raise",), nprocs=2, start_method="fork")
    assert str(caught.value).startswith(
        "\n\n-- Process 1 terminated with the following error:\nTraceback"
    )
    assert "ValueError: of process one" in str(caught.value)
    assert caught.value.error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="process 1 terminated with exit code 3"):
        mp.start_processes(_fail, ("exit",), nprocs=2, start_method="fork")
    with pytest.raises(mp.ProcessExitedException, match="signal SIGKILL") as killed:
        mp.start_processes(_fail, ("kill",), nprocs=2, start_method="fork")
    copy = pickle.loads(pickle.dumps(killed.value))
    assert (copy.exit_code, copy.signal_name, copy.error_index) == (-9, "SIGKILL", 1)


def test_weak_references_to_memory() -> None:
    x = torch.arange(4.0)
    first, second = (mp.reductions.StorageWeakRef(t.untyped_storage()) for t in (x, x[1:]))
    other = mp.reductions.StorageWeakRef(torch.ones(1).untyped_storage())
    assert first == second
    assert hash(first) == hash(second)
    assert first != other
    assert not first.expired()
    del x
    assert first.expired()
