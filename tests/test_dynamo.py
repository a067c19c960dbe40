"""torch._dynamo's modules, which packages ask for by their names."""

import pytest

import flambeau as torch


def test_modules_load_when_they_are_asked_for():
    assert isinstance(
        torch.compile(torch.nn.Linear(1, 1)), torch._dynamo.eval_frame.OptimizedModule
    )
    assert not torch._dynamo.eval_frame.is_dynamo_supported()
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        getattr(torch._dynamo, "absent")  # noqa: B009
