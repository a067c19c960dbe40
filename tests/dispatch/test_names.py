"""NumPy's names of arguments, where PyTorch takes them, and what is said of wrong names."""

import inspect
import subprocess
import sys

import pytest

import flambeau as torch
from flambeau.dispatch.names import ALIASES, takes_aliases
from flambeau.dispatch.registry import NAMESPACES

F = torch.nn.functional
CALLS = range(20)  # functions look at more during their first calls


@pytest.fixture
def x():
    return torch.tensor([[1.0, 2.0], [3.0, 5.0]])


# Calls that PyTorch 2.13 takes, beside the same by its own names.
ACCEPTED = {
    "sum": (lambda x: torch.sum(x, axis=0), lambda x: x.sum(0)),
    "sum method": (lambda x: x.sum(axis=1, keepdims=True), lambda x: x.sum(1, True)),
    "mean of two": (lambda x: x.mean(axis=(0, 1)), lambda x: x.mean()),
    "max": (lambda x: torch.max(x, axis=1).values, lambda x: torch.max(x, 1).values),
    "max of two": (lambda x: torch.max(x, x2=x + 1), lambda x: x + 1),
    "argmax": (lambda x: x.argmax(axis=1), lambda x: x.argmax(1)),
    "stack": (lambda x: torch.stack([x, x], axis=1), lambda x: torch.stack([x, x], 1)),
    "cat": (lambda x: torch.cat([x, x], axis=1), lambda x: torch.cat([x, x], 1)),
    "var": (lambda x: torch.var(x, axis=0, keepdims=True), lambda x: x.var(0, keepdim=True)),
    "cumsum": (lambda x: torch.cumsum(x, axis=0), lambda x: x.cumsum(0)),
    "cumsum_": (lambda x: x.clone().cumsum_(axis=0), lambda x: x.cumsum(0)),
    "any": (lambda x: torch.any(x > 2, axis=0), lambda x: (x > 2).any(0)),
    "unsqueeze": (lambda x: x.unsqueeze(axis=0), lambda x: x.unsqueeze(0)),
    "unsqueeze_": (lambda x: x.clone().unsqueeze_(axis=0), lambda x: x.unsqueeze(0)),
    "squeeze": (lambda x: x[None].squeeze(axis=0), lambda x: x),
    "select": (lambda x: x.select(axis=0, index=1), lambda x: x[1]),
    "softmax": (lambda x: torch.softmax(x, axis=1), lambda x: x.softmax(1)),
    "diff": (lambda x: torch.diff(x, axis=0), lambda x: x.diff(dim=0)),
    "argsort": (lambda x: torch.argsort(x, axis=0), lambda x: x.argsort(0)),
    "quantile": (lambda x: torch.quantile(x, 0.5, axis=0), lambda x: x.quantile(0.5, dim=0)),
    "linalg.norm": (lambda x: torch.linalg.norm(x, axis=1), lambda x: torch.linalg.norm(x, dim=1)),
    "fft": (lambda x: torch.fft.fft(x, axis=0).real, lambda x: torch.fft.fft(x, dim=0).real),
    "special": (lambda x: torch.special.softmax(x, axis=0), lambda x: x.softmax(0)),
    "input": (lambda x: torch.sum(x=x), lambda x: x.sum()),
    "input a": (lambda x: torch.sum(a=x), lambda x: x.sum()),
    "of one": (lambda x: torch.exp(x1=x), lambda x: x.exp()),
    "of two": (lambda x: torch.add(x1=x, x2=x), lambda x: x + x),
    "two, mixed": (lambda x: torch.mul(other=x + 1, x=x), lambda x: x * (x + 1)),
    "of two, method": (lambda x: x.mul(x2=x), lambda x: x * x),
    "of two, in place": (lambda x: x.clone().mul_(x2=x), lambda x: x * x),
    "reshape": (lambda x: torch.reshape(x=x, shape=(4,)), lambda x: x.reshape(4)),
    "like": (lambda x: torch.zeros_like(x=x), lambda x: x * 0),
    "copy": (lambda x: torch.unsqueeze_copy(x, axis=0), lambda x: x.unsqueeze(0)),
    "clamp": (lambda x: torch.clamp(x=x, min=2), lambda x: x.clamp(2)),
    "gelu": (lambda x: F.gelu(x=x), lambda x: F.gelu(x)),
    "out": (lambda x: torch.exp(x=x, out=torch.empty(2, 2)), lambda x: x.exp()),
    "out of two": (lambda x: torch.mul(x, x2=x, out=torch.empty(2, 2)), lambda x: x * x),
    "size": (lambda x: torch.tensor(x.size(axis=1)), lambda x: torch.tensor(2)),
    "stride": (lambda x: torch.tensor(x.stride(axis=0)), lambda x: torch.tensor(2)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name, x):
    call, same = ACCEPTED[name]
    for _ in CALLS:
        assert torch.equal(call(x), same(x))


# Functions of PyTorch that are written in Python know their own names only.
REFUSED = {
    "F.softmax": lambda x: F.softmax(x, axis=1),
    "F.relu": lambda x: F.relu(x=x),
    "F.log_softmax": lambda x: F.log_softmax(x, axis=1),
    "norm": lambda x: torch.norm(x, axis=1),
    "split": lambda x: torch.split(x, 1, axis=0),
    "both": lambda x: torch.sum(x, dim=0, axis=0),
    "both in other order": lambda x: torch.sum(x, axis=0, dim=0),
    "by position too": lambda x: torch.sum(x, 0, axis=0),
    "input twice": lambda x: torch.sum(x, x=x),
    "both of two": lambda x: torch.mul(x, other=x, x2=x),
    "a method's own tensor": lambda x: x.sum(input=x),
    "size twice": lambda x: x.size(0, axis=0),
    "size of two": lambda x: x.size(0, 1),
    "dims": lambda x: torch.flip(x, axis=0),
    "unknown": lambda x: torch.sum(x, foo=1),
    "missing": lambda x: torch.mul(x2=x),
    "none at all": lambda x: torch.sum(),
    "unknown of a method": lambda x: x.exp(axis=0),
    "guard": lambda x: torch.cat([x], guard_=3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, x):
    for _ in CALLS:
        with pytest.raises(TypeError):
            REFUSED[name](x)


MESSAGES = {
    "sum(dims=0)": (
        lambda x: x.sum(dims=0),
        "sum() got an unexpected keyword argument 'dims'. Did you mean 'dim'? It takes "
        "sum(input, dim=None, keepdim=False, *, dtype=None, out=None)",
    ),
    "softmax(foo=1)": (
        lambda x: torch.softmax(x, foo=1),
        "softmax() got an unexpected keyword argument 'foo'. It takes softmax(input, dim, "
        "dtype=None, *, out=None)",
    ),
    "both": (
        lambda x: x.mean(dim=0, axis=0),
        "mean() got both 'dim' and 'axis', which mean the same: give one",
    ),
    "exp(y=)": (
        lambda x: torch.exp(y=x),
        "exp() got an unexpected keyword argument 'y'. It takes exp(input, *, out=None)",
    ),
    "mul(x)": (lambda x: torch.mul(x), "mul() missing 1 required positional argument: 'other'"),
    "matmul(x2=)": (
        lambda x: torch.matmul(x2=x),
        "matmul() missing 1 required positional argument: 'input': it takes matmul(input, other, "
        "*, out=None)",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name, x):
    call, message = MESSAGES[name]
    for _ in CALLS:
        with pytest.raises(TypeError) as caught:
            call(x)
        assert str(caught.value) == message


def test_signatures_are_as_they_were():
    for _ in CALLS:
        torch.sum(torch.ones(2), axis=0)
        torch.matmul(torch.ones(2), torch.ones(2))
    assert str(inspect.signature(torch.matmul)).startswith(
        "(input: 'Tensor', other: 'Tensor', *, out"
    )
    assert list(inspect.signature(torch.sum).parameters) == [
        *("input", "dim", "keepdim", "dtype", "out"),
    ]
    assert list(inspect.signature(torch.exp).parameters) == ["input", "out"]
    assert list(inspect.signature(torch.mul).parameters) == ["input", "other", "out"]
    for functions in NAMESPACES.values():
        for name, function in functions.items():
            names = inspect.signature(function).parameters
            if name.endswith("segment_reduce") or name.startswith(
                "fake_quantize"
            ):  # an argument is called axis
                continue
            assert not {"axis", "keepdims", "others", "x2"} & {*names} or "x1" in names, name


def test_which_functions_take_them():
    assert takes_aliases("torch", "sum")
    assert takes_aliases("torch", "unflatten")
    assert not takes_aliases("Tensor", "unflatten")
    assert not takes_aliases("nn.functional", "softmax")
    assert takes_aliases("nn.functional", "linear")
    assert set(ALIASES.values()) == {"dim", "keepdim", "input", "other"}


class Telling(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func, len(args), kwargs


def test_handlers_see_the_names_that_were_given(x):
    told = x.as_subclass(Telling)
    func, count, kwargs = torch.sum(told, axis=0)
    assert func is torch.sum
    assert (count, kwargs) == (1, {"axis": 0})
    _, count, kwargs = told.sum(axis=0, keepdims=True)
    assert (count, kwargs) == (1, {"axis": 0, "keepdims": True})
    assert torch.sum(x, axis=0).tolist() == [4.0, 7.0]  # guards are on now


FORBIDDEN = """
import sys
def forbid(event, args):
    if event == "object.__setattr__" and args[1] == "__code__" and args[0].__module__.startswith("flambeau"):
        raise RuntimeError("code must not change")
sys.addaudithook(forbid)
import flambeau as torch, pytest
from flambeau.dispatch.torch_function import WrapperGuard, guards
assert guards.kind is WrapperGuard
from flambeau.dispatch.registry import OPERATIONS
assert OPERATIONS["exp"].function is torch.exp
assert OPERATIONS["addcmul"].function is torch.addcmul
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def test_where_code_cannot_be_exchanged():
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, __file__, "-k", "not where_code"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
