"""Views made by machine code: references are counted, views are registered, cells are pruned."""

import gc
import sys
import weakref

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.core import tensor as handle
from flambeau.core.tensor import PRUNED, Tensor, prune, wrap_numpy


@pytest.fixture
def view():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    from flambeau.kernels.runtime.view_constructor import ViewConstructor

    return ViewConstructor(Tensor, PRUNED, prune).wrap()


@pytest.fixture
def x():
    return wrap_numpy(np.zeros(4))


def test_it_is_what_operations_call(view):
    assert type(handle.wrap_view) is type(view)


def test_slots(view, x):
    array = x._array[:2]
    made = view(array, x)
    assert type(made) is Tensor
    assert made._array is array
    assert (made._kind, made._node, made._base) == (x._kind, None, x)
    assert made._cell is x._cell
    inner = view(array[:1], made)
    assert inner._base is x
    assert [reference() for reference in x._cell[1:]] == [made, inner]


def test_references_are_counted(view, x):
    def counts():
        return [sys.getrefcount(item) for item in (x, x._array, x._kind, x._cell)]

    array = x._array[:2]
    before, of_array = counts(), sys.getrefcount(array)
    made = [view(array, x) for _ in range(10)]
    assert counts() == [before[0] + 10, before[1], before[2] + 10, before[3] + 10]
    assert sys.getrefcount(array) == of_array + 10
    gone = weakref.ref(made[0])
    del made
    assert gone() is None
    assert counts() == before
    assert sys.getrefcount(array) == of_array


def test_a_cell_is_pruned_at_powers_of_two(view, x):
    kept = [view(x._array[:2], x) for _ in range(3 * PRUNED)]
    assert len(x._cell) == 1 + 3 * PRUNED
    del kept[1:]
    for _ in range(2 * PRUNED):
        view(x._array[:2], x)
    assert len(x._cell) <= 2 * PRUNED
    assert kept[0] in [reference() for reference in x._cell[1:]]


def test_an_error_while_pruning_is_the_callers(x):
    from flambeau.kernels.runtime.view_constructor import ViewConstructor

    if not kernels.enabled():
        pytest.skip("kernels are off")

    def failing(cell):
        raise KeyError("no")

    make = ViewConstructor(Tensor, 2, failing).wrap()
    with pytest.raises(KeyError):
        make(x._array, x)
    gc.collect()
    assert x._cell[1]() is None


def test_wrong_arguments_are_errors(view, x):
    for given in ((), (x._array,), (x._array, x, x)):
        with pytest.raises(TypeError):
            view(*given)
    with pytest.raises(TypeError):
        view(x._array, object.__new__(Tensor))


def test_views_of_new_shapes_share_machine_code(view):
    """Whatever shapes a program meets, the code that makes their views is not written again."""
    from flambeau.kernels.runtime.process import address_of

    def meet(sizes):
        for n in sizes:
            x = torch.ones(n, 3, requires_grad=True)
            for _ in range(3):
                x.unsqueeze(1), x.transpose(0, 1), x[1:], x[0]

    meet(range(2, 5))
    written = address_of.cache_info().misses
    meet(range(5, 40))
    assert address_of.cache_info().misses == written
