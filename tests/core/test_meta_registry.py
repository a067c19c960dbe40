"""Every operation in the registry on the device meta: results and gradients of the shapes, dtypes and strides that
they have on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.core.meta import MetaArray
from flambeau.dispatch.registry import OPERATIONS
from tests.ops import sample
from tests.ops.placed import facts, placed, tensors_of
from tests.ops.test_registry import caller, formulas, samples

REFUSED = {
    "masked_select": "the mask says how many elements there are",
    "indexing": "one of its keys is a mask",
    "lstsq": "the rank depends on elements",
    "segment_reduce": "the lengths are looked at",
    "multilabel_margin_loss": "the labels are looked at",
    "nn.functional.fractional_max_pool2d": "windows begin where elements say",
}
"""Programs that refuse, each with its reason."""

REFUSED_BACK = {
    "masked_scatter": "its gradient selects by the mask",
}


def gradients(results: list[torch.Tensor], inputs: list[torch.Tensor]) -> list[Any]:
    wanted = [result for result in results if result.requires_grad]
    if not wanted or not inputs:
        return []
    ones = [torch.ones_like(result) for result in wanted]
    found = torch.autograd.grad(wanted, inputs, ones, allow_unused=True)
    return [None if g is None else facts(g) for g in found]


def assert_alike(
    call: Callable, on_meta: Callable, arrays: list[np.ndarray], backward: bool = True
) -> None:
    inputs = [torch.from_numpy(a).clone().requires_grad_() for a in arrays]
    shadows = [x.detach().to("meta").requires_grad_() for x in inputs]
    want, got = tensors_of(call(*inputs)), tensors_of(on_meta(*shadows))
    assert all(isinstance(result._array, MetaArray) for result in got)
    assert [facts(x) for x in got] == [facts(x) for x in want]
    assert [x.requires_grad for x in got] == [x.requires_grad for x in want]
    if backward:
        try:
            right = gradients(want, inputs)
        except RuntimeError:
            return  # no derivative, which test_registry.py checks
        assert gradients(got, shadows) == right


@pytest.mark.parametrize("name", formulas())
def test_formulas(name: str) -> None:
    call, arrays = caller(OPERATIONS[name]), samples(OPERATIONS[name])
    layouts = (np.ascontiguousarray, np.asfortranarray)
    for layout in layouts[: 1 if "bessel" in name else 2]:  # long formulas
        assert_alike(call, call, [layout(a) for a in arrays], backward=False)
    shadows = [torch.from_numpy(a).to("meta").requires_grad_() for a in arrays]
    if name not in sample.UNDERIVED:
        found = gradients(tensors_of(call(*shadows)), shadows)
        assert found in ([], [facts(x) for x in shadows])


@pytest.mark.filterwarnings("ignore:.*in beta")
@pytest.mark.parametrize("name", sample.PROGRAMS)
def test_programs(name: str) -> None:
    function, inputs = sample.PROGRAMS[name]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.2, 0.8, x) if isinstance(x, tuple) else x for x in inputs]
    moved = placed(function, "meta")

    def call(*tensors: torch.Tensor) -> Any:
        with torch.device("meta"):
            return moved(*tensors)

    if name in REFUSED:
        with pytest.raises(NotImplementedError, match=r"no data|depends on elements"):
            call(*(torch.from_numpy(a).to("meta") for a in arrays))
    else:
        assert_alike(function, call, arrays, name not in REFUSED_BACK)
