"""DataParallel on a machine without accelerators, and SyncBatchNorm of one process."""

from __future__ import annotations

import pytest

import flambeau as torch

nn = torch.nn


def test_data_parallel_runs_its_module() -> None:
    layer = nn.Linear(2, 3)
    model = nn.DataParallel(layer, device_ids=[0, 1])
    x = torch.randn(4, 2)
    assert torch.equal(model(x), layer(x))
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    assert model.device_ids == []
    assert nn.parallel.DataParallel is nn.DataParallel
    state = model.state_dict()
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == ["weight", "bias"]
    nn.Linear(2, 3).load_state_dict(state)


def test_what_needs_devices_says_so() -> None:
    x = torch.ones(2)
    with pytest.raises(ValueError, match="Expected a non cpu device, but got: cpu"):
        nn.parallel.scatter(x, ["cpu", "cpu"])
    assert nn.parallel.scatter((1, {"a": "b"}), [0, 1]) == [(1, {"a": "b"})] * 2
    with pytest.raises(AssertionError, match="Gather function not implemented for CPU tensors"):
        nn.parallel.gather([x], "cpu")
    with pytest.raises(AssertionError, match="Broadcast function not implemented for CPU tensors"):
        nn.parallel.replicate(nn.Linear(1, 1), [0])
    with pytest.raises(RuntimeError, match="device type could not be determined"):
        nn.parallel.data_parallel(nn.Linear(2, 1), x)
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
        nn.parallel.parallel_apply([nn.Linear(2, 1)], [(x,)])


def test_a_replica_has_the_same_children_and_no_parameters() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    replica = model[0]._replicate_for_data_parallel()
    assert type(replica) is nn.BatchNorm1d
    assert replica._parameters == {}
    assert replica.running_mean is model[0].running_mean
    assert model._replicate_for_data_parallel()[0] is model[0]


def test_sync_batch_norm_of_one_process_is_batch_norm() -> None:
    layer, sync = nn.BatchNorm2d(3, momentum=0.3), nn.SyncBatchNorm(3, momentum=0.3)
    x = torch.randn(4, 3, 2, 2)
    for _ in range(2):
        assert torch.equal(layer(x), sync(x))
    assert torch.equal(layer.running_var, sync.running_var)
    assert torch.equal(layer.eval()(x), sync.eval()(x))
    with pytest.raises(ValueError, match=r"expected at least 2D input \(got 1D input\)"):
        sync(torch.ones(2))


def test_layers_are_converted() -> None:
    model = nn.Sequential(
        nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm1d(2, affine=False)), nn.ReLU()
    ).eval()
    weight = model[0].weight
    found = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert found is model
    assert isinstance(found[0], nn.SyncBatchNorm)
    assert found[0].weight is weight
    assert not found[0].training
    assert isinstance(found[1][0], nn.modules.batchnorm._BatchNorm)
    assert found[1][0].weight is None
