"""The writing of LLVM's language: each construct, compiled and run, against the same in Python."""

import ctypes

import pytest

from flambeau import kernels
from flambeau.kernels.llvm import (
    Code,
    Module,
    choose,
    external,
    multiply_checked,
    quotient,
    remainder,
)

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
I64 = ctypes.c_int64
NUMBERS = (-(2**63), -70, -3, -1, 0, 1, 2, 7, 8, 9, 64, 2**31, 2**63 - 1)


def unsigned(x):
    return x % 2**64


def signed(x):
    return (x + 2**63) % 2**64 - 2**63


def compiled(write, signature="i64 @SYMBOL(i64 %x, i64 %y)", result=I64, module=None):
    """What `write(code, *parameters)` wrote, as a Python function."""
    from flambeau.kernels.runtime.process import machine

    module = module or Module()
    code = module.define(signature)
    write(code, *code.parameters)
    types = [ctypes.c_void_p if p.type == "ptr" else I64 for p in code.parameters]
    return ctypes.CFUNCTYPE(result, *types)(machine().address(module.text()))


def words(*values):
    return (I64 * len(values))(*values)


# --------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("native", "python"),
    [
        (lambda x, y: x.below(y), lambda x, y: unsigned(x) < unsigned(y)),
        (lambda x, y: x.at_most(y), lambda x, y: unsigned(x) <= unsigned(y)),
        (lambda x, y: x.above(y), lambda x, y: unsigned(x) > unsigned(y)),
        (lambda x, y: x.at_least(y), lambda x, y: unsigned(x) >= unsigned(y)),
        (lambda x, y: x < y, lambda x, y: x < y),
        (lambda x, y: x <= y, lambda x, y: x <= y),
        (lambda x, y: x > y, lambda x, y: x > y),
        (lambda x, y: x >= y, lambda x, y: x >= y),
        (lambda x, y: x.equals(y), lambda x, y: x == y),
        (lambda x, y: x.differs(y), lambda x, y: x != y),
        (lambda x, y: x.down(3), lambda x, y: unsigned(x) >> 3),
        (lambda x, y: x >> 3, lambda x, y: x >> 3),
        (lambda x, y: (x << 5) ^ ~y, lambda x, y: signed(x << 5) ^ ~y),
        (lambda x, y: x & y | 4, lambda x, y: x & y | 4),
        (lambda x, y: choose(x < y, x, 5), lambda x, y: x if x < y else 5),
        (lambda x, y: (x < y).select(y, x), lambda x, y: max(x, y)),
        (lambda x, y: x.convert("i32").convert("i64"), lambda x, y: (x + 2**31) % 2**32 - 2**31),
        (lambda x, y: x.convert("i32").widen("i64"), lambda x, y: x % 2**32),
        (lambda x, y: quotient(x, 7), lambda x, y: unsigned(x) // 7),
        (lambda x, y: remainder(x, 7), lambda x, y: unsigned(x) % 7),
        (lambda x, y: x.as_pointer().address(), lambda x, y: x),
        (lambda x, y: (x.as_pointer().byte(y)).address(), lambda x, y: signed(x + y)),
        (lambda x, y: (x.as_pointer().word(3)).address(), lambda x, y: signed(x + 24)),
        (lambda x, y: x.as_pointer().is_null(), lambda x, y: x == 0),
        (lambda x, y: multiply_checked(x, y)[0], lambda x, y: signed(x * y)),
        (
            lambda x, y: multiply_checked(x, y)[1],
            lambda x, y: unsigned(x) * unsigned(y) >= 2**64,
        ),
    ],
)
def test_values(native, python):
    function = compiled(lambda code, x, y: code.give(native(x, y).widen("i64")))
    for x in NUMBERS:
        for y in NUMBERS:
            assert function(x, y) == signed(python(x, y)), (x, y)


# -------------------------------------------------------------------------------------- control


def write_collatz(code, x, y):
    """The steps to 1, y at most; -1 for what is not positive."""
    with code.when(x <= 0):
        code.give(code.integer(-1))
    n, steps = code.variable(x), code.variable(0)
    with code.repeat() as loop:
        loop.stop_when(n.value.equals(1))
        loop.stop_when(steps.value.equals(y))
        steps.value += 1
        with code.either((n.value & 1).equals(0)) as (even, odd):
            with even:
                n.value = n.value.down(1)
            with odd:
                n.value = n.value * 3 + 1
    code.give(steps.value)


def collatz(x, y):
    steps = 0
    while x > 1 and steps != y:
        steps, x = steps + 1, x // 2 if x % 2 == 0 else 3 * x + 1
    return steps if x > 0 else -1


def test_loops_returns_and_alternatives():
    function = compiled(write_collatz)
    for x in (-5, 0, 1, 2, 7, 27, 97):
        for y in (0, 1, 10, 1000):
            assert function(x, y) == collatz(x, y)


def test_inner_loops_stop_and_go_on_with_the_outer():
    def write(code, x, y):
        """The sum of those from 2 below x that no number below y divides."""
        total, i = code.variable(0), code.variable(1)
        with code.repeat() as outer:
            i.value += 1
            outer.stop_when(i.value >= x)
            j = code.variable(2)
            with code.repeat() as inner:
                inner.stop_when(j.value >= y)
                outer.next_when(remainder(i.value, j.value).equals(0))
                j.value += 1
                inner.next_unless(j.value.equals(3))
                inner.next()
            total.value += i.value
        code.give(total.value)

    function = compiled(write)
    for x, y in ((2, 9), (50, 2), (50, 6), (100, 12)):
        assert function(x, y) == sum(i for i in range(2, x) if all(i % j for j in range(2, y)))


def test_blocks_may_all_return():
    def write(code, x, y):
        with code.unless(x.equals(3)):
            with code.either(x < y) as (less, more):
                with less:
                    code.give(x * 2)
                with more, code.repeat() as loop:
                    loop.stop()
            code.give(x * 5)
        code.give(y)

    function = compiled(write)
    assert [function(x, 4) for x in (1, 3, 4, 6)] == [2, 4, 20, 30]


def test_blocks_are_left_early():
    def write(code, x, y):
        with code.attempt() as block:
            block.stop_unless(x > 0)
            block.stop_when(y.equals(3))
            with code.when(x.equals(100)):
                block.stop()
            code.give(x + y)
        code.give(code.integer(-1))

    function = compiled(write)
    assert [function(*given) for given in ((2, 2), (0, 2), (2, 3), (100, 5))] == [4, -1, -1, -1]


def test_variables_become_registers():
    from flambeau.kernels.runtime.process import machine

    module = Module()
    code = module.define("i64 @SYMBOL(i64 %x, i64 %y)")
    write_collatz(code, *code.parameters)
    assembly = machine().assembly(module.text().replace("SYMBOL", "collatz"))
    assert "collatz:" in assembly
    assert "(%rsp)" not in assembly
    assert "[sp" not in assembly


# ------------------------------------------------------------------------------------ functions


def test_functions_call_each_other_and_the_library():
    module = Module()
    power = module.define("internal i64 @power(i64 %x, i64 %n) noinline")
    x, n = power.parameters
    with power.when(n.equals(0)):
        power.give(power.integer(1))
    power.give(x * power.run(power.handle, x, n - 1))
    absolute = external("i64 @llabs(i64)")
    digits = external("i64 @llvm.ctlz.i64(i64, i1)")

    def write(code, x, y):
        size = code.run(absolute, code.run(power.handle, x, y))
        code.give(size + code.run(digits, 1, 0))

    function = compiled(write, module=module)
    assert [function(x, y) for x, y in ((2, 10), (-3, 3), (7, 0))] == [1024 + 63, 27 + 63, 64]
    text = module.text()
    assert text.count("declare") == 2
    assert "@power" not in text.partition("define")[0]


def test_a_wrong_number_of_arguments_is_an_error():
    with pytest.raises(TypeError, match="llabs takes 1 arguments, got 2"):
        Code(1).run(external("i64 @llabs(i64)"), 1, 2)
    with pytest.raises(ValueError, match="expected 'type @name"):
        external("i64 llabs(i64)")


def test_globals_keep_their_values():
    module = Module()
    module.variables.append("@count = internal global i64 5")

    def write(code, x, y):
        place = code.symbol("count")
        code.store(code.load(place, "i64") + x, place)
        code.give(code.load(place, "i64"))

    function = compiled(write, module=module)
    assert [function(x, 0) for x in (1, 10, 100)] == [6, 16, 116]


# --------------------------------------------------------------------------------------- memory


def test_bytes_are_copied_and_filled():
    def write(code, x, y):
        code.copy_bytes(x, y, code.integer(24))
        code.fill_bytes(x.byte(5), 255, code.integer(2))
        code.store(code.integer(-1, "i32"), x.word(2))
        code.give()

    function = compiled(write, "void @SYMBOL(ptr %x, ptr %y)", None)
    x, y = words(9, 9, 9, 9), words(1, 2, 3, 4)
    function(x, y)
    want = bytearray(bytes(words(1, 2, 3, 9)))
    want[5:7], want[16:20] = b"\xff\xff", b"\xff\xff\xff\xff"
    assert bytes(x) == bytes(want)


def test_atomic_words():
    def write(code, place, given):
        found = code.load_atomic(place)
        code.store_atomic(found + 1, place.word(1))
        code.store_atomic(8, place.word(2))
        codes = [
            code.update_atomic("add", place, 5),
            code.update_atomic("sub", place, given),
            code.exchange_if(place.word(2), 7, 70).widen("i64"),
            code.exchange_if(place.word(2), 8, given).widen("i64"),
        ]
        for i, value in enumerate(codes):
            code.store(value, place.word(3 + i))
        code.give()

    text = Module()
    function = compiled(write, "void @SYMBOL(ptr %place, i64 %given)", None, text)
    place = words(10, *[0] * 6)
    function(ctypes.addressof(place), 3)
    assert list(place) == [12, 11, 3, 10, 15, 0, 1]
    assert text.text().count("seq_cst") == 9  # of an exchange both orders
