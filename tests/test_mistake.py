"""Usual mistakes: what the errors say to do."""

import pytest

import flambeau as torch
from flambeau import nn

F = nn.functional
x = torch.ones(2, 3)


class OnlyForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * x


def load(keys):
    layer = nn.Linear(2, 3)
    layer.load_state_dict({key: torch.ones(3, 2)[:, :n].squeeze() for key, n in keys.items()})


def grad_of_a_copy():
    leaf = torch.ones(2, requires_grad=True)
    copied = leaf.clone()
    torch.autograd.grad(leaf.sum(), copied)


MISTAKES = {
    "sum(dims=0)": (
        lambda: x.sum(dims=0),
        TypeError,
        "Did you mean 'dim'? It takes sum(input, dim",
    ),
    "stack": (
        lambda: torch.stack([torch.ones(2), torch.ones(3)]),
        RuntimeError,
        "but got [2] at entry 0 and [3] at entry 1: pad them to one size first (torch.nn.utils.rnn.pad_sequence)",
    ),
    "a @ b": (
        lambda: x @ x,
        RuntimeError,
        "cannot be multiplied (2x3 and 2x3): the second would fit transposed, other.T",
    ),
    "a @ b, first": (
        lambda: x @ torch.ones(2, 4),
        RuntimeError,
        "the first would fit transposed, input.T",
    ),
    "a @ b in batches": (
        lambda: torch.ones(5, 2, 3) @ torch.ones(5, 2, 3),
        RuntimeError,
        "the second would fit transposed, other.mT",
    ),
    "SGD(model)": (
        lambda: torch.optim.SGD(nn.Linear(1, 1), 0.1),
        TypeError,
        "but got the module Linear: give its parameters, model.parameters()",
    ),
    "Adam(layers)": (
        lambda: torch.optim.Adam(nn.ModuleList([nn.Linear(1, 1)])),
        TypeError,
        "but got the module ModuleList",
    ),
    "astype": (
        lambda: x.astype("float32"),
        AttributeError,
        "no attribute 'astype': write x.to(dtype)",
    ),
    "copy": (lambda: x.copy(), AttributeError, "no attribute 'copy': write x.clone()"),
    "module.": (
        lambda: load({"module.weight": 2, "module.bias": 1}),
        RuntimeError,
        "The names of the state_dict begin with 'module.': load "
        "{k.removeprefix('module.'): v for k, v in state.items()}",
    ),
    "_orig_mod.": (
        lambda: torch.compile(nn.Linear(2, 3)).load_state_dict(nn.Linear(2, 3).state_dict()),
        RuntimeError,
        "The names of the model begin with '_orig_mod.': load {'_orig_mod.' + k: v for k, v in state.items()}",
    ),
    "misspelt": (
        lambda: load({"wieght": 2, "bias": 1}),
        RuntimeError,
        'Did you mean "weight" by "wieght"?',
    ),
    "unused": (
        grad_of_a_copy,
        RuntimeError,
        "Was the output computed from a copy of it (x.to(...), x.clone(), x.detach()), or under no_grad?",
    ),
    "view": (
        lambda: x.view(5),
        RuntimeError,
        "shape '[5]' is invalid for input of size 6: it has 5 elements. One dimension may be -1",
    ),
    "view with -1": (
        lambda: x.view(-1, 4),
        RuntimeError,
        "shape '[-1, 4]' is invalid for input of size 6: its other dimensions have 4 elements, of which 6 is no multiple",
    ),
    "einsum": (
        lambda: torch.einsum("ij,jk->ik", x, x),
        RuntimeError,
        "subscript j has size 2 for operand 1, of shape [2, 3], which does not broadcast with previously seen size 3",
    ),
    "einsum of three": (
        lambda: torch.einsum("ij,jk,kl->il", x, torch.ones(3, 4), torch.ones(5, 6)),
        RuntimeError,
        "subscript k has size 5 for operand 2, of shape [5, 6]",
    ),
    "einsum diagonal": (
        lambda: torch.einsum("ii->i", x),
        RuntimeError,
        "subscript i is repeated for operand 0 but the sizes don't match, 3 != 2",
    ),
    "Function without backward": (
        lambda: torch.func.jvp(OnlyForward.apply, (torch.ones(2),), (torch.ones(2),)),
        NotImplementedError,
        "Forward mode takes the tangents from a jvp method or, without one, from backward",
    ),
    "ragged batch": (
        lambda: torch.utils.data.default_collate([torch.ones(2), torch.ones(2), torch.ones(3)]),
        RuntimeError,
        "[3] at entry 2: sample 2 of this batch of 3 has another shape than sample 0",
    ),
    "ragged lists": (
        lambda: torch.utils.data.default_collate([[1, 2], [1]]),
        RuntimeError,
        "each element in list of batch should be of equal size: sample 1 of this batch has 1 items",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_said(name):
    call, kind, text = MISTAKES[name]
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)


def test_no_advice_where_there_is_none():
    with pytest.raises(RuntimeError) as caught:
        load({"other": 2})
    assert "Did you mean" not in str(caught.value)
    assert "begin with" not in str(caught.value)


def test_numpys_names_are_no_attributes():
    for name in ("astype", "copy", "tobytes"):
        assert not hasattr(x, name)
        assert not hasattr(torch.Tensor, name)
        assert name not in dir(x)


def test_sizes_of_one_broadcast_in_einsum():
    assert torch.einsum("ij,jk->ik", torch.ones(2, 1), torch.ones(3, 4)).tolist() == [[3.0] * 4] * 2
    assert torch.einsum("ij,jk->ik", torch.ones(2, 0), torch.ones(0, 4)).tolist() == [[0.0] * 4] * 2
