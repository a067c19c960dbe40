"""Functions that are written out as text show that text in tracebacks, each under a name of its own."""

import gc
import linecache
import re
import traceback

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau._source import Source, listed
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program
from flambeau.nn.functional import layer_norm


def written(title: str, line: str = "return x / 0"):
    source = Source(title)
    with source.block("def made(x):"):
        source(line)
    return source.function("made")


def file_of(function) -> str:
    return function.__code__.co_filename


def test_lines_stand_under_their_block():
    source = Source("blocks", one=1)
    with source.block("def made(x):"):
        with source.block("if x:"):
            source("""
                for i in range(x):
                    x += one
                """)
        source("return x")
    assert source.lines == [
        "def made(x):",
        "    if x:",
        "        for i in range(x):",
        "            x += one",
        "    return x",
    ]
    assert source.function("made")(3) == 6


def test_expressions_as_a_tuple():
    assert [listed(items) for items in ((), ("a",), ("a", "b"))] == ["()", "(a,)", "(a, b)"]


def test_a_traceback_shows_the_text():
    function = written("dividing")
    with pytest.raises(ZeroDivisionError) as caught:
        function(1)
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "<flambeau dividing>", line 2, in made\n    return x / 0\n' in text


def test_two_of_one_title_have_two_files():
    first, second = written("twice", "return 1"), written("twice", "return 2")
    assert file_of(first) != file_of(second)
    for function, line in ((first, "return 1"), (second, "return 2")):
        assert file_of(function).startswith("<flambeau twice")
        assert linecache.getline(file_of(function), 2).strip() == line


def test_the_text_stays_as_long_as_the_function():
    function = written("kept")
    file = file_of(function)
    linecache.checkcache()
    assert linecache.getline(file, 1) == "def made(x):\n"
    del function
    gc.collect()
    assert file not in linecache.cache


def test_texts_of_functions_that_are_gone_do_not_pile_up():
    def count() -> int:
        gc.collect()
        return sum(file.startswith("<flambeau piling") for file in linecache.cache)

    functions = [written("piling") for _ in range(20)]
    assert count() == 20
    functions.clear()
    assert count() == 0


# What written functions are there, and a call of each that fails inside of it.


def refuse(_):
    raise ArithmeticError("refused")


def packed(call):
    """A call whose recording fails when something is to be saved."""
    with torch.autograd.graph.saved_tensors_hooks(refuse, refuse):
        call()


def constructor_of_absent_slots():
    class Small:
        __slots__ = ()

    kernels.constructor(Small, "absent")(1)


def overwritten_before_backward():
    x = torch.ones(2, 2, requires_grad=True)
    y = torch.mm(x, x)
    with torch.no_grad():
        x.zero_()
    y.sum().backward()


def kernel_of_shapes_that_do_not_fit():
    x, y = symbol("x", Domain.REAL), symbol("y", Domain.REAL)
    kernel = compile_program(Program((x, y), (x * y + x,), ()), np, np.float32, "tried")
    kernel(np.ones(3, np.float32), np.ones(4, np.float32))


def guarded(call):
    """A call while a mode sees all of them."""
    with torch.overrides.TorchFunctionMode():
        call()


three, four = torch.ones(3), torch.ones(4)
wanted = torch.ones(2, 2, requires_grad=True)
FAILING = {
    "lerp": lambda: torch.lerp(three, four, 0.5),
    "lerp(x, y, w)": lambda: torch.lerp(three, four, 0.5),
    "add_scaled(x, y)": lambda: torch.add(three, four, alpha=2),
    "clamp(x, min)": lambda: torch.clamp(three, min=four),
    "lerp_": lambda: three.lerp_(four, 0.5),
    "lerp(x, y, w) in place": lambda: three.lerp_(four, 0.5),
    "mul(x, y) into out": lambda: torch.mul(three, four, out=torch.ones(3)),
    "layer_norm(x) by rows": lambda: packed(lambda: layer_norm(wanted, (2,))),
    "MulBackward0 record": lambda: packed(lambda: wanted * wanted),
    "mm(x, y)": lambda: packed(lambda: torch.mm(wanted, wanted)),
    "mm(x, y) backward": overwritten_before_backward,
    "qr(a) results": lambda: packed(lambda: torch.linalg.qr(wanted)),
    "addmm": lambda: torch.addmm(three, 1, 2),
    "addmm_": lambda: three.addmm_(1, 2),
    "l1_loss": lambda: torch.nn.functional.l1_loss(three, "a", reduce=True),
    "tried_kernel": kernel_of_shapes_that_do_not_fit,
    "make Small": constructor_of_absent_slots,
}


@pytest.mark.parametrize("title", FAILING)
def test_every_written_frame_shows_its_line(title, monkeypatch):
    monkeypatch.setattr(kernels, "known_enabled", lambda: False)  # the constructor is a written one
    with pytest.raises(Exception) as e:  # each its own
        FAILING[title]()
    frames = traceback.extract_tb(e.value.__traceback__)
    files = [f.filename for f in frames if f.filename.startswith("<flambeau ")]
    assert any(re.fullmatch(rf"<flambeau {re.escape(title)}( \d+)?>", file) for file in files), (
        files
    )
    assert all(f.line for f in frames)


@pytest.mark.parametrize(
    "call",
    [
        lambda: guarded(lambda: torch.add(three, four)),
        lambda: torch.argmax(three, 5),
        lambda: torch.softmax(three, 3),
        lambda: torch.nn.functional.softmax(three, 3),
        lambda: torch.matmul(three, four),
        lambda: torch.stack([three, four]),
        lambda: three.view(2),
        lambda: torch.exp("a"),
        lambda: torch.zeros_like(3),
        lambda: torch.linalg.inv(three),
    ],
)
def test_frames_have_a_line_and_the_name_of_a_public_function(call):
    for _ in range(20):
        with pytest.raises((RuntimeError, IndexError, TypeError)) as e:
            call()
        frames = traceback.extract_tb(e.value.__traceback__)
        assert all(f.line for f in frames)
        inner = {"first_calls", "chosen", "chosen_at_first", "ask", "function", "functional"}
        assert not inner & {f.name for f in frames}


def test_a_size_mismatch_is_raised_once():
    """The fast path's own error is not chained to the one that explains."""
    with pytest.raises(RuntimeError, match="must match the size of tensor b") as caught:
        torch.add(three, four)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, ValueError)
