"""rearrange; shapes and errors are PyTorch 2.13.0's, values those of reshape and permute."""

import pytest

import flambeau as torch

X = torch.arange(24).reshape(2, 3, 4)

CASES = [
    ("a b c -> c (b a)", {}, lambda x: x.permute(2, 1, 0).reshape(4, 6)),
    ("a b (c d) -> a d b c", {"c": 2}, lambda x: x.reshape(2, 3, 2, 2).permute(0, 3, 1, 2)),
    ("a b (c d) -> a d b c", {"d": 4}, lambda x: x.reshape(2, 3, 1, 4).permute(0, 3, 1, 2)),
    ("... c -> c ...", {}, lambda x: x.permute(2, 0, 1)),
    ("a b c -> a 1 b c", {}, lambda x: x[:, None]),
    ("a b c -> (a b c)", {}, lambda x: x.reshape(24)),
    ("a ... -> a (...)", {}, lambda x: x.reshape(2, 12)),
    ("a b c -> a b c 1 ()", {}, lambda x: x[..., None, None]),
    ("a b c -> a c b", {"a": 2}, lambda x: x.mT),
]


@pytest.mark.parametrize(("pattern", "sizes", "expected"), CASES)
def test_patterns(pattern, sizes, expected):
    result = torch.func.rearrange(X, pattern, **sizes)
    wanted = expected(X)
    assert result.shape == wanted.shape
    assert result.tolist() == wanted.tolist()


def test_several_tensors_are_stacked():
    result = torch.func.rearrange([X, X + 1], "l a b c -> a l b c")
    assert result.tolist() == torch.stack([X, X + 1], 1).tolist()


def test_gradients_pass():
    x = torch.ones(2, 3, requires_grad=True)
    (torch.func.rearrange(x, "a b -> b a") * torch.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


WRONG = [
    ("a b -> b a", {}, r"in pattern \(2\) must be equal to the number of dimensions"),
    ("a b c -> a b", {}, r"only on one side of rearrange expression .*'c'"),
    ("a b c -> a b c d", {}, r"only on one side of rearrange expression .*'d'"),
    ("a a c -> a c", {}, "contains duplicate dimension 'a'"),
    ("a b (c d) -> a b c d", {"c": 3}, "a dimension of size 4 cannot be c times d"),
    ("a b (c d) -> a b c d", {}, "cannot infer the sizes of c and d at once"),
    ("a b c", {}, "must contain a single '->' separator"),
    ("a b c -> b (a c", {}, "Imbalanced parentheses"),
    ("a b c -> ((a) b) c", {}, "Axis composition is one-level"),
    ("a b 4 -> a b", {}, "only supports unnamed axes of size 1"),
    ("a b c -> a c b", {"z": 3}, "Identifiers not found .*'z'"),
    ("_a b c -> _a b c", {}, "Invalid axis identifier: _a"),
    ("a b 1 -> a b", {}, "a dimension of size 4 cannot be 1"),
]


@pytest.mark.parametrize(("pattern", "sizes", "words"), WRONG)
def test_patterns_that_do_not_fit(pattern, sizes, words):
    with pytest.raises(ValueError, match=words):
        torch.func.rearrange(X, pattern, **sizes)
