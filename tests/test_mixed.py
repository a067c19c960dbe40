"""flambeau and PyTorch in one program: one clear sentence instead of what happens otherwise."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau
from flambeau import _mixed


@pytest.fixture
def foreign():
    """A tensor of a library that hands functions back, as PyTorch's do."""

    def handler(cls, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))

    body = {"__module__": "torch", "__torch_function__": classmethod(handler)}
    return type("Tensor", (), body)()


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: flambeau.add(x, y),
        lambda x, y: x + y,
        lambda x, y: x @ y,
        lambda x, y: flambeau.exp(y),
        lambda x, y: flambeau.sum(y),
        lambda x, y: flambeau.softmax(y, 0),
        lambda x, y: flambeau.nn.Linear(2, 2)(y),
        lambda x, y: flambeau.nn.functional.cross_entropy(y, x),
        lambda x, y: flambeau.stack([x, y]),
        lambda x, y: flambeau.optim.SGD([y], 0.1),
    ],
)
def test_tensors_of_pytorch(call, foreign):
    with pytest.raises(TypeError, match="the Tensor of PyTorch: two libraries are mixed here"):
        call(flambeau.ones(2, 2), foreign)


def linear(*args):
    """Stands for a function of PyTorch that asks its arguments' classes."""
    return type(args[0]).__torch_function__(linear, (type(args[0]),), args)


def test_tensors_given_to_pytorch(monkeypatch):
    monkeypatch.setattr(linear, "__module__", "torch.nn.functional")
    with pytest.raises(TypeError, match=r"linear\(\) of PyTorch was given a tensor of flambeau"):
        linear(flambeau.ones(2))
    with pytest.raises(TypeError, match=r"len\(\) of PyTorch"):  # its functions are builtins
        flambeau.Tensor.__torch_function__(len, (flambeau.Tensor,), (flambeau.ones(2),))


@pytest.mark.skipif("torch" in sys.modules, reason="the name means something in this process")
def test_imports_of_pytorch_where_it_is_not_installed():
    if importlib.util.find_spec("torch") is not None:
        pytest.skip("PyTorch is installed")
    for name in ("torch", "torch.nn"):
        with pytest.raises(
            ModuleNotFoundError, match=r"No module named 'torch.*compat\.install\(\)"
        ) as e:
            importlib.import_module(name)
        assert e.value.name.partition(".")[0] == "torch"
    assert importlib.util.find_spec("torch") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'torchvision_of_nobody'$"):
        importlib.import_module("torchvision_of_nobody")


def test_whose_a_class_is():
    assert not _mixed.is_pytorchs(flambeau.Tensor)
    assert not _mixed.is_pytorchs(flambeau.sum)
    assert not _mixed.is_pytorchs(3)


BACKENDS = """\
import sys

class AbstractBackend:
    pass

class TorchBackend(AbstractBackend):
    framework_name = "torch"

    def __init__(self):
        import torch
        self.torch = torch

def known(tensor):
    for cls in TorchBackend.__subclasses__():
        if cls.framework_name in sys.modules and isinstance(tensor, cls().torch.Tensor):
            return cls.framework_name
"""
PROGRAM = "{first}; {second}; from einops._backends import known; print(known(flambeau.ones(1)))"
IMPORTS = ("import flambeau", "import einops._backends")


@pytest.mark.parametrize("order", [IMPORTS, IMPORTS[::-1]], ids=["first", "second"])
def test_einops_is_told_of_flambeau(order, tmp_path):
    """Stands for einops, which looks for frameworks in the same way."""
    (tmp_path / "einops").mkdir()
    (tmp_path / "einops" / "__init__.py").write_text("")
    (tmp_path / "einops" / "_backends.py").write_text(BACKENDS)
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parent.parent)))
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=order[0], second=order[1])],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (found.stdout, found.stderr) == ("flambeau\n", "")
