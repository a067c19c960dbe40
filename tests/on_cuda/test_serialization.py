"""Tensors on a GPU in files, pickles and copies, and in the hands of other libraries and processes."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.cuda import driver


def saved(obj: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return file


def counted(*shape: int) -> torch.Tensor:
    return torch.arange(float(np.prod(shape)), device="cuda").reshape(shape)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "bool", "complex64"])
def test_a_file_gives_back_what_was_saved_where_it_was(dtype: str) -> None:
    x = torch.tensor([[0, 1, 1], [1, 0, 1]], device="cuda").to(getattr(torch, dtype))
    found = torch.load(saved({"x": x, "view": x.t()[1:]}))
    assert found["x"].device == torch.device("cuda", 0)
    assert found["x"].dtype is x.dtype
    assert found["x"].tolist() == x.tolist()
    assert found["view"].tolist() == x.t()[1:].tolist()
    assert found["view"].stride() == x.t()[1:].stride()


@pytest.mark.parametrize("place", ["cpu", "cuda", "cuda:0", None])
def test_tensors_that_share_memory_share_it_after_loading(place: str | None) -> None:
    x = counted(4, 3)
    found = torch.load(saved([x, x[1], x.t()]), map_location=place)
    found[0][1, 2] = -1
    assert {y.device.type for y in found} == {"cpu" if place == "cpu" else "cuda"}
    assert found[1].tolist() == [3, 4, -1]
    assert found[2][2, 1] == -1


def test_memory_is_written_once() -> None:
    x = torch.zeros(1000, device="cuda")
    assert len(saved([x, x[10:], x.view(10, 100)]).getvalue()) < len(saved(x).getvalue()) + 500


def test_map_location() -> None:
    file = saved(counted(2))
    for place in ({"cuda:0": "cpu"}, lambda storage, name: storage, torch.device("cpu")):
        file.seek(0)
        assert torch.load(file, map_location=place).device.type == "cpu"
    cpu = saved(torch.ones(2, device="cpu"))
    for place in ("cuda", {"cpu": "cuda:0"}, lambda storage, name: storage.cuda()):
        cpu.seek(0)
        found = torch.load(cpu, map_location=place)
        assert found.device == torch.device("cuda", 0)
        assert found.tolist() == [1, 1]


def test_a_gpu_that_is_not_there_is_named() -> None:
    count = torch.cuda.device_count()
    file = io.BytesIO()
    with zipfile.ZipFile(saved(counted(2))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"cuda:0", b"cuda:7"))
    file.seek(0)
    message = f"CUDA device 7 but torch.cuda.device_count\\(\\) is {count}. Please use torch.load with map_location"
    with pytest.raises(RuntimeError, match=message):
        torch.load(file, map_location=lambda storage, name: None)


def test_modules_and_optimisers() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).to("cuda")
    optimizer = torch.optim.Adam(model.parameters())
    model(counted(4, 3)).sum().backward()
    optimizer.step()
    state = torch.load(saved({"model": model.state_dict(), "optimizer": optimizer.state_dict()}))
    again = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    again.load_state_dict(state["model"])
    assert again[0].weight.device.type == "cpu"  # parameters stay where they are
    assert again[0].weight.tolist() == model[0].weight.tolist()
    stepper = torch.optim.Adam(again.parameters())
    stepper.load_state_dict(state["optimizer"])
    mean = stepper.state[again[0].weight]["exp_avg"]
    assert mean.device.type == "cpu"  # state goes to its parameters
    assert mean.tolist() == optimizer.state[model[0].weight]["exp_avg"].tolist()
    whole = torch.load(saved(model), weights_only=False)
    assert whole[0].weight.is_cuda
    assert isinstance(whole[0].weight, torch.nn.Parameter)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_what_is_shared(copied: Any) -> None:
    x = counted(2, 3)
    first, second = copied((x, x[1]))
    first[1, 0] = 9
    assert first.is_cuda
    assert second.tolist() == [9, 4, 5]
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    leaf = copied(torch.nn.Parameter(x))
    assert leaf.requires_grad
    assert leaf.is_leaf


def test_storages() -> None:
    x = counted(2, 2)
    storage = x.untyped_storage()
    assert x[1].untyped_storage() is storage
    assert (storage.device, storage.is_cuda, len(storage)) == (torch.device("cuda", 0), True, 16)
    assert x[1].data_ptr() - storage.data_ptr() == 8
    assert storage.cpu().tolist() == storage.tolist() == list(np.arange(4, dtype="f4").tobytes())
    assert not storage.cpu().is_cuda
    assert storage.is_shared()
    x.storage()[1] = 7.0
    assert x.tolist() == [[0, 7], [2, 3]]
    y = torch.empty(0, device="cuda").set_(storage, 1, (2,), (2,))
    assert y.tolist() == [7, 3]
    with pytest.raises(RuntimeError, match="devices must match"):
        torch.empty(0, device="cpu").set_(storage, 0, (1,))
    made = torch.UntypedStorage([1, 2, 3], device="cuda")
    assert made.is_cuda
    assert made.clone().copy_(torch.UntypedStorage([4, 5, 6])).tolist() == [4, 5, 6]
    assert "device=cuda:0" in repr(made)


def test_other_libraries_see_the_memory() -> None:
    xp = driver.cupy()
    x = counted(2, 3)
    for array in (xp.asarray(x.t()), xp.from_dlpack(x.t())):
        array[0, 1] = 40
        assert x[1, 0] == 40
        x[1, 0] = 3
        assert int(array[0, 1]) == 3
    own = xp.arange(3)
    for tensor in (torch.as_tensor(own), torch.from_dlpack(own)):
        tensor[1] = 5
        assert tensor.is_cuda
        assert own.tolist() == [0, 5, 2]
    assert torch.tensor(own).data_ptr() != own.data.ptr
    half = torch.ones(2, dtype=torch.bfloat16, device="cuda")
    assert torch.from_dlpack(half).data_ptr() == half.data_ptr()


def test_the_interface_of_arrays() -> None:
    x = counted(2, 3)
    facts = x.__cuda_array_interface__
    assert facts["shape"] == (2, 3)
    assert facts["typestr"] == "<f4"
    assert facts["strides"] is None
    assert facts["data"] == (x.data_ptr(), False)
    assert x.t().__cuda_array_interface__["strides"] == (4, 12)
    assert not hasattr(torch.ones(2, device="cpu"), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="requires grad"):
        _ = x.requires_grad_().__cuda_array_interface__
    with pytest.raises(TypeError, match=r"cuda:0 device type tensor to numpy. Use Tensor.cpu\(\)"):
        x.detach().numpy()


def test_another_process_does_not_get_the_memory() -> None:
    import flambeau.multiprocessing  # noqa: F401  # it registers how tensors travel

    queue = multiprocessing.get_context("spawn").SimpleQueue()
    with pytest.raises(
        RuntimeError, match=r"cuda:0 cannot be handed to another process.*x.cpu\(\)"
    ):
        queue.put(counted(2))


def test_a_forked_process_is_told_that_it_has_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator goes on in such a process; the driver does not."""
    monkeypatch.setattr(driver, "is_forked", lambda: True)
    with pytest.raises(RuntimeError, match=r"CUDA in forked subprocess.*'spawn' start method"):
        torch.ones(2, device="cuda")


def test_safetensors(tmp_path) -> None:
    import flambeau.compat

    x = counted(2, 3)
    file = str(tmp_path / "x.safetensors")
    flambeau.compat.install()
    try:
        from safetensors.torch import load_file, save_file

        save_file({"x": x, "half": x.bfloat16()}, file)
        for place in ("cpu", "cuda"):
            found = load_file(file, device=place)
            assert found["x"].device.type == place
            assert found["x"].tolist() == found["half"].tolist() == x.tolist()
    finally:
        flambeau.compat.uninstall()
