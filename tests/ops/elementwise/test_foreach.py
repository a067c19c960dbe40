"""Functions of lists of tensors: each tensor gets what the function of one tensor gives, as torch recorded it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.ops.families import LAZY


def lists() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    a = [torch.tensor([1.0, 4.0]), torch.tensor([9.0])]
    return a, [torch.tensor([2.0, 3.0]), torch.tensor([5.0])]


# Recorded from torch 2.13 with a = [[1, 4], [9]] and b = [[2, 3], [5]].
ANSWERS: dict[str, Any] = {
    "add(a, b)": [[3, 7], [14]],
    "add(a, b, alpha=2)": [[5, 10], [19]],
    "add(a, [1, 2])": [[2, 5], [11]],
    "add(a, torch.tensor(3.0))": [[4, 7], [12]],
    "add(a, scalar=2)": [[3, 6], [11]],
    "add(self=a, other=b)": [[3, 7], [14]],
    "sub(a, b, alpha=3)": [[-5, -5], [-6]],
    "mul(a, 2)": [[2, 8], [18]],
    "div(a, torch.tensor(2.0))": [[0.5, 2], [4.5]],
    "pow(2.0, a)": [[2, 16], [512]],
    "pow(a, b)": [[1, 64], [59049]],
    "pow(a, [1, 2])": [[1, 4], [81]],
    "addcmul(a, b, b)": [[5, 13], [34]],
    "addcmul(a, b, b, 2)": [[9, 22], [59]],
    "addcmul(a, b, b, [1, 2])": [[5, 13], [59]],
    "addcmul(a, b, b, torch.tensor([1.0, 2.0]))": [[5, 13], [59]],
    "addcdiv(a, b, b, value=2)": [[3, 6], [11]],
    "lerp(a, b, 0.5)": [[1.5, 3.5], [7]],
    "lerp(a, b, [0.5, 1.0])": [[1.5, 3.5], [5]],
    "lerp(a, b, b)": [[3, 1], [-11]],
    "clamp_max(b, 3)": [[2, 3], [3]],
    "clamp_min(b, [3, 6])": [[3, 3], [6]],
    "maximum(a, b)": [[2, 4], [9]],
    "minimum(b, 3)": [[2, 3], [3]],
    "sqrt(a)": [[1, 2], [3]],
    "neg(b)": [[-2, -3], [-5]],
    "reciprocal(a)": [[1, 0.25], [1 / 9]],
}


def function(name: str) -> Any:
    return getattr(torch, f"_foreach_{name}")


def evaluated(call: str, suffix: str = "") -> tuple[Any, list[torch.Tensor]]:
    a, b = lists()
    name, _, arguments = call.partition("(")
    found = eval(f"f({arguments}", {"f": function(name + suffix), "a": a, "b": b, "torch": torch})
    return found, a if arguments.startswith(("a", "self=a")) else b


@pytest.mark.parametrize("call", ANSWERS)
def test_out_of_place(call: str) -> None:
    found, _ = evaluated(call)
    assert isinstance(found, tuple)
    for x, want in zip(found, ANSWERS[call], strict=True):
        assert x.tolist() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("call", [call for call in ANSWERS if not call.startswith("pow(2")])
def test_in_place(call: str) -> None:
    found, written = evaluated(call, "_")
    for x, y, want in zip(found, written, ANSWERS[call], strict=True):
        assert x is y
        assert y.tolist() == pytest.approx(want, rel=1e-6)


def test_those_of_one_form() -> None:
    a, b = lists()
    assert [x.item() for x in torch._foreach_norm(a)] == pytest.approx([17**0.5, 9])
    assert [x.item() for x in torch._foreach_norm(a, 1, dtype=torch.float64)] == [5, 9]
    assert [x.item() for x in torch._foreach_powsum(a, 3)] == [65, 729]
    assert [x.item() for x in torch._foreach_max(a)] == [4, 9]
    assert torch._foreach_mm([torch.ones(2, 2)], [torch.ones(2, 2)])[0].tolist() == [[2, 2], [2, 2]]
    copies = torch._foreach_clone(a)
    torch._foreach_copy_(a, b)
    assert a[0].tolist() == [2, 3]
    assert copies[0].tolist() == [1, 4]
    torch._foreach_zero_(a)
    assert [x.tolist() for x in a] == [[0, 0], [0]]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda a, b: torch._foreach_add([], 1), RuntimeError, "must have at least one tensor"),
        (lambda a, b: torch._foreach_add(a, b[:1]), RuntimeError, "got 2 and 1"),
        (lambda a, b: torch._foreach_add_(a, [1, 2, 3]), RuntimeError, "same number of elements"),
        (
            lambda a, b: torch._foreach_add(a, b[0]),
            RuntimeError,
            "expected to be 0 dim but it has 1",
        ),
        (lambda a, b: torch._foreach_add(a[0], 1), TypeError, "put the tensor in a list"),
        (lambda a, b: torch._foreach_mul(a, "x"), TypeError, "invalid combination"),
        (lambda a, b: torch._foreach_add(a, [b[0], 1]), TypeError, "element 1 in argument 1"),
        (lambda a, b: torch._foreach_add(a), TypeError, "takes one of other, scalar, scalars"),
        (lambda a, b: torch._foreach_addcmul(a, b, b, [1]), RuntimeError, "length 2 but got 1"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], match: str) -> None:
    a, b = lists()
    with pytest.raises(error, match=match):
        call(a, b)
    assert [x.tolist() for x in a] == [[1, 4], [9]]


def test_integers_cannot_hold_roots() -> None:
    x = [torch.tensor([1, 4])]
    assert torch._foreach_sqrt(x)[0].tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        torch._foreach_sqrt_(x)
    assert x[0].tolist() == [1, 4]


def test_gradients() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (y,) = torch._foreach_mul([x], [x])
    y.sum().backward()
    assert x.grad.tolist() == [2, 4]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        torch._foreach_add_([x], 1)


@pytest.mark.parametrize("name", LAZY["elementwise.foreach"][0].split())
def test_every_name_is_there(name: str) -> None:
    assert getattr(torch, name).__name__ == name


IN_PLACE = [name for name in LAZY["elementwise.foreach"][0].split() if name.endswith("_")]
IN_PLACE = [name for name in IN_PLACE if name.startswith("_foreach_")]


def given(name: str) -> tuple:
    xs = [torch.tensor([0.5, 0.25]), torch.rand(4, 3).t(), torch.rand(2, 2, 2)[:, 1], torch.ones(0)]
    ys = [x * 0.5 + 0.25 for x in xs]
    if name in ("_foreach_addcmul_", "_foreach_addcdiv_"):
        return xs, ys, ys
    if name == "_foreach_lerp_":
        return xs, ys, 0.25
    binary = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "clamp_max", "clamp_min")
    return (xs, ys) if name[9:-1] in (*binary, "copy") else (xs,)


@pytest.mark.parametrize("name", IN_PLACE)
def test_lists_in_place_are_their_tensors_in_place(name: str) -> None:
    """Whatever strides and sizes the tensors have, bit for bit, and each write is counted."""
    torch.manual_seed(0)
    lists = given(name)
    single = {"maximum": "clamp_min_", "minimum": "clamp_max_"}.get(name[9:-1], name[9:])
    wanted = []
    for i, x in enumerate(lists[0]):
        others = [xs[i] if isinstance(xs, list) else xs for xs in lists[1:]]
        wanted.append(getattr(x.clone(), single)(*others))
    versions = [x._version for x in lists[0]]
    getattr(torch, name)(*lists)
    for x, y, version in zip(lists[0], wanted, versions):
        assert x.tolist() == y.tolist()
        assert x._version == version + 1


def test_what_must_not_be_written_to_stays() -> None:
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xs = [torch.ones(2), torch.from_numpy(array)]
    with pytest.raises(RuntimeError, match="read-only"):
        torch._foreach_neg_([xs[1], xs[0]])
    assert xs[0].tolist() == [1, 1]
    leaf = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        torch._foreach_neg_([leaf])
    with pytest.raises(RuntimeError, match="leaf"):
        torch._foreach_neg_([leaf[:1]])


def test_one_tensor_may_stand_there_twice() -> None:
    x = torch.tensor([2.0, 3.0])
    torch._foreach_mul_([x, x], [x, x])
    assert x.tolist() == [16, 81]
