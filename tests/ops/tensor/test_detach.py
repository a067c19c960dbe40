"""detach: a function as well as a method."""

import flambeau as torch


def test_detach_is_a_function():
    x = torch.ones(2, requires_grad=True)
    for y in (torch.detach(x), torch.detach(input=x), x.detach()):
        assert not y.requires_grad
        assert y.data_ptr() == x.data_ptr()
