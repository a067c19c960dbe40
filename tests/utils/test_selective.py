"""Checkpoints that keep what a policy says; behaviour and values are PyTorch 2.13.0's."""

import functools
from collections import Counter

import pytest

import flambeau as torch
from flambeau.utils._python_dispatch import TorchDispatchMode
from flambeau.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

MM = torch.ops.aten.mm.default
X_GRAD = [[0.2443433, 0.3623287], [0.0522454, -0.1098127]]
W_GRAD = [[0.1138462, 0.0505032], [-0.0316225, -0.0573702]]


def given():
    x = torch.tensor([[0.5, -1.0], [1.0, 2.0]], requires_grad=True)
    return x, torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


def function(x, w):
    return torch.sigmoid(torch.mm(torch.sin(x), w)).exp()


class Counts(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[str(func)] += 1
        return func(*args, **(kwargs or {}))


def run(policy, **options):
    x, w = given()
    contexts = functools.partial(create_selective_checkpoint_contexts, policy, **options)
    return x, w, checkpoint(function, x, w, use_reentrant=False, context_fn=contexts)


def test_gradients_and_what_the_policy_is_asked():
    asked = []

    def policy(ctx, func, *args, **kwargs):
        asked.append((str(func), ctx.is_recompute, ctx.op_output.shape))
        return CheckpointPolicy.MUST_SAVE if func is MM else CheckpointPolicy.PREFER_RECOMPUTE

    x, w, y = run(policy)
    names = [f"aten.{n}.default" for n in ("sin", "mm", "sigmoid", "exp")]
    assert asked == [(name, False, (2, 2)) for name in names]
    y.sum().backward()
    assert len(asked) == 4
    torch.testing.assert_close(x.grad, torch.tensor(X_GRAD), atol=1e-6, rtol=0)
    torch.testing.assert_close(w.grad, torch.tensor(W_GRAD), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("kept", "products"), [([], 2), ([MM], 1)])
def test_what_is_kept_is_not_computed_again(kept, products):
    x, w = given()
    counts = Counts()

    def counted():
        first, second = create_selective_checkpoint_contexts(kept)

        class Both:
            def __init__(self, mode):
                self.mode = mode

            def __enter__(self):
                counts.__enter__()
                self.mode.__enter__()

            def __exit__(self, *exception):
                self.mode.__exit__(*exception)
                counts.__exit__(*exception)

        return Both(first), Both(second)

    checkpoint(function, x, w, use_reentrant=False, context_fn=counted).sum().backward()
    assert counts.seen["aten.mm.default"] == products
    assert counts.seen["aten.sin.default"] == 2
    torch.testing.assert_close(x.grad, torch.tensor(X_GRAD), atol=1e-6, rtol=0)


def test_policies_may_be_bools():
    x, _, y = run(lambda ctx, func, *args, **kwargs: func is MM)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor(X_GRAD), atol=1e-6, rtol=0)


def test_backward_runs_once():
    _, _, y = run([MM])
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Trying to backward an extra time"):
        y.sum().backward()


@pytest.mark.parametrize("allowed", [False, True])
def test_results_that_were_written_to(allowed):
    x, w = given()
    contexts = functools.partial(
        create_selective_checkpoint_contexts, [MM], allow_cache_entry_mutation=allowed
    )

    def both(x, w):
        product = torch.mm(x, w)
        return torch.sin(product), product

    y, product = checkpoint(both, x, w, use_reentrant=False, context_fn=contexts)
    with torch.no_grad():
        product.mul_(2)
    if allowed:
        return y.sum().backward()
    with pytest.raises(RuntimeError, match="has been mutated"):
        y.sum().backward()


def test_what_is_no_policy():
    with pytest.raises(TypeError, match="must be either a function or a list of ops"):
        create_selective_checkpoint_contexts(3)
    with pytest.raises(ValueError, match="to be an OpOverload but got"):
        create_selective_checkpoint_contexts([torch.mm])


def test_hooks_see_what_operations_below_a_mode_save():
    x, w = given()
    seen = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda t: seen.append(t.shape) or t, lambda t: t
    )
    with hooks, Counts():
        y = torch.mm(x, w).exp()
    assert seen == [(2, 2)] * 4  # both factors; the operand and the result of exp
    y.sum().backward()
    expected = (x.detach() @ w.detach()).exp() @ w.detach().T
    torch.testing.assert_close(x.grad, expected)
