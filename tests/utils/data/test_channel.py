"""Batches on their way from a worker: what shares memory, what is copied, and what comes out of it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.core import segment
from flambeau.utils.data import arena
from flambeau.utils.data.arena import Arena
from flambeau.utils.data.channel import Packer, Receiver, Sender

Pair = namedtuple("Pair", "x y")
LARGE = 1 << 18


class Line:
    """Both ends of a channel, in one process."""

    def __init__(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        self.arena = Arena()
        self.packer, self.sender = Packer(self.arena), Sender(theirs)
        self.receiver = Receiver(ours, lambda *given: given)
        self.refusal = ""

    def through(self, item: Any) -> Any:
        """What comes of an object on the other side."""
        self.arena.accept(self.receiver.tenant.take_returned())
        packed = self.packer.pack(("label", 1), item)
        thread = threading.Thread(target=self.sender.send, args=(packed,))
        thread.start()
        parcel = self.receiver.receive()
        thread.join()
        assert parcel.label == ("label", 1)
        self.refusal = parcel.message.refusal
        return parcel.open()


@pytest.fixture
def line() -> Line:
    return Line()


def is_shared(x: torch.Tensor) -> bool:
    base: Any = x._array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, arena.Lease)


@pytest.mark.parametrize("count", [0, 1, 5, 70_000])
@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.bool,
        torch.uint8, torch.int16, torch.int64,
    ],
    ids=str,
)  # fmt: skip
def test_every_dtype_and_size(line: Line, dtype: torch.dtype, count: int) -> None:
    x = (torch.arange(count) % 100).to(dtype)
    y = line.through(x)
    assert type(y) is torch.Tensor
    assert y.dtype is dtype
    assert torch.equal(x, y)
    assert is_shared(y) == (count * x.element_size() >= 1 << 16 and segment.POSSIBLE)


def test_containers_keep_their_class(line: Line) -> None:
    x = torch.arange(LARGE)
    sent = {
        "pair": Pair(x, "text"), "list": [x, (1, 2.5, None)], "bytes": b"abc",
        "array": np.arange(LARGE), "names": np.array(["a", "bc"]), "number": np.float32(2),
        "objects": np.array([1, "x"], object), "table": np.zeros(3, [("a", "i4"), ("b", "f8")]),
    }  # fmt: skip
    got = line.through(sent)
    assert isinstance(got["pair"], Pair)
    assert got["pair"].y == "text"
    assert got["list"][0] is got["pair"].x
    assert got["list"][1] == (1, 2.5, None)
    assert (got["bytes"], got["number"], got["names"].tolist()) == (b"abc", 2, ["a", "bc"])
    assert type(got["number"]) is np.float32
    np.testing.assert_array_equal(got["array"], sent["array"])
    assert got["objects"].tolist() == [1, "x"]
    assert got["table"].dtype == sent["table"].dtype
    got["array"][0] = 7  # it may be written to


@pytest.mark.parametrize(
    ("view", "strides"),
    [
        (lambda x: x.t(), (1, 512)),
        (lambda x: x[::2], (1024, 1)),
        (lambda x: x[3], (1,)),
        (lambda x: x[1:, 3:], (512, 1)),
        (lambda x: x[:, :1], None),  # little of much: made solid
        (lambda x: x[0].expand(300, 512), (0, 1)),
        (lambda x: x[5, 7], ()),
        (lambda x: x[:0], None),
    ],
)
def test_views(line: Line, view: Any, strides: tuple | None) -> None:
    x = torch.arange(512.0 * 512).reshape(512, 512)
    got = line.through(view(x))
    assert torch.equal(got, view(x))
    if strides is not None:
        assert got.stride() == strides


def test_negative_strides_of_arrays(line: Line) -> None:
    x = np.arange(LARGE).reshape(512, -1)[::-1, ::-2]
    got = line.through(x)
    np.testing.assert_array_equal(got, x)
    assert got.strides == x.strides


def test_what_shares_memory_shares_it_afterwards(line: Line) -> None:
    x = torch.zeros(512, 512)
    a, b, c = line.through([x, x[3], x.numpy()])
    a[3] = 5
    assert b.sum() == 5 * 512
    assert c[3].sum() == 5 * 512


def test_a_view_does_not_take_all_with_it(line: Line) -> None:
    x = torch.zeros(1 << 22)
    rows = line.through([x[:20_000], x[-20_000:]])
    assert [row.untyped_storage().nbytes() < 200_000 for row in rows] == [True, True]


def test_gradients_and_histories(line: Line) -> None:
    leaf = torch.ones(LARGE, requires_grad=True)
    got = line.through(leaf)
    assert got.requires_grad
    assert got.is_leaf
    with pytest.raises(RuntimeError, match=r"send tensor\.detach\(\)"):
        line.through([1, leaf * 2])
    assert line.through(3) == 3


def test_parameters_and_attributes(line: Line) -> None:
    parameter = torch.nn.Parameter(torch.ones(LARGE))
    named = torch.ones(3)
    named.label = "three"
    got, other = line.through([parameter, named])
    assert isinstance(got, torch.nn.Parameter)
    assert torch.equal(got, parameter)
    assert other.label == "three"


# ---------------------------------------------------------------------------------- shared memory


needs_sharing = pytest.mark.skipif(not segment.POSSIBLE, reason="POSIX hands over open files")


@needs_sharing
def test_memory_in_use_is_never_written_to(line: Line) -> None:
    kept = [line.through(torch.full((LARGE,), float(i))) for i in range(6)]
    for i, x in enumerate(kept):
        assert torch.equal(x, torch.full((LARGE,), float(i)))
    part = kept.pop(2)[5:9]
    line.through(torch.zeros(LARGE))
    line.through(torch.zeros(LARGE))
    assert part.tolist() == [2.0] * 4


@needs_sharing
def test_memory_is_used_again_and_files_are_closed(line: Line) -> None:
    def open_files() -> int:
        return len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0

    line.through(torch.zeros(LARGE))
    before = open_files()
    for i in range(50):
        x = line.through([torch.full((LARGE + i,), float(i))])
        assert x[0][-1] == i
        del x
    assert line.arena.count <= 2
    held = [line.through(torch.zeros(LARGE)) for _ in range(20)]
    assert open_files() == before
    del held
    line.through(torch.zeros(LARGE))
    assert len(line.arena.segments) <= 1 + arena.KEPT
    assert len(line.receiver.tenant.mappings) <= 1 + arena.KEPT


@needs_sharing
def test_sizes_that_change_do_not_pile_up(line: Line) -> None:
    generator = np.random.default_rng(0)
    for _ in range(60):
        line.through(torch.zeros(int(generator.integers(1 << 16, 1 << 19))))
    held = sum(mapping.size for mapping in line.arena.segments.values())
    assert held <= 4 * line.arena.largest


@needs_sharing
def test_more_blocks_than_files_may_be_under_way(line: Line) -> None:
    x = [torch.full((20_000,), float(i)) for i in range(arena.NEW + 5)]
    for _ in range(3):
        got = line.through(x)
        assert all(torch.equal(a, b) for a, b in zip(x, got))
    assert line.refusal == ""


@needs_sharing
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_forked_process_sees_is_not_used_again(line: Line) -> None:
    seen = line.through(torch.ones(LARGE))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)  # until the main process has had other batches
        os._exit(42 if bool((seen == 1).all()) else 1)
    del seen
    for _ in range(3):
        line.through(torch.zeros(LARGE))
    os.write(writer, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    os.close(reader)
    os.close(writer)


@needs_sharing
@pytest.mark.parametrize("refused", ["memfd_create", "both"])
def test_without_shared_memory(line: Line, refused: str, monkeypatch: Any) -> None:
    def refuse(*given: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    if refused == "both":
        monkeypatch.setattr(segment, "_named", refuse)
    x = torch.arange(LARGE)
    assert torch.equal(line.through([x, 1])[0], x)
    assert line.refusal == (
        "" if refused == "memfd_create" else "[Errno 28] No space left on device"
    )


@needs_sharing
def test_where_no_more_can_be_mapped(line: Line, monkeypatch: Any) -> None:
    """The system bounds the number of mappings of a process; batches are copied then."""
    monkeypatch.setattr("flambeau.utils.data.arena.Tenant.add", _add_unmapped)
    for i in range(4):
        x = line.through(torch.full((LARGE,), float(i)))
        assert not is_shared(x)
        assert torch.equal(x, torch.full((LARGE,), float(i)))
    assert len(line.arena.segments) == 1


_add = arena.Tenant.add


def _add_unmapped(self: Any, new: Any, handle: int) -> None:
    def fail(handle: int, size: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    before, arena.Mapping = arena.Mapping, fail  # type: ignore[misc, assignment]
    try:
        _add(self, new, handle)
    finally:
        arena.Mapping = before  # type: ignore[misc]
