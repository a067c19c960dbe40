"""Operations that programs define, and ATen's names; texts and answers are those of torch 2.14.1."""

from typing import List, Optional, Sequence, Tuple, Union  # noqa: UP035

import numpy as np
import pytest

import flambeau as torch
from flambeau import library
from flambeau._ops.schema import parse_schema

KEY = torch.get_default_device().type.upper()


@pytest.fixture
def lib():
    with library._scoped_library("testlib", "FRAGMENT") as made:
        yield made


@library.custom_op("testing_ops::scale", mutates_args=())
def scale(
    x: torch.Tensor,
    n: int = 2,
    s: float = 1.0,
    o: Optional[torch.Tensor] = None,  # noqa: UP045
) -> torch.Tensor:
    return torch.from_numpy(x.numpy() * n * s)


scale.register_fake(lambda x, n=2, s=1.0, o=None: torch.empty_like(x))


def save(ctx, inputs, output):
    ctx.factor = inputs[1] * inputs[2]


scale.register_autograd(lambda ctx, g: (g * ctx.factor, None, None, None), setup_context=save)


class TestCustomOp:
    def test_it_is_an_operation(self):
        packet = torch.ops.testing_ops.scale
        assert scale._schema == "(Tensor x, SymInt n=2, float s=1.0, Tensor? o=None) -> Tensor"
        assert str(packet.default._schema) == (
            "testing_ops::scale(Tensor x, SymInt n=2, float s=1., Tensor? o=None) -> Tensor"
        )
        assert (str(packet), str(packet.default)) == (
            "testing_ops.scale",
            "testing_ops.scale.default",
        )
        assert packet.default.name() == "testing_ops::scale"
        assert packet.overloads() == ["default"]
        assert repr(scale) == "<CustomOpDef(testing_ops::scale)>"

    def test_gradient(self):
        x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda t: scale(t, 3, 0.5), (x,))
        y = torch.ops.testing_ops.scale(x, s=2.0)
        assert y.tolist() == [4.0, 8.0]
        assert torch.autograd.grad(y.sum(), x)[0].tolist() == [4.0, 4.0]

    def test_shapes_without_values(self):
        found = scale(torch.empty(3, 4, device="meta"))
        assert (found.shape, found.device.type) == ((3, 4), "meta")

    def test_samples_of_a_batch(self):
        x = torch.arange(6.0).view(2, 3)
        assert torch.vmap(scale)(x).tolist() == (x * 2).tolist()

    def test_a_batch_by_its_rule(self, lib):
        lib.define("shifted(Tensor x, Tensor y) -> Tensor")
        lib.impl("shifted", lambda x, y: x + y.numpy().sum().item(), KEY)

        def rule(info, in_dims, x, y):
            assert (info.batch_size, in_dims) == (2, (0, None))
            return x + 100, 0

        x, y = torch.arange(6.0).view(2, 3), torch.ones(2)
        run = torch.vmap(torch.ops.testlib.shifted, in_dims=(0, None))
        assert run(x, y).tolist() == (x + 2).tolist()
        library.register_vmap("testlib::shifted", rule)
        assert run(x, y).tolist() == (x + 100).tolist()

    def test_modes_see_it(self):
        class Names(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                seen.append(str(func))
                return func(*args, **(kwargs or {}))

        seen = []
        with Names():
            scale(torch.ones(1))
        assert "testing_ops.scale.default" in seen

    def test_opcheck(self):
        x = torch.ones(2, requires_grad=True)
        assert set(library.opcheck(scale, (x,)).values()) == {"SUCCESS"}

    def test_opcheck_finds_a_lie(self, lib):
        lib.define("lies(Tensor x) -> Tensor")
        lib.impl("lies", lambda x: x.add_(1).clone(), KEY)
        lib.impl("lies", lambda x: x.new_empty(7), "Meta")
        found = library.opcheck(
            torch.ops.testlib.lies.default, (torch.ones(2),), raise_exception=False
        )
        assert "mutated" in found["test_schema"]
        assert "the fake gives [7]" in found["test_faketensor"]

    def test_writing(self):
        @library.custom_op("testing_ops::fill", mutates_args={"x"})
        def fill(x: torch.Tensor, value: float) -> None:
            x.numpy()[:] = value

        x = torch.ones(2, requires_grad=True)
        y = x * x
        kept = x.detach()
        fill(kept, 5.0)
        assert kept.tolist() == [5.0, 5.0]
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
        with pytest.raises(
            RuntimeError, match="Cannot register autograd formula for non-functional"
        ):
            fill.register_autograd(lambda ctx, g: g)

    def test_an_input_is_no_result(self):
        @library.custom_op("testing_ops::same", mutates_args=())
        def same(x: torch.Tensor) -> torch.Tensor:
            return x

        with pytest.raises(RuntimeError, match="must not also be an input"):
            same(torch.ones(1))

    def test_no_gradient(self):
        @library.custom_op("testing_ops::opaque", mutates_args=())
        def opaque(x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        y = opaque(torch.ones(2, requires_grad=True))
        with pytest.raises(
            RuntimeError, match=r"Trying to backward through testing_ops\.opaque\.default"
        ):
            y.sum().backward()

    def test_lists(self):
        @library.custom_op("testing_ops::total", mutates_args=())
        def total(xs: Sequence[torch.Tensor]) -> torch.Tensor:
            return torch.stack(list(xs)).sum(0)

        total.register_autograd(
            lambda ctx, g: [g] * ctx.count,
            setup_context=lambda ctx, inputs, output: setattr(ctx, "count", len(inputs[0])),
        )
        xs = [torch.ones(2, requires_grad=True) for _ in range(3)]
        (total(xs) * 2).sum().backward()
        assert [x.grad.tolist() for x in xs] == [[2.0, 2.0]] * 3

    def test_autocast(self):
        @library.custom_op("testing_ops::kind", mutates_args=())
        def kind(x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        kind.register_autocast(KEY.lower(), torch.bfloat16)
        with torch.autocast(KEY.lower()):
            assert kind(torch.ones(1)).dtype is torch.bfloat16
        assert kind(torch.ones(1)).dtype is torch.float32


class TestLibrary:
    def test_define_and_impl(self, lib):
        assert lib.define("half(Tensor x) -> Tensor") == "half"
        lib.impl("half", lambda x: x / 2)
        x = torch.ones(1, requires_grad=True)
        y = torch.ops.testlib.half(x)
        y.backward()
        assert (y.item(), x.grad.item()) == (
            0.5,
            0.5,
        )  # made of operations, it differentiates by them

    def test_overloads(self, lib):
        lib.define("add.Tensor(Tensor a, Tensor b) -> Tensor")
        lib.define("add.Scalar(Tensor a, Scalar b) -> Tensor")
        lib.impl("add.Tensor", lambda a, b: a + b, KEY)
        lib.impl("add.Scalar", lambda a, b: a + b + 100, KEY)
        add = torch.ops.testlib.add
        assert add.overloads() == ["Tensor", "Scalar"]
        assert add(torch.ones(1), torch.ones(1)).item() == 2
        assert add(torch.ones(1), 1).item() == 102
        with pytest.raises(RuntimeError, match="No operation of testlib::add takes"):
            add(torch.ones(1), "x")

    def test_it_forgets(self):
        made = library.Library("testlib2", "DEF")
        made.define("f(Tensor x) -> Tensor")
        assert torch.ops.testlib2.f
        made._destroy()
        with pytest.raises(AttributeError, match="'testlib2' object has no attribute 'f'"):
            torch.ops.testlib2.f  # noqa: B018

    def test_nothing_is_registered(self, lib):
        lib.define("bare(Tensor x) -> Tensor")
        with pytest.raises(
            NotImplementedError, match=r"Could not run 'testlib::bare'.*register_kernel"
        ):
            torch.ops.testlib.bare(torch.ones(1))

    def test_functions(self):
        library.define("testing_ops::twice", "(Tensor x) -> Tensor")
        library.impl("testing_ops::twice", KEY.lower(), lambda x: 2 * x)
        library.register_fake("testing_ops::twice", lambda x: x.new_empty(x.shape))
        assert torch.ops.testing_ops.twice(torch.ones(1)).item() == 2
        assert torch.ops.testing_ops.twice(torch.ones(1, device="meta")).device.type == "meta"

    @pytest.mark.parametrize(
        ("call", "kind", "message"),
        [
            (lambda: library.Library("x", "WHAT"), ValueError, "Unsupported library kind: WHAT"),
            (lambda: library.Library("prim", "DEF"), ValueError, "reserved namespace"),
            (lambda: library.define("nothing", "(Tensor x) -> Tensor"), ValueError, "namespace"),
            (lambda: library.register_fake("no::such", min), RuntimeError, "does not exist"),
            (lambda: library.triton_op("a::b", mutates_args=()), NotImplementedError, "Triton"),
            (lambda: library.impl("aten::add.Tensor", "cpu", min), NotImplementedError, "itself"),
            (
                lambda: library.infer_schema(lambda x: x, mutates_args=()),
                ValueError,
                r"infer_schema\(func\): Parameter x must have a type annotation",
            ),
        ],
    )
    def test_errors(self, call, kind, message):
        with pytest.raises(kind, match=message):
            call()


def prototype(
    x: torch.Tensor,
    y: Optional[torch.Tensor],  # noqa: UP045
    l: List[torch.Tensor],  # noqa: E741, UP006
    k: int,
    z: Sequence[int],
    *,
    b: bool = True,
    d: Optional[torch.dtype] = None,  # noqa: UP045
    dev: Optional[torch.device] = None,  # noqa: UP045
    st: str = "a",
    sc: Union[int, float, bool] = 1,  # noqa: UP007
    oo: Optional[Sequence[float]] = None,  # noqa: UP045
    oi: Optional[int] = None,  # noqa: UP045
) -> Tuple[torch.Tensor, List[torch.Tensor]]: ...  # noqa: UP006


REST = (
    "SymInt k, SymInt[] z, *, bool b=True, ScalarType? d=None, Device? dev=None, "
    'str st="a", Scalar sc=1, float[]? oo=None, SymInt? oi=None) -> (Tensor, Tensor[])'
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ((), "(Tensor x, Tensor? y, Tensor[] l, "),
        (("x",), "(Tensor(a0!) x, Tensor? y, Tensor[] l, "),
        ("unknown", "(Tensor(a0!) x, Tensor(a1!)? y, Tensor(a2!)[] l, "),
    ],
)
def test_schemas_are_inferred(written, expected):
    assert library.infer_schema(prototype, mutates_args=written) == expected + REST


class TestAten:
    def test_every_schema_is_read_as_it_is_written(self):
        from flambeau._ops.aten import schemas

        lines = [line for found in schemas().values() for line in found]
        assert len(lines) > 2000
        differ = [x for x in lines if str(parse_schema(x)) != x]
        reasons = (
            "e-05",
            "-> *",
            "b|a",
            "0000000",
            "99999",
            "33331",
        )  # how sets of names and floats are written
        assert [x for x in differ if not any(reason in x for reason in reasons)] == []

    def test_names(self):
        add = torch.ops.aten.add
        assert str(add.Tensor._schema) == (
            "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
        )
        assert [(a.name, str(a.type), a.kwarg_only) for a in add.Tensor._schema.arguments] == [
            ("self", "Tensor", False),
            ("other", "Tensor", False),
            ("alpha", "number", True),
        ]
        assert add.overloads()[:3] == ["Tensor", "Scalar", "out"]
        assert torch.ops.aten.add_.Tensor._schema.is_mutable
        assert torch.ops.aten.view.default.is_view
        assert torch.ops.aten.mm.default.name() == "aten::mm"
        assert repr(torch.ops.aten) == "<module 'torch.ops.aten' from 'torch.ops'>"
        assert hash(add.Tensor) == hash(torch.ops.aten.add.Tensor)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: torch.ops.aten.nothing, "'aten' object has no attribute 'nothing'"),
            (
                lambda: torch.ops.aten.add.Foo,
                "The underlying op of 'aten.add' has no overload name 'Foo'",
            ),
        ],
    )
    def test_absent_names(self, call, message):
        with pytest.raises(AttributeError, match=message):
            call()

    def test_arguments(self):
        mm = torch.ops.aten.mm.default
        with pytest.raises(
            RuntimeError, match=r"aten::mm\(\) is missing value for argument 'mat2'"
        ):
            mm(torch.ones(1, 1))
        with pytest.raises(
            RuntimeError, match="Expected a value of type 'Tensor' for argument 'self'"
        ):
            mm(3, 4)
        with pytest.raises(RuntimeError, match="Unknown keyword argument 'q'"):
            mm(torch.ones(1, 1), torch.ones(1, 1), q=1)

    def test_calls(self):
        aten, x = torch.ops.aten, torch.arange(6.0).view(2, 3)
        assert aten.sum.dim_IntList(x, [1], True).tolist() == [[3.0], [12.0]]
        assert aten.add.out(x, x, out=torch.empty(2, 3)).tolist() == (2 * x).tolist()
        assert aten.slice.Tensor(x, 1, 0, 3, 2).tolist() == [[0.0, 2.0], [3.0, 5.0]]
        assert aten.max.dim(x, 1).indices.tolist() == [2, 2]
        assert aten._to_copy.default(x, dtype=torch.int64).dtype is torch.int64
        assert aten.linalg_vector_norm.default(x, 2).item() == pytest.approx(
            np.linalg.norm(x.numpy())
        )

    def test_gradients_of_convolutions(self):
        x, w = torch.randn(2, 2, 5, 5), torch.randn(3, 2, 3, 3)
        x.requires_grad_(), w.requires_grad_()
        options = ([2, 1], [1, 0], [1, 1], False, [0, 0], 1)
        y = torch.ops.aten.convolution.default(x, w, None, *options)
        g = torch.randn(y.shape)
        expected = torch.autograd.grad(y, (x, w), g)
        found = torch.ops.aten.convolution_backward.default(
            g, x, w, [3], *options, [True, True, True]
        )
        for a, b in zip(found, (*expected, g.sum((0, 2, 3)))):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)

    def test_layer_norm_and_losses(self):
        x = torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 3.0]])
        y, mean, rstd = torch.ops.aten.native_layer_norm.default(x, [3], None, None, 1e-5)
        assert mean.flatten().tolist() == pytest.approx([7 / 3, 2.0])
        assert rstd.flatten().tolist() == pytest.approx([0.801782, 0.707105], rel=1e-4)
        assert y[1, 0].item() == pytest.approx(-1.41421, rel=1e-4)
        loss, weight = torch.ops.aten.nll_loss_forward.default(
            x.log_softmax(1), torch.tensor([2, -100]), None, 1, -100
        )
        assert (weight.item(), loss.item()) == (1.0, pytest.approx(0.169846, rel=1e-4))
