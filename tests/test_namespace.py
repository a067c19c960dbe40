"""Names of the torch namespace that no operation registers by itself; values are PyTorch's."""

import math

import pytest

import flambeau as torch
from flambeau.ops.tensor import inplace_name

SPREAD = torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])


def test_constants():
    assert (torch.pi, torch.e, torch.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(torch.nan)
    assert torch.zeros(2)[torch.newaxis].shape == (1, 2)


@pytest.mark.parametrize("name", ["exp_", "abs_", "clamp_", "log1p_", "arccos_", "xlogy_"])
def test_in_place_functions_are_the_methods(name):
    assert name in dir(torch)
    assert getattr(torch, name) is getattr(torch.Tensor, name)


def test_in_place_functions_write():
    x = torch.tensor([-1.0, 4.0])
    assert torch.sqrt_(torch.abs_(x)) is x
    assert x.tolist() == [1.0, 2.0]


def test_methods_that_pytorch_does_not_make_functions_stay_methods():
    assert {"sgn_", "erfinv_", "add_"}.isdisjoint(inplace_name.FUNCTIONS)
    assert not hasattr(torch, "erfinv_")


def test_embedding_takes_the_table_first():
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    result = torch.embedding(table, torch.tensor([1, 0, 1]), 0)
    assert result.tolist() == [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    result.sum().backward()
    assert table.grad.tolist() == [[0.0, 0.0], [2.0, 2.0]]


def test_norms_of_the_torch_namespace():
    x = torch.arange(8.0).view(2, 2, 2)
    mean, var = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])
    result = torch.batch_norm(x, mean, var, None, None, True, 0.1, 1e-5, False)
    expected = [
        [[-1.2127, -0.7276], [-1.4254, -0.4552]],
        [[0.7276, 1.2127], [2.4552, 3.4254]],
    ]
    torch.testing.assert_close(result, torch.tensor(expected), atol=1e-4, rtol=0)
    single = torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    torch.testing.assert_close(single, torch.tensor([-1.0, 1.0]).expand(2, 2, 2), atol=1e-4, rtol=0)


def test_min_along_a_dimension_says_its_name():
    assert repr(torch.ones(1).min(0)).startswith("torch.return_types.min(")
    assert repr(torch.ones(1).max(0)).startswith("torch.return_types.max(")


def test_grad_takes_only_inputs_in_its_place():
    x = torch.ones(1, requires_grad=True)
    assert torch.autograd.grad(x * 2, x, None, None, False, True)[0].item() == 2.0
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        torch.autograd.grad(x * 2, x, only_inputs=False)


def test_gumbel_softmax_draws_what_pytorch_draws():
    torch.manual_seed(0)
    soft = torch.nn.functional.gumbel_softmax(SPREAD, tau=0.5)
    expected = [[5.4419e-04, 3.2693e-02, 9.6676e-01], [1.0404e-01, 6.2335e-01, 2.7261e-01]]
    torch.testing.assert_close(soft, torch.tensor(expected), atol=1e-5, rtol=1e-4)
    hard = torch.nn.functional.gumbel_softmax(SPREAD, hard=True)
    assert hard.tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]


def test_gumbel_softmax_of_either_kind_has_a_gradient():
    for hard in (False, True):
        x = SPREAD.clone().requires_grad_()
        torch.nn.functional.gumbel_softmax(x, hard=hard)[:, 0].sum().backward()
        assert bool(x.grad.any())
        torch.testing.assert_close(x.grad.sum(-1), torch.zeros(2), atol=1e-6, rtol=0)


def test_old_names_of_files():
    from flambeau.nn.modules.batchnorm import _BatchNorm
    from flambeau.nn.modules.conv import Conv2d

    from flambeau.nn.modules.utils import _pair

    assert Conv2d is torch.nn.Conv2d is torch.nn.modules.Conv2d
    assert issubclass(torch.nn.BatchNorm2d, _BatchNorm)
    assert _pair(3) == (3, 3)
    assert _pair([1, 2]) == (1, 2)


def test_checks_of_programs():
    torch._assert(torch.tensor(True), "holds")
    with pytest.raises(AssertionError, match="no luck"):
        torch._assert(torch.tensor(False), "no luck")
    assert torch.typename(torch.ones(1, dtype=torch.int64)) == "torch.LongTensor"
    assert torch.typename(3) == "int"


def test_a_star_import_brings_what_loads_late() -> None:
    names: dict[str, object] = {}
    exec("from flambeau import *", names)
    assert {"randn", "svd", "float32", "add", "is_tensor", "save", "tensor"} <= names.keys()
    assert not {"nn", "optim", "distributed"} & names.keys()  # PyTorch's submodules neither
