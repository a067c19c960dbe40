"""torch.device: spellings, errors, the device table, and the default of each thread."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flambeau.core import device as devices
from flambeau.core import dtype as types
from flambeau.core.backend import HostBackend
from flambeau.core.device import Backends, device, resolve


class Recorder(HostBackend):
    """An accelerator with two devices, number 1 current, that notes what it is asked to move."""

    name = "cuda"
    xp: ModuleType = np
    is_accelerator = True

    def __init__(self) -> None:
        self.moves: list[tuple[Any, ...]] = []

    def canonical_index(self, index: int | None) -> int:
        if index not in (None, 0, 1):
            raise RuntimeError("invalid device ordinal")
        return 1 if index is None else index

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        self.moves.append(("to", index, non_blocking))
        return array

    def to_host(self, array: Any, non_blocking: bool = False) -> Any:
        self.moves.append(("to_host",))
        return array


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backends]:
    """A device table with the CPU only, and the defaults put back."""
    table = Backends()
    table.register("cpu", HostBackend)
    monkeypatch.setattr(devices, "backends", table)
    monkeypatch.setattr(devices, "defaults", devices._Defaults())
    before = types.get_default_dtype()
    yield table
    types.set_default_dtype(before)


@pytest.fixture
def cuda(table: Backends) -> Recorder:
    backend = Recorder()
    table.register("cuda", lambda: backend)
    return backend


# -- Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown", "text"),
    [
        (device("cpu"), "device(type='cpu')", "cpu"),
        (device("cpu:0"), "device(type='cpu', index=0)", "cpu:0"),
        (device("cuda"), "device(type='cuda')", "cuda"),
        (device("cuda", None), "device(type='cuda')", "cuda"),
        (device("cuda:1"), "device(type='cuda', index=1)", "cuda:1"),
        (device("cuda", 1), "device(type='cuda', index=1)", "cuda:1"),
        (device("cuda", np.int64(1)), "device(type='cuda', index=1)", "cuda:1"),
        (device(type="cuda", index=0), "device(type='cuda', index=0)", "cuda:0"),
        (device(device="cuda:10"), "device(type='cuda', index=10)", "cuda:10"),
        (device(device("mps")), "device(type='mps')", "mps"),
    ],
)
def test_spellings(given: device, shown: str, text: str) -> None:
    assert repr(given) == shown
    assert str(given) == f"{given}" == text


def test_is_interned() -> None:
    one = device("cuda", 1)
    assert one is device("cuda:1") is device(type="cuda", index=1) is device(one)
    assert one is pickle.loads(pickle.dumps(one)) is copy.copy(one) is copy.deepcopy([one])[0]
    assert pickle.loads(pickle.dumps(device("cpu"))) is device("cpu") is devices.CPU
    assert one.__reduce__() == (device, ("cuda", 1))


def test_compares_by_type_and_index() -> None:
    assert device("cuda:1") != device("cuda:0") != device("cuda")
    assert device("cpu") != device("cpu:0")
    assert device("cpu") != "cpu"
    assert len({device("cuda:1"), device("cuda", 1), device("cuda")}) == 2
    with pytest.raises(TypeError):
        _ = device("cpu") < device("cuda")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arguments", "kind", "match"),
    [
        (
            ("foo",),
            RuntimeError,
            "Expected one of cpu, cuda, ipu, .*, privateuseone device type at ",
        ),
        (("CPU:0",), RuntimeError, "device type at start of device string: CPU"),
        (("",), RuntimeError, "Device string must not be empty"),
        (("cuda:",), RuntimeError, "Invalid device string: 'cuda:'"),
        (("cuda:-1",), RuntimeError, "Invalid device string: 'cuda:-1'"),
        (("cuda:01",), RuntimeError, "Invalid device string: 'cuda:01'"),
        (("cuda:0:1",), RuntimeError, "Invalid device string"),
        ((" cpu",), RuntimeError, "Invalid device string"),
        (("cuda:0", 1), RuntimeError, r"type \(string\) must not include an index"),
        (("cpu", -1), RuntimeError, "Device index must not be negative"),
        ((-1,), RuntimeError, "Device index must not be negative"),
        ((0,), RuntimeError, "Cannot access accelerator device when none is available"),
        ((), TypeError, r"device\(\) received an invalid combination of arguments - got \(\)"),
        ((None,), TypeError, "invalid combination of arguments"),
        ((1.5,), TypeError, r"invalid combination of arguments - got \(float\)"),
        ((True,), TypeError, r"invalid combination of arguments - got \(bool\)"),
        ((device("cuda"), 1), TypeError, "invalid combination of arguments"),
        (("cpu", 1.5), TypeError, "argument 'index' must be int, not float"),
        (("cuda", True), TypeError, "argument 'index' must be int, not bool"),
        (("cpu", 0, 1), TypeError, "positional arguments"),
    ],
    ids=str,
)
def test_refuses(arguments: tuple[Any, ...], kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        device(*arguments)


def test_refuses_contradicting_keywords() -> None:
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        device("cpu", device="cuda")
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        device(index=0)


def test_is_closed() -> None:
    for name in ("type", "other"):
        with pytest.raises(AttributeError, match=f"attribute '{name}' of 'torch.device' objects"):
            setattr(device("cpu"), name, "cuda")
        with pytest.raises(AttributeError):
            delattr(device("cpu"), name)
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Other", (device,), {})


# -- The device table ----------------------------------------------------------------------------


def test_cpu_is_numpy() -> None:
    backend = device("cpu").backend
    assert backend.module(None) is np
    assert (backend.name, backend.is_available(), backend.device_count()) == ("cpu", True, 1)
    array = np.arange(3)
    assert devices.transfer(array, device("cpu"), device("cpu:0")) is array


@pytest.mark.parametrize(
    ("name", "kind", "match"),
    [
        ("cuda:3", AssertionError, "Torch not compiled with CUDA enabled"),
        ("xpu", AssertionError, "Torch not compiled with XPU enabled"),
        ("mps", NotImplementedError, "PyTorch is not linked with support for mps devices"),
    ],
)
def test_types_without_backend(name: str, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match + r"; devices that can be used here: 'cpu'"):
        resolve(name)
    with pytest.raises(kind, match=match):
        _ = device(name).backend


def test_the_error_says_why_there_is_no_backend(table: Backends) -> None:
    table.register("cuda", lambda: None, lambda: "no driver is installed")
    with pytest.raises(AssertionError, match="CUDA enabled; no driver is installed; devices"):
        resolve("cuda")


def test_a_backend_is_loaded_once_when_it_is_there(table: Backends) -> None:
    answers = [None, Recorder()]
    asked = iter(answers)
    table.register("cuda", lambda: next(asked))
    assert table.find("cuda") is None
    assert device("cuda").backend is device("cuda:1").backend is answers[1]
    with pytest.raises(RuntimeError, match="Expected one of cpu, "):
        table.register("gpu", HostBackend)


def test_an_int_is_a_device_of_the_accelerator(cuda: Recorder) -> None:
    assert device(1) is device("cuda:1")
    assert device(np.int64(0)) is device("cuda:0")


def test_an_unavailable_accelerator_is_passed_over(
    cuda: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorder, "is_available", lambda self: False)
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
        device(1)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, "cpu"),
        ("cpu", "cpu"),
        ("cpu:3", "cpu"),
        (device("cpu:0"), "cpu"),
        ("cuda", "cuda:1"),
        (device("cuda:0"), "cuda:0"),
        (0, "cuda:0"),
    ],
)
def test_resolve_gives_the_device_that_a_tensor_reports(spec: Any, expected: str) -> None:
    assert resolve(spec) is device(expected)


def test_resolve_refuses_what_names_no_device(cuda: Recorder) -> None:
    for spec in (1.5, True, [1], b"cpu"):
        with pytest.raises(TypeError, match=r"argument 'device' must be torch.device, not "):
            resolve(spec)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        resolve("cuda:2")


def test_transfer_goes_through_the_host_only_between_types(cuda: Recorder) -> None:
    array = np.arange(3)
    devices.transfer(array, device("cpu"), device("cuda:1"), non_blocking=True)
    devices.transfer(array, device("cuda:1"), device("cuda:0"))
    devices.transfer(array, device("cuda:0"), device("cpu"))
    assert cuda.moves == [("to", 1, True), ("to", 0, False), ("to_host",)]


# -- The default ---------------------------------------------------------------------------------


def test_with_sets_the_default_and_nests(cuda: Recorder) -> None:
    with device("cuda:0") as entered:
        assert entered is device("cuda:0") is resolve() is devices.get_default_device()
        with device("cpu"):
            assert resolve() is device("cpu")
        assert resolve() is device("cuda:0")
    assert resolve() is device("cpu")


def test_with_is_left_by_an_error() -> None:
    with pytest.raises(KeyError), device("meta"):
        raise KeyError
    assert resolve() is device("cpu")
    with pytest.raises(RuntimeError, match="not entered"):
        device("meta").__exit__(None, None, None)


def test_the_default_belongs_to_the_thread(cuda: Recorder) -> None:
    seen: list[device] = []
    devices.set_default_device("cuda")
    with device("cuda:0"):
        thread = threading.Thread(target=lambda: seen.append(devices.get_default_device()))
        thread.start()
        thread.join()
    assert seen == [device("cpu")]


def test_set_default_device(cuda: Recorder) -> None:
    devices.set_default_device("cuda")
    assert devices.get_default_device() is device("cuda:1")
    with device("cpu"):
        devices.set_default_device("cuda:0")
        assert devices.get_default_device() is device("cpu")
    assert devices.get_default_device() is device("cuda:0")
    devices.set_default_device(None)
    assert devices.get_default_device() is device("cpu")
    with pytest.raises(RuntimeError, match="Expected one of cpu, "):
        devices.set_default_device("foo")


def test_set_default_tensor_type(cuda: Recorder) -> None:
    devices.set_default_tensor_type("torch.cuda.DoubleTensor")
    assert types.get_default_dtype() is types.float64
    assert devices.get_default_device() is device("cuda:1")
    devices.set_default_tensor_type(type("HalfTensor", (), {"__module__": "torch"}))
    assert types.get_default_dtype() is types.float16
    assert devices.get_default_device() is device("cpu")


@pytest.mark.parametrize(
    ("given", "kind", "match"),
    [
        ("torch.LongTensor", TypeError, "only floating-point types are supported"),
        (
            "torch.cuda.FloatTensor",
            TypeError,
            "not available. Torch not compiled with CUDA enabled",
        ),
        ("foo", ValueError, "invalid type: 'foo'"),
        (3, TypeError, "invalid type object: only floating-point types are supported"),
        (int, TypeError, "invalid type object: only floating-point types are supported"),
    ],
)
def test_set_default_tensor_type_refuses(given: Any, kind: type[Exception], match: str) -> None:
    before = types.get_default_dtype()
    with pytest.raises(kind, match=match):
        devices.set_default_tensor_type(given)
    assert (types.get_default_dtype(), devices.get_default_device()) == (before, device("cpu"))
