"""How arrays of any strides are walked together: decided by machine code, with each call.

Functions that entry points call through the runtime's table. `broadcast` finds the shape of the result, and the
order of its dimensions in memory, which follows the operands' as in PyTorch; `make` makes an array that lies so; and
`arrange` writes a strided nest's frame: dimensions that lie behind each other in all operands are one, the innermost
of the result is walked, and where an operand lies dense along another one, that is the second.
The module loads when the first call needs it.
"""

from __future__ import annotations

from ..llvm import Code, Function, Module, Value, choose, larger, quotient, smaller
from ..runtime.layout import ARRAY, DESCRIPTION, Flag, set_fact
from ..runtime.process import machine
from ..runtime.vectorcall import array_field, field, new_array
from .arrange_rows import define_arrange_rows
from .staging import define_staging
from .strided_frame import MOST_OPERANDS, MOST_OUTER, MOVES, STAGED, STILL, Part, Word

DIMS = 16
"""Dimensions at most."""
BLOCK = 1 << 12
"""Elements of the lines that a row of the work has, about."""
LINE = 64
"""Bytes of a cache line."""


class Shape:
    """The words of a result's shape, as `broadcast` writes them."""

    NDIM, SIZES, ORDER = 0, 1, 1 + DIMS
    SIZE = 1 + 2 * DIMS


class Option:
    """What `arrange` is told besides: bits, and above them the bytes of scratch of an operand."""

    FRESH = 1  # nobody else has the results
    NO_STILL = 2  # the nest has no loop for operands that have one value for a line
    SCRATCH = 2


def module_text() -> str:
    module = Module()
    Arrange(module).write()
    define_broadcast(module)
    define_make(module)
    define_arrange_rows(module)
    define_staging(module)
    return module.text()


_loaded: list[bool] = []


def load() -> bool:
    """Load the module; False if it was there already."""
    if _loaded:
        return False
    host, text = machine(), module_text()
    set_fact("arrange", host.address(text))
    symbol = host.symbol(text)
    for name in ("broadcast", "make", "rows", "stage", "unstage"):
        set_fact(f"{name}_strided", host.engine.get_function_address(f"{name}_{symbol}"))
    _loaded.append(True)
    return True


def _get(code: Code, base: Value, index: Value | int) -> Value:
    return code.load(base.word(index), "i64")


def _set(code: Code, base: Value, index: Value | int, value: Value | int) -> None:
    code.store(code.integer(value), base.word(index))


def _array(code: Code, arrays: Value, k: Value) -> Value:
    return code.load(code.at(arrays, "ptr", k), "ptr")


def _ndim(array: Value) -> Value:
    return array_field(array, "ndim", "i32").convert("i64")


# ---------------------------------------------------------------------------------- the result


def define_broadcast(module: Module) -> None:
    """``i64 broadcast(ptr arrays, i64 count, ptr shape)``: 0 if they have a common shape with elements."""
    before = _define_before(module)
    code = module.define("i64 @broadcast_SYMBOL(ptr %arrays, i64 %count, ptr %shape)")
    arrays, count, shape = code.parameters
    zero = code.integer(0)
    ndim = code.variable(0)
    with code.loop(zero, count) as k:
        ndim.value = larger(ndim.value, _ndim(_array(code, arrays, k)))
    with code.when(ndim.value > DIMS):
        code.give(code.integer(1))
    _set(code, shape, Shape.NDIM, ndim.value)
    with code.loop(zero, ndim.value) as d:
        size = code.variable(1)
        with code.loop(zero, count) as k:
            array = _array(code, arrays, k)
            at = d - (ndim.value - _ndim(array))
            with code.when(at >= 0):
                own = _get(code, array_field(array, "dims"), at)
                with code.when(own.differs(1)):
                    with code.when(size.value.differs(1) & size.value.differs(own)):
                        code.give(code.integer(1))
                    size.value = own
        with code.when(size.value.equals(0)):
            code.give(code.integer(1))
        _set(code, shape, d + Shape.SIZES, size.value)
        _set(code, shape, d + Shape.ORDER, d)
    _order(code, before, arrays, count, shape, ndim.value)
    code.give(zero)


def _order(
    code: Code, before: Function, arrays: Value, count: Value, shape: Value, ndim: Value
) -> None:
    """Sort the dimensions by the operands' steps, by insertion from the innermost on."""
    with code.loop(code.integer(1), ndim) as i:
        moved = code.variable(ndim - 1 - i + Shape.ORDER)
        place = code.variable(ndim - i + Shape.ORDER)
        with code.repeat() as search:
            search.stop_unless(place.value < ndim + Shape.ORDER)
            inner, own = _get(code, shape, place.value), _get(code, shape, moved.value)
            verdict = code.run(before, arrays, count, shape, inner, own)
            search.stop_when(verdict < 0)
            with code.when(verdict > 0):
                _set(code, shape, place.value, own)
                _set(code, shape, moved.value, inner)
                moved.value = place.value
            place.value += 1


def _define_before(module: Module) -> Function:
    """Does dimension `inner` lie within `outer` (-1), outside it (1), or is there no saying (0)?"""
    code = module.define(
        "internal i64 @before(ptr %arrays, i64 %count, ptr %shape, i64 %inner, i64 %outer)"
    )
    arrays, count, shape, inner, outer = code.parameters
    ndim = _get(code, shape, Shape.NDIM)
    with code.loop(code.integer(0), count) as k:
        array = _array(code, arrays, k)
        steps = []
        for d in (inner, outer):
            step, at = code.variable(0), d - (ndim - _ndim(array))
            with (
                code.when(at >= 0),
                code.when(_get(code, array_field(array, "dims"), at).differs(1)),
            ):
                step.value = _get(code, array_field(array, "strides"), at).abs()
            steps.append(step.value)
        a, b = steps
        with code.when(a.differs(0) & b.differs(0)):
            with code.when(a < b):
                code.give(code.integer(-1))
            sizes = [_get(code, shape, d + Shape.SIZES) for d in (inner, outer)]
            with code.when((b < a) | (sizes[0] > sizes[1])):
                code.give(code.integer(1))
    code.give(code.integer(0))
    return code.handle


def define_make(module: Module) -> None:
    """``ptr make(ptr table, ptr descr, ptr shape)``: an array whose dimensions lie in the shape's order."""
    code = module.define("ptr @make_SYMBOL(ptr %table, ptr %descr, ptr %shape)")
    table, descr, shape = code.parameters
    ndim, zero = _get(code, shape, Shape.NDIM), code.integer(0)
    dims = code.slot(f"[{DIMS} x i64]")
    moved = code.variable(0)
    with code.loop(zero, ndim) as j:
        d = _get(code, shape, j + Shape.ORDER)
        _set(code, dims, j, _get(code, shape, d + Shape.SIZES))
        moved.value = moved.value | (d ^ j)
    array = new_array(table, descr, ndim.convert("i32"), dims)
    with code.when(array.is_null() | moved.value.equals(0)):
        code.give(array)
    own_dims, strides = array_field(array, "dims"), array_field(array, "strides")
    step = code.variable(field(descr, DESCRIPTION["elsize"], "i64"))
    with code.loop(zero, ndim) as j:
        d = _get(code, shape, ndim - 1 - j + Shape.ORDER)
        size = _get(code, shape, d + Shape.SIZES)
        _set(code, own_dims, d, size)
        _set(code, strides, d, step.value)
        step.value *= size
    flags = array.byte(ARRAY["flags"])
    in_order = int(Flag.C_CONTIGUOUS | Flag.F_CONTIGUOUS)
    found = code.variable(code.load(flags, "i32") & ~in_order)
    for flag, backwards in ((Flag.C_CONTIGUOUS, True), (Flag.F_CONTIGUOUS, False)):
        step, fits = code.variable(field(descr, DESCRIPTION["elsize"], "i64")), code.variable(1)
        with code.loop(zero, ndim) as j:
            d = ndim - 1 - j if backwards else j
            size = _get(code, own_dims, d)
            differs = size.differs(1) & _get(code, strides, d).differs(step.value)
            fits.value = choose(differs, zero, fits.value)
            step.value *= size
        found.value = found.value | choose(
            fits.value.differs(0), code.constant(int(flag), "i32"), code.constant(0, "i32")
        )
    code.store(found.value, flags)
    code.give(array)


# ------------------------------------------------------------------------------------ the walk


class Arrange:
    """Writes ``i64 arrange(ptr arrays, i64 results, i64 count, i64 options, ptr frame)``.

    It gives 0, or something else for arrays that it has no plan for: results that overlap, or operands that lie
    in too many pieces. The results, which come first, have their shape; the others broadcast to it.
    """

    def __init__(self, module: Module):
        code = self.code = module.define(
            "i64 @SYMBOL(ptr %arrays, i64 %results, i64 %count, i64 %options, ptr %frame)"
        )
        self.arrays, self.results, self.count, self.options, self.frame = code.parameters
        self.zero = code.integer(0)
        self.sizes = code.slot(f"[{DIMS} x i64]")
        self.steps = code.slot(f"[{DIMS * MOST_OPERANDS} x i64]")
        self.kept = code.variable(0)

    def write(self) -> None:
        code = self.code
        self.refuse_when(self.count > MOST_OPERANDS)
        self.read()
        with code.unless((self.options & Option.FRESH).differs(0)):
            self.check_apart()
        self.sort()
        with code.unless((self.options & Option.FRESH).differs(0)):
            self.check_results()
        self.merge()
        self.choose_walk()
        code.give(self.zero)

    def refuse_when(self, condition: Value) -> None:
        with self.code.when(condition):
            self.code.give(self.code.integer(1))

    def array(self, k: Value) -> Value:
        return _array(self.code, self.arrays, k)

    def size(self, i: Value) -> Value:
        return _get(self.code, self.sizes, i)

    def step(self, k: Value, i: Value) -> Value:
        """Of operand k along dimension i, in bytes."""
        return _get(self.code, self.steps, k * DIMS + i)

    def set_step(self, k: Value, i: Value, value: Value) -> None:
        _set(self.code, self.steps, k * DIMS + i, value)

    def width(self, k: Value) -> Value:
        """Bytes of an element."""
        return field(array_field(self.array(k), "descr"), DESCRIPTION["elsize"], "i64")

    def read(self) -> None:
        """The steps of all operands along the dimensions that have any length."""
        code = self.code
        first = self.array(self.zero)
        ndim, dims = _ndim(first), array_field(first, "dims")
        self.refuse_when(ndim > DIMS)
        with code.loop(self.zero, self.count) as k:
            self.refuse_when(_ndim(self.array(k)) > ndim)
        total = code.variable(1)
        with code.loop(self.zero, ndim) as d:
            size, kept = _get(code, dims, d), self.kept.value
            total.value *= size
            with code.loop(self.zero, self.count) as k:
                array = self.array(k)
                at, step = d - (ndim - _ndim(array)), code.variable(0)
                with code.when(at >= 0):
                    own = _get(code, array_field(array, "dims"), at)
                    self.refuse_when(own.differs(size) & own.differs(1))
                    with code.when(own.differs(1)):
                        step.value = _get(code, array_field(array, "strides"), at)
                self.set_step(k, kept, step.value)
            _set(code, self.sizes, kept, size)
            self.kept.value = choose(size.differs(1), kept + 1, kept)
        self.refuse_when(total.value.equals(0))
        _set(code, self.frame, Word.TOTAL, total.value)

    def check_apart(self) -> None:
        """A result may share memory with an operand only if they lie alike, element by element."""
        code = self.code
        ends = code.slot(f"[{2 * MOST_OPERANDS} x i64]")
        with code.loop(self.zero, self.count) as k:
            low = code.variable(array_field(self.array(k), "data", "i64"))
            high = code.variable(low.value + self.width(k))
            with code.loop(self.zero, self.kept.value) as i:
                reach = self.step(k, i) * (self.size(i) - 1)
                low.value += smaller(reach, 0)
                high.value += larger(reach, 0)
            _set(code, ends, k * 2, low.value)
            _set(code, ends, k * 2 + 1, high.value)
        with code.loop(self.zero, self.results) as r, code.loop(r + 1, self.count) as k:
            low, high = (_get(code, ends, r * 2 + i) for i in range(2))
            begin, end = (_get(code, ends, k * 2 + i) for i in range(2))
            with code.when((begin < high) & (low < end)):
                self.refuse_when(k < self.results)
                alike = code.variable(self.width(r).equals(self.width(k)), "i1")
                data = [array_field(self.array(x), "data", "i64") for x in (r, k)]
                alike.value = alike.value & data[0].equals(data[1])
                with code.loop(self.zero, self.kept.value) as i:
                    alike.value = alike.value & self.step(r, i).equals(self.step(k, i))
                self.refuse_when(~alike.value)

    def sort(self) -> None:
        """The dimensions in the order of the first result's memory."""
        code = self.code
        with code.loop(code.integer(1), self.kept.value) as i:
            place = code.variable(i)
            with code.repeat() as search:
                at = place.value
                search.stop_unless(at > 0)
                search.stop_unless(self.step(self.zero, at - 1) < self.step(self.zero, at))
                self.exchange(at - 1, at)
                place.value -= 1

    def exchange(self, i: Value, j: Value) -> None:
        code = self.code
        a, b = self.size(i), self.size(j)
        _set(code, self.sizes, i, b)
        _set(code, self.sizes, j, a)
        with code.loop(self.zero, self.count) as k:
            x, y = self.step(k, i), self.step(k, j)
            self.set_step(k, i, y)
            self.set_step(k, j, x)

    def check_results(self) -> None:
        """No element of a result lies within another."""
        code = self.code
        with code.loop(self.zero, self.results) as r:
            inner = code.variable(self.width(r))
            with code.loop(self.zero, self.kept.value) as j:
                i = self.kept.value - 1 - j
                self.refuse_when(self.step(r, i) < inner.value)
                inner.value = self.step(r, i) * self.size(i)

    def merge(self) -> None:
        """Dimensions that lie behind each other in all operands become one; at least one is left."""
        code = self.code
        with code.when(self.kept.value.equals(0)):
            _set(code, self.sizes, 0, 1)
            with code.loop(self.zero, self.count) as k:
                self.set_step(k, self.zero, self.width(k))
            self.kept.value = code.integer(1)
        last = code.variable(0)
        with code.loop(code.integer(1), self.kept.value) as i:
            at, size = last.value, self.size(i)
            behind = code.variable(1, "i1")
            with code.loop(self.zero, self.count) as k:
                there = self.step(k, i) * size
                behind.value = behind.value & self.step(k, at).equals(there)
            now = choose(behind.value, at, at + 1)
            _set(code, self.sizes, now, choose(behind.value, self.size(at) * size, size))
            with code.loop(self.zero, self.count) as k:
                self.set_step(k, now, self.step(k, i))
            last.value = now
        self.kept.value = last.value + 1

    # ---------------------------------------------------------------------------- lines and blocks

    def choose_walk(self) -> None:
        code, frame = self.code, self.frame
        p = self.kept.value - 1
        self.staged, self.across = code.variable(0), code.variable(-1)
        self.narrow, self.wide = code.variable(64), code.variable(1)
        with code.loop(self.zero, self.count) as k:
            self.choose_kind(k, p)
        q = code.variable(choose(self.across.value < 0, p - 1, self.across.value))
        self.refuse_when(self.kept.value - 2 > MOST_OUTER)
        across = code.variable(1)
        with code.when(q.value >= 0):
            across.value = self.size(q.value)
        self.write_outer(p, q.value)
        length = self.size(p)
        _set(code, frame, Word.LENGTH, length)
        _set(code, frame, Word.ACROSS, across.value)
        self.write_blocks(length, across.value)

    def place(self, k: Value) -> Value:
        """Where operand k stands in the frame."""
        return self.frame.word(k * int(Part.SIZE) + int(Word.OPERANDS))

    def choose_kind(self, k: Value, p: Value) -> None:
        """What operand k does along p; of one that is staged, along which other dimension it is dense."""
        code, place = self.code, self.place(k)
        step, width = self.step(k, p), self.width(k)
        is_result = k < self.results
        no_still = (self.options & Option.NO_STILL).differs(0) | is_result
        still = choose(no_still, code.integer(STAGED), code.integer(STILL))
        kind = choose(
            step.equals(width), code.integer(MOVES),
            choose(step.equals(0), still, code.integer(STAGED)),
        )  # fmt: skip
        _set(code, place, Part.POINTER, array_field(self.array(k), "data", "i64"))
        _set(code, place, Part.KIND, kind)
        _set(code, place, Part.P, step)
        with code.when(kind.equals(STAGED)):
            self.staged.value = code.integer(1)
            self.narrow.value = smaller(self.narrow.value, width)
            self.wide.value = larger(self.wide.value, width)
            with code.loop(self.zero, p) as i:
                dense = self.step(k, i).equals(width) & (self.across.value < 0)
                self.across.value = choose(dense, i, self.across.value)

    def write_outer(self, p: Value, q: Value) -> None:
        code, frame = self.code, self.frame
        outer = code.variable(0)
        with code.loop(self.zero, self.count) as k:
            _set(code, self.place(k), Part.Q, 0)
        with code.loop(self.zero, p) as i, code.either(i.equals(q)) as (second, others):
            with second, code.loop(self.zero, self.count) as k:
                _set(code, self.place(k), Part.Q, self.step(k, i))
            with others:
                at = outer.value
                _set(code, frame, at + int(Word.SIZES), self.size(i))
                with code.loop(self.zero, self.count) as k:
                    _set(code, self.place(k), at + int(Part.OUTER), self.step(k, i))
                outer.value = at + 1
        _set(code, frame, Word.OUTER, outer.value)

    def write_blocks(self, length: Value, across: Value) -> None:
        """How many lines a row of the work has, and how much of them is computed at once."""
        code, frame = self.code, self.frame
        few = smaller(larger(quotient(code.integer(BLOCK), length), 1), across)
        lines, chunk = code.variable(few), code.variable(length)
        with code.when(self.staged.value.differs(0)):
            dense = self.across.value >= 0
            tall = larger(smaller(quotient(code.integer(LINE), self.narrow.value), LINE), 16)
            lines.value = smaller(choose(dense, tall, smaller(few, LINE)), across)
            room = choose(dense, (lines.value + 15) & -16, lines.value)
            scratch = self.options.down(Option.SCRATCH)
            fits = quotient(scratch, room * self.wide.value) & -16
            chunk.value = larger(smaller((length + 15) & -16, fits), 16)
        _set(code, frame, Word.LINES, lines.value)
        _set(code, frame, Word.CHUNK, chunk.value)
        blocks = quotient(across + lines.value - 1, lines.value)
        _set(code, frame, Word.BLOCKS, blocks)
        rows = code.variable(blocks)
        with code.loop(self.zero, _get(code, frame, Word.OUTER)) as i:
            rows.value *= _get(code, frame, i + int(Word.SIZES))
        _set(code, frame, Word.ROWS, rows.value)
