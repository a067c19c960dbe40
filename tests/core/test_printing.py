"""Printed tensors against PyTorch's text: literals here, recorded outputs in data/printing.json."""

import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from flambeau.core.printing import (
    format_tensor,
    format_values,
    get_printoptions,
    join_suffixes,
    printoptions,
    set_printoptions,
)

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "printing.json").read_text())
DEFAULTS = {
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 80,
    "sci_mode": None,
}


@pytest.fixture(autouse=True)
def _default_options():
    with printoptions(profile="default"):
        yield


def recorded_array(record):
    """The values of a record, repeated until they fill its shape."""
    dtype = record["dtype"]
    if dtype.startswith("complex"):
        values = np.array(record["values"], np.float64).view(np.complex128)[:, 0]
    else:
        values = np.array(record["values"], dtype if "int" in dtype else None)
    with np.errstate(over="ignore"):
        array = np.resize(values, record["shape"]).astype(
            ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
        )
    return array.T if record.get("transposed") else array


@pytest.mark.parametrize(
    "record", RECORDED, ids=[f"{i}-{r['dtype']}-{r['shape']}" for i, r in enumerate(RECORDED)]
)
def test_text_is_that_recorded_from_torch(record):
    with printoptions(**record.get("options", {})):
        text = format_tensor(
            recorded_array(record),
            dtype_name=record["dtype"],
            default_dtype_name=record.get("default", "float32"),
            prefix=record.get("prefix", "tensor("),
            suffixes=record.get("suffixes", ()),
        )
    assert text == record["text"]


def test_records_cover_every_dtype():
    real = "bool float16 bfloat16 float32 float64 complex64 complex128"
    whole = " ".join(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
    assert {record["dtype"] for record in RECORDED} == set(f"{real} {whole}".split())


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (1.5, "1.5000"),
        (-0.0, "-0."),
        ([1.0, 2.0], "[1., 2.]"),
        ([1.0, 2.5], "[1.0000, 2.5000]"),
        ([1.0, -2.0, 30.0], "[ 1., -2., 30.]"),
        ([1.0, 1000.0], "[   1., 1000.]"),
        ([1.0, 1001.0], "[1.0000e+00, 1.0010e+03]"),
        ([1e8, 1e8], "[100000000., 100000000.]"),
        ([1e8 + 1], "[1.0000e+08]"),
        ([1e-4], "[0.0001]"),
        ([0.00009], "[9.0000e-05]"),
        ([0.0, -0.0], "[0., -0.]"),
        ([0.0, math.nan, math.inf], "[0., nan, inf]"),
        ([0.5, math.nan, -math.inf], "[0.5000,    nan,   -inf]"),
        ([1 + 2j, -0.5 - 0.25j], "[ 1.0000+2.0000j, -0.5000-0.2500j]"),
        ([1 + 2.5j], "[1.+2.5000j]"),
        ([complex(1, -0.0), complex(2, math.nan)], "[1.-0.j, 2.+nanj]"),
        ([True, False], "[ True, False]"),
        ([1, -20], "[  1, -20]"),
        ([[1, 2], [3, 4]], "[[1, 2],\n [3, 4]]"),
        ([[[1], [2]], [[3], [4]]], "[[[1],\n  [2]],\n\n [[3],\n  [4]]]"),
        ([[], []], "[]"),
    ],
)
def test_values(values, text):
    assert format_values(np.array(values)) == text


def test_summary_shows_the_corners_and_aligns_by_them_alone():
    values = np.zeros((1000, 10), np.int64)
    values[500, 5] = 123456789
    row = "[0, 0, 0,  ..., 0, 0, 0]"
    assert format_values(values) == "[" + ",\n ".join([row] * 3 + ["..."] + [row] * 3) + "]"


def test_summary_reads_only_the_corners():
    endless = np.broadcast_to(np.float32(1.5), (10**6, 10**6))
    assert format_values(endless).count("1.5000") == 36


def test_summary_comes_before_the_copy_to_the_host():
    copied = []

    class DeviceArray(np.ndarray):
        def get(self):
            copied.append(self.size)
            return np.asarray(self)

    text = format_values(np.arange(5000).view(DeviceArray))
    assert text == "[   0,    1,    2,  ..., 4997, 4998, 4999]"
    assert copied == [6]


def test_rows_break_at_the_line_width():
    set_printoptions(linewidth=14)
    assert format_values(np.arange(6)) == "[0, 1, 2, 3,\n 4, 5]"
    set_printoptions(linewidth=math.inf)
    assert "\n" not in format_values(np.arange(1000))


def test_strided_views_print_their_own_elements():
    values = np.arange(12).reshape(3, 4)
    assert format_values(values.T[::-2]) == "[[ 3,  7, 11],\n [ 1,  5,  9]]"


@pytest.mark.parametrize(
    ("shape", "dtype_name", "text"),
    [
        ((0,), "float32", "tensor([])"),
        ((0,), "int64", "tensor([], dtype=torch.int64)"),
        ((0, 3), "float32", "tensor([], size=(0, 3))"),
        ((0, 3), "bool", "tensor([], size=(0, 3), dtype=torch.bool)"),
    ],
)
def test_empty_tensors_say_what_values_would_have_shown(shape, dtype_name, text):
    assert format_tensor(np.zeros(shape, dtype_name), dtype_name=dtype_name) == text


def test_meta_tensors_have_no_values():
    shape_only = np.broadcast_to(np.int64(0), (2, 3))
    text = format_tensor(shape_only, dtype_name="int64", device="meta", has_values=False)
    assert text == "tensor(..., device='meta', size=(2, 3), dtype=torch.int64)"


def test_suffixes_come_in_order():
    text = format_tensor(
        np.zeros(3, np.float16),
        dtype_name="float16",
        device="cuda:0",
        suffixes=["grad_fn=<AddBackward0>"],
    )
    assert text == (
        "tensor([0., 0., 0.], device='cuda:0', dtype=torch.float16,\n       grad_fn=<AddBackward0>)"
    )


def test_a_parameter_is_aligned_by_the_last_line_of_its_prefix():
    text = format_tensor(
        np.ones((2, 2), np.float32),
        dtype_name="float32",
        prefix="Parameter containing:\ntensor(",
        suffixes=["requires_grad=True"],
    )
    assert text == (
        "Parameter containing:\ntensor([[1., 1.],\n        [1., 1.]], requires_grad=True)"
    )


def test_first_suffix_can_be_forced_onto_its_own_line():
    text = join_suffixes("tensor(x", ["size=(3,)", "nnz=1"], 7, first_on_new_line=True)
    assert text == "tensor(x,\n       size=(3,), nnz=1)"


@pytest.mark.parametrize(
    ("profile", "changed"),
    [
        ("default", {}),
        ("short", {"precision": 2, "edgeitems": 2}),
        ("full", {"threshold": math.inf}),
    ],
)
def test_profiles_replace_every_option(profile, changed):
    set_printoptions(precision=7, threshold=8, edgeitems=9, linewidth=10, sci_mode=True)
    set_printoptions(profile=profile)
    assert get_printoptions() == DEFAULTS | changed


def test_options_add_to_a_profile_and_an_unknown_profile_changes_nothing():
    set_printoptions(profile="short", precision=3)
    set_printoptions(profile="SHORTER")
    assert get_printoptions() == DEFAULTS | {"precision": 3, "edgeitems": 2}


def test_sci_mode_is_forgotten_unless_given():
    set_printoptions(sci_mode=True)
    assert get_printoptions()["sci_mode"] is True
    set_printoptions(precision=3)
    assert get_printoptions()["sci_mode"] is None


def test_context_manager_restores_every_option_after_an_error():
    set_printoptions(precision=3, sci_mode=False)
    before = get_printoptions()
    inside = []

    def fail_with_options_set():
        with printoptions(profile="full", linewidth=40):
            inside.append(get_printoptions())
            raise KeyError

    with pytest.raises(KeyError):
        fail_with_options_set()
    assert inside == [DEFAULTS | {"threshold": math.inf, "linewidth": 40}]
    assert get_printoptions() == before


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"precision": -1}, ValueError),
        ({"precision": 2.0}, ValueError),
        ({"edgeitems": "3"}, ValueError),
        ({"threshold": "many"}, TypeError),
        ({"linewidth": [80]}, TypeError),
    ],
)
def test_bad_options_are_refused_and_change_nothing(option, error):
    (name,) = option
    with pytest.raises(error, match=f"set_printoptions: {name} must be a"):
        set_printoptions(**option)
    assert get_printoptions() == DEFAULTS


def test_numpy_integers_are_integers():
    set_printoptions(precision=np.int64(1), edgeitems=np.int32(2), threshold=np.int64(4))
    assert format_values(np.full(5, 0.25)) == "[0.2, 0.2,  ..., 0.2, 0.2]"
