"""__torch_function__: subclasses, other objects, modes, and what torch.overrides offers."""

import inspect
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import overrides
from flambeau.dispatch import lazy, torch_function
from flambeau.dispatch.registry import NAMESPACES


class Plain(torch.Tensor):
    pass


class Narrow(Plain):
    pass


class Logged(torch.Tensor):
    calls: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append((overrides.resolve_name(func), len(args), sorted(kwargs or {})))
        return super().__torch_function__(func, types, args, kwargs)


class Duck:
    """No tensor, but it handles every function."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func, types, len(args), kwargs


class Refusing:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return NotImplemented


@pytest.fixture
def p():
    return torch.ones(2, 2)


@pytest.fixture
def s(p):
    made = p.as_subclass(Plain)
    return made


@pytest.fixture
def logged(p):
    Logged.calls = []
    return p.as_subclass(Logged)


EXPRESSIONS = {
    "operators": lambda s, p: [s + 1, 1 + s, p + s, s - 1, 1 - s, s * 2, s / 2, 1 / s, s**2, 2**s],
    "more operators": lambda s, p: [s // 2, s % 2, s @ p, p @ s, -s, abs(s), s == p, s < 1],
    "indexing": lambda s, p: [s[0], s[0, 1], s[p > 0], p[s > 0]],
    "methods": lambda s, p: [s.sum(), s.add(1), s.add_(p), p.add_(s), p.copy_(s), s.reshape(-1)],
    "properties": lambda s, p: [s.T, s.data, s.mT],
    "functions": lambda s, p: [torch.add(p, s), torch.cat([p, s]), torch.stack((s, s)), F.relu(s)],
    "factories of it": lambda s, p: [torch.zeros_like(s), s.new_zeros(2), torch.rand_like(s)],
    "sequences": lambda s, p: [*torch.split(s, 1), *s.unbind(), *torch.max(s, 0), *list(s)],
    "conversions": lambda s, p: [s.double(), s.to(torch.int64), s.clone(), s.detach()],
    "explicit calls": lambda s, p: [torch.Tensor.add(s, 1), torch.Tensor.add(p, s)],
    "modules": lambda s, p: [torch.nn.Linear(2, 2)(s), F.linear(p, s), F.linear(p, p, s[0])],
    "same object": lambda s, p: [torch.as_tensor(s), s.requires_grad_(False)],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_results_have_the_subclass(s, p, name):
    results = EXPRESSIONS[name](s, p)
    assert [type(x) for x in results] == [Plain] * len(results)


def test_what_stays_plain(s, p):
    assert type(torch.tensor(s.tolist())) is type(s.as_subclass(torch.Tensor)) is torch.Tensor
    assert type(s.shape) is torch.Size
    assert s.dtype is torch.float32
    assert len(s) == 2
    assert type(p + 1) is torch.Tensor
    assert s.item is not None
    assert s.sum().item() == 4.0
    assert s.tolist() == [[1.0, 1.0]] * 2


def test_the_narrower_class_wins(p):
    wide, narrow = p.as_subclass(Plain), p.as_subclass(Narrow)
    assert type(wide + narrow) is type(narrow + wide) is type(torch.add(wide, narrow)) is Narrow


def test_gradients_of_subclasses():
    x = torch.ones(2, requires_grad=True)
    s = x.as_subclass(Plain)
    assert s.grad_fn.name() == "AliasBackward0"
    assert not s.is_leaf
    (s * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    leaf = torch.ones(2).as_subclass(Plain).requires_grad_()
    (leaf * leaf).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]
    assert type(leaf.grad) is torch.Tensor


def test_repr(s):
    assert repr(s[0]) == "Plain([1., 1.])"
    assert repr(s[0].detach().requires_grad_()) == "Plain([1., 1.], requires_grad=True)"


REPORTED = {  # as PyTorch names them
    "s + 1": "add",
    "1 + s": "add",
    "s - 1": "sub",
    "1 - s": "__rsub__",
    "s / 2": "div",
    "s // 2": "__floordiv__",
    "s % 2": "remainder",
    "s @ s": "matmul",
    "-s": "neg",
    "abs(s)": "abs",
    "s == s": "__eq__",
    "s < 1": "lt",
    "s[0]": "__getitem__",
    "len(s)": "__len__",
    "s.sum()": "sum",
    "s.add_(1)": "add_",
    "s.type()": "type",
    "repr(s)": "__repr__",
    "torch.cat([s])": "cat",
    "F.relu(s)": "relu",
}


@pytest.mark.parametrize("expression", REPORTED)
def test_what_handlers_are_told(p, expression):
    names = []

    class Names(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            names.append(func.__name__)
            assert types == (Names,)
            return super().__torch_function__(func, types, args, kwargs)

    eval(expression, {"s": p.as_subclass(Names), "torch": torch, "F": F})
    assert names == [REPORTED[expression]]


def test_properties_are_reported_by_their_getters(logged):
    logged.shape  # noqa: B018
    logged.grad  # noqa: B018
    assert [call[0] for call in Logged.calls] == [
        "torch.Tensor.shape.__get__",
        "torch.Tensor.grad.__get__",
    ]
    seen = []

    class Shaped(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func == torch.Tensor.shape.__get__)
            return super().__torch_function__(func, types, args, kwargs)

    assert torch.ones(2).as_subclass(Shaped).shape == (2,)
    assert seen == [True]


def test_arguments_arrive_as_given(logged, p):
    torch.add(p, logged, alpha=2)
    torch.sum(input=logged)
    assert Logged.calls == [("torch.add", 2, ["alpha"]), ("torch.sum", 0, ["input"])]


def test_super_calls_keep_the_class():
    class Extra(torch.Tensor):
        def clone(self, **options):
            made = super().clone(**options)
            made.extra = "kept"
            return made

        def __add__(self, other):
            return super().__add__(other) * 2

    x = torch.ones(2).as_subclass(Extra)
    assert type(x.clone()) is Extra
    assert x.clone().extra == "kept"
    assert type(x + 1) is Extra
    assert (x + 1).tolist() == [4.0, 4.0]


def test_constructing_subclasses(p):
    assert type(Plain(2, 3)) is Plain
    assert Plain(2, 3).shape == (2, 3)
    assert repr(Plain([1, 2])) == "Plain([1., 2.])"
    assert Plain(p).data_ptr() == p.data_ptr()
    made = torch.Tensor._make_subclass(Plain, p, True)
    assert type(made) is Plain
    assert made.is_leaf
    assert made.requires_grad
    with pytest.raises(TypeError, match="a class that does not inherit from Tensor"):
        p.as_subclass(int)

    class WithArguments(torch.Tensor):
        @staticmethod
        def __new__(cls, values, note):
            return super().__new__(cls, values)

        def __init__(self, values, note):
            self.note = note

    assert WithArguments([1.0], "n").note == "n"


def test_disabled(p):
    class Silent(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

    assert type(p.as_subclass(Silent) + 1) is torch.Tensor
    assert repr(p[0].as_subclass(Silent)) == "Silent([1., 1.])"
    s = p.as_subclass(Plain)
    with torch._C.DisableTorchFunctionSubclass():
        assert not torch._C._is_torch_function_enabled()
        assert type(s + 1) is torch.Tensor
    assert type(s + 1) is Plain


# ----------------------------------------------------------------------- objects that are no tensors


def test_other_objects(p):
    d = Duck()
    for call, func, count in [
        (lambda: torch.mean(d), torch.mean, 1),
        (lambda: torch.add(p, d), torch.add, 2),
        (lambda: p + d, torch.Tensor.add, 2),
        (lambda: torch.cat([p, d]), torch.cat, 1),
        (lambda: torch.reshape(d, (2,)), torch.reshape, 2),
        (lambda: F.linear(p, d), F.linear, 2),
        (lambda: torch.zeros_like(d), torch.zeros_like, 1),
        (lambda: p[d], torch.Tensor.__getitem__, 2),
        (lambda: torch.where(p > 0, d, d), torch.where, 3),
        (lambda: torch.nn.Linear(2, 2)(d), F.linear, 3),
    ]:
        assert call() == (func, (Duck,), count, {})
    assert torch.add(d, 1, out=p) == (torch.add, (Duck,), 2, {"out": p})
    assert torch.add(Refusing(), d)[1] == (Refusing, Duck)


def test_every_handler_refused():
    with pytest.raises(TypeError, match=r"no implementation found for 'torch.mean' on types that"):
        torch.mean(Refusing())


def test_handlers_that_are_plain_methods_are_deprecated():
    class Instance:
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return "handled"

    with pytest.warns(UserWarning, match="as a plain method is deprecated"):
        assert torch.mean(Instance()) == "handled"


FRESH = """
import flambeau as torch
HANDLED = {}
class ScalarTensor:
    def __init__(self, n, value):
        self.n, self.value = n, value
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED:
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))
HANDLED[torch.split] = lambda x, n: ("split", x.value, n)
HANDLED[torch.mean] = lambda x: x.value / x.n
print(torch.split(ScalarTensor(5, 2), 3), torch.mean(ScalarTensor(5, 2)))
"""


def test_a_fresh_process_notices_other_objects():
    done = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=False
    )
    assert done.stdout == "('split', 2, 3) 0.4\n", done.stderr


NO_COST = """
import flambeau as torch
x = torch.ones(2, 2)
code = torch.reshape.__code__
for _ in range(20):
    torch.reshape(x, (4,)), x + x, x.shape
assert torch.reshape.__code__ is not code and torch.reshape.__code__.co_varnames[0] == "input"
assert torch.reshape.__kwdefaults__ is None
assert torch.exp.__code__.co_varnames[0] == "input"
class Sub(torch.Tensor): pass
assert not torch.Tensor.numel.__code__.co_filename.endswith("torch_function.py")
Sub([1.0])
assert torch.Tensor.numel.__code__.co_filename.endswith("torch_function.py")
assert torch.reshape(x, (4,)).shape == (4,)
"""


def test_functions_ask_only_once_there_is_something_to_ask():
    done = subprocess.run(
        [sys.executable, "-c", NO_COST], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


FORBIDDEN = """
import sys
def forbid(event, args):
    if event == "object.__setattr__" and args[1] == "__code__" and args[0].__module__.startswith("flambeau"):
        raise RuntimeError("code must not change")
sys.addaudithook(forbid)
import flambeau as torch, pytest
from flambeau.dispatch.torch_function import WrapperGuard, guards
assert guards.kind is WrapperGuard
assert torch.reshape.__code__.co_name == "reshape"
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def test_where_code_cannot_be_exchanged():
    """All tests of this file, where an audit hook forbids to exchange a function's code."""
    other = str(Path(__file__).parents[1] / "nn" / "test_parameter.py")
    which = (__file__, other, "-k", "not where_code and not only_once")
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, *which], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_in_tracebacks(s):
    """A guard has its function's name, and its text is shown."""

    class Failing(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one") as caught:
        torch.reshape(torch.ones(2).as_subclass(Failing), (1, 2))
    entries = traceback.extract_tb(caught.tb)
    assert "reshape" in [entry.name for entry in entries]
    assert all(entry.line for entry in entries)


# ---------------------------------------------------------------------------------- torch.overrides


def test_asking(s, p):
    d = Duck()
    assert [overrides.is_tensor_like(x) for x in (d, p, 1)] == [True, True, False]
    for operands, expected in [((d,), True), ((p, s), True), ((p,), False), ((1,), False)]:
        assert overrides.has_torch_function(operands) is expected
    parameter = torch.nn.Parameter(p)
    assert not overrides.has_torch_function((parameter,))
    assert overrides.handle_torch_function(torch.add, (d,), d, 1)[0] is torch.add
    assert overrides.handle_torch_function(torch.add, (p,), p, 1).tolist() == [[2.0, 2.0]] * 2


def test_ones_own_functions(s):
    @overrides.wrap_torch_function(lambda x: (x,))
    def twice(x):
        return 2 * x

    assert twice(3) == 6
    assert type(twice(s)) is Plain
    assert twice(Duck())[0] is twice


def test_names():
    names = {
        torch.add: "torch.add",
        F.relu: "torch.nn.functional.relu",
        torch.Tensor.numel: "torch.numel",
        torch.Tensor.shape.__get__: "torch.Tensor.shape.__get__",
        torch.Tensor.view: "torch.Tensor.view",
    }
    del names[torch.Tensor.numel]
    for function, name in names.items():
        assert overrides.resolve_name(function) == name
    assert overrides.resolve_name(print) is None
    assert overrides.resolve_name([]) is None


def test_lists_of_functions():
    handled = overrides.get_overridable_functions()
    assert torch.Tensor.add in handled[torch.Tensor]
    assert torch.cat in handled["torch"]
    assert F.relu in handled["torch.nn.functional"]
    ignored = overrides.get_ignored_functions()
    assert torch.tensor in ignored
    assert torch.cat not in ignored
    assert overrides.is_tensor_method_or_property(torch.Tensor.view)
    assert not overrides.is_tensor_method_or_property(F.linear)


IGNORED = {  # of the functions that are here, those in PyTorch 2.13's get_ignored_functions()
    *("arange", "as_tensor", "asarray", "bartlett_window", "blackman_window", "broadcast_shapes"),
    *("empty", "empty_permuted", "empty_strided", "eye", "from_file", "from_numpy", "frombuffer"),
    "full",
    *(
        "get_rng_state",
        "hamming_window",
        "hann_window",
        "initial_seed",
        "kaiser_window",
        "linspace",
    ),
    *("logspace", "manual_seed", "ones", "rand", "randint", "randn", "randperm", "range", "seed"),
    *("sparse_coo_tensor", "sparse_compressed_tensor", "sparse_csr_tensor", "sparse_csc_tensor"),
    *("sparse_bsr_tensor", "sparse_bsc_tensor"),
    *("scalar_tensor", "set_rng_state", "tensor", "tril_indices", "triu_indices", "zeros"),
}
NOT_LISTED = {"from_dlpack"}  # in neither of PyTorch's lists: it asks by __dlpack__


def test_lists_name_what_is_registered():
    """Every function that makes tensors of no operands is a factory; no name is left over."""
    factories, unseen = torch_function._FACTORIES, torch_function._UNSEEN
    assert factories | unseen == IGNORED | NOT_LISTED
    for name in (*lazy.FUNCTIONS, *factories, *unseen):  # some load when they are asked for
        getattr(torch, name)
    functions = NAMESPACES["torch"]
    assert (factories | unseen) <= functions.keys()
    assert not factories & unseen
    for name, function in functions.items():
        options = inspect.signature(function).parameters
        if "device" in options and not {"input", "mean"} & options.keys():
            assert name in factories | NOT_LISTED, name
    methods = torch.Tensor.__dict__
    for name, reported in torch_function._OPERATOR_METHODS.items():
        assert {name, reported} <= methods.keys()
    ordinary = {n for n in torch_function._UNGUARDED_METHODS if not n.startswith("__")}
    assert ordinary <= methods.keys()


def test_functions_keep_their_signatures():
    assert list(inspect.signature(torch.reshape).parameters) == ["input", "shape"]
    assert list(inspect.signature(torch.kron).parameters)[:2] == ["input", "other"]
    assert list(inspect.signature(torch.zeros_like).parameters)[:2] == ["input", "dtype"]
    for functions in NAMESPACES.values():
        for function in functions.values():
            assert "guard_" not in inspect.signature(function).parameters


class Names(overrides.TorchFunctionMode):
    def __init__(self):
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_modes(p):
    with Names() as mode:
        x = torch.zeros(2) + 1
        torch.tensor([1, 2])
        F.relu(p).sum()
    torch.ones(2).exp()
    assert mode.seen == ["zeros", "add", "tensor", "relu", "sum"]
    assert x.tolist() == [1.0, 1.0]


def test_what_modes_do_not_see():
    """As PyTorch 2.13 reports it."""
    array = np.ones(2, np.float32)
    with Names() as mode:
        torch.from_numpy(array)
        torch.frombuffer(bytearray(8), dtype=torch.int32)
        torch.broadcast_shapes((1,), (2,))
        torch.manual_seed(0)
        torch.get_rng_state()
        torch.initial_seed()
    assert mode.seen == []
    with Names() as mode:
        torch.asarray([1])
        torch.hann_window(3)
        torch.empty_strided((2,), (1,))
        torch.as_tensor([1])
        torch.scalar_tensor(1)
    assert mode.seen == ["asarray", "hann_window", "empty_strided", "as_tensor", "scalar_tensor"]


def test_modes_nest_and_see_subclasses(s):
    with Names() as outer, Names() as inner:
        s.exp()
    assert inner.seen == ["exp"]
    assert outer.seen == ["exp"]

    class Ones(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return torch.ones(1) if func is torch.zeros else func(*args, **(kwargs or {}))

    with Ones(), torch._C.DisableTorchFunctionSubclass():
        assert torch.zeros(3).tolist() == [1.0]
        assert type(s.exp()) is torch.Tensor
    with overrides.BaseTorchFunctionMode():
        assert type(s.exp()) is Plain


def test_a_mode_is_left_by_an_error(p):
    with pytest.raises(ValueError, match="inside"), Names():
        raise ValueError("inside")
    with Names() as mode:
        pass
    p.exp()
    assert mode.seen == []
    with pytest.raises(NotImplementedError), overrides.TorchFunctionMode():
        p.exp()


ORDINARY = """
import io
import flambeau as torch
from flambeau import nn
from flambeau.dispatch.torch_function import guards
from flambeau.utils.checkpoint import checkpoint
from flambeau.utils.data import DataLoader, TensorDataset
import flambeau.amp, flambeau._dynamo, flambeau.compiler, flambeau.distributions, flambeau.func, flambeau.fx
import flambeau.jit, flambeau.nn.attention, flambeau.profiler, flambeau.sparse, flambeau.utils._pytree

model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
x = torch.randn(4, 1, 5, 5)
model(x)
optimizer = torch.optim.AdamW(model.parameters())
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
for images, labels in DataLoader(TensorDataset(x, torch.tensor([0, 1, 2, 0])), batch_size=2):
    found = checkpoint(model, images, use_reentrant=False)
    nn.functional.cross_entropy(found, labels).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    schedule.step()
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
file.seek(0)
optimizer.load_state_dict(torch.load(file)["optimizer"])
assert not guards.asking and not guards.enabled
with torch.autocast("cpu"):
    model(x)
assert not guards.asking and not guards.enabled  # but for the functions that cast
with torch.overrides.TorchFunctionMode():
    pass
assert guards.enabled  # a mode does turn them on
"""


def test_guards_stay_off_in_an_ordinary_program() -> None:
    subprocess.run([sys.executable, "-c", ORDINARY], check=True)
