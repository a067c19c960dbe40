"""The seal around every test notices what it is there for, and repairs it."""

import pytest

import flambeau as torch

LEAKS = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "grad mode": lambda: torch.set_grad_enabled(False),
    "print options": lambda: torch.set_printoptions(precision=2),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_fails_and_is_repaired(name, global_state_seal):
    with (
        pytest.raises(pytest.fail.Exception, match=f"global state leaked: {name}"),
        global_state_seal(),
    ):
        LEAKS[name]()
    with global_state_seal():
        assert torch.get_default_dtype() is torch.float32
        assert str(torch.get_default_device()) == "cpu"
        assert torch.is_grad_enabled()
        assert repr(torch.tensor(1 / 3)) == "tensor(0.3333)"


@pytest.mark.parametrize(
    "options", [{"threshold": 10}, {"edgeitems": 1}, {"linewidth": 40}, {"sci_mode": True}]
)
def test_each_print_option_is_sealed(options, global_state_seal):
    with pytest.raises(pytest.fail.Exception, match="print options"), global_state_seal():
        torch.set_printoptions(**options)


def test_every_test_starts_from_the_same_seed():
    # The first numbers of PyTorch's generator for seed 0.
    assert repr(torch.rand(2)) == "tensor([0.4963, 0.7682])"
