"""A kernel decoded: blocks of steps, registers by number, and where branches lead.

Each register holds words of one type, chosen by how it is used most, so that steps rarely look at words as another type; where
they must, a cast is put between. GPUs make one NaN of all, and processors another: it is put right where its bits are seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from . import access, tensor_core, warp  # noqa: F401 - what instructions do
from .body import SPECIAL, Body, flattened
from .operation import INSTRUCTIONS, Operation, Step, Unsupported, one
from .parser import Instruction, Module, parse

_WHOLE_WARP = warp.MASKS
_WIDE_SPECIALS = ("clock64", "globaltimer")


@dataclass(slots=True)
class Block:
    """Instructions that are executed one after the other.

    Attributes:
        last: What comes at its end: "next", "if", "table", "barrier" or "exit".
        slot: The predicate, or the number of the table's entry.
        targets: Where it leads; the last one is what follows in the text.
        mask: The register that says which threads of a warp must begin together, if any must; `together`: all of them.
    """

    steps: list[Step] = field(default_factory=list)
    last: str = "next"
    slot: int = -1
    negated: bool = False
    targets: list[int] = field(default_factory=list)
    together: Instruction | None = None
    mask: int = -1
    end: Instruction | None = None


@dataclass(slots=True)
class Plan:
    """What the grid executes."""

    name: str
    blocks: list[Block]
    initial: list[Any]
    parameters: list[tuple[int, int, str]]
    layout: tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]
    specials: list[tuple[int, str]]
    symbols: list[tuple[int, str, int]]
    live: list[list[int]]
    shared: list[tuple[int, int]]
    shared_size: int
    grain: int
    local_size: int
    is_dynamic: bool
    bound: int


@cache
def plan(text: str, name: str) -> Plan:
    """The kernel of this name in a PTX text, decoded.

    Raises:
        KeyError: There is none.
        Unsupported: It has instructions that the simulator does not execute.
    """
    module = parse(text)
    function = module.functions.get(name)
    if function is None or not function.is_kernel:
        raise KeyError(name)
    return _Decoder(module, flattened(module, function), name, function.bound).plan()


class _Decoder:
    def __init__(self, module: Module, body: Body, name: str, bound: int):
        self.module, self.body, self.name, self.bound = module, body, name, bound
        self.slots: dict[Any, int] = {}
        self.initial: list[Any] = []
        self.specials: list[tuple[int, str]] = []
        self.symbols: list[tuple[int, str, int]] = []
        self.parameters: list[tuple[int, int, str]] = []
        self.offsets, sizes = _laid_out([(p.name, p.size, p.align) for p in body.parameters])
        types = tuple(p.type for p in body.parameters)
        self.layout = (tuple(self.offsets.values()), tuple(sizes), types)
        self.place_variables()
        self.operations: list[list[Operation] | Instruction | str] = [
            self.operation(item) for item in body.items
        ]
        self.storage = _Storage(self)
        self.casts: dict[tuple[int, str], int] = {}

    # ------------------------------------------------------------------------------- variables

    def place_variables(self) -> None:
        variables = [*self.module.variables, *self.body.variables]
        used = _names(self.body)
        shared = [
            v for v in variables if v.space == "shared" and v.name in used and not v.is_dynamic
        ]
        local = [v for v in variables if v.space == "local"]
        self.shared, sizes = _laid_out([(v.name, v.size, v.align) for v in shared])
        self.local, local_sizes = _laid_out([(v.name, v.size, v.align) for v in local])
        dynamic = [v for v in variables if v.is_dynamic and v.name in used]
        self.shared_size = _rounded(sum_of(self.shared, shared), 16)
        self.ranges = [(self.shared[v.name], self.shared[v.name] + v.size) for v in shared]
        self.shared |= {v.name: self.shared_size for v in dynamic}
        self.is_dynamic = bool(dynamic)
        self.local_size = _rounded(sum_of(self.local, local), 16)

    def grain(self) -> int:
        """The smallest access that may go to shared memory."""
        sizes = [16]
        for item in self.body.items:
            if isinstance(item, Instruction) and item.name in ("ld", "st", "atom", "red"):
                if not {"global", "param", "local", "const"} & {*item.modifiers}:
                    sizes.append(access.WIDTHS[item.modifiers[-1]])
        return min(sizes)

    # ----------------------------------------------------------------------------- instructions

    def operation(self, item: Instruction | str) -> list[Operation] | Instruction | str:
        """What an instruction does; itself, if it says where to go on."""
        if isinstance(item, str) or item.name in ("bra", "brx", "ret", "exit", "trap", "brkpt"):
            return item
        if item.name in ("bar", "barrier") and "warp" not in item.modifiers:
            if {*item.modifiers} - {"sync", "aligned", "cta"} or item.operands != ["0"]:
                raise Unsupported(f"the simulator does not execute {item.text!r}")
            return item
        handler = INSTRUCTIONS.get(item.name)
        if handler is None:
            raise Unsupported(f"{self.name}: the simulator does not execute {item.text!r}")
        return list(handler(item))

    # -------------------------------------------------------------------------------- registers

    def slot(self, key: Any, value: Any = None) -> int:
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = len(self.initial)
            self.initial.append(value)
        return found

    def read(self, text: str, kind: str, steps: list[Step], observes: bool) -> int:
        """Which register holds an operand as this type."""
        if text[0] in "%" and not SPECIAL.match(text):
            return self.cast(
                self.slot(text),
                self.storage.kind(text),
                kind,
                steps,
                observes and self.storage.is_computed(text),
            )
        if text[0] == "%":
            wide = any(name in text for name in _WIDE_SPECIALS)
            own, slot = "u8" if wide else "u4", self.slot(text)
            if (slot, text) not in self.specials:
                self.specials.append((slot, text))
            return self.cast(slot, own, kind, steps)
        if "@" in text:
            return self.parameter(text, kind, steps)
        if text[0].isdigit() or text[0] == "-":
            return self.constant(text, kind)
        return self.cast(self.symbol(text), "i8", kind, steps)

    def parameter(self, text: str, kind: str, steps: list[Step]) -> int:
        name, _, offset = text.partition("@")
        if name not in self.offsets:  # a called function's
            return self.cast(self.slot(text), self.storage.kind(text), kind, steps)
        slot = self.slot((text, kind))
        entry = (slot, self.offsets[name] + int(offset), kind)
        if entry not in self.parameters:
            self.parameters.append(entry)
        return slot

    def constant(self, text: str, kind: str) -> int:
        dtype = np.dtype(kind)
        if text[:2] in ("0f", "0d", "0F", "0D"):
            value = np.array(int(text[2:], 16), f"u{4 if text[1] in 'fF' else 8}").view(
                f"f{4 if text[1] in 'fF' else 8}"
            )
            value = (
                value.astype(dtype)
                if dtype.kind == "f"
                else value.view(f"u{value.itemsize}").astype(dtype)
            )
        elif dtype.kind == "b":
            value = np.array(int(text, 0) != 0)
        else:
            word = int(text.rstrip("U"), 0) & (1 << 8 * dtype.itemsize) - 1
            value = np.array(word, f"u{dtype.itemsize}").view(dtype)
        return self.slot((value.tobytes(), dtype.str), value[()])

    def symbol(self, text: str) -> int:
        """The address of a variable."""
        name, _, offset = text.partition("+")
        space = {**self.shared, **self.local, **self.offsets}
        if name in space:
            return self.slot(("address", text), np.int64(space[name] + int(offset or 0)))
        slot = self.slot(("address", text))
        if (slot, name, int(offset or 0)) not in self.symbols:
            self.symbols.append((slot, name, int(offset or 0)))
        return slot

    def cast(
        self, slot: int, held: str, wanted: str, steps: list[Step], settles: bool = False
    ) -> int:
        """The number of a register with the words of another one as another type."""
        if held == wanted and not settles:
            return slot
        key = (slot, wanted)
        found = self.casts.get(key)
        if found is None:
            self.initial.append(None)
            found = self.casts[key] = len(self.initial) - 1
            steps.append(one(_cast(held, wanted, settles))(found, slot))
        return found

    # ------------------------------------------------------------------------------------ steps

    def emit(self, operation: Operation, steps: list[Step]) -> None:
        kind = self.open_kind(operation)
        ins = [
            self.read(
                text,
                kind if k[0] in "nb" else k,
                steps,
                operation.observes or self.bits(text, kind if k[0] in "nb" else k),
            )
            for text, k in operation.ins
        ]
        outs, after = [], []
        for text, k in operation.outs:
            made = kind if k[0] in "nb" else k
            outs.append(self.written(text, made, after, operation.computes))
        steps.append(operation.make(*([kind] if operation.typed else []), *outs, *ins))
        steps += after

    def bits(self, text: str, kind: str) -> bool:
        """Are a float's bits looked at?"""
        return (
            text[0] == "%"
            and not SPECIAL.match(text)
            and self.storage.kind(text)[0] == "f" != kind[0]
        )

    def open_kind(self, operation: Operation) -> str:
        """The type that an operation's open ones stand for."""
        listed = [*operation.outs, *operation.ins]
        for text, kind in listed:
            if kind[0] in "nb" and (
                (text[0] == "%" and not SPECIAL.match(text))
                or ("@" in text and text.partition("@")[0] not in self.offsets)
            ):
                held = self.storage.kind(text)
                if int(held[1:] or 1) != int(kind[1]):
                    return f"u{kind[1]}"
                return f"u{kind[1]}" if kind[0] == "n" and held[0] == "f" else held
        return next((f"u{kind[1]}" for _, kind in listed if kind[0] in "nb"), "")

    def written(self, text: str, made: str, after: list[Step], computed: bool) -> int:
        if text == "_":
            self.initial.append(None)
            return len(self.initial) - 1
        slot = self.slot(text)
        for key in [key for key in self.casts if key[0] == slot]:
            del self.casts[key]
        held = self.storage.kind(text)
        if held == made:
            return slot
        self.initial.append(None)
        after.append(
            one(_cast(made, held, computed and made[0] == "f"))(slot, len(self.initial) - 1)
        )
        return len(self.initial) - 1

    # ----------------------------------------------------------------------------------- blocks

    def plan(self) -> Plan:
        blocks, labels = self.blocks()
        blocks, order = _ordered(blocks, labels)
        uses = self.used
        return Plan(
            self.name,
            blocks,
            self.initial,
            self.parameters,
            self.layout,
            self.specials,
            self.symbols,
            _live(blocks, [uses[k] for k in order]),
            self.ranges,
            self.shared_size,
            self.grain(),
            self.local_size,
            self.is_dynamic,
            self.bound,
        )

    def blocks(self) -> tuple[list[Block], dict[str, int]]:
        """The blocks as they stand in the text, and which ones labels stand before."""
        blocks, labels = [Block()], {}
        self.used: list[tuple[set[int], set[int]]] = [(set(), set())]
        waiting: list[tuple[Block, list[str]]] = []
        is_open = False  # has the last block anything in it?

        def begin() -> None:
            nonlocal is_open
            if is_open:
                blocks.append(Block())
                self.used.append((set(), set()))
                self.casts.clear()
            is_open = False

        for item, source in zip(self.operations, self.body.items, strict=True):
            if isinstance(item, str):
                begin()
                labels[item] = len(blocks) - 1
                continue
            if isinstance(item, Instruction):
                waiting += self.ended(blocks[-1], item)
                is_open = True
                begin()
                continue
            assert isinstance(source, Instruction)
            if source.name in _WHOLE_WARP:
                begin()
                self.gathered(blocks[-1], source)
            for operation in item:
                self.note(operation, *self.used[-1])
                self.emit(operation, blocks[-1].steps)
            is_open = True
        if blocks[-1].last == "next":
            blocks[-1].last = "exit"
        for block, names in waiting:
            block.targets = [labels[name] for name in names]
        for k, block in enumerate(blocks):
            if block.last in ("next", "if", "barrier"):
                block.targets.append(k + 1) if not (
                    block.last == "next" and block.targets
                ) else None
        return blocks, labels

    def gathered(self, block: Block, source: Instruction) -> None:
        block.together = source
        which = _WHOLE_WARP[source.name]
        if which is not None:
            text = source.operands[which]
            block.mask = self.read(text, "u4", block.steps, False)
            if text[0] == "%":
                self.used[-1][0].add(self.slot(text))

    def ended(self, block: Block, item: Instruction) -> Iterator[tuple[Block, list[str]]]:
        """A block's end."""
        block.end = item
        if item.guard:
            block.slot, block.negated = self.slot(item.guard), item.negated
            self.used[-1][0].add(block.slot) if block.slot not in self.used[-1][1] else None
        if item.name == "bra":
            block.last = "if" if item.guard else "next"
            yield block, [item.operands[0]]
        elif item.name == "brx":
            block.last = "table"
            block.slot = self.read(item.operands[0], "u4", block.steps, False)
            slot = self.slot(item.operands[0])
            if slot not in self.used[-1][1]:
                self.used[-1][0].add(slot)
            yield block, item.targets
        elif item.name in ("bar", "barrier"):
            block.last = "barrier"
        else:
            block.last = "trap" if item.name in ("trap", "brkpt") else "exit"

    def note(self, operation: Operation, reads: set[int], writes: set[int]) -> None:
        """Which registers a block reads before it writes them, and which it writes."""
        for text, _ in operation.ins:
            if text[0] == "%" or "@" in text:
                slot = self.slot(text)
                if slot not in writes:
                    reads.add(slot)
        for text, _ in operation.outs:
            if text != "_":
                writes.add(self.slot(text))


class _Storage:
    """Which type of words each register holds, and where NaNs may be a processor's."""

    def __init__(self, decoder: _Decoder):
        self.widths = decoder.body.widths
        self.votes: dict[str, Counter[str]] = {}
        self.parent: dict[str, str] = {}
        self.computed: set[str] = set()
        self.kept: dict[str, str] = {}
        self.parameters = decoder.offsets
        operations = [o for item in decoder.operations if isinstance(item, list) for o in item]
        for operation in operations:
            self.vote(operation)
        self.spread(operations)

    def is_register(self, text: str) -> bool:
        if text[0] == "%":
            return not SPECIAL.match(text)
        return "@" in text and text.partition("@")[0] not in self.parameters

    def vote(self, operation: Operation) -> None:
        linked = []
        for text, kind in [*operation.outs, *operation.ins]:
            if not self.is_register(text):
                continue
            if "@" in text:
                self.widths.setdefault(text, int(kind[1:] or 1))
            if kind[0] == "b" and len(kind) > 1:
                linked.append(text)
            elif kind != "?":
                weight = 1 if kind[0] == "n" else 2
                self.votes.setdefault(self.root(text), Counter())[kind.replace("n", "u")] += weight
        for text in linked[1:]:
            self.join(linked[0], text)

    def root(self, text: str) -> str:
        while (up := self.parent.get(text, text)) != text:
            text = up
        return text

    def join(self, a: str, b: str) -> None:
        a, b = self.root(a), self.root(b)
        if a != b and self.width(a) == self.width(b):
            self.parent[b] = a
            if b in self.votes:
                self.votes.setdefault(a, Counter()).update(self.votes.pop(b))

    def spread(self, operations: list[Operation]) -> None:
        """Floats that arithmetic made, and copies of them."""
        count = -1
        while count != len(self.computed):
            count = len(self.computed)
            for o in operations:
                open_ones = [text for text, kind in o.ins if kind[0] == "b"]
                if o.computes or self.computed.intersection(open_ones):
                    self.computed.update(text for text, _ in o.outs)

    def is_computed(self, text: str) -> bool:
        return text in self.computed and self.kind(text)[0] == "f"

    def width(self, text: str) -> int:
        if "@" in text:
            return self.widths[text]
        return (
            self.widths[text]
            if text in self.widths
            else self.widths.get(text.rstrip("0123456789"), 1)
        )

    def kind(self, text: str) -> str:
        found = self.kept.get(text)
        if found is None:
            found = self.kept[text] = self.chosen(text)
        return found

    def chosen(self, text: str) -> str:
        width = self.width(text)
        if width == 1:
            return "?"
        votes = self.votes.get(self.root(text), {})
        fitting = [(count, kind) for kind, count in votes.items() if int(kind[1:]) == width]
        return max(fitting)[1] if fitting else f"u{width}"


def _cast(held: str, wanted: str, settles: bool) -> Callable[[Any], Any]:
    """Words of one type as another; longer ones extended by the sign of what they were."""
    source, target = np.dtype(held), np.dtype(wanted)
    change: Callable[[Any], Any] = lambda x: x.view(target)  # noqa: E731
    if source.itemsize != target.itemsize:
        short = np.dtype(f"{'i' if source.kind == 'i' else 'u'}{source.itemsize}")
        long = np.dtype(f"{short.kind}{target.itemsize}")
        change = lambda x: x.view(short).astype(long).view(target)  # noqa: E731
    elif source == target:
        change = lambda x: x  # noqa: E731
    if not settles or source.kind != "f":
        return change
    nan = np.array(
        {2: 0x7FFF, 4: 0x7FFFFFFF, 8: 0xFFF8 << 48}[source.itemsize], f"u{source.itemsize}"
    )
    settled = nan.view(source)[()]

    def settle(x: Any) -> Any:
        odd = x != x
        if odd.any():
            x = np.where(odd, settled, x)[()]
        return change(x)

    return settle


def _names(body: Body) -> set[str]:
    """All names of variables that instructions mention."""
    import re

    text = " ".join(" ".join(i.operands) for i in body.items if isinstance(i, Instruction))
    return {*re.findall(r"[a-zA-Z_$][\w$.]*", text)}


def _rounded(size: int, to: int) -> int:
    return -(-size // to) * to


def _laid_out(items: Iterable[tuple[str, int, int]]) -> tuple[dict[str, int], list[int]]:
    """Where variables lie, one behind the other."""
    places, end, sizes = {}, 0, []
    for name, size, align in items:
        end = _rounded(end, align)
        places[name] = end
        end += size
        sizes.append(size)
    return places, sizes


def sum_of(places: dict[str, int], variables: Iterable[Any]) -> int:
    return max((places[v.name] + v.size for v in variables), default=0)


# ------------------------------------------------------------------------------ order and life


def _ordered(blocks: list[Block], labels: dict[str, int]) -> tuple[list[Block], list[int]]:
    """The blocks so that, but for loops, all lead onward; those that nothing leads to are gone."""
    done: list[int] = []
    seen = {0}
    stack = [(0, iter(sorted(blocks[0].targets, reverse=True)))]
    while stack:
        k, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(sorted(blocks[target].targets, reverse=True))))
                break
        else:
            done.append(k)
            stack.pop()
    order = done[::-1]
    number = {k: n for n, k in enumerate(order)}
    for k in order:
        blocks[k].targets = [number[t] for t in blocks[k].targets]
    return [blocks[k] for k in order], order


def _live(blocks: list[Block], uses: list[tuple[set[int], set[int]]]) -> list[list[int]]:
    """The registers that each block or those behind it may read as they are when it begins."""
    live = [set(reads) for reads, _ in uses]
    changed = True
    while changed:
        changed = False
        for k in range(len(blocks) - 1, -1, -1):
            after = set().union(*(live[t] for t in blocks[k].targets))
            more = after - uses[k][1] - live[k]
            if more:
                live[k] |= more
                changed = True
    return [sorted(found) for found in live]


__all__ = ["Block", "Plan", "plan"]
