"""Fixtures for every test: global state is the same before each test, and unchanged after it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.core import tensor as handle
from tests import elsewhere
from tests.remainder import why_left_out

# Examples are drawn from a fixed seed, so that a run is red or green for its code alone.
hypothesis.settings.register_profile("flambeau", deadline=None, derandomize=True)
hypothesis.settings.load_profile("flambeau")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="where tensors are made that name no device: cpu, cuda"
    )


def pytest_configure(config: pytest.Config) -> None:
    elsewhere.use(config.getoption("--device"))
    if (
        config.getoption("--device") != "cpu"
    ):  # said once in a process, by whichever test comes first
        config.addinivalue_line("filterwarnings", "ignore:.* has no CUDA form")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--device") == "cpu":
        return
    for item in items:
        why = why_left_out(item.nodeid)
        if why:
            item.add_marker(pytest.mark.skip(reason=why))


class Setting(NamedTuple):
    """A piece of global state: how to read it, and how to put a value read earlier back."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


SEALED = {
    "default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "default device": Setting(torch.get_default_device, torch.set_default_device),
    "anomaly detection": Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "grad mode": Setting(torch.is_grad_enabled, torch.set_grad_enabled),
    "print options": Setting(
        torch.get_printoptions, lambda options: torch.set_printoptions(**options)
    ),
}


@contextmanager
def assert_global_state_unchanged() -> Iterator[None]:
    """Fail if the block leaves a global setting changed, after putting the old value back."""
    before = {name: setting.read() for name, setting in SEALED.items()}
    yield
    leaks = []
    for name, setting in SEALED.items():
        after = setting.read()
        if after != before[name]:
            setting.write(before[name])
            leaks.append(f"{name}: {before[name]} became {after}")
    if leaks:
        pytest.fail("global state leaked: " + "; ".join(leaks), pytrace=False)


@pytest.fixture(autouse=True)
def _sealed_global_state() -> Iterator[None]:
    # Drawing random numbers is no leak, but what a test draws must not depend on earlier tests.
    torch.manual_seed(0)
    with assert_global_state_unchanged():
        yield
    elsewhere.forget_simulator()


@pytest.fixture
def global_state_seal() -> Callable[[], AbstractContextManager[None]]:
    """The seal itself, for the test that proves it goes red."""
    return assert_global_state_unchanged


@pytest.fixture(autouse=True, scope="session")
def _arrays_are_of_their_tensors_dtype() -> Iterator[None]:
    """Where NumPy computes, it is NumPy that decides each array's dtype: look at every tensor made."""
    if kernels.enabled():
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handle, "make", checking(handle.make))
        yield


def checking(make: Callable) -> Callable:
    """`make`, which refuses an array of another dtype than the tensor says it has. Views may read memory as
    another dtype, and are told so afterwards."""

    def checked(array: Any, kind: Any, node: Any, cell: list, base: Any) -> Any:
        if base is None and array.dtype != kind.numpy:
            raise AssertionError(f"an array of {array.dtype} in a tensor of {kind.dtype}")
        return make(array, kind, node, cell, base)

    return checked


Answer = dict[str, Any]


def recorded_answers(name: str) -> list[Answer]:
    """What PyTorch answered to the calls of a file in tests/data."""
    return json.loads((Path(__file__).parent / "data" / f"{name}.json").read_text())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `answer` runs for each answer in the file that its module names."""
    if "answer" in metafunc.fixturenames:
        answers = recorded_answers(metafunc.module.ANSWERS)
        metafunc.parametrize("answer", answers, ids=[answer["code"] for answer in answers])


@pytest.fixture
def assert_answered() -> Callable[[Answer], None]:
    """Make a recorded call again and compare: the text, dtype and strides, or the error, and warnings."""
    return _assert_answered


def _assert_answered(answer: Answer) -> None:
    torch.manual_seed(0)
    found: Answer = {"code": answer["code"]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = eval(answer["code"], {"torch": torch, "np": np})
        except Exception as error:
            found["error"] = type(error).__name__
        else:
            found["text"] = repr(value)
            if isinstance(value, torch.Tensor):
                found["dtype"] = str(value.dtype)
                if "stride" in answer:
                    found["stride"] = list(value.stride())
    if caught:
        found["warning"] = sorted({warning.category.__name__ for warning in caught})
    assert found == answer
