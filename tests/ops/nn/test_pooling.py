"""Options of pooling."""

import pytest

import flambeau as torch

F = torch.nn.functional


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("stride", [[], (), None])
def test_no_stride_is_the_size_of_the_window(n, stride):
    x = torch.arange(4.0**n).view(1, 1, *(4,) * n)
    for name, options in (("avg_pool", (2,)), ("max_pool", (2,)), ("lp_pool", (2.0, 2))):
        pool = getattr(F, f"{name}{n}d")
        assert pool(x, *options, stride).tolist() == pool(x, *options, 2).tolist()
    if stride is not None:
        for name, options in (("AvgPool", (2,)), ("MaxPool", (2,)), ("LPPool", (2, 2))):
            layer = getattr(torch.nn, f"{name}{n}d")
            assert layer(*options, stride)(x).tolist() == layer(*options, 2)(x).tolist()


def test_random_places_are_rounded_towards_0():
    """PyTorch 2.13.0's windows for a random number below 0."""
    x = torch.arange(256.0).view(1, 1, 16, 16)
    samples = torch.tensor([[[4.9624, -0.7130]]])
    pooled = F.fractional_max_pool2d(x, (1, 1), (8, 8), _random_samples=samples)
    assert [int(v) // 16 for v in pooled[0, 0, :, 0].tolist()] == [0, 1, 3, 5, 8, 10, 12, 15]
    assert pooled[0, 0, 0].tolist() == [0.0, 2.0, 4.0, 7.0, 9.0, 11.0, 13.0, 15.0]
