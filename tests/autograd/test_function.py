"""Functions of the user: what ctx offers, what forward may return, what backward must."""

from __future__ import annotations

import gc
import weakref

import pytest

import flambeau as torch
from flambeau.autograd.function import once_differentiable


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def make(forward, backward=None, **methods):
    """A Function of these static methods, called My."""
    space = {"forward": staticmethod(forward)}
    if backward is not None:
        space["backward"] = staticmethod(backward)
    space.update({name: staticmethod(method) for name, method in methods.items()})
    return type("My", (torch.autograd.Function,), space)


def scaled(ctx, x, *rest):
    return x * 1


def returning(value):
    return make(scaled, lambda ctx, g: value(g) if callable(value) else value)


# ------------------------------------------------------------------------ what backward returns


@pytest.mark.parametrize(
    ("value", "args", "error", "text"),
    [
        (
            lambda g: (g, g),
            (),
            RuntimeError,
            "function MyBackward returned an incorrect number of gradients (expected 1, got 2)",
        ),
        (
            lambda g: (g,),
            (leaf(1.0),),
            RuntimeError,
            "function MyBackward returned an incorrect number of gradients (expected 2, got 1)",
        ),
        (3.0, (), RuntimeError, "expected Variable or None (got float)"),
        (
            lambda g: (g, g),
            (3,),
            RuntimeError,
            "function MyBackward returned a gradient different than None at position 2, but the "
            "corresponding forward input was not a Variable",
        ),
        (
            torch.ones(3),
            (),
            RuntimeError,
            "Function MyBackward returned an invalid gradient at index 0 - got [3] but expected shape "
            "compatible with [2]",
        ),
        (torch.ones(1), (), RuntimeError, "got [1] but expected shape compatible with [2]"),
        (torch.ones(()), (), RuntimeError, "got [] but expected shape compatible with [2]"),
        (lambda g: g * 1j, (), RuntimeError, "returned an invalid gradient at index 0"),
    ],
)
def test_wrong_gradients_are_refused(value, args, error, text) -> None:
    y = returning(value).apply(leaf(1.0, 2.0), *args)
    with pytest.raises(error) as caught:
        y.sum().backward()
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda g: (g, None, None), [1.0, 1.0]),
        (torch.ones(3, 2), [3.0, 3.0]),
        (lambda g: g.double(), [1.0, 1.0]),
        (torch.ones(2, dtype=torch.int64), [1.0, 1.0]),
    ],
)
def test_gradients_are_summed_and_cast_to_fit(value, expected) -> None:
    x = leaf(1.0, 2.0)
    returning(value).apply(x).sum().backward()
    assert x.grad.dtype is torch.float32
    assert x.grad.tolist() == expected


def test_none_means_no_gradient() -> None:
    x = leaf(1.0)
    returning(lambda g: None).apply(x).sum().backward()
    assert x.grad is None


def test_vjp_is_another_name_of_backward() -> None:
    x = leaf(1.0)
    make(scaled, vjp=lambda ctx, g: g * 7).apply(x).backward()
    assert x.grad.tolist() == [7.0]
    both = make(scaled, lambda ctx, g: g, vjp=lambda ctx, g: g).apply(x)
    with pytest.raises(RuntimeError, match="both 'backward' and 'vjp'"):
        both.backward()


def test_what_is_not_defined_is_not_implemented() -> None:
    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        type("My", (torch.autograd.Function,), {}).apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="either the backward or vjp method"):
        make(scaled).apply(leaf(1.0)).backward()


def test_definitions_for_vmap_and_forward_mode_are_accepted() -> None:
    x = leaf(1.0)
    function = make(
        scaled, lambda ctx, g: g, vmap=lambda info, dims, x: (x, 0), jvp=lambda ctx, t: t
    )
    function.generate_vmap_rule = True
    function.apply(x).backward()
    assert x.grad.tolist() == [1.0]


# ------------------------------------------------------------------------------ what ctx offers


def test_needs_input_grad_names_each_argument() -> None:
    seen = []
    function = make(
        lambda ctx, x, y, n: x * y,
        lambda ctx, g: (seen.append(ctx.needs_input_grad), (g, None, None))[1],
    )
    function.apply(leaf(1.0), torch.ones(1), 3).backward()
    assert seen == [(True, False, False)]


def test_attributes_of_ctx_may_have_any_name_and_can_be_read_from_the_node() -> None:
    def forward(ctx, x):
        ctx.shape, ctx.kind, ctx.edges, ctx.saved = x.shape, "k", 4, 5
        ctx.save_for_backward(x)
        return x.sum()

    x = leaf(1.0, 2.0)
    y = make(forward, lambda ctx, g: g.expand(ctx.shape) * ctx.edges).apply(x)
    assert (y.grad_fn.context.kind, y.grad_fn.saved_tensors[0] is x) == ("k", True)
    y.backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_outputs_nobody_used_receive_zeros_or_none() -> None:
    seen = []

    def forward(ctx, x, materialize):
        ctx.set_materialize_grads(materialize)
        fixed = x * 3
        ctx.mark_non_differentiable(fixed)
        return x * 2, fixed, x.argmax(), "text"

    function = make(forward, lambda ctx, *gs: (seen.append(gs), (gs[0], None))[1])
    outputs = function.apply(leaf(1.0, 2.0), True)
    assert [getattr(y, "requires_grad", None) for y in outputs] == [True, False, False, None]
    outputs[0].sum().backward()
    zeros = seen[0]
    assert [g if g is None else g.tolist() for g in zeros] == [[1.0, 1.0], [0.0, 0.0], 0, None]
    assert zeros[2].dtype is torch.int64
    function.apply(leaf(1.0, 2.0), False)[0].sum().backward()
    assert seen[1][1:] == (None, None, None)


def test_setup_context_fills_in_defaults_and_takes_keywords() -> None:
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(x, k=3):
            return x**k

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.k = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k * ctx.saved_tensors[0] ** (ctx.k - 1), None

    for expected, call in (
        (12.0, lambda x: Power.apply(x)),
        (4.0, lambda x: Power.apply(x, 2)),
        (4.0, lambda x: Power.apply(x, k=2)),
    ):
        x = leaf(2.0)
        call(x).backward()
        assert x.grad.item() == expected
    with pytest.raises(TypeError, match="keyword"):
        make(scaled).apply(x=leaf(1.0))


def test_only_tensors_are_saved_or_marked() -> None:
    with pytest.raises(TypeError, match="can only save variables, but argument 0 is of type int"):
        make(lambda ctx, x: ctx.save_for_backward(3)).apply(leaf(1.0))
    with pytest.raises(RuntimeError, match="mark_dirty can only accept variables"):
        make(lambda ctx, x: ctx.mark_dirty(3)).apply(leaf(1.0))


def test_saved_inputs_are_the_tensors_themselves_and_freed_after_backward() -> None:
    seen = []

    def backward(ctx, g):
        seen.append(ctx.saved_tensors)
        return g

    function = make(lambda ctx, x: (ctx.save_for_backward(x, None), x * 2)[1], backward)
    x = leaf(1.0) * 1
    y = function.apply(x)
    y.backward()
    assert seen[0][0] is x
    assert seen[0][1] is None
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        _ = y.grad_fn.saved_tensors


class Exp(torch.autograd.Function):
    """Saves its own output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


def test_a_saved_output_has_its_history_and_forms_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(0.0, 1.0)
        y = Exp.apply(x)
        assert y.grad_fn.saved_tensors[0].grad_fn is y.grad_fn
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        assert h.tolist() == pytest.approx([1.0, 2.718281828])
        node, tensor = weakref.ref(y.grad_fn), weakref.ref(y)
        del y, g
        assert node() is None
        assert tensor() is None
        y = Exp.apply(x)  # never run backward
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_second_derivatives_go_through_backward() -> None:
    x = leaf(2.0)
    function = make(
        lambda ctx, x: (ctx.save_for_backward(x), x**3)[1],
        lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2,
    )
    (g,) = torch.autograd.grad(function.apply(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert (g.item(), h.item()) == (12.0, 12.0)


def test_recording_is_off_in_forward_and_on_in_backward_only_for_create_graph() -> None:
    seen = []
    function = make(
        lambda ctx, x: (seen.append(torch.is_grad_enabled()), x * 2)[1],
        lambda ctx, g: (seen.append(torch.is_grad_enabled()), g * 2)[1],
    )
    x = leaf(1.0)
    function.apply(x).backward()
    torch.autograd.grad(function.apply(x), x, create_graph=True)
    assert seen == [False, False, False, True]


def test_once_differentiable_refuses_a_second_derivative() -> None:
    x = leaf(2.0)
    function = make(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1],
        once_differentiable(lambda ctx, g: g * 2 * ctx.saved_tensors[0]),
    )
    function.apply(x).backward()
    assert x.grad.item() == 4.0
    (g,) = torch.autograd.grad(function.apply(x) * x, x, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        g.backward()


# ------------------------------------------------------------------------------- in-place forms


def add_one(ctx, x):
    ctx.mark_dirty(x)
    x.add_(1)
    ctx.save_for_backward(x)
    return x


AddOne = make(add_one, lambda ctx, g: g * ctx.saved_tensors[0])


def test_a_dirty_input_gets_the_functions_history_and_may_be_saved() -> None:
    x = leaf(1.0, 2.0)
    b = x * 1
    c = AddOne.apply(b)
    assert c is b
    assert b.grad_fn.name() == "MyBackward"
    b.sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]


def test_a_dirty_view_changes_its_bases_history() -> None:
    x = leaf(1.0, 2.0)
    b = x * 1
    v = b[0:1]
    assert make(lambda ctx, x: add_one(ctx, x), lambda ctx, g: g * 2).apply(v) is v
    assert (b.grad_fn.name(), v.grad_fn.name()) == ("CopySlices", "AsStridedBackward0")
    b.sum().backward()
    assert x.grad.tolist() == [2.0, 1.0]


def test_dirty_leaves_and_dirty_tensors_that_are_not_returned_are_refused() -> None:
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used"):
        AddOne.apply(leaf(1.0))
    lost = make(lambda ctx, x: (ctx.mark_dirty(x), x * 1)[1], lambda ctx, g: g)
    with pytest.raises(
        RuntimeError, match="marked as dirty during the forward method were not returned"
    ):
        lost.apply(leaf(1.0) * 1)


def test_an_input_returned_as_it_is_becomes_a_view() -> None:
    x = leaf(1.0) * 1
    y = make(lambda ctx, x: x, lambda ctx, g: g * 5).apply(x)
    assert y is not x
    assert (y._is_view(), x.grad_fn.name(), y.grad_fn.name()) == (
        True,
        "MulBackward0",
        "MyBackward",
    )
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        y.add_(1)


def test_outputs_that_are_no_views_may_be_written() -> None:
    x = leaf(1.0)
    y, _ = make(lambda ctx, x: (x * 2, x * 3), lambda ctx, g, h: g).apply(x)
    y.add_(1)
    assert y.grad_fn.name() == "AddBackward0"
    y.backward()
    assert x.grad.item() == 1.0


def test_a_modified_saved_tensor_is_refused() -> None:
    x = leaf(1.0, 2.0) * 1
    y = make(
        lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1], lambda ctx, g: ctx.saved_tensors[0]
    ).apply(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        y.sum().backward()


def test_next_functions_are_those_of_the_tensors() -> None:
    x = leaf(1.0)
    y = make(lambda ctx, x, n, y: x * y).apply(x, 3, torch.ones(1))
    assert y.grad_fn.next_functions == ((x._node, 0), (None, 0))


def test_nothing_is_recorded_without_need() -> None:
    function = make(lambda ctx, x: x * 2)
    assert not function.apply(torch.ones(1)).requires_grad
    with torch.no_grad():
        assert not function.apply(leaf(1.0)).requires_grad


class Declared(torch.autograd.Function):
    seen: tuple = ()

    @staticmethod
    def forward(ctx, x, dtypes):
        assert ctx.output_grad_dtypes is None
        ctx.set_output_grad_dtype(*dtypes)
        return x.clone(), x * 2

    @staticmethod
    def backward(ctx, a, b):
        Declared.seen = (a.dtype, b.dtype)
        return a.float() + 2 * b.float(), None


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_come_in_the_dtypes_that_forward_declares(create_graph):
    x = torch.ones(2, requires_grad=True)
    a, b = Declared.apply(x, (torch.float64, None))
    (a.sum() + b.sum()).backward(create_graph=create_graph)
    assert Declared.seen == (torch.float64, torch.float32)
    assert (x.grad.dtype, x.grad.tolist()) == (torch.float32, [3.0, 3.0])
    half, _ = Declared.apply(x, (torch.bfloat16, None))
    half.sum().backward(create_graph=create_graph)
    assert Declared.seen == (torch.bfloat16, torch.float32)


def test_without_a_declaration_a_gradient_keeps_its_dtype():
    x = torch.ones(2, requires_grad=True)
    a, b = Declared.apply(x, (None, None))
    torch.autograd.backward([a, b], [torch.ones(2), torch.ones(2)])
    assert Declared.seen == (torch.float32, torch.float32)
    a.grad_fn(torch.ones(2, dtype=torch.float64), torch.ones(2))
    assert Declared.seen == (torch.float64, torch.float32)


def test_declarations_that_do_not_fit():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="returned 2 values but 1 declarations"):
        Declared.apply(x, (torch.float64,))
    with pytest.raises(RuntimeError, match="or None, but got str"):
        Declared.apply(x, ("float32", None))

    class Index(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, times):
            for _ in range(times):
                ctx.set_output_grad_dtype(torch.float32)
            return x.argmax()

    with pytest.raises(RuntimeError, match="output 0, but that output is not a differentiable"):
        Index.apply(x, 1)
    with pytest.raises(RuntimeError, match="only be called once"):
        Index.apply(x, 2)
