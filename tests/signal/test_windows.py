"""Window functions against PyTorch's, for symmetric and periodic windows."""

from __future__ import annotations

import pytest

import flambeau as torch

W = torch.signal.windows

RECORDED = {
    ("bartlett", True): ({}, [0.0, 0.5, 1.0, 0.5, 0.0]),
    ("bartlett", False): ({}, [0.0, 0.4, 0.8, 0.8, 0.4]),
    ("blackman", True): ({}, [-0.0, 0.34, 1.0, 0.34, -0.0]),
    ("blackman", False): ({}, [-0.0, 0.2007701433, 0.8492298567, 0.8492298567, 0.2007701433]),
    ("cosine", True): ({}, [0.3090169944, 0.8090169944, 1.0, 0.8090169944, 0.3090169944]),
    ("cosine", False): ({}, [0.2588190451, 0.7071067812, 0.9659258263, 0.9659258263, 0.7071067812]),
    ("exponential", True): (
        {"tau": 2.0},
        [0.3678794412, 0.6065306597, 1.0, 0.6065306597, 0.3678794412],
    ),
    ("exponential", False): (
        {"tau": 2.0},
        [0.2865047969, 0.4723665527, 0.7788007831, 0.7788007831, 0.4723665527],
    ),
    ("gaussian", True): (
        {"std": 1.5},
        [0.4111122905, 0.8007374029, 1.0, 0.8007374029, 0.4111122905],
    ),
    ("gaussian", False): (
        {"std": 1.5},
        [0.2493522088, 0.6065306597, 0.9459594689, 0.9459594689, 0.6065306597],
    ),
    ("general_cosine", True): ({"a": [0.5, 0.3, 0.2]}, [0.4, 0.3, 1.0, 0.3, 0.4]),
    ("general_cosine", False): (
        {"a": [0.5, 0.3, 0.2]},
        [0.4, 0.2454915028, 0.8045084972, 0.8045084972, 0.2454915028],
    ),
    ("general_hamming", True): ({"alpha": 0.6}, [0.2, 0.6, 1.0, 0.6, 0.2]),
    ("general_hamming", False): (
        {"alpha": 0.6},
        [0.2, 0.4763932023, 0.9236067977, 0.9236067977, 0.4763932023],
    ),
    ("hamming", True): ({}, [0.08, 0.54, 1.0, 0.54, 0.08]),
    ("hamming", False): ({}, [0.08, 0.3978521826, 0.9121478174, 0.9121478174, 0.3978521826]),
    ("hann", True): ({}, [0.0, 0.5, 1.0, 0.5, 0.0]),
    ("hann", False): ({}, [0.0, 0.3454915028, 0.9045084972, 0.9045084972, 0.3454915028]),
    ("kaiser", True): (
        {"beta": 8.0},
        [0.0023388305, 0.3689727226, 1.0, 0.3689727226, 0.0023388305],
    ),
    ("kaiser", False): (
        {"beta": 8.0},
        [0.0023388305, 0.2267768413, 0.8598020818, 0.8598020818, 0.2267768413],
    ),
    ("nuttall", True): ({}, [0.0003628, 0.2269824, 1.0, 0.2269824, 0.0003628]),
    ("nuttall", False): ({}, [0.0003628, 0.110515253, 0.798258097, 0.798258097, 0.110515253]),
}


@pytest.mark.parametrize(("name", "sym"), RECORDED)
def test_as_recorded(name: str, sym: bool) -> None:
    options, want = RECORDED[name, sym]
    got = getattr(W, name)(5, sym=sym, dtype=torch.float64, **options)
    assert got.tolist() == pytest.approx(want, abs=1e-9)
    assert getattr(W, name)(1, sym=sym, **options).tolist() == [1.0]
    assert getattr(W, name)(0, sym=sym, **options).shape == (0,)
    assert getattr(W, name)(3, sym=sym, requires_grad=True, **options).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: W.hann(-1), ValueError, "non-negative window length, got M=-1"),
        (
            lambda: W.hann(3, dtype=torch.int32),
            ValueError,
            "float32 or float64 dtypes, got: torch.int32",
        ),
        (lambda: W.gaussian(3, std=0), ValueError, "Standard deviation must be positive, got: 0"),
        (lambda: W.kaiser(3, beta=-1), ValueError, "beta must be non-negative, got: -1"),
        (lambda: W.exponential(3, tau=0), ValueError, "Tau must be positive, got: 0"),
        (
            lambda: W.exponential(3, center=1),
            ValueError,
            "Center must be None for symmetric windows",
        ),
        (lambda: W.general_cosine(3, a=[]), ValueError, "Coefficients cannot be empty"),
        (lambda: W.general_cosine(3, a=1), TypeError, "Coefficients must be a list/tuple"),
    ],
)
def test_refused(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()
