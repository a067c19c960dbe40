"""Nested tensors in files."""

import io
import pickletools
import zipfile

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError
from flambeau.serialization.pickler import WRITERS

A, B = torch.arange(6.0).reshape(2, 3), torch.arange(3.0).reshape(3, 1)


def round_trip(value, **options):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, **options)


def test_strided():
    x = torch.nested.nested_tensor([A, B])
    first, again = round_trip([x, x])
    assert first is again
    assert [part.tolist() for part in first.unbind()] == [A.tolist(), B.tolist()]


def test_jagged():
    x = torch.nested.nested_tensor([A, A[:1]], layout=torch.jagged, requires_grad=True)
    found = round_trip({"x": x})["x"]
    assert found.requires_grad
    assert found.layout is torch.jagged
    assert found.offsets().tolist() == [0, 2, 3]
    assert found.values().tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]


def test_stream_is_what_pytorch_reads():
    file = io.BytesIO()
    torch.save(torch.nested.nested_tensor([A, B]), file)
    with zipfile.ZipFile(file) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("data.pkl")]
        operations = list(pickletools.genops(archive.read(name)))
    names = [arg for op, arg, _ in operations if op.name == "GLOBAL"]
    assert names[:2] == ["torch._utils _rebuild_nested_tensor", "torch._utils _rebuild_tensor_v2"]


class Tables:
    """Stands for a nested tensor with wrong tables."""


@pytest.mark.parametrize(
    ("sizes", "strides", "offsets"),
    [
        ([[2, 3]], [[3, 1]], [1]),  # one element too far
        ([[2, 3]], [[100, 1]], [0]),
        ([[2, 3]], [[3, 1]], [-1]),
        ([[-2, 3]], [[3, 1]], [0]),
        ([[2, 3]], [[-3, 1]], [5]),
        ([[2, 3], [1, 1]], [[3, 1]], [0]),  # tables of different lengths
        ([[2**62, 2**62]], [[0, 0]], [0]),  # more than any memory
    ],
)
def test_tables_that_reach_outside_are_refused(sizes, strides, offsets, monkeypatch):
    def write(pickler, obj):
        pickler.name("torch._utils _rebuild_nested_tensor")
        pickler.out += b"("
        yield torch.arange(100.0)[:6].clone()
        for table in (sizes, strides, offsets):
            yield torch.tensor(table)
        pickler.out += b"tR"

    monkeypatch.setitem(WRITERS, Tables, write)
    with pytest.raises(SerializationError):
        round_trip(Tables())


@pytest.mark.parametrize("offsets", [[0, 7], [1, 3], [0, 5, 2, 3], []])
def test_offsets_that_do_not_fit_are_refused(offsets, monkeypatch):
    x = torch.nested.nested_tensor([A, A[:1]], layout=torch.jagged)
    monkeypatch.setattr(type(x), "offsets", lambda self: torch.tensor(offsets, dtype=torch.int64))
    with pytest.raises(SerializationError):
        round_trip(x)


def test_lengths_that_do_not_fit_are_refused():
    rows = torch.ones(3)
    with pytest.raises(RuntimeError, match="rows"):
        torch.nested.nested_tensor_from_jagged(rows, lengths=torch.tensor([-1, 4]))
    with pytest.raises(RuntimeError, match="do not fit"):
        torch.nested.nested_tensor_from_jagged(
            rows, torch.tensor([0, 1, 3]), lengths=torch.tensor([2, 1])
        )
