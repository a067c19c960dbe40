"""Containers of modules and parameters."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau import nn


def names(container: nn.Module) -> list[str]:
    return [f"{name}:{type(module).__name__}" for name, module in container._modules.items()]


def test_sequential_is_a_list() -> None:
    s = nn.Sequential(nn.ReLU(), nn.Tanh())
    assert s.insert(0, nn.Identity()) is s
    assert s.append(nn.GELU()) is s
    assert names(s) == ["0:Identity", "1:ReLU", "2:Tanh", "3:GELU"]
    assert names(s[1:3]) == ["1:ReLU", "2:Tanh"]
    assert type(s[-1]).__name__ == "GELU"
    del s[0]
    assert names(s) == ["0:ReLU", "1:Tanh", "2:GELU"]
    assert names(s + nn.Sequential(nn.SiLU())) == ["0:ReLU", "1:Tanh", "2:GELU", "3:SiLU"]
    assert len(s * 2) == 6
    assert type(s.pop(0)).__name__ == "ReLU"
    s[0] = nn.Mish()
    assert names(s.extend([nn.ELU()])) == ["0:Mish", "1:GELU", "2:ELU"]
    with pytest.raises(IndexError, match="index 7 is out of range"):
        s[7]


def test_sequential_by_name() -> None:
    s = nn.Sequential(OrderedDict([("up", nn.Linear(1, 2)), ("act", nn.ReLU())]))
    assert s.up is s[0]
    assert list(s.state_dict()) == ["up.weight", "up.bias"]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda s: s + 3, ValueError, "add operator supports only"),
        (lambda s: s * 0, ValueError, "Non-positive multiplication factor"),
        (lambda s: s * "a", TypeError, "unsupported operand"),
        (lambda s: s.insert(5, nn.ReLU()), IndexError, "Index out of range: 5"),
        (lambda s: s.insert(0, 3), AssertionError, "module should be of type"),
        (lambda s: s.append(3), TypeError, "int is not a Module subclass"),
    ],
)
def test_sequential_refuses(act, error, message) -> None:
    with pytest.raises(error, match=message):
        act(nn.Sequential(nn.ReLU()))


@pytest.mark.parametrize("make", [list, tuple, iter])
def test_sequential_of_a_list_says_how(make) -> None:
    layers = [torch.nn.Linear(1, 1), torch.nn.ReLU()]
    with pytest.raises(TypeError, match=r"is not a Module subclass: .* Sequential\(\*layers\)"):
        torch.nn.Sequential(make(layers))


def test_module_list() -> None:
    m = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU()])
    assert repr(m) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)\n  (2): ReLU()\n)"
    )
    assert isinstance(m[:2], nn.ModuleList)
    m += [nn.Tanh()]
    m.insert(1, nn.GELU())
    assert names(m)[1] == "1:GELU"
    assert len(m + nn.ModuleList([nn.ReLU()])) == 6
    assert [type(x).__name__ for x in m][-1] == "Tanh"
    with pytest.raises(TypeError, match="should be called with an iterable"):
        m.extend(3)


def test_module_dict() -> None:
    m = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    assert list(m) == ["a", "b"]
    assert "a" in m
    m["c"] = nn.Tanh()
    assert type(m.pop("a")).__name__ == "ReLU"
    m.update([("d", nn.GELU())])
    assert list(m.keys()) == ["b", "c", "d"]
    with pytest.raises(ValueError, match="element #0 has length 1; 2 is required"):
        m.update([("x",)])
    with pytest.raises(TypeError, match="iterable of key/value pairs"):
        m.update(3)
    m.clear()
    assert len(m) == 0


def test_parameter_list() -> None:
    p = nn.ParameterList([torch.ones(2), 3])
    assert repr(p) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n"
        "    (1): Object of type: int\n)"
    )
    assert isinstance(p[0], nn.Parameter)
    p.append(torch.zeros(1))
    p += [torch.zeros(3)]
    assert len(p) == 4
    assert [name for name, _ in p.named_parameters()] == ["0", "2", "3"]
    assert isinstance(p[1:3], nn.ParameterList)
    assert p.pop().shape == (3,)
    with pytest.raises(IndexError, match="out of range"):
        p[9]
    with pytest.raises(TypeError, match="should be called with an iterable"):
        p.extend(torch.ones(2))


def test_parameter_dict() -> None:
    p = nn.ParameterDict({"a": torch.ones(2, 3), "b": nn.Parameter(torch.ones(1)), "c": "x"})
    assert repr(p) == (
        "ParameterDict(\n    (a): Parameter containing: [torch.FloatTensor of size 2x3]\n"
        "    (b): Parameter containing: [torch.FloatTensor of size 1]\n    (c): Object of type: str\n)"
    )
    assert p.get("z", 4) == 4
    assert p.setdefault("d", torch.ones(1)) is p["d"]
    assert list((p | nn.ParameterDict({"e": torch.ones(1)})).keys()) == ["a", "b", "c", "d", "e"]
    assert p.popitem()[0] == "d"
    assert list(p.copy()) == ["a", "b", "c"]
    assert [name for name, _ in p.named_parameters()] == ["a", "b"]
    with pytest.raises(KeyError, match="attribute 'keys' already exists"):
        p["keys"] = torch.ones(1)
    with pytest.raises(TypeError, match="not a string"):
        p[3] = torch.ones(1)
