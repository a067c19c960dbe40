"""From a graph to the text of a Python function."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .argument import base_types
from .naming import Namespace, is_ours, qualified_name, torch_path, type_repr
from .node import Node
from .shape_text import shape_text

__all__ = ["CodeGen", "PythonCode", "inplace_methods", "magic_methods", "reflectable_magic_methods"]

reflectable_magic_methods = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "floordiv": "{} // {}",
    "truediv": "{} / {}",
    "div": "{} / {}",
    "mod": "{} % {}",
    "pow": "{} ** {}",
    "lshift": "{} << {}",
    "rshift": "{} >> {}",
    "and_": "{} & {}",
    "or_": "{} | {}",
    "xor": "{} ^ {}",
    "getitem": "{}[{}]",
    "matmul": "{} @ {}",
}
magic_methods = {
    "eq": "{} == {}",
    "ne": "{} != {}",
    "lt": "{} < {}",
    "gt": "{} > {}",
    "le": "{} <= {}",
    "ge": "{} >= {}",
    "pos": "+{}",
    "neg": "-{}",
    "invert": "~{}",
    **reflectable_magic_methods,
}
inplace_methods = {
    "iadd": "{} += {}",
    "iand": "{} &= {}",
    "ifloordiv": "{} //= {}",
    "ilshift": "{} <<= {}",
    "imod": "{} %= {}",
    "imul": "{} *= {}",
    "imatmul": "{} @= {}",
    "ior": "{} |= {}",
    "ipow": "{} **= {}",
    "irshift": "{} >>= {}",
    "isub": "{} -= {}",
    "itruediv": "{} /= {}",
    "ixor": "{} ^= {}",
    "setitem": "{}[{}] = {}",
}


@dataclass
class PythonCode:
    """The text of a function, and what the names in it mean.

    Attributes:
        src: The text.
        globals: The names that it uses, and their values.
        _lineno_map: For lines of the text, counted from its ``def``, the place of their node in the graph.
        _prologue_start: The line of the ``def``.
    """

    src: str
    globals: dict[str, Any]
    _lineno_map: dict[int, int | None] | None = None
    _prologue_start: int = 0


def known_globals() -> dict[str, tuple[str, Any]]:
    """Names that generated code always has: the import that makes each, and its value."""
    import flambeau

    from . import _pytree as fx_pytree

    found = {
        "inf": ("from math import inf", float("inf")),
        "nan": ("from math import nan", float("nan")),
        "NoneType": ("NoneType = type(None)", type(None)),
        "torch": ("import torch", flambeau),
        "device": ("from torch import device", flambeau.device),
        "fx_pytree": ("import torch.fx._pytree as fx_pytree", fx_pytree),
    }
    try:
        from ..utils import _pytree as pytree
    except ImportError:
        return found
    return {**found, "pytree": ("import torch.utils._pytree as pytree", pytree)}


class CodeGen:
    """Writes a graph as a function. Subclass it, and give it to `Graph.set_codegen`, to write another.

    Source: torch.fx.CodeGen
    """

    def __init__(self) -> None:
        self._body_transformer: Callable[[list[str]], list[str]] | None = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The function's first line, and lines that take its arguments apart.

        Args:
            free_vars: The arguments, with annotations and defaults.
            maybe_return_annotation: "" or " -> type".
        """
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def {self._func_name}({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Any, *args: Any, **kwargs: Any) -> str:
        """The line that returns the outputs."""
        return f"return {repr_argument(output_args)}"

    def process_inputs(self, *args: Any) -> Any:
        """What the graph's placeholders get, from what the function is called with."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What the function returns, from the graph's output."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Names that the lines of `gen_fn_def` and `generate_output` use."""
        return []

    def _gen_python_code(
        self,
        nodes: Iterable[Node],
        root_module: str,
        namespace: Namespace,
        *,
        verbose: bool = False,
        include_stride: bool = False,
        include_device: bool = False,
        colored: bool = False,
        **kwargs: Any,
    ) -> PythonCode:
        return _Writer(
            self, list(nodes), root_module, namespace, verbose, include_stride, include_device
        ).written()


class _Writer:
    """One writing of a graph."""

    def __init__(
        self,
        codegen: CodeGen,
        nodes: list[Node],
        root: str,
        namespace: Namespace,
        verbose: bool,
        include_stride: bool,
        include_device: bool,
    ):
        self.codegen, self.nodes, self.root, self.namespace = codegen, nodes, root, namespace
        self.verbose = verbose
        self.include_stride, self.include_device = include_stride, include_device
        self.globals: dict[str, Any] = {}
        self.known = known_globals()
        self.wrapped: dict[str, None] = {}
        self.arguments: list[str] = []
        self.body: list[str] = []
        self.returned = ""
        self.last_uses = _last_uses(nodes)
        self.said = ""

    def written(self) -> PythonCode:
        for name, value in self.codegen.additional_globals():
            self.add_global(name, value)
        for index, node in enumerate(self.nodes):
            if self.verbose:
                self.body.append(self._told(node))
            self.body.append(f"# COUNTER: {index}\n")
            self._write(node)
        body = self.body
        if not any(line and not line.startswith("# COUNTER") for line in body):
            body = ["pass\n"]
        if self.codegen._body_transformer is not None:
            body = self.codegen._body_transformer(body)
        wraps = ""
        if self.wrapped:
            self.globals.setdefault("torch", self.known["torch"][1])
            wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{x}")' for x in self.wrapped)
        prologue = self.codegen.gen_fn_def(self.arguments, self.returned)
        start = len(wraps.splitlines()) + 3
        lines, places = _without_counters(prologue, body)
        text = f"\n{wraps}\n\n{prologue}\n" + "\n".join(f"    {line}" for line in lines)
        return PythonCode(text, self.globals, places, start)

    # -------------------------------------------------------------------------------------- names

    def add_global(self, hint: str, obj: Any) -> str:
        """The name of a value in the text."""
        if hint in self.known and self.known[hint][1] is obj:
            self.globals[hint] = obj
            return hint
        if is_ours(obj) and self.known["device"][1] is not obj:
            name = qualified_name(obj)
            self.globals.setdefault("torch", self.known["torch"][1])
            if name.startswith("torch.") and _means(name, obj, self.globals["torch"]):
                return name
        name = hint.replace(".", "_")
        if name in self.globals and self.globals[name] is obj:
            return name
        name = self.namespace.create_name(name, obj if _is_hashable(obj) else None)
        self.globals[name] = obj
        return name

    def annotation(self, obj: Any) -> str:
        if obj == ():
            return "()"
        if isinstance(obj, str):  # an annotation that was postponed
            return repr(obj)
        text = type_repr(obj)
        origin = getattr(obj, "__origin__", None)
        if isinstance(obj, types.UnionType):
            return " | ".join(self.annotation(item) for item in obj.__args__)
        if origin is None:
            return self.add_global(text, obj)
        if isinstance(origin, type):
            inside = ", ".join(self.annotation(item) for item in obj.__args__)
            return f"{self.add_global(type_repr(origin), origin)}[{inside}]" if inside else text
        inside = ", ".join(self.annotation(item) for item in obj.__args__)
        name = f"typing.{getattr(origin, '_name', None) or 'Any'}"
        return f"{self.add_global(name, origin)}[{inside}]"

    def argument(self, arg: Any) -> str:
        return repr_argument(arg, self)

    def arguments_text(self, args: tuple, kwargs: dict) -> str:
        items = [self.argument(a) for a in args]
        return ", ".join(items + [f"{k} = {self.argument(v)}" for k, v in kwargs.items()])

    # -------------------------------------------------------------------------------------- lines

    def _write(self, node: Node) -> None:
        note = "" if node.type is None else f" : {self.annotation(node.type)}"
        if node.op == "placeholder":
            self._placeholder(node, note)
            return
        if node.op == "output":
            if node.type is not None:
                self.returned = f" -> {self.annotation(node.type)}"
            self.argument(node.args)  # notes the names that its text uses
            self.body.append(self.codegen.generate_output(node.args[0]) + "\n")
            return
        if self.verbose and not note:
            note = self._shape(node)
        self.body.append(self._line(node, note) + self._forgotten(node))

    def _placeholder(self, node: Node, note: str) -> None:
        if self.verbose:
            note = note or self._shape(node)
        default = f" = {self.argument(node.args[0])}" if node.args else ""
        target = str(node.target)
        self.arguments.append(f"{target}{note}{default}")
        raw = target.replace("*", "")
        if raw != repr(node):
            self.body.append(f"{node!r} = {raw}\n")

    def _line(self, node: Node, note: str) -> str:
        target: Any = node.target
        args, kwargs = node.args, node.kwargs
        head = f"{node!r}{note} = "
        if node.op == "call_method":
            owner = _attribute(self.argument(args[0]), target)
            return f"{head}{owner}({self.arguments_text(args[1:], kwargs)})"
        if node.op == "get_attr":
            return head + _attribute(self.root, target)
        if node.op == "call_module":
            return f"{head}{_attribute(self.root, target)}({self.arguments_text(args, kwargs)})"
        return self._call(node, head)

    def _call(self, node: Node, head: str) -> str:
        target: Any = node.target
        args, kwargs = node.args, node.kwargs
        if getattr(target, "__module__", None) == "_operator" and not kwargs:
            name = target.__name__
            if name in magic_methods:
                return head + magic_methods[name].format(*map(self.argument, args))
            if name in inplace_methods:
                change = inplace_methods[name].format(*map(self.argument, args))
                return f"{change};  {head}{self.argument(args[0])}"
        name = qualified_name(target)
        if name.startswith("operator."):
            name = f"_{name}"  # the module that defines it
        if name == "builtins.getattr" and len(args) == 2 and not kwargs and _is_name(args[1]):
            return head + _attribute(self.argument(args[0]), args[1])
        called = self.add_global(name.removeprefix("builtins."), target)
        if node.meta.get("is_wrapped"):
            self.wrapped.setdefault(called)
        return f"{head}{called}({self.arguments_text(args, kwargs)})"

    def _forgotten(self, node: Node) -> str:
        """What sets the values to None that nobody needs after this line."""
        done = self.last_uses.get(node, [])
        if not node.users:
            done = [*done, node]
        if not done:
            return "\n"
        return f";  {' = '.join(map(repr, done))} = None\n"

    # ---------------------------------------------------------------------------- what passes know

    def _shape(self, node: Node) -> str:
        text = shape_text(node, self.include_stride, self.include_device)
        return f': "{text}"' if text else ""

    def _told(self, node: Node) -> str:
        """A comment that says where the program made the node, if that changed."""
        if node.op in ("placeholder", "output"):
            return ""
        said = "# No stacktrace found for following nodes"
        if node.stack_trace:
            said = _last_frame(node.stack_trace)
        if said == self.said:
            return ""
        first, self.said = not self.said, said
        return f"{'' if first or said.startswith('# No') else chr(10)}{said}\n"


def _without_counters(prologue: str, body: list[str]) -> tuple[list[str], dict[int, int | None]]:
    """The lines of the body, and for each, counted from the ``def``, the place of its node."""
    lines: list[str] = []
    places: dict[int, int | None] = {}
    here, offset = None, len(prologue.splitlines()) - 1
    for line in "".join(body).split("\n"):
        if line.startswith("# COUNTER: "):
            here = int(line.removeprefix("# COUNTER: "))
            continue
        lines.append(line)
        places[len(lines) + 1 + offset] = here
    return lines, places


def _last_frame(trace: str) -> str:
    """The last place of a stack trace as a comment."""
    lines = [line.strip() for line in trace.strip().splitlines() if line.strip()]
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].startswith('File "'):
            file, _, rest = lines[i].removeprefix('File "').partition('", line ')
            number, _, name = rest.partition(", in ")
            code = lines[i + 1] if i + 1 < len(lines) else ""
            return f"# File: {file}:{number} in {name}, code: {code}"
    return "# " + (lines[-1] if lines else "")


def _last_uses(nodes: list[Node]) -> dict[Node, list[Node]]:
    """For each node, those that no node after it uses."""
    seen: set[Node] = set()
    found: dict[Node, list[Node]] = {}
    for node in reversed(nodes):
        if node.op != "output":
            for used in node.all_input_nodes:
                if used not in seen:
                    found.setdefault(node, []).append(used)
        seen.update(node.all_input_nodes)
    return found


def _attribute(base: str, target: str) -> str:
    """``base.a.b``, with getattr for parts that are no names."""
    for part in target.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base


def _is_name(x: Any) -> bool:
    return isinstance(x, str) and x.isidentifier()


def _means(name: str, obj: Any, torch: Any) -> bool:
    """Does this dotted name, looked up in torch, give the object?"""
    value = torch
    for part in name.split(".")[1:]:
        value = getattr(value, part, None)
    return value is obj


def _is_hashable(obj: Any) -> bool:
    try:
        hash(obj)
    except TypeError:
        return False
    return True


def repr_argument(arg: Any, writer: _Writer | None = None) -> str:
    """A value as an expression of the text."""
    if isinstance(arg, Node):
        return repr(arg)
    if isinstance(arg, tuple) and hasattr(arg, "_fields"):
        name = torch_path(f"{type(arg).__module__}.{type(arg).__qualname__}")
        if writer is not None:
            name = writer.add_global(name, type(arg))
        return f"{name}({', '.join(repr_argument(a, writer) for a in arg)})"
    if isinstance(arg, tuple):
        items = [repr_argument(a, writer) for a in arg]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if isinstance(arg, list):
        return f"[{', '.join(repr_argument(a, writer) for a in arg)}]"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{k!r}: {repr_argument(v, writer)}" for k, v in arg.items()) + "}"
    if isinstance(arg, slice):
        parts = (repr_argument(a, writer) for a in (arg.start, arg.stop, arg.step))
        return f"slice({', '.join(parts)})"
    if writer is None:
        return str(arg) if type(arg).__name__ == "dtype" else repr(arg)
    return _constant(arg, writer)


def _constant(arg: Any, writer: _Writer) -> str:
    """A plain value, whose names are noted as globals."""
    if isinstance(arg, enum.Enum):
        kind = type(arg)
        return f"{writer.add_global(torch_path(f'{kind.__module__}.{kind.__qualname__}'), kind)}.{arg.name}"
    text = repr(arg)
    if (isinstance(arg, float) and arg != arg) or arg in (float("inf"), -float("inf")):
        name = text.lstrip("-")
        writer.globals[name] = float(name)
        return text
    if isinstance(arg, type) or (callable(arg) and not isinstance(arg, base_types)):
        return writer.add_global(qualified_name(arg), arg)
    head = text.partition("(")[0]
    if head in writer.known and head != text:
        writer.globals.setdefault(head, writer.known[head][1])
    if text.startswith("torch."):
        writer.globals.setdefault("torch", writer.known["torch"][1])
    return text
