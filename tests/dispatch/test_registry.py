"""Public functions as Python objects: they pickle, and their names are those under which users find them."""

import pickle
from types import FunctionType

import pytest

import flambeau as torch
from flambeau.dispatch import lazy
from flambeau.dispatch.registry import NAMESPACES, OPERATIONS


def functions():
    for name in lazy.FUNCTIONS:  # some load when they are asked for
        getattr(torch, name)
    for space, found in NAMESPACES.items():
        for name, function in found.items():
            yield f"{space}.{name}", function
    for name in dir(torch):
        if not name.startswith("_"):
            yield name, getattr(torch, name)
    for name in lazy.METHODS:
        getattr(torch.Tensor, name)
    for name, item in list(vars(torch.Tensor).items()):
        if not name.startswith("_"):
            yield f"Tensor.{name}", item


def test_every_function_pickles():
    found = [(name, item) for name, item in functions() if isinstance(item, FunctionType)]
    assert len(found) > 1500
    for name, item in found:
        assert pickle.loads(pickle.dumps(item)) is item, name


def test_operations_know_their_function():
    for name, operation in OPERATIONS.items():
        function = NAMESPACES["torch"].get(name)
        if getattr(function, "operation", None) is operation:
            assert operation.function is function, name


def test_results_are_no_base_classes():
    for name in ("max", "topk", "linalg_qr", "aminmax"):
        made = type(torch.max(torch.ones(2, 2), 0)) if name == "max" else None
        made = made or getattr(torch.return_types, name, None)
        if made is not None:
            with pytest.raises(
                TypeError, match=f"'torch.return_types.{name}' is not an acceptable base"
            ):
                type("Own", (made,), {})
