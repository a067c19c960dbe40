"""What losses refuse, as PyTorch 2.13.0 does, and what their messages say beyond."""

import re

import pytest

import flambeau as torch
from flambeau import nn

F = torch.nn.functional
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
OTHERS = (torch.int64, torch.int32, torch.uint8, torch.bool)


def refuses(run, words, error=RuntimeError):
    with pytest.raises(error, match=re.escape(words)):
        run()


def classes(*shape):
    return torch.zeros(shape, dtype=torch.int64)


@pytest.mark.parametrize("dtype", FLOATS)
def test_targets_that_are_probabilities_have_no_integers(dtype):
    x = torch.full((2, 3), 0.5, dtype=dtype)
    for other in OTHERS:
        target = torch.ones(2, 3).to(other)
        words = (
            f"result type {dtype.legacy} can't be cast to the desired output type {other.legacy}"
        )
        refuses(lambda t=target: F.binary_cross_entropy_with_logits(x, t), words)
        weighted = nn.BCEWithLogitsLoss(pos_weight=torch.ones(3, dtype=dtype))
        refuses(lambda t=target, loss=weighted: loss(x, t), words)
        refuses(lambda t=target: nn.BCEWithLogitsLoss()(x, t), words)
        words = f"Found dtype {other.legacy} but expected {dtype.legacy}"
        refuses(lambda t=target: F.binary_cross_entropy(x, t), words)
        refuses(lambda t=target: F.kl_div(x, t, reduction="sum"), "kl_div: Integral inputs not")
        refuses(lambda t=target: F.gaussian_nll_loss(x, x, t), "can't be cast to the desired")
    for other in set(FLOATS) - {dtype}:
        refuses(lambda d=other: F.binary_cross_entropy(x, x.to(d)), "Found dtype")
    refuses(lambda: F.kl_div(x, x.cfloat(), reduction="sum"), "kl_div: Complex inputs not")


@pytest.mark.parametrize("dtype", FLOATS)
def test_weights_of_classes_have_the_dtype_of_scores(dtype):
    x = torch.ones(2, 3, dtype=dtype)
    for other in {*FLOATS, *OTHERS} - {dtype}:
        weight = torch.ones(3).to(other)
        words = f"expected scalar type {dtype.legacy} but found {other.legacy}: convert the weight"
        for loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss):
            refuses(lambda loss=loss, w=weight: loss(x, classes(2), weight=w), words)


def test_targets_of_margins_are_int64():
    x = torch.ones(2, 3)
    for other in (torch.float32, torch.int32, torch.uint8, torch.bool):
        words = f"expected scalar type Long but found {other.legacy}"
        refuses(lambda d=other: F.multi_margin_loss(x, torch.zeros(2).to(d)), words)
        refuses(lambda d=other: F.multilabel_margin_loss(x, torch.zeros(2, 3).to(d)), words)


def test_options_are_looked_at_first():
    x = torch.ones(2, 3)
    wrong = torch.tensor([5, 9])
    refuses(
        lambda: F.multi_margin_loss(x, wrong, reduction="abc"), "abc is not a valid", ValueError
    )
    refuses(lambda: F.multi_margin_loss(x, wrong, p=3), "only p == 1 and p == 2", ValueError)
    refuses(lambda: F.multi_margin_loss(x, wrong), "target out of range: classes are 0 to 2")


def test_margins_of_one_sample():
    """1 - 2 + 1 and 1 - 2 + 3 over 3 classes; the result has the target's shape."""
    x = torch.tensor([1.0, 2.0, 3.0])
    for scores, target in ((x, classes() + 1), (x, classes(1) + 1), (x[None], classes() + 1)):
        for p, want in ((1, 2 / 3), (2, 4 / 3)):
            loss = F.multi_margin_loss(scores, target, p=p, reduction="none")
            assert loss.shape == target.shape
            assert loss.item() == pytest.approx(want)
    weighted = F.multi_margin_loss(x, classes() + 1, weight=torch.tensor([1.0, 3.0, 5.0]))
    assert weighted.item() == pytest.approx(2.0)
    assert F.multi_margin_loss(torch.tensor(1.0), classes(), reduction="none").item() == 0
    refuses(
        lambda: F.multi_margin_loss(x[None], classes(2)), "Expected target size [1], but got [2]"
    )
    refuses(lambda: F.multi_margin_loss(x, classes(), weight=x[:2]), "inconsistent weight size")
    infinite = torch.tensor([[torch.inf, 0.0]])
    assert F.multi_margin_loss(infinite, classes(1) + 1, reduction="none").item() == torch.inf


def test_variances_of_rows_and_columns():
    x, y = torch.zeros(2, 4, 3), torch.ones(2, 4, 3)
    whole = torch.arange(1.0, 25.0).view(2, 4, 3)
    for part in (whole[:, :1], whole[:1], whole[..., :1]):
        wide = F.gaussian_nll_loss(x, y, part.expand(2, 4, 3), reduction="none")
        assert F.gaussian_nll_loss(x, y, part, reduction="none").tolist() == wide.tolist()
    for part in (whole[:1, :1], whole[0], whole[:1, :1, :1], whole[..., None]):
        refuses(lambda v=part: F.gaussian_nll_loss(x, y, v), "var is of incorrect size", ValueError)
    with pytest.raises(ValueError, match="var is of incorrect size"):
        F.gaussian_nll_loss(torch.ones(()), torch.ones(()), torch.ones(1))


def test_classes_out_of_bounds_are_named_with_their_number():
    words = "Target 3 is out of bounds. An input [4, 3] has 3 classes, 0 to 2; ignore_index is -100"
    target = torch.tensor([0, 1, 2, 3])
    for loss in (F.cross_entropy, F.nll_loss):
        refuses(lambda loss=loss: loss(torch.ones(4, 3), target), words, IndexError)


SHAPES = [
    ((4, 3), (4, 1), RuntimeError, "0D or 1D target tensor expected, multi-target not supported",
     "use target.squeeze(1)"),
    ((4, 3), (4, 2), RuntimeError, "0D or 1D target tensor expected, multi-target not supported",
     "the target of {}() is [4], not [4, 2]"),
    ((4, 3), (3,), ValueError, "Expected input batch_size (4) to match target batch_size (3).", ""),
    ((3,), (2,), ValueError, "For 1D input, 1D target must have size 1, but got target size: 2", ""),
    ((2, 3, 4), (2, 1, 4), RuntimeError, "Expected target size [2, 4], got [2, 1, 4]",
     "use target.squeeze(1)"),
    ((2, 3, 4, 5), (2, 1, 4, 5), RuntimeError,
     "only batches of spatial targets supported (3D tensors) but got targets of dimension: 4",
     "use target.squeeze(1)"),
    ((2, 3, 4, 5), (2, 4, 6), RuntimeError,
     "size mismatch (got input: [2, 3, 4, 5] , target: [2, 4, 6]", "is [2, 4, 5], not"),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "got", "error", "words", "advice"), SHAPES)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_targets_of_another_shape(name, sizes, got, error, words, advice):
    with pytest.raises(error) as caught:
        getattr(F, name)(torch.ones(sizes), classes(*got))
    assert str(caught.value).startswith(words)
    assert advice.format(name) in str(caught.value)


def test_one_sample_may_have_a_target_of_one_element():
    x = torch.tensor([1.0, 2.0, 4.0])
    for loss in (F.cross_entropy, F.nll_loss):
        assert loss(x, classes(1) + 2).item() == loss(x, classes() + 2).item()
        assert loss(x, classes(1), reduction="none").shape == ()


def test_probabilities_are_floating_point():
    for other in (torch.int64, torch.bool, torch.complex64):
        refuses(
            lambda d=other: F.cross_entropy(torch.ones(4, 3), torch.ones(4, 3).to(d)),
            f"Expected floating point type for target with class probabilities, got {other.legacy}",
        )
