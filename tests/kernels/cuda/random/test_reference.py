"""What PyTorch printed on GPUs, as others published it: the reference gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cuda.random import reference as r

A6000, M4000 = r.Chip(84, 1536), r.Chip(13, 2048)
P100, K80 = r.Chip(56, 2048), r.Chip(13, 2048)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_random123(counter: list, key: list, expected: str) -> None:
    assert [int(word, 16) for word in expected.split()] == r.philox(counter, key).tolist()


def test_rand_with_seed_0() -> None:
    """pytorch issue 47347."""
    assert np.allclose(r.uniform(0, 5, r.A100), [0.3990, 0.5167, 0.0249, 0.9401, 0.9459], atol=5e-5)


def test_randn_with_seed_10() -> None:
    """pytorch issue 79496."""
    assert np.allclose(r.normal(10, 3, r.A100), [-0.1029, 1.6810, -0.2708], atol=5e-5)


@pytest.mark.parametrize(
    ("chip", "last"),
    [(r.H100, [-0.6970, -0.7780, 0.3267]), (r.A100, [0.1549, -0.6797, -0.1656])],
    ids=["H100", "A100"],
)
def test_randn_that_fills_a_grid(chip: r.Chip, last: list[float]) -> None:
    """pytorch issue 143086."""
    size = 49 * 12 * 112 * 144
    ends = r.normal(1, size, chip, index=[0, 1, 2, size - 3, size - 2, size - 1])
    assert np.allclose(ends, [-0.2963, 2.6764, -0.1408, *last], atol=5e-5)


@pytest.mark.parametrize(
    ("chip", "third"), [(A6000, 2.1127), (M4000, 0.1787)], ids=["A6000", "M4000"]
)
def test_normal_of_three_channels(chip: r.Chip, third: float) -> None:
    """pytorch issue 62467, which shows the first value; the other chip's follows from the scheme."""
    channels = r.normal(43, 3 * 128 * 128, chip, index=[0, 128 * 128, 2 * 128 * 128])
    assert np.allclose(channels, [1.9983, 0.8704, third], atol=5e-5)


def test_normal_with_mean_and_deviation() -> None:
    """pytorch issue 97097, on an RTX A4000."""
    x = 5 + 5**0.5 * r.normal(14, 100_000, r.RTX_A4000, index=[0, 1, 2, 99_997, 99_998, 99_999])
    assert np.allclose(x, [2.8731, 5.2727, 2.9889, 8.2207, 6.5395, 4.2604], atol=5e-5)


@pytest.mark.parametrize(("chip", "total"), [(P100, 999_826), (K80, 999_100)], ids=["P100", "K80"])
def test_dropout_of_ones(chip: r.Chip, total: int) -> None:
    """pytorch issue 25690: 10^6 ones, each kept with probability 1/2 and doubled."""
    assert 2 * (r.uniform(0, 10**6, chip) < 0.5).sum() == total
