"""The fast path of a rule operation: its usual call and its backward, written out from its signature.

`Operation.general` and `RuleNode.backward` take any call; they walk lists of operands and fill dictionaries.
Nearly all calls give one array of the first operand's kind. For that case a function is written for
each set of operands that are there (others are None), and a node class whose backward calls the
rule with what it asks for. Operations with several results have a function that makes tensors of them and
records these. Whatever is different is handed to the general path before anything was done, or with
the values that were computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ..._source import Source, listed
from ...autograd import node as node_module
from ...autograd.mode import mode
from ...autograd.node import next_sequence
from ...autograd.record import record_lines, tell_watchers
from ...autograd.report import check_versions
from ...autograd.saved import saved_attributes
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY, FLOAT
from ...core.kind import kind_of
from ...core.limit import EXCEEDED, reworded
from ...core.tensor import wrap
from ...formula.quiet import restore, silence, silent
from ..arguments import written
from ..remembered import lookup
from .rule_node import NODE_SLOTS


@lru_cache(1024)
def of_dtype(kind: Any, dtype: Any) -> Any:
    """The kind of another array dtype, on the same device."""
    return kind_of(BY_NUMPY[dtype], kind.device)


class Patterns(dict):
    """The function for each tuple that says which operands are there, written when first asked for."""

    def __init__(self, operation: Any, like: Callable, base: type):
        self.operation, self.like, self.base = operation, like, base

    def __missing__(self, present: tuple[bool, ...]) -> Callable:
        made = self[present] = _Written(self.operation, present).call(self.like, self.base)
        return made


class Several(dict):
    """For a number of results: what makes tensors of them."""

    def __init__(self, written: _Written, like: Callable, base: type):
        self.written, self.like, self.base = written, like, base

    def __missing__(self, count: int) -> Callable:
        made = self[count] = self.written.several(count, self.like, self.base)
        return made


class Noted(dict):
    """For the operands that are there: what records that the first one was written to."""

    def __init__(self, operation: Any, base: type):
        self.operation, self.base = operation, base

    def __missing__(self, present: tuple[bool, ...]) -> Callable:
        made = self[present] = _Written(self.operation, present).noted(self.base)
        return made


def write_fast_path(operation: Any, node: type, like: Callable) -> None:
    """Give an operation a class of its own, which has the written call.

    Args:
        node: The class of the nodes of rule operations.
        like: Makes a tensor of any array, on the device of a tensor.
    """
    cls = type(operation)
    if operation.variadic:
        call = cls.__call__
    else:
        patterns = Patterns(operation, like, node)
        call = patterns[(True,) * len(operation.operands)]
        operation.patterns = patterns
        operation.noted = Noted(operation, node)
    if operation.moves:
        call = _remembered(operation, call)
    operation.__class__ = type(cls.__name__, (cls,), {"__call__": call, "__slots__": ()})


def _remembered(operation: Any, call: Callable) -> Callable:
    """The call of an operation that only moves elements, which looks for a case first::

    def roll(self, x, shifts, dims):
        case = find(token, x, shifts, dims)
        if case is not None: return case(x)
        return study(lambda x: call(self, x, shifts, dims), token, (x, shifts, dims), x)
    """
    source = Source(f"{operation.name} by cases", call=call)
    lookup(source)
    options = ", ".join(list(operation.arguments)[len(operation.operands) :])
    moved = operation.operands[0]
    head = ", ".join(["self", moved, *written(operation.defaults, source)])
    with source.block(f"def {operation.name}({head}):"):
        source(f"""
            case = find(token, {moved}, {options})
            if case is not None: return case({"*" * operation.variadic}{moved})
            return study(lambda {moved}: call(self, {moved}, {options}), token, ({moved}, {options}), {moved})
            """)
    return source.function(operation.name)


class _Written:
    """Writes the functions of an operation where the `present` operands are there.

    In them v0, v1, ... are the arrays of the results and r0, r1, ... their tensors; a0, a1, ... are the arrays
    of the operands and n0, n1, ... their nodes, by the operands' places.
    """

    def __init__(self, operation: Any, present: tuple[bool, ...]):
        self.operation, self.present = operation, present
        self.names = operation.operands
        self.options = list(operation.arguments)[len(self.names) :]
        self.there = [i for i, here in enumerate(present) if here]
        self.wanted = " or ".join(f"n{i} is not None" for i in self.there)
        self.title = f"{operation.name}({', '.join(self.names[i] for i in self.there)})"
        self.keeps = [
            (name, operand, output)
            for name, operand, output in operation.keeps
            if (present[operand] if operand is not None else output is not None or name == "y")
        ]
        """What the rule asks to be kept, and which operand or output that is."""

    def or_none(self, letter: str) -> list[str]:
        """The arrays or nodes of all operands."""
        return [f"{letter}{i}" if here else "None" for i, here in enumerate(self.present)]

    def call(self, like: Callable, base: type) -> Callable:
        """``__call__(self, *operands, *options)``.

        For ``roll(x, shifts, dims)``::

            def roll(self, x, shifts, dims):
                try:
                    a0, n0 = x._array, x._node
                    kind = x._kind
                except AttributeError:
                    return self.general((x,), (shifts, dims))
                token = silence(silent)
                try:
                    v0 = self.compute(a0, shifts, dims)
                except EXCEEDED as error:
                    raise reworded(error) from None
                finally:
                    restore(token)
                if v0.__class__ is tuple:
                    return several[len(v0)](v0, x, shifts, dims)
                if v0.__class__ is not ndarray: return self.finish(v0, (x,), (shifts, dims))
                if v0.dtype is not kind.numpy: kind = of_dtype(kind, v0.dtype)
                r0 = handle.make(v0, kind, None, [0], None)
                if (n0 is not None) and mode.recording and kind.dtype.category >= FLOAT:
                    node = make_node((n0,), ...)
                    r0._node = node
                    if mode.watchers: tell_watchers(node, (r0,))
                return r0
        """
        operation, names, options = self.operation, self.names, self.options
        source = Source(
            self.title, handle=handle, _mode=mode, ndarray=np.ndarray, silence=silence,
            restore=restore, silent=silent, next_sequence=next_sequence, tell_watchers=tell_watchers,
            EXCEEDED=EXCEEDED, reworded=reworded, of_dtype=of_dtype,
            several=Several(self, like, base),
        )  # fmt: skip
        signature = [*names, *written(operation.defaults, source)]
        given, all_given = f"{listed(names)}, {listed(options)}", ", ".join([*names, *options])
        with source.block(f"def {operation.name}(self, {', '.join(signature)}):"):
            if all(self.present) and len(names) > 1:
                found = listed(f"{name} is not None" for name in names)
                with source.block(f"if {' or '.join(f'{name} is None' for name in names[1:])}:"):
                    source(f"return self.patterns[{found}](self, {all_given})")
            with source.block("try:"):
                for i in self.there:
                    source(f"a{i}, n{i} = {names[i]}._array, {names[i]}._node")
                source(f"kind = {names[0]}._kind")
            source(f"""
                except AttributeError:
                    return self.general({given})
                token = silence(silent)
                try:
                    v0 = self.compute({", ".join([*self.or_none("a"), *options])})
                except EXCEEDED as error:
                    raise reworded(error) from None
                finally:
                    restore(token)
                if v0.__class__ is tuple:
                    return several[len(v0)](v0, {all_given})
                if v0.__class__ is not ndarray: return self.finish(v0, {given})
                if v0.dtype is not kind.numpy: kind = of_dtype(kind, v0.dtype)
                r0 = handle.make(v0, kind, None, [0], None)
                """)
            if self.differentiable(1):
                with source.block(
                    f"if ({self.wanted}) and _mode.recording and kind.dtype.category >= {FLOAT}:"
                ):
                    self.make_node(source, 1)
                    source(record_lines("r0", "_mode"))
                source.scope["make_node"] = self.first_node(source.scope, base)
            source("return r0")
        return source.function(operation.name)

    def first_node(self, scope: dict[str, Any], base: type, count: int = 1) -> Callable:
        """Makes a node, and before that its class: when something is first recorded."""

        def make_node(*values: Any) -> Any:
            kernels.enabled()  # so that the constructor is a native one
            cls = self.node_class(base, count)
            scope["make_node"] = make = kernels.constructor(cls, *NODE_SLOTS)
            return make(*values)

        return make_node

    def several(self, count: int, like: Callable, base: type) -> Callable:
        """``f(_values, *operands, *options)``: the tensors of several results, recorded if that is wanted.

        For ``sort(x, dim)``, whose first result has a gradient::

            def sort(_values, x, dim):
                v0, v1, = _values
                kind = x._kind
                if v0.__class__ is not ndarray: r0 = like(v0, x)
                elif v0.dtype is kind.numpy: r0 = handle.make(v0, kind, None, [0], None)
                else: r0 = handle.make(v0, of_dtype(kind, v0.dtype), None, [0], None)
                ... and r1
                a0, n0 = x._array, x._node
                if (n0 is not None) and mode.recording:
                    if not (r0._kind.dtype.category >= FLOAT):
                        record_any((r0, r1), (x,), (n0,), (dim,))
                        return (r0, r1)
                    node = make_node((n0,), ...)
                    r0._node = node_module.make_port(node, 0, v0.shape, r0._kind)
                    if mode.watchers: tell_watchers(node, (r0, r1))
                return (r0, r1)
        """
        operation, names = self.operation, self.names
        results, outputs = listed(f"r{i}" for i in range(count)), self.differentiable(count)
        source = Source(
            f"{self.title} results", handle=handle, _mode=mode, ndarray=np.ndarray,
            next_sequence=next_sequence, like=like, of_dtype=of_dtype, node_module=node_module,
            record_any=operation.record, tell_watchers=tell_watchers,
        )  # fmt: skip
        source.scope["make_node"] = self.first_node(source.scope, base, count)
        with source.block(f"def {operation.name}(_values, {', '.join([*names, *self.options])}):"):
            source(f"{listed(f'v{i}' for i in range(count))} = _values")
            source(f"kind = {names[0]}._kind")
            for i in range(count):
                source(f"""
                    if v{i}.__class__ is not ndarray: r{i} = like(v{i}, {names[0]})
                    elif v{i}.dtype is kind.numpy: r{i} = handle.make(v{i}, kind, None, [0], None)
                    else: r{i} = handle.make(v{i}, of_dtype(kind, v{i}.dtype), None, [0], None)
                    """)
            if outputs:
                for i in self.there:
                    source(f"a{i}, n{i} = {names[i]}._array, {names[i]}._node")
                floating = " and ".join(f"r{i}._kind.dtype.category >= {FLOAT}" for i in outputs)
                tensors, nodes, options = (
                    listed(names),
                    listed(self.or_none("n")),
                    listed(self.options),
                )
                with source.block(f"if ({self.wanted}) and _mode.recording:"):
                    source(f"""
                        if not ({floating}):
                            record_any({results}, {tensors}, {nodes}, {options})
                            return {results}
                        """)
                    self.make_node(source, count)
                    for i in outputs:
                        source(
                            f"r{i}._node = node_module.make_port(node, {i}, v{i}.shape, r{i}._kind)"
                        )
                    source(f"if _mode.watchers: tell_watchers(node, {results})")
            source(f"return {results}")
        return source.function(operation.name)

    def noted(self, base: type) -> Callable:
        """``f(r0, *operands, *options)``: r0 shows the memory of the first operand, which was written to.

        For ``put(x, values, key)``, whose rule asks for no operand::

            def put(r0, x, values, key):
                a0, n0 = x._array, x._node
                a1, n1 = values._array, values._node
                v0 = r0._array
                node = make_node((n0, n1), ...)
                r0._node = node
                if mode.watchers: tell_watchers(node, (r0,))
        """
        operation, names = self.operation, self.names
        source = Source(
            f"{self.title} written",
            _mode=mode,
            next_sequence=next_sequence,
            tell_watchers=tell_watchers,
        )
        with source.block(f"def {operation.name}({', '.join(['r0', *names, *self.options])}):"):
            for i in self.there:
                source(f"a{i}, n{i} = {names[i]}._array, {names[i]}._node")
            source("v0 = r0._array")
            self.make_node(source, 1)
            source(record_lines("r0", "_mode"))
        source.scope["make_node"] = self.first_node(source.scope, base)
        return source.function(operation.name)

    def differentiable(self, count: int) -> list[int]:
        """The outputs that have a gradient if they are floating."""
        some = self.operation.differentiable
        return [i for i in range(count) if some is None or i in some]

    def make_node(self, source: Source, count: int) -> None:
        """Lines that make `node`.

        For ``mm(x, y)``, whose rule asks for both and for what needs a gradient::

            c0 = x._cell
            c1 = y._cell
            node = make_node(
                (n0, n1), (a0, a1), (c0, c1), (c0[0], c1[0]),
                next_sequence(), v0.shape, r0._kind, None, None, range(2),
                {'needs': (n0 is not None, n1 is not None)},
                [('x', n0, x._kind), ('y', n1, y._kind)],
            )
        """
        kept = [self.found(operand, output, count) for _, operand, output in self.keeps]
        cells = [f"c{i}" for i in range(len(kept))]
        for cell, (tensor, _, _) in zip(cells, kept):
            source(f"{cell} = {tensor}._cell")
        saved, versions = listed(array for _, _, array in kept), listed(f"{c}[0]" for c in cells)
        shape = (
            "v0.shape" if count == 1 else listed(f"(v{i}.shape, r{i}._kind)" for i in range(count))
        )
        origins = ", ".join(
            f"({name!r}, {edge}, {tensor}._kind)"
            for (name, _, _), (tensor, edge, _) in zip(self.keeps, kept)
        )
        source(f"""
            node = make_node(
                {listed(self.or_none("n"))}, {saved}, {listed(cells)}, {versions},
                next_sequence(), {shape}, r0._kind, None, None, range({len(kept)}),
                {{{", ".join(self.facts())}}},
                [{origins}],
            )
            """)

    def found(self, operand: int | None, output: int | None, count: int) -> tuple[str, str, str]:
        """The tensor, edge and array of what is kept; see `Operation.kept`."""
        if operand is not None:
            return self.names[operand], f"n{operand}", f"a{operand}"
        edge = "'y'" if count == 1 else output if output in self.differentiable(count) else None
        return f"r{output or 0}", f"{edge}", f"v{output or 0}"

    def facts(self) -> list[str]:
        """The node's options, and what the rule asks to know of the operands besides their values."""
        operation = self.operation
        facts = [f"{name!r}: {name}" for name in self.options]
        for i, (name, ask) in enumerate(zip(self.names, operation.asks_shapes)):
            if not self.present[i]:
                facts.append(f"{name!r}: None")
            elif ask:
                facts.append(f"{ask!r}: a{i}.shape")
        if "needs" in operation.asks:
            needs = (
                f"n{i} is not None" if here else "False" for i, here in enumerate(self.present)
            )
            facts.append(f"'needs': {listed(needs)}")
        return facts

    def node_class(self, base: type, count: int) -> type:
        """The class of the nodes of such calls."""
        operation = self.operation
        made: dict[str, Any] = {"__slots__": (), "operation": operation, "outputs": count}
        made.update(saved_attributes(operation.saved_names))
        if operation.rule is not None and (count == 1 or count == len(operation.outputs)):
            made["backward"] = self.backward(base, count)
        return type(operation.node_name, (base,), made)

    def backward(self, base: Any, count: int) -> Callable:
        """``backward(self, g)``: the rule on what it asks for; g is a list where there are several results.

        For ``mm(x, y)``::

            def backward(self, g):
                ... the versions are looked at
                s, o, r = self.saved, self.options, self.origins
                parts = self.operation.rule(wrap(g, self.kind), wrap(s[0], r[0][2]), wrap(s[1], r[1][2]), o['needs'])
                ... their arrays
        """
        places = {name: i for i, (name, _, _) in enumerate(self.keeps)}
        outputs = {f"g_{name}": i for i, name in enumerate(self.operation.outputs)}

        def asked(name: str) -> str:
            if name == "g":
                return "wrap(g, self.kind)"
            if count > 1 and name in outputs:
                i = outputs[name]
                return f"(None if g[{i}] is None else wrap(g[{i}], self.shape[{i}][1]))"
            i = places.get(name)
            return f"o[{name!r}]" if i is None else f"wrap(s[{i}], r[{i}][2])"

        source = Source(
            f"{self.title} backward",
            check_versions=check_versions,
            wrap=wrap,
            general=base.backward,
        )
        with source.block("def backward(self, g):"):
            source(f"""
                for cell, version in zip(self.cells, self.versions):
                    if cell[0] != version:
                        check_versions(self)
                if self.notes is not None:  # what was saved may have to be unpacked
                    return general(self, g)
                s, o, r = self.saved, self.options, self.origins
                parts = self.operation.rule({", ".join(map(asked, self.operation.asks))})
                if parts.__class__ is tuple or parts.__class__ is list:
                    return [None if part is None else part._array for part in parts]
                return [None if parts is None else parts._array]
                """)
        return source.function("backward")
