"""What packages derive from modules, parameters and transforms, and how they look inside."""

import flambeau as torch
from flambeau import nn
from flambeau.distributions import constraints, transforms


def test_a_class_with_a_lookup_of_its_own_sees_every_parameter():
    seen = []

    class Watched(nn.Linear):
        def __getattr__(self, name):
            seen.append(name)
            return super().__getattr__(name)

    layer = Watched(2, 3)
    seen.clear()
    layer(torch.ones(1, 2))
    assert {"weight", "bias"} <= set(seen)


def test_a_transform_may_be_a_module():
    class Scale(transforms.Transform, nn.Module):
        bijective = True
        domain = codomain = constraints.real
        __hash__ = nn.Module.__hash__

        def __init__(self):
            super().__init__(cache_size=1)
            self.log_scale = nn.Parameter(torch.zeros(2))

        def _call(self, x):
            return x * self.log_scale.exp()

    scale = Scale()
    assert [name for name, _ in scale.named_parameters()] == ["log_scale"]
    x = torch.ones(2)
    y = scale(x)
    assert scale._cached_x_y == (x, y)
    assert scale.inv(y) is x


def test_members_by_a_function():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    found = net._named_members(lambda m: m._buffers.items(), prefix="net")
    assert [name for name, _ in found] == [
        *("net.1.running_mean", "net.1.running_var", "net.1.num_batches_tracked")
    ]
    shared = nn.Sequential(net[0], net[0])
    both = shared._named_members(lambda m: m._parameters.items(), remove_duplicate=False)
    assert [name for name, _ in both] == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_numbers_of_tensors():
    x, y = torch.ones(2), torch.ones(2)
    assert x._cdata == x._cdata != y._cdata
