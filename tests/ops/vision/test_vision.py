"""Operations of detectors; values and gradients are those of torchvision 0.29.1 on torch 2.14.1, in float64."""

import json
from pathlib import Path

import pytest

import flambeau as torch

DATA = Path(__file__).parent.parent.parent / "data"
RECORDED = json.loads((DATA / "vision.json").read_text())
VISION = torch.ops.torchvision


def wave(step, *shape, function=torch.sin):
    count = torch.Size(shape).numel()
    return function(torch.arange(count, dtype=torch.float64) * step).view(shape)


IMAGE = wave(0.37, 2, 8, 6, 7)
ROIS = torch.tensor(
    [[0, 0.5, 0.7, 4.2, 5.1], [1, -2.0, 1.0, 9.0, 3.3], [1, 3.2, 3.2, 3.4, 3.5]],
    dtype=torch.float64,
)
CASES = {
    "roi_align-True-2": lambda x: VISION.roi_align(x, ROIS, 0.9, 3, 2, 2, True),
    "roi_align-True--1": lambda x: VISION.roi_align(x, ROIS, 0.9, 3, 2, -1, True),
    "roi_align-False-2": lambda x: VISION.roi_align(x, ROIS, 0.9, 3, 2, 2, False),
    "roi_align-False--1": lambda x: VISION.roi_align(x, ROIS, 0.9, 3, 2, -1, False),
    "roi_pool": lambda x: VISION.roi_pool(x, ROIS, 0.9, 3, 2)[0],
    "ps_roi_align-2": lambda x: VISION.ps_roi_align(x, ROIS, 0.9, 2, 2, 2)[0],
    "ps_roi_align--1": lambda x: VISION.ps_roi_align(x, ROIS, 0.9, 2, 2, -1)[0],
    "ps_roi_pool": lambda x: VISION.ps_roi_pool(x, ROIS, 0.9, 2, 2)[0],
}


def assert_recorded(name, function, *tensors):
    expected = RECORDED[name]
    leaves = [x.clone().requires_grad_() for x in tensors]
    y = function(*leaves)
    weight = wave(0.11, *y.shape, function=torch.cos)
    grads = torch.autograd.grad((y * weight).sum(), leaves)
    close = {"rel": 1e-9, "abs": 1e-9}
    assert list(y.shape) == expected["shape"]
    assert (y * weight).sum().item() == pytest.approx(expected["sum"], **close)
    assert y.flatten()[:6].tolist() == pytest.approx(expected["first"], **close)
    for grad, (total, first) in zip(grads, expected["grads"], strict=True):
        assert grad.abs().sum().item() == pytest.approx(total, **close)
        assert grad.flatten()[:8].tolist() == pytest.approx(first, **close)


@pytest.mark.parametrize("name", CASES)
def test_regions(name):
    assert_recorded(name, CASES[name], IMAGE)


@pytest.mark.parametrize("name", [n for n in CASES if n != "roi_pool"])
def test_gradients_of_gradients(name):
    channels = 8 if name.startswith("ps") else 1
    x = IMAGE[:, :channels, :4, :4].clone().requires_grad_()
    assert torch.autograd.gradgradcheck(CASES[name], (x,))


def test_deformed_convolution():
    offset = wave(0.7, 2, 36, 4, 5) * 1.5
    mask = wave(0.3, 2, 18, 4, 5, function=torch.cos)
    weight = wave(0.2, 4, 4, 3, 3)
    bias = torch.arange(4, dtype=torch.float64)

    def run(x, o, m, w, b):
        return VISION.deform_conv2d(x, w, o, m, b, 1, 1, 0, 0, 1, 1, 2, 2, True)

    assert_recorded("deform", run, IMAGE, offset, mask, weight, bias)


def test_deformed_convolution_that_does_not_move_is_a_convolution():
    x, w = IMAGE[:, :4], wave(0.2, 3, 4, 3, 3)
    zeros = torch.zeros(2, 18, 4, 5, dtype=torch.float64)
    b = torch.arange(3, dtype=torch.float64)
    y = VISION.deform_conv2d(x, w, zeros, zeros[:, :9], b, 1, 1, 0, 0, 1, 1, 1, 1, False)
    torch.testing.assert_close(y, torch.nn.functional.conv2d(x, w, b))


def test_where_things_are():
    assert (
        VISION.roi_pool(IMAGE, ROIS, 0.9, 3, 2)[1].flatten()[:12].tolist()
        == RECORDED["roi_pool_argmax"]
    )
    found = [
        VISION.ps_roi_align(IMAGE, ROIS, 0.9, 2, 2, 2)[1],
        VISION.ps_roi_pool(IMAGE, ROIS, 0.9, 2, 2)[1],
    ]
    assert [x.flatten()[:8].tolist() for x in found] == RECORDED["ps_map"]
    assert found[0].dtype is torch.int32


def test_suppression():
    boxes = wave(1.3, 10, 4).abs() * 10
    boxes[:, 2:] += boxes[:, :2]
    scores = wave(2.1, 10)
    found = [VISION.nms(boxes, scores, limit).tolist() for limit in (0.1, 0.3, 0.5)]
    assert found == RECORDED["nms"]
    assert VISION.nms(torch.empty(0, 4), torch.empty(0), 0.5).tolist() == []


def test_half_types():
    half = VISION.roi_align(IMAGE.half(), ROIS.half(), 1.0, 2, 2, 2, True)
    full = VISION.roi_align(IMAGE.half().float(), ROIS.half().float(), 1.0, 2, 2, 2, True)
    assert half.dtype is torch.float16
    torch.testing.assert_close(half.float(), full, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VISION.nms(torch.ones(2, 3), torch.ones(2), 0.5), r"shape \[N, 4\]"),
        (lambda: VISION.nms(torch.ones(2, 4), torch.ones(3), 0.5), "same number of elements"),
        (lambda: VISION.nms(torch.ones(2, 4), torch.ones(2).double(), 0.5), "same type"),
        (lambda: VISION.roi_align(IMAGE, ROIS[:, 1:], 1.0, 2, 2, 2, True), r"Tensor\[K, 5\]"),
        (lambda: VISION.roi_align(IMAGE, ROIS.float(), 1.0, 2, 2, 2, True), "does not equal"),
        (lambda: VISION.ps_roi_align(IMAGE, ROIS, 1.0, 3, 3, 2), "multiple of pooling"),
    ],
)
def test_errors(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


def test_the_library_is_taken_over_and_others_are_refused(tmp_path):
    torch.ops.load_library("/somewhere/torchvision/_C_stable.so")
    assert VISION._cuda_version() == -1
    with pytest.raises(OSError, match="machine code made for PyTorch"):
        torch.ops.load_library(tmp_path / "other.so")
    with pytest.raises(NotImplementedError, match="torchvision::qnms"):
        VISION.qnms(torch.ones(1, 4), torch.ones(1), 0.5)


WHICH = torch.zeros(0)
BACKWARD = {
    "roi_align-True-2": lambda g: VISION._roi_align_backward(g, ROIS, 0.9, 3, 2, 2, 8, 6, 7, 2, True),
    "ps_roi_align-2": lambda g: VISION._ps_roi_align_backward(g, ROIS, WHICH, 0.9, 2, 2, 2, 2, 8, 6, 7),
    "ps_roi_pool": lambda g: VISION._ps_roi_pool_backward(g, ROIS, WHICH, 0.9, 2, 2, 2, 8, 6, 7),
    "roi_pool": lambda g: VISION._roi_pool_backward(
        g, ROIS, VISION.roi_pool(IMAGE, ROIS, 0.9, 3, 2)[1], 0.9, 3, 2, 2, 8, 6, 7
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BACKWARD)
def test_gradients_have_names(name):
    """torchvision's Python code registers gradients that call these."""
    expected = RECORDED[name]
    grad = BACKWARD[name](wave(0.11, *expected["shape"], function=torch.cos))
    total, first = expected["grads"][0]
    assert grad.abs().sum().item() == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert grad.flatten()[:8].tolist() == pytest.approx(first, rel=1e-9, abs=1e-9)
