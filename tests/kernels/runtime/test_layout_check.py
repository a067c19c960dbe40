"""How objects lie in memory: another layout is found out, said once, and met with NumPy instead of a crash."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.runtime import layout as runtime
from flambeau.kernels.runtime import layout_check

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def test_this_layout_is_known():
    assert layout_check.fault() == ""


@pytest.mark.parametrize("by", [-8, 8, 4096, 1 << 40])
@pytest.mark.parametrize(
    ("name", "what"),
    [("TUPLE_ITEMS", "tuples"), ("OBJECT_TYPE", "objects of Python"), ("HEAD", "CPython")],
)
def test_other_places_of_pythons_objects(monkeypatch, name, what, by):
    monkeypatch.setattr(layout_check, name, getattr(layout_check, name) + by)
    assert what in layout_check.fault()


@pytest.mark.parametrize("by", [-8, 4, 8, 1 << 40])
@pytest.mark.parametrize("name", ["data", "ndim", "dims", "strides", "base", "descr"])
def test_other_places_within_numpys_arrays(monkeypatch, name, by):
    monkeypatch.setitem(layout_check.ARRAY, name, layout_check.ARRAY[name] + by)
    assert layout_check.fault() == "NumPy's arrays do not lie in memory as expected"


@pytest.mark.parametrize("by", [-8, 4, 8, 1 << 40])
@pytest.mark.parametrize(
    ("table", "name", "what"),
    [
        (layout_check.ARRAY, "flags", "flags of NumPy's arrays"),
        (layout_check.ARRAY, "handler", "NumPy's memory handlers"),
        (layout_check.DESCRIPTION, "elsize", "NumPy's dtypes"),
        (layout_check.DESCRIPTION, "flags", "NumPy's dtypes"),
    ],
)
def test_other_places_of_what_arrays_have(monkeypatch, table, name, what, by):
    monkeypatch.setitem(table, name, table[name] + by)
    assert layout_check.fault() == f"{what} do not lie in memory as expected"


@pytest.mark.parametrize(
    "name", ["C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA", "ALIGNED", "WRITEABLE"]
)
def test_other_bits_of_flags(monkeypatch, name):
    bits = {flag.name: flag.value for flag in runtime.Flag}
    monkeypatch.setattr(layout_check, "Flag", SimpleNamespace(**{**bits, name: bits[name] << 1}))
    assert layout_check.fault() == "flags of NumPy's arrays do not lie in memory as expected"


def test_another_version_of_numpys_table(monkeypatch):
    monkeypatch.setattr(layout_check, "_ABI", 0x03000000)
    assert layout_check.fault() == "NumPy's functions do not lie in memory as expected"


def test_bytes_that_begin_elsewhere(monkeypatch):
    monkeypatch.setattr(runtime, "BYTES_CONTENT", runtime.BYTES_CONTENT + 8)
    assert layout_check.fault() == "bytes do not lie in memory as expected"


def test_memory_that_is_not_there_is_an_error():
    assert layout_check.memory_at(id(2.5) + 16, 8) == np.float64(2.5).tobytes()
    for address in (0, 8, -1, 1 << 60):
        with pytest.raises(OSError, match="cannot be read"):
            layout_check.memory_at(address, 8)


UNKNOWN = """
import warnings
from flambeau.kernels.runtime import layout_check as layout
layout.TUPLE_ITEMS += 8
import flambeau as torch
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(torch.softmax(torch.zeros(1, 4), -1).tolist(), torch.ones(2).sum().item())
print(len(said), said[0].message)
from flambeau import environment
print(environment.report())
"""
OTHER_PROCESSOR = UNKNOWN.replace(
    "layout.TUPLE_ITEMS += 8", "import platform; platform.machine = lambda: 'RiscV64'"
)


@pytest.mark.parametrize(
    ("program", "why"),
    [(UNKNOWN, "tuples do not lie"), (OTHER_PROCESSOR, "none are written for riscv64 processors")],
)
def test_numpy_computes_and_the_reason_is_said_once(program, why):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    values, said, *report = done.stdout.splitlines()
    assert values == "[[0.25, 0.25, 0.25, 0.25]] 2.0"
    assert said.startswith("1 native kernels are off")
    assert why in said
    assert any(line.startswith("  kernels") and why in line for line in report)


def test_a_slot_is_found_in_an_object():
    class Base:
        __slots__ = ("a", "b")

    class Derived(Base):
        __slots__ = ("c",)

    places = [runtime.slot_offset(Derived, name) for name in "abc"]
    assert places == [16, 24, 32]
    with pytest.raises(AttributeError, match="no slot d"):
        runtime.slot_offset(Derived, "d")
