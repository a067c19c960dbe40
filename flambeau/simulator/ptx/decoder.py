"""From a kernel's text to its plan: each instruction is looked at once, and executed often."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..memory import GARBAGE
from .body import Body, flattened
from .operation import INSTRUCTIONS, Operation, one, unsupported
from .parser import Instruction, Module, parse
from .plan import Block, Plan, alive, forget, in_order
from .storage import Storage, cast, is_register
from .variable import laid_out
from .warp import MASKS

_FLOW = ("bra", "brx", "ret", "exit", "trap", "brkpt")
_LONG = ("clock64", "globaltimer")


@lru_cache(512)
def plan(text: str, name: str) -> Plan:
    """The kernel of this name in a PTX text, decoded.

    Raises:
        KeyError: There is none.
        Unsupported: It has instructions that the simulator does not execute.
    """
    with _no_collection():
        module = parse(text)
        function = module.functions.get(name)
        if function is None or not function.is_kernel:
            raise KeyError(name)
        return _Decoder(module, flattened(module, function), name).plan(function.bound)


@contextmanager
def _no_collection() -> Iterator[None]:
    """What is made here stays: to look for garbage meanwhile takes as long as to decode."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


Item = list[Operation] | Instruction | str
"""What an instruction does, an instruction that says where to go on, or a label."""


def _item(item: Instruction | str) -> Item:
    if isinstance(item, str) or item.name in _FLOW:
        return item
    if item.name in ("bar", "barrier") and "warp" not in item.modifiers:
        if {*item.modifiers} - {"sync", "aligned", "cta"} or item.operands != ["0"]:
            raise unsupported(item)
        return item
    handler = INSTRUCTIONS.get(item.name)
    if handler is None:
        raise unsupported(item)
    return list(handler(item))


class _Decoder:
    def __init__(self, module: Module, body: Body, name: str):
        self.name, self.body = name, body
        self.layout = laid_out(body, module.variables)
        self.items = [_item(item) for item in body.items]
        found = (o for item in self.items if isinstance(item, list) for o in item)
        self.storage = Storage(found, body.widths)
        self.slots: dict[Any, int] = {}
        self.initial: list[Any] = []
        self.specials: dict[str, int] = {}
        self.symbols: dict[tuple[str, int], int] = {}
        self.parameters: dict[tuple[int, str], int] = {}
        self.casts: dict[int, dict[str, int]] = {}
        self.block = Block()

    def plan(self, bound: int) -> Plan:
        blocks = in_order(self.blocks())
        live = alive(blocks)
        made = {slot for block in blocks for outs, _ in block.touched for slot in outs}
        unwritten = {*live[0]}
        for key, slot in self.slots.items():
            if slot in unwritten and isinstance(key, str) and is_register(key):
                self.initial[slot] = _garbage(self.storage.kind(key))
        for block in blocks:
            forget(block, made, set().union(*(live[t] for t in block.targets)))
        return Plan(
            self.name,
            blocks,
            self.initial,
            [(slot, place, kind) for (place, kind), slot in self.parameters.items()],
            [(slot, name) for name, slot in self.specials.items()],
            [(slot, name, offset) for (name, offset), slot in self.symbols.items()],
            live,
            self.layout,
            bound,
        )

    # ----------------------------------------------------------------------------------- blocks

    def blocks(self) -> list[Block]:
        """The blocks as they stand in the text."""
        blocks = [self.block]
        labels: dict[str, int] = {}
        leads: list[tuple[int, list[str]]] = []

        def begin() -> None:
            if self.block.steps or self.block.end is not None or self.block.together is not None:
                self.block = Block()
                blocks.append(self.block)
                self.casts.clear()

        for item, source in zip(self.items, self.body.items, strict=True):
            if isinstance(item, str):
                begin()
                labels[item] = len(blocks) - 1
            elif isinstance(item, Instruction):
                leads.append((len(blocks) - 1, self.ended(item)))
                begin()
            else:
                assert isinstance(source, Instruction)
                if source.name in MASKS:
                    begin()
                    self.gather(source)
                for operation in item:
                    self.emit(operation)
        if blocks[-1].end is None:
            blocks[-1].last = "exit"
        for k, names in leads:
            blocks[k].targets = [labels[name] for name in names]
        for k, block in enumerate(blocks):
            falls = block.last == "next" and not block.targets
            if falls or block.last in ("if", "barrier"):
                block.targets.append(k + 1)
        return blocks

    def gather(self, source: Instruction) -> None:
        """The block begins when the threads that an instruction names are there."""
        which = MASKS[source.name]
        self.block.together = source
        if which is not None:
            self.block.mask = self.used(source.operands[which], "u4")

    def ended(self, item: Instruction) -> list[str]:
        """End the block; the labels that it leads to."""
        block = self.block
        block.end = item
        if item.guard:
            block.slot, block.negated = self.used(item.guard, "?"), item.negated
        if item.name == "bra":
            block.last = "if" if item.guard else "next"
            return [item.operands[0]]
        if item.name == "brx":
            block.last, block.slot = "table", self.used(item.operands[0], "u4")
            return item.targets
        block.last = {"bar": "barrier", "barrier": "barrier", "trap": "trap", "brkpt": "trap"}.get(
            item.name, "exit"
        )
        return []

    # ------------------------------------------------------------------------------------ steps

    def emit(self, operation: Operation) -> None:
        """Put an operation's step into the block, with casts before and behind it."""
        steps, after = self.block.steps, []
        kind = self.open_kind(operation) if operation.typed or _is_open(operation) else ""
        ins = [
            self.used(text, kind if k[0] in "nb" else k, operation.observes)
            for text, k in operation.ins
        ]
        outs = []
        for text, k in operation.outs:
            made = kind if k[0] in "nb" else k
            slot, held = self.written(text, made)
            if held != made:
                after.append((slot, cast(made, held, operation.computes)))
            outs.append(slot)
        self.block.touched.append((outs, ins))
        steps.append(operation.make(*([kind] if operation.typed else ()), *outs, *ins))
        for slot, change in after:
            self.block.touched.append(([slot], [slot]))
            steps.append(one(change)(slot, slot))

    def open_kind(self, operation: Operation) -> str:
        """The type that an operation's open ones stand for: what the first such register holds."""
        first = ""
        for text, kind in (*operation.outs, *operation.ins):
            if kind[0] not in "nb":
                continue
            first = first or f"u{kind[1]}"
            if is_register(text):
                held = self.storage.kind(text)
                is_fit = held[1:] == kind[1] and not (kind[0] == "n" and held[0] == "f")
                return held if is_fit else first
        return first

    def written(self, text: str, made: str) -> tuple[int, str]:
        """The register that a result goes to, and what it holds."""
        if text == "_":
            return self.fresh(), made
        slot = self.slot(text)
        self.block.writes.add(slot)
        self.casts.pop(slot, None)
        return slot, self.storage.kind(text)

    def used(self, text: str, kind: str, observes: bool = False) -> int:
        """Which register holds an operand as this type."""
        if is_register(text):
            slot, held = self.slot(text), self.storage.kind(text)
            if slot not in self.block.writes:
                self.block.reads.add(slot)
            seen = observes or held[0] == "f" != kind[0]
            return self.cast(slot, held, kind, seen and self.storage.is_computed(text))
        if text[0] == "%":
            slot = self.specials[text] = self.slot(text)
            self.block.reads.add(slot)
            return self.cast(slot, "u8" if any(name in text for name in _LONG) else "u4", kind)
        if "@" in text:
            name, _, offset = text.partition("@")
            place = self.layout.addresses[name] + int(offset)
            slot = self.parameters[place, kind] = self.slot((text, kind))
            return slot
        if text[0].isdigit() or text[0] == "-":
            return self.constant(text, kind)
        return self.cast(self.symbol(text), "i8", kind)

    # -------------------------------------------------------------------------------- registers

    def fresh(self) -> int:
        self.initial.append(None)
        return len(self.initial) - 1

    def slot(self, key: Any) -> int:
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = self.fresh()
        return found

    def constant(self, text: str, kind: str) -> int:
        value = _value(text, kind)
        slot = self.slot((value.tobytes(), kind))
        self.initial[slot] = value
        return slot

    def symbol(self, text: str) -> int:
        """The address of a variable."""
        name, _, offset = text.partition("+")
        slot = self.slot(("address", text))
        if name in self.layout.addresses:
            self.initial[slot] = np.int64(self.layout.addresses[name] + int(offset or 0))
        else:
            self.symbols[name, int(offset or 0)] = slot
        return slot

    def cast(self, slot: int, held: str, wanted: str, settles: bool = False) -> int:
        """The register with the words of another one as another type; made once a block."""
        if held == wanted and not settles:
            return slot
        made = self.casts.setdefault(slot, {})
        found = made.get(wanted)
        if found is None:
            found = made[wanted] = self.fresh()
            self.block.touched.append(([found], [slot]))
            self.block.steps.append(one(cast(held, wanted, settles))(found, slot))
        return found


def _is_open(operation: Operation) -> bool:
    return any(kind[0] in "nb" for _, kind in (*operation.outs, *operation.ins))


def _garbage(kind: str) -> Any:
    """What a register holds that is read before anything was written."""
    width = np.dtype(kind).itemsize
    return np.bool_(True) if kind == "?" else np.frombuffer(bytes([GARBAGE] * width), kind)[0]


@cache
def _value(text: str, kind: str) -> Any:
    """A constant."""
    dtype = np.dtype(kind)
    if text[:2] in ("0f", "0d", "0F", "0D"):
        width = 4 if text[1] in "fF" else 8
        bits = np.array(int(text[2:], 16), f"u{width}")
        return (bits.view(f"f{width}").astype(dtype) if dtype.kind == "f" else bits.astype(dtype))[
            ()
        ]
    number = int(text.rstrip("U"), 0)
    if dtype.kind == "b":
        return np.bool_(number)
    return np.array(number & (1 << 8 * dtype.itemsize) - 1, f"u{dtype.itemsize}").view(dtype)[()]


__all__ = ["plan"]
