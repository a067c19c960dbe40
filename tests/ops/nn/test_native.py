"""Layers by the names of their kernels; values are PyTorch 2.13.0's."""

import pytest

import flambeau as torch

TABLE = [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]
INDICES, OFFSETS = [0, 2, 2, 1], [0, 2, 2]


def x():
    return torch.tensor([[[1.0, 2, 4], [0, -1, 3]], [[2, 2, 5], [1, 0, -2]]], requires_grad=True)


def close(result, expected):
    torch.testing.assert_close(
        result.detach(), torch.tensor(expected).reshape(result.shape), atol=2e-6, rtol=1e-5
    )


def test_native_layer_norm():
    weight, bias = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 1.0, 0.0])
    y, mean, rstd = torch.native_layer_norm(x(), [3], weight, bias, 1e-5)
    close(
        y,
        [
            *(-1.069041, 0.465479, 4.008905, -0.392232, -0.961158, 4.118432),
            *(-0.707105, -0.41421, 4.24263, 1.069041, 1.534521, -4.008905),
        ],
    )
    assert mean.shape == rstd.shape == (2, 2, 1)
    close(mean, [2.333333, 0.666667, 3.0, -0.333333])
    close(rstd, [0.801781, 0.588347, 0.707105, 0.801781])
    assert (y.requires_grad, mean.requires_grad, rstd.requires_grad) == (True, False, False)


def test_native_group_norm():
    y, mean, rstd = torch.native_group_norm(x(), None, None, 2, 2, 3, 1, 1e-5)
    close(y[0], [-0.29277, 0.29277, 1.463848, -0.878309, -1.463848, 0.878309])
    assert mean.shape == rstd.shape == (2, 1)
    close(mean, [1.5, 1.333333])
    close(rstd, [0.585539, 0.468521])


def test_native_batch_norm_in_training():
    running_mean, running_var = torch.zeros(2), torch.ones(2)
    y, mean, rstd = torch.native_batch_norm(
        x(), None, None, running_mean, running_var, True, 0.1, 1e-5
    )
    close(y[0], [-1.212675, -0.48507, 0.97014, -0.106, -0.741997, 1.801993])
    close(mean, [2.666667, 0.166667])
    close(rstd, [0.727605, 0.635997])
    close(running_mean, [0.266667, 0.016667])
    close(running_var, [1.126667, 1.196667])


def test_native_batch_norm_in_evaluation():
    mean, var = torch.tensor([0.266667, 0.016667]), torch.tensor([1.126667, 1.196667])
    y, *rest = torch.native_batch_norm(x(), None, None, mean, var, False, 0.1, 1e-5)
    close(y[0], [0.690879, 1.632986, 3.5172, -0.015236, -0.929373, 2.727177])
    assert [tuple(part.shape) for part in rest] == [(0,), (0,)]


def test_native_dropout():
    torch.manual_seed(0)
    y, left = torch.native_dropout(torch.ones(8), 0.5, True)
    assert y.tolist() == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 2.0]
    assert left.tolist() == [False, False, True, False, False, False, True, True]
    y, left = torch.native_dropout(torch.ones(3), 0.5, False)
    assert (y.tolist(), left.tolist()) == ([1.0] * 3, [True] * 3)
    y, left = torch.native_dropout(torch.ones(3), 1.0, True)
    assert (y.tolist(), left.tolist()) == ([0.0] * 3, [False] * 3)


BAGS = {
    0: ([6.0, 9, 0, 0, 8, 11], [], [0, 0, 0], [0, 0, 0]),
    1: ([3.0, 4.5, 0, 0, 4, 5.5], [0, 0, 2, 2], [2, 0, 2], [2, 0, 2]),
    2: ([5.0, 7, 0, 0, 5, 7], [0, 0, 2, 2], [2, 0, 2], [[2, 2], [0, 0], [2, 2]]),
}


@pytest.mark.parametrize("mode", BAGS)
def test_embedding_bag(mode):
    table = torch.tensor(TABLE, requires_grad=True)
    result, *rest = torch.embedding_bag(
        table, torch.tensor(INDICES), torch.tensor(OFFSETS), False, mode
    )
    close(result, BAGS[mode][0])
    assert [part.tolist() for part in rest] == list(BAGS[mode][1:])
    assert {part.dtype for part in rest} == {torch.int64}
    assert result.requires_grad


def test_embedding_bag_with_its_options():
    table, indices = torch.tensor(TABLE), torch.tensor(INDICES)
    padded = (False, None, False, 2)
    result, _, sizes, rows = torch.embedding_bag(
        table, indices, torch.tensor(OFFSETS), False, 2, *padded
    )
    close(result, [1.0, 2, 0, 0, 3, 4])
    assert sizes.tolist() == [1, 0, 1]
    assert rows.tolist() == [[0, 0], [0, 0], [1, 1]]
    weights, ends = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0, 2, 4])
    result = torch.embedding_bag(table, indices, ends, False, 0, False, weights, True)[0]
    close(result, [11.0, 16, 27, 37])
    _, bags, sizes, _ = torch.embedding_bag(table, indices, ends, False, 1, False, None, True)
    assert (bags.tolist(), sizes.tolist()) == ([0, 0, 1, 1], [2, 2])
    with pytest.raises(RuntimeError, match="`mode` must be sum"):
        torch.embedding_bag(table, indices, ends, False, 3)


def test_embedding_renorm_writes():
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    assert torch.embedding_renorm_(table, torch.tensor([0, 0, 1]), 1.0, 2.0) is table
    close(table, [0.6, 0.8, 0.3, 0.4, 6.0, 8.0])


SAMPLED = {
    (0, 0): [2.0, 2.1, 0.0, 6.0, 6.1, 0.0],
    (0, 1): [2.0, 2.1, 2.0, 6.0, 6.1, 6.0],
    (0, 2): [2.0, 2.1, 1.5, 6.0, 6.1, 5.5],
    (1, 1): [2.0, 2.0, 1.0, 6.0, 6.0, 5.0],
    (2, 0): [2.0, 2.85, -0.222656, 6.0, 8.17, -0.667969],
    (2, 2): [2.0, 2.148, 1.5, 6.0, 6.148002, 5.5],
}


@pytest.mark.parametrize("modes", SAMPLED)
def test_grid_sampler(modes):
    image = torch.arange(8.0).reshape(1, 2, 2, 2)
    grid = torch.tensor([[[[-0.5, 0.5], [0.0, 0.3], [2.0, 0.0]]]])
    close(torch.grid_sampler(image, grid, *modes, False), SAMPLED[modes])
    close(torch.grid_sampler_2d(image, grid, *modes, False), SAMPLED[modes])


def test_grid_sampler_of_three_dimensions():
    volume = torch.arange(8.0).reshape(1, 1, 2, 2, 2)
    grid = torch.tensor([[[[[-0.5, 0.5, 0.1]]]]])
    close(torch.grid_sampler_3d(volume, grid, 0, 0, True), [3.95])
    with pytest.raises(RuntimeError, match="expected 4D input"):
        torch.grid_sampler_2d(volume, grid, 0, 0, True)
    with pytest.raises(ValueError, match="padding_mode is 0, 1 or 2, not 3"):
        torch.grid_sampler(volume, grid, 0, 3, True)


def test_convolution_forward_and_back():
    kernel = torch.tensor([[[1.0, 2.0]]])
    x = torch.arange(6.0).reshape(1, 1, 6)
    result = torch.convolution(x, kernel, torch.tensor([1.0]), [2], [1], [1], False, [0], 1)
    assert result.tolist() == [[[1.0, 6.0, 12.0, 6.0]]]
    x = torch.arange(3.0).reshape(1, 1, 3)
    result = torch.convolution(x, kernel, None, [2], [0], [1], True, [1], 1)
    assert result.tolist() == [[[0.0, 0.0, 1.0, 2.0, 2.0, 4.0, 0.0]]]


def test_norm_except_dim():
    v = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert torch.norm_except_dim(v).tolist() == [[5.0], [2.0]]
    close(torch.norm_except_dim(v, 2, 1), [[3.0, 4.472136]])
    assert torch.norm_except_dim(v, 1, -1).item() == 9.0


def test_padding_and_pooling():
    assert torch.constant_pad_nd(torch.ones(2), (1, 2), 7).tolist() == [7.0, 1.0, 1.0, 7.0, 7.0]
    assert torch.constant_pad_nd(torch.ones(2, 2), (-1, 0)).tolist() == [[1.0], [1.0]]
    y, at = torch.max_pool1d_with_indices(torch.tensor([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    assert (y.tolist(), at.tolist()) == ([[[3.0, 5.0]]], [[[1, 3]]])
