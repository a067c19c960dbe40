"""Paths to targets, against the same with NumPy."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.nn import ctc
from flambeau.ops.loss.ctc import _losses, _shares


def batches(dtype):
    rng = np.random.default_rng(5)
    for steps, classes, counts, lengths in (
        (6, 5, (2, 3), (6, 5)),
        (1, 3, (1, 0), (1, 1)),
        (7, 4, (0, 0, 3), (7, 0, 3)),
        (50, 9, (20, 4, 25), (50, 33, 50)),
        (4, 3, (4, 2), (4, 0)),  # targets that nothing leads to
    ):
        logits = rng.standard_normal((steps, len(counts), classes)) * 3
        x = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        x = x.astype(dtype)
        if steps == 6:
            x[2, 0, 1] = -np.inf
        targets = [rng.integers(0, classes, n) for n in counts]
        yield x, targets, lengths


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_and_shares(dtype, blank):
    close = {"rtol": 2e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-12}
    for x, targets, lengths in batches(dtype):
        found = ctc.losses(x, targets, lengths, blank)
        with np.errstate(all="ignore"):
            expected = _losses(x, targets, lengths, blank)
        assert found.dtype == x.dtype
        np.testing.assert_allclose(found, expected, **close)
        for zeros in (False, True):
            with np.errstate(all="ignore"):
                want = _shares(x, targets, lengths, blank, zeros)
            np.testing.assert_allclose(ctc.shares(x, targets, lengths, blank, zeros), want, **close)


def test_bits_do_not_depend_on_threads():
    rng = np.random.default_rng(6)
    x = np.log(rng.dirichlet(np.ones(20), (100, 12))).astype(np.float32)
    targets, lengths = [rng.integers(1, 20, 30) for _ in range(12)], (100,) * 12
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(ctc.shares(x, targets, lengths, 0, False).tobytes())
            found.append(ctc.losses(x, targets, lengths, 0).tobytes())
    finally:
        torch.set_num_threads(before)
    assert found[:2] == found[2:]


def test_what_it_is_not_made_for():
    x = np.zeros((3, 2, 4), np.float32)
    targets, lengths = [np.array([1]), np.array([2])], (3, 3)
    assert ctc.losses(x.astype(np.float16), targets, lengths, 0) is NotImplemented
    assert ctc.losses(x[::2], targets, lengths, 0) is NotImplemented
