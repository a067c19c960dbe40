"""e3nn: irreducible representations of rotations, and layers that commute with them."""

import torch
from e3nn import nn, o3
from e3nn.math import soft_one_hot_linspace
from report import TRAINING, show, train

torch.manual_seed(0)
irreps = o3.Irreps("4x0e + 2x1o")
x = irreps.randn(5, -1)
filters = o3.Irreps("1x0e + 1x1o")
y = filters.randn(5, -1)
out = o3.Irreps("2x0e + 2x1o")
product = o3.FullyConnectedTensorProduct(irreps, filters, out)
show("names", [str(irreps), str(product), irreps.dim])
show("linear", o3.Linear(irreps, "3x0e + 1x1o")(x))
show("product", product(x, y))
show("harmonics", o3.spherical_harmonics([0, 1, 2, 3], torch.randn(6, 3), normalize=True), 1e-4)
show("wigner", o3.wigner_3j(1, 1, 2))
angles = (torch.tensor(0.1), torch.tensor(0.2), torch.tensor(0.3))
show("turned", [o3.Irrep("2e").D_from_angles(*angles), o3.angles_to_matrix(*angles)], 1e-4)
rotation = o3.rand_matrix()
turned = product(x @ irreps.D_from_matrix(rotation).T, y @ filters.D_from_matrix(rotation).T)
difference = turned - product(x, y) @ out.D_from_matrix(rotation).T
show("it commutes", difference.abs().max().item() < 1e-4)
gate = nn.Gate("2x0e", [torch.tanh], "2x0e", [torch.sigmoid], "2x1o")
show("gate", gate(gate.irreps_in.randn(3, -1)))
show("norms", [nn.BatchNorm(irreps)(x), o3.Norm(irreps)(x)])
radial = nn.FullyConnectedNet([4, 8, product.weight_numel], torch.relu)
steps = soft_one_hot_linspace(torch.rand(5), 0.0, 1.0, 4, basis="smooth_finite", cutoff=True)
show("basis", steps, 1e-4)
weighted = o3.FullyConnectedTensorProduct(
    irreps, filters, out, internal_weights=False, shared_weights=False
)


def loss():
    return (weighted(x, y, radial(steps)).square() - 1).square().mean()


show("trained", train(radial.parameters(), loss, lr=1e-2), TRAINING)
