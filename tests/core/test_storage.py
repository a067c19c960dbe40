"""Storages: who shares memory, what is in it, and tensors set to it."""

import copy
import pickle
import sys

import numpy as np
import pytest

import flambeau as torch


@pytest.fixture
def x():
    return torch.arange(6.0).reshape(2, 3)


def test_views_have_one_storage(x):
    storage = x.untyped_storage()
    assert x[1].untyped_storage() is storage
    assert x.t().detach().untyped_storage() is storage
    assert x.data.storage()._cdata == storage._cdata
    assert x.clone().untyped_storage() is not storage
    assert storage.data_ptr() == x.data_ptr()
    assert (x[1].storage_offset(), x[1].detach().storage_offset()) == (3, 3)


def test_untyped_storage(x):
    storage = x.untyped_storage()
    assert (storage.size(), storage.nbytes(), len(storage), storage.element_size()) == (
        24,
        24,
        24,
        1,
    )
    assert storage.tolist()[:8] == [0, 0, 0, 0, 0, 0, 128, 63]
    assert (storage[7], storage[-1], storage[4:8].tolist()) == (63, 64, [0, 0, 128, 63])
    assert storage.device == torch.device("cpu")
    assert storage.untyped() is storage.cpu() is storage
    storage[7] = 64
    assert x[0, 1].item() == 4.0
    storage.fill_(0)
    assert x.tolist() == [[0.0] * 3] * 2
    with pytest.raises(IndexError, match="index 24 out of range for storage of size 24"):
        storage[24]


def test_untyped_storages_of_ones_own():
    assert torch.UntypedStorage(4).nbytes() == 4
    made = torch.UntypedStorage([1, 2, 3])
    assert made.tolist() == list(made) == [1, 2, 3]
    assert torch.UntypedStorage(3).copy_(made).tolist() == [1, 2, 3]
    assert repr(made) == " 1\n 2\n 3\n[torch.storage.UntypedStorage(device=cpu) of size 3]"
    for other in (made.clone(), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.tolist() == [1, 2, 3]
        assert other.data_ptr() != made.data_ptr()
    with pytest.raises(RuntimeError, match="size does not match, self was 3 bytes but src was 2"):
        made.copy_(torch.UntypedStorage(2))
    assert made.resize_(3) is made
    with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        made.resize_(8)


def test_typed_storage(x):
    storage = x.storage()
    assert (storage.size(), storage.nbytes(), storage.element_size()) == (6, 24, 4)
    assert storage.dtype is torch.float32
    assert storage.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    storage[0] = 9
    assert x[0, 0].item() == 9.0
    assert storage[0] == 9.0
    assert storage.type() == "torch.FloatStorage"
    assert storage.pickle_storage_type() == "FloatStorage"
    assert storage.double().dtype is torch.float64
    assert storage.long().tolist()[:2] == [9, 1]
    assert storage == x.storage()
    assert storage != x.clone().storage()
    assert pickle.loads(pickle.dumps(storage)).tolist() == storage.tolist()
    expected = " 1.0\n 2.0\n[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 2]"
    assert repr(torch.FloatStorage([1, 2])) == expected
    with pytest.raises(RuntimeError, match="slices are only supported in UntypedStorage"):
        storage[1:3]


def test_old_storage_classes(x):
    assert torch.FloatStorage(3).size() == 3
    assert isinstance(x.storage(), torch.FloatStorage)
    assert not isinstance(x.storage(), torch.LongStorage)
    assert torch.is_storage(x.storage())
    assert torch.is_storage(x.untyped_storage())
    assert not torch.is_storage(x)
    assert torch.TypedStorage([1, 2], dtype=torch.float64).tolist() == [1.0, 2.0]


def test_set_to_a_storage(x):
    empty = torch.empty
    assert empty(0).set_(x.untyped_storage()).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert empty(0).set_(x.storage(), 1, (2, 2), (2, 1)).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert empty(0).set_(x.storage(), 0, (3, 2)).stride() == (2, 1)
    assert empty(0).set_(x).data_ptr() == x.data_ptr()
    assert torch.ones(3).set_().shape == (0,)
    same = empty(0).set_(x[1])
    same[0] = 7
    assert x[1, 0].item() == 7.0
    with pytest.raises(RuntimeError, match="Could not set tensor of type int64"):
        empty(0).set_(torch.arange(4))
    with pytest.raises(RuntimeError, match="are out of bounds for storage of size 24"):
        empty(0).set_(x.untyped_storage(), 4, (5,), (1,))


def test_is_set_to(x):
    y = x[1]
    assert y.is_set_to(x[1])
    assert y.is_set_to(y.view(3))
    assert not y.is_set_to(x[0])
    assert not y.is_set_to(y.view(1, 3))
    assert not x.is_set_to(x.clone())
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        x.is_set_to(3)
    assert x.is_same_size(x + 1)
    assert not x.is_same_size(x.t())


def test_the_storage_of_a_numpy_array_begins_where_it_does():
    whole = np.arange(5.0)
    part = torch.from_numpy(whole[2:])
    assert part.storage_offset() == 0
    assert part.untyped_storage().nbytes() == 24
    assert part[1:].storage_offset() == 1
    part[0] = 9
    assert whole[2] == 9


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_as_a_storage(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(range(8)))
    storage = torch.UntypedStorage.from_file(str(path), False, 6)
    assert storage.tolist() == [0, 1, 2, 3, 4, 5]
    assert (storage.filename, storage.is_shared()) == (None, True)
    storage[1] = 77
    assert path.read_bytes() == bytes(range(8))
    x = torch.asarray(storage, dtype=torch.uint8)
    assert x.untyped_storage() is storage
    x[0] = 9
    assert storage[0] == 9
    assert torch.UntypedStorage.from_file(path).tolist() == []


def test_a_shared_file_is_written_and_made_longer(tmp_path) -> None:
    path = tmp_path / "x"
    storage = torch.UntypedStorage.from_file(path, True, 4)
    assert storage.filename == str(path)
    storage[1] = 77
    torch.asarray(storage, dtype=torch.int16)[1] = 258
    assert path.read_bytes() == b"\0\x4d\2\1"
    assert torch.FloatStorage.from_file(str(path), True, 2).tolist()[1] == 0.0
    assert path.stat().st_size == 8


def test_files_that_cannot_be_mapped(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    with pytest.raises(
        RuntimeError, match="size <3> is smaller than the required mapping size <4>"
    ):
        torch.UntypedStorage.from_file(path, False, 4)
    with pytest.raises(RuntimeError, match="unable to open file"):
        torch.UntypedStorage.from_file(tmp_path / "none", False, 1)
    with pytest.raises(RuntimeError, match="unable to mmap"):
        torch.UntypedStorage.from_file(path, False, -1)


def test_tensors_of_a_file(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(np.array([1.0, 2.0], np.float32).tobytes())
    x = torch.from_file(str(path), size=2, requires_grad=True)
    assert (x.tolist(), x.dtype, x.requires_grad) == ([1.0, 2.0], torch.float32, True)
    torch.from_file(str(path), True, 2, dtype=torch.int32)[0] = 0
    assert torch.from_file(str(path), size=2).tolist() == [0.0, 2.0]
    with pytest.raises(RuntimeError, match="smaller"):
        torch.from_file(str(path), size=3)


def test_storages_as_tensors() -> None:
    x = torch.tensor([1, 2, 3], dtype=torch.int16)
    storage = x.untyped_storage()
    assert torch.asarray(storage).tolist() == [1, 0, 2, 0, 3, 0]
    assert torch.asarray(storage, dtype=torch.int32).tolist() == [131073]
    assert torch.asarray(storage, dtype=torch.int16).data_ptr() == x.data_ptr()
    assert torch.asarray(storage, dtype=torch.int16, copy=True).data_ptr() != x.data_ptr()
    assert torch.asarray(x.storage()).tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="Expected a Storage of type Float or an UntypedStorage"):
        torch.asarray(x.storage(), dtype=torch.float32)


def test_a_slice_is_a_storage_of_its_own() -> None:
    storage = torch.UntypedStorage([1, 2, 3, 4, 5])
    part = storage[1:4]
    assert (part.nbytes(), part.data_ptr() - storage.data_ptr()) == (3, 1)
    y = torch.asarray(part, dtype=torch.uint8)
    assert (y.storage_offset(), y.untyped_storage().nbytes()) == (0, 3)
    y[0] = 9
    assert storage.tolist() == [1, 9, 3, 4, 5]
    assert torch.asarray(storage[1:5], dtype=torch.int32).tolist() == [
        int.from_bytes(b"\x09\3\4\5", "little")
    ]
    assert storage[5:5].nbytes() == storage[4:2].nbytes() == 0
    with pytest.raises(RuntimeError, match="step of 2"):
        storage[::2]


def test_getsizeof_counts_the_memory():
    few, many = (torch.ones(n).untyped_storage() for n in (0, 100))
    assert sys.getsizeof(many) - sys.getsizeof(few) == 400
