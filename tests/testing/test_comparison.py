"""assert_close: what passes, and the words of what does not, as PyTorch writes them."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

close = torch.testing.assert_close
NAN = float("nan")

PASSES = {
    "near": (torch.tensor([1.0, 2]), torch.tensor([1.0, 2.000001]), {}),
    "dtype unchecked": (torch.ones(2), torch.ones(2).double(), {"check_dtype": False}),
    "nan": (torch.tensor([NAN]), torch.tensor([NAN]), {"equal_nan": True}),
    "containers": ([torch.ones(1)], (torch.ones(1),), {}),
    "mapping": ({"a": [1.0, None]}, {"a": [1.0 + 1e-9, None]}, {}),
    "empty": (torch.empty(0), torch.empty(0), {}),
    "numbers": (1, 1.0, {"check_dtype": False}),
    "arrays": (np.ones(2), np.ones(2), {}),
    "infinite": (torch.tensor([float("inf")]), torch.tensor([float("inf")]), {}),
    "large integers": (torch.tensor([2**62 + 1]), torch.tensor([2**62 + 1]), {}),
}


@pytest.mark.parametrize("name", PASSES)
def test_passes(name: str) -> None:
    actual, expected, options = PASSES[name]
    close(actual, expected, **options)


FAILS = {
    "vector": (
        torch.tensor([[1.0, 2, 3]]),
        torch.tensor([[1.0, 2.5, 3]]),
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 3 (33.3%)\n"
        "Greatest absolute difference: 0.5 at index (0, 1) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.20000000298023224 at index (0, 1) (up to 1.3e-06 allowed)",
    ),
    "0-d": (
        torch.tensor(1.0),
        torch.tensor(2.0),
        "Scalars are not close!\n\nExpected 2.0 but got 1.0.\nAbsolute difference: 1.0 (up to 1e-05 "
        "allowed)\nRelative difference: 0.5 (up to 1.3e-06 allowed)",
    ),
    "integers": (
        torch.tensor([1, 2]),
        torch.tensor([1, 3]),
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\nGreatest absolute "
        "difference: 1 at index (1,)\nGreatest relative difference: 0.3333333432674408 at index (1,)",
    ),
    "large integers": (
        torch.tensor([2**62 + 1]),
        torch.tensor([2**62]),
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 1 (100.0%)\nGreatest absolute "
        "difference: 1 at index (0,)\nGreatest relative difference: 2.168404344971009e-19 at index (0,)",
    ),
    "shape": (
        torch.ones(2),
        torch.ones(3),
        "The values for attribute 'shape' do not match: torch.Size([2]) != torch.Size([3]).",
    ),
    "dtype": (
        torch.ones(2),
        torch.ones(2).double(),
        "The values for attribute 'dtype' do not match: torch.float32 != torch.float64.",
    ),
    "item": (
        {"a": [1.0, 2.0]},
        {"a": [1.0, 3.0]},
        "Scalars are not close!\n\nExpected 3.0 but got 2.0.\nAbsolute difference: 1.0 (up to 1e-07 "
        "allowed)\nRelative difference: 0.3333333333333333 (up to 1e-07 allowed)\n\n"
        "The failure occurred for item ['a'][1]",
    ),
    "keys": (
        {"a": 1},
        {"b": 1},
        "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']\n"
        "Additional keys in the actual mapping: ['a']",
    ),
    "lengths": ([1], [1, 2], "The length of the sequences mismatch: 1 != 2"),
    "bools": (True, False, "Booleans mismatch: True is not False"),
    "none": (None, 1, "None mismatch: None is not 1"),
    "types": (1, 1.0, "The (d)types do not match: <class 'int'> != <class 'float'>."),
}


@pytest.mark.parametrize("name", FAILS)
def test_fails_and_says_how(name: str) -> None:
    actual, expected, words = FAILS[name]
    with pytest.raises(AssertionError) as caught:
        close(actual, expected)
    assert str(caught.value) == words


def test_options() -> None:
    a, b = torch.ones(2, 2).mT, torch.ones(2, 2)
    with pytest.raises(AssertionError, match=r"'stride\(\)' do not match: \(1, 2\) != \(2, 1\)"):
        close(a, b, check_stride=True)
    with pytest.raises(AssertionError, match=r"^mine$"):
        close(b, 2 * b, msg="mine")
    with pytest.raises(AssertionError, match=r"^so: Tensor-likes"):
        close(b, 2 * b, msg=lambda text: "so: " + text)
    with pytest.raises(ValueError, match="but got no atol"):
        close(b, b, rtol=1.0)
    with pytest.raises(TypeError, match="No comparison pair was able to handle"):
        close("a", "a")
    with pytest.raises(TypeError, match="No comparison pair"):
        close(b, np.ones((2, 2)))
    close(b, 1.5 * b, rtol=0, atol=0.5)
