"""Layouts, memory formats and pinned memory: strides and errors as PyTorch gives them."""

import copy
import pickle

import numpy as np
import pytest

import flambeau as torch
from flambeau.core import layout

LAST, LAST_3D = torch.channels_last, torch.channels_last_3d


@pytest.fixture
def x():
    return torch.arange(24.0).reshape(1, 2, 3, 4)


def test_layouts_and_formats_are_named_singletons():
    for name, found in layout.NAMES.items():
        if name != "legacy_contiguous_format":
            assert repr(found) == f"torch.{name}"
        assert getattr(torch, name) is found
        assert (
            copy.copy(found) is copy.deepcopy(found) is pickle.loads(pickle.dumps(found)) is found
        )
    assert torch.legacy_contiguous_format is torch.contiguous_format
    assert isinstance(torch.strided, torch.layout)
    assert isinstance(torch.preserve_format, torch.memory_format)
    with pytest.raises(TypeError, match=r"cannot create 'torch.layout' instances"):
        torch.layout("strided")


def test_strides_of_copies(x):
    y = x.permute(0, 2, 3, 1)
    every_second, expanded = x[:, :, ::2], torch.zeros(2, 1, 3).expand(2, 4, 3)
    assert y.clone().stride() == (24, 4, 1, 12)
    assert every_second.clone().stride() == (16, 8, 4, 1)
    assert expanded.clone().stride() == (12, 3, 1)
    assert y.clone(memory_format=torch.contiguous_format).stride() == (24, 8, 2, 1)
    assert x.clone(memory_format=LAST).stride() == (24, 1, 8, 2)
    assert x.contiguous(memory_format=LAST).stride() == (24, 1, 8, 2)
    assert torch.zeros(4, 6).t()[::2].clone().stride() == (1, 3)
    assert torch.zeros(2, 3, 4)[:, :, ::2].permute(2, 0, 1).clone().stride() == (1, 6, 2)
    wide = torch.zeros(2, 3, 4).expand(5, 2, 3, 4).permute(3, 0, 1, 2)
    assert wide.clone().stride() == (1, 12, 60, 4)
    five = torch.zeros(1, 2, 3, 4, 5).contiguous(memory_format=LAST_3D)
    assert five.stride() == (120, 1, 40, 10, 2)


def test_strides_of_conversions(x):
    y = x.permute(0, 2, 3, 1)
    assert x.to(torch.float64, memory_format=LAST).stride() == (24, 1, 8, 2)
    assert x.to(memory_format=LAST).stride() == (24, 1, 8, 2)
    assert x.to(torch.float32, memory_format=LAST).stride() == (24, 1, 8, 2)
    assert y.to(torch.float64).stride() == y.double().stride() == (24, 4, 1, 12)
    assert y.double(memory_format=torch.contiguous_format).stride() == (24, 8, 2, 1)
    assert x.float(memory_format=LAST).stride() == x.cpu(memory_format=LAST).stride()
    assert torch.zeros(2, 1, 3).expand(2, 4, 3).to(torch.float64).stride() == (12, 3, 1)
    contiguous = {"copy": True, "memory_format": torch.contiguous_format}
    assert x.to(torch.float32, **contiguous).stride() == (24, 12, 4, 1)


def test_values_survive_every_format(x):
    for format in (torch.contiguous_format, torch.preserve_format, LAST):
        assert x.clone(memory_format=format).tolist() == x.tolist()
        assert x.to(torch.int64, memory_format=format).tolist() == x.long().tolist()


def test_nothing_is_copied_where_nothing_changes(x):
    assert x.to(memory_format=torch.preserve_format) is x
    assert x.to(memory_format=torch.contiguous_format) is x
    y = x.permute(0, 2, 3, 1)
    assert y.float(memory_format=torch.contiguous_format) is y
    assert x.contiguous() is x
    assert x.contiguous(memory_format=torch.preserve_format) is x
    last = x.contiguous(memory_format=LAST)
    assert last.contiguous(memory_format=LAST) is last


def test_is_contiguous(x):
    last = x.contiguous(memory_format=LAST)
    assert x.is_contiguous()
    assert not x.is_contiguous(memory_format=LAST)
    assert last.is_contiguous(memory_format=LAST)
    assert not last.is_contiguous()
    assert last.permute(0, 2, 3, 1).is_contiguous()
    assert x.is_contiguous(memory_format=torch.preserve_format)
    assert not torch.zeros(3).is_contiguous(memory_format=LAST)
    assert torch.zeros(1, 1, 3, 4).is_contiguous(memory_format=LAST)
    assert torch.zeros(2, 0, 3, 4).is_contiguous(memory_format=LAST)


def test_gradients_pass_through_formats(x):
    x.requires_grad_()
    (x.contiguous(memory_format=LAST) * x.to(torch.float64, memory_format=LAST)).sum().backward()
    assert x.grad.tolist() == (2 * x).tolist()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x[0].clone(memory_format=LAST),
        lambda x: x[0].contiguous(memory_format=LAST),
        lambda x: x[0].to(memory_format=LAST),
        lambda x: x[0].double(memory_format=LAST),
    ],
)
def test_a_format_of_another_rank_is_refused(x, call):
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        call(x)


def test_wrong_types_of_formats_are_refused(x):
    for call in (x.clone, x.contiguous, x.is_contiguous, x.float, x.to):
        with pytest.raises(TypeError, match=r"must be torch.memory_format, not int"):
            call(memory_format=3)
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported by the contig"):
        x.permute(0, 2, 3, 1).contiguous(memory_format=torch.preserve_format)


def test_check_options():
    layout.check_options("zeros", None, None)
    layout.check_options("zeros", torch.strided, False)
    with pytest.raises(
        TypeError, match=r"zeros\(\): argument 'layout' must be torch.layout, not int"
    ):
        layout.check_options("zeros", 3)
    with pytest.raises(NotImplementedError, match=r"layout=torch.sparse_coo"):
        layout.check_options("zeros", torch.sparse_coo)
    with pytest.raises(TypeError, match=r"argument 'pin_memory' must be bool, not int"):
        layout.check_options("zeros", None, 1)
    with pytest.raises(RuntimeError, match="pin_memory=True requires a CUDA or other accelerator"):
        layout.check_options("zeros", None, True)


def test_empty_arrays_by_format():
    assert layout.empty(np, (1, 2, 3, 4), np.dtype("f4"), LAST).strides == (96, 4, 32, 8)
    with pytest.raises(RuntimeError, match="unsupported memory format Preserve"):
        layout.empty(np, (2,), np.dtype("f4"), torch.preserve_format)


# (shape, strides, strides of what PyTorch's empty_like makes of it)
LIKE = [
    ((3, 1, 1, 1), (1, 3, 6, 1), (1, 3, 6, 1)),
    ((1,), (2,), (2,)),
    ((1, 4, 1, 1), (1, 1, 1, 2), (1, 1, 1, 2)),
    ((4, 3, 3, 4, 3), (16, 0, 64, 4, 0), (12, 48, 144, 3, 1)),
    ((2, 3, 4), (0, 0, 0), (12, 4, 1)),
    ((2, 3), (1, 2), (1, 2)),
]


@pytest.mark.parametrize(("shape", "strides", "expected"), LIKE)
def test_empty_like_keeps_what_it_can(shape, strides, expected):
    memory = np.zeros(1000, np.float32)
    array = np.lib.stride_tricks.as_strided(memory, shape, [4 * step for step in strides])
    made = layout.empty_like(array, np.dtype(np.float64))
    assert made.dtype == np.float64
    assert tuple(step // 8 for step in made.strides) == expected


def test_pinned_memory_needs_an_accelerator(x):
    assert not x.is_pinned()
    with pytest.raises(
        RuntimeError, match="Cannot access accelerator device when none is available"
    ):
        x.pin_memory()


def test_arguments_of_to(x):
    assert x.to("cpu", torch.float64, True).dtype is torch.float64
    assert x.to(x.double()).dtype is x.to(float).dtype is torch.float64
    assert x.to(torch.float32, False, True) is not x
    assert x.to(None) is x.to(non_blocking=True) is x
    wrong = [("cpu", "cpu"), (torch.float32, torch.float32), (x, torch.float32), (True,)]
    for args in wrong:
        with pytest.raises(TypeError, match=r"to\(\) received an invalid combination of arguments"):
            x.to(*args)
    with pytest.raises(TypeError, match="invalid combination"):
        x.to("cpu", torch.float64, non_blocking=3)
