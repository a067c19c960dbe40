"""From an exported program's graph to an ONNX model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._version import __version__
from ..core.tensor import Tensor
from ..export import ExportedProgram
from ..export.graph_signature import InputKind
from ..fx.interpreter import Interpreter
from ..fx.node import Node, map_arg
from ..nn import Module
from . import operators  # noqa: F401  # fills the table
from .builder import INT64, TRANSLATIONS, Builder, Unsupported, Value, number_of, onnx
from .errors import UnsupportedOperatorError

VIEWS = frozenset(
    (
        *(
            "getitem",
            "view",
            "reshape",
            "flatten",
            "unflatten",
            "permute",
            "transpose",
            "squeeze",
            "unsqueeze",
        ),
        *(
            "expand",
            "expand_as",
            "view_as",
            "select",
            "narrow",
            "chunk",
            "split",
            "unbind",
            "t",
            "detach",
            "getattr",
        ),
        *("swapaxes", "movedim", "contiguous", "diagonal", "split_with_sizes", "tensor_split"),
    )
)
"""Functions whose results may be views of their first argument."""
_OPERATORS = ("and_", "or_", "not_", "__and__", "__or__", "__xor__")
_METHODS_OF = {"__getitem__": "getitem"}


class Translation:
    """One program that is being written.

    Args:
        program: The exported program.
        builder: Where it is written to.
        own: The program's own way of writing functions.
        axes: Names of open sizes by names of inputs and outputs.
    """

    def __init__(
        self,
        program: ExportedProgram,
        builder: Builder,
        own: dict[Callable, Callable],
        axes: dict[str, dict[int, str]],
    ) -> None:
        self.program, self.b, self.own, self.axes = program, builder, own, axes
        self.values: dict[Node, Any] = {}
        self.others = _with_other_sizes(program)
        self.missing: dict[str, str] = {}
        self.labels: dict[tuple[int, int], str] = {}

    def model(
        self, inputs: list[str], outputs: list[str], with_params: bool, params_as_inputs: bool
    ) -> Any:
        """The ONNX model.

        Raises:
            UnsupportedOperatorError: Operations that have no form there.
        """
        listed, parameters = self._inputs(inputs)
        results: list[Any] = []
        for node in self.program.graph.nodes:
            if node.op == "output":
                results = self._outputs(node, outputs)
            elif node.op != "placeholder":
                self._translate(node)
        if self.missing:
            self._report()
        graph_inputs = listed + (parameters if params_as_inputs or not with_params else [])
        return self._proto(graph_inputs, results, with_params)

    # -- inputs and outputs ------------------------------------------------------------------------

    def _inputs(self, names: list[str]) -> tuple[list[Any], list[Any]]:
        """The model's inputs; its parameters are constants of their own names."""
        listed, parameters = [], []
        given = iter(names)
        tensors = {**self.program.state_dict, **self.program.constants}
        specs = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = specs[node.name]
            if spec.kind is InputKind.USER_INPUT:
                value = node.meta.get("val")
                if not isinstance(value, Tensor):
                    self.values[node] = value
                    continue
                name = next(given, node.name)
                self.values[node] = Value(name, value.dtype, value, self.others.get(node))
                listed.append(self._described(self.values[node], name))
            else:
                held = self.b.constant(tensors[spec.target], name=spec.target)
                self.values[node] = held
                parameters.append(self._described(held, spec.target))
        return listed, parameters

    def _outputs(self, node: Node, names: list[str]) -> list[Any]:
        found: list[Any] = []
        taken = {value.name for value in self.values.values() if isinstance(value, Value)}
        for place, item in enumerate(_leaves(node.args)):
            value = self.values[item] if isinstance(item, Node) else item
            if value is None:
                continue
            value = self.b.tensor(value)
            name = names[place] if place < len(names) else getattr(item, "name", f"output_{place}")
            if name in taken:
                name = f"{name}_{place}"
            if not self.missing:
                self.b.nodes.append(onnx.helper.make_node("Identity", [value.name], [name]))
                found.append(self._described(value, name))
            taken.add(name)
        return found

    def _described(self, value: Value, name: str) -> Any:
        """Name, type and sizes, open ones by names."""
        example = value.example
        if not hasattr(example, "shape"):
            return onnx.helper.make_tensor_value_info(name, number_of(value.type), [])
        open_sizes = self.axes.get(name, {})
        sizes: list[Any] = []
        for d, n in enumerate(value.shape):
            if n is not None:
                sizes.append(n)
                continue
            pair = (example.shape[d], value.other.shape[d])
            label = open_sizes.get(d) or self.labels.get(pair) or self._label(value, d)
            self.labels.setdefault(pair, label)
            sizes.append(label)
        return onnx.helper.make_tensor_value_info(name, number_of(value.type), sizes)

    def _label(self, value: Value, d: int) -> str:
        return f"s{len(self.labels)}"

    # -- nodes -------------------------------------------------------------------------------------

    def _translate(self, node: Node) -> None:
        example, other = node.meta.get("val"), self.others.get(node)
        if isinstance(example, (int, float, bool)) and (other is None or other == example):
            self.values[node] = example
            return
        name = _METHODS_OF.get(_name(node), _name(node))
        args, kwargs = (map_arg(x, self.values.__getitem__) for x in (node.args, node.kwargs))
        if name == "getattr":
            name, args = args[1], args[:1]
        if node.op == "get_attr":
            held = getattr(self.program.graph_module, str(node.target))
            is_branch = isinstance(
                held, Module
            )  # of torch.cond, which is reported where it is called
            self.values[node] = held if is_branch else self.b.constant(held)
            return
        b = self.b
        b.out, b.called, b.prefix = (example, other), name, node.name
        if isinstance(example, int):
            self.values[node] = self._whole(node, name, args)
            return
        try:
            made = self._written(node, name, args, kwargs)
        except Unsupported as error:
            self.missing.setdefault(name, str(error))
            made = None
        except (AttributeError, TypeError, KeyError, NotImplementedError) as error:
            if not self.missing:
                self.missing.setdefault(name, f"called as it is here: {error}")
            made = None
        self._note(node, made, example, other)

    def _written(self, node: Node, name: str, args: tuple, kwargs: dict) -> Any:
        own = self.own.get(node.target) if callable(node.target) else None
        if own is not None:
            return own(self.b, *args, **kwargs)
        if name == "getitem" and isinstance(args[0], list):
            return args[0][args[1]]
        plain = name.rstrip("_") if name not in TRANSLATIONS else name
        write = TRANSLATIONS.get(name) or TRANSLATIONS.get(plain)
        if write is None:
            raise Unsupported("ONNX's operators have no such operation, or nobody wrote it yet")
        kwargs = {
            k: v for k, v in kwargs.items() if k not in ("device", "layout", "memory_format", "out")
        }
        writes = name == "setitem" or kwargs.get("inplace")
        writes = writes or (name.endswith("_") and name not in _OPERATORS)
        target = node.args[0] if node.args else None
        if not writes or not isinstance(target, Node):
            return write(self.b, *args, **kwargs)
        self._check_alone(node, target)
        made = write(self.b, *args, **kwargs)
        example, other = target.meta.get("val"), self.others.get(target)
        self.values[target] = self._known(
            made, example, other
        )  # who reads it from now on reads this
        return made

    def _check_alone(self, node: Node, target: Node) -> None:
        """Raises Unsupported where a write is to be seen through other views of the memory."""
        nodes = list(self.program.graph.nodes)
        later = set(nodes[nodes.index(node) + 1 :])
        waiting, seen = [target], {target}
        while waiting:
            near = waiting.pop()
            found = [n for n in near.users if _name(n) in VIEWS]
            if _name(near) in VIEWS and near.args and isinstance(near.args[0], Node):
                found.append(near.args[0])
            for item in found:
                if item not in seen and item not in later:
                    seen.add(item)
                    waiting.append(item)
        if any(user in later for item in seen - {target} for user in item.users):
            raise Unsupported(f"{node} writes to memory that another view of it shows later")

    def _note(self, node: Node, made: Any, example: Any, other: Any) -> None:
        """Keep what a node gives, with its examples."""
        if isinstance(example, (tuple, list)):
            parts = made if made is not None else [None] * len(example)
            others = other if other is not None else [None] * len(example)
            self.values[node] = [
                self._known(part, e, o) for part, e, o in zip(parts, example, others)
            ]
        else:
            self.values[node] = self._known(made, example, other)

    def _known(self, made: Any, example: Any, other: Any) -> Any:
        if not isinstance(example, Tensor):
            return made
        value = made if isinstance(made, Value) else Value("missing", example.dtype)
        fixed = Value(value.name, example.dtype, example, other)
        if value.type is not example.dtype and isinstance(made, Value):
            fixed = self.b.cast(Value(value.name, value.type, example, other), example.dtype)
            fixed.example, fixed.other = example, other
        return fixed

    def _whole(self, node: Node, name: str, args: tuple) -> Any:
        """A whole number that depends on an open size."""
        b = self.b
        if name == "size":
            found = b.size(args[0], args[1])
        elif name == "getitem":
            found = args[0][args[1]]
        else:
            operators_ = {
                "add": "Add",
                "sub": "Sub",
                "mul": "Mul",
                "floordiv": "Div",
                "mod": "Mod",
                "neg": "Neg",
            }
            operator = operators_.get(name)
            if operator is None:
                self.missing.setdefault(name, "of sizes that stay open")
                return 1
            operands = [x if isinstance(x, Value) else b.constant([x]) for x in args]
            found = b.emit(operator, *operands, kind=INT64)
        if isinstance(found, Value):
            found.example = node.meta["val"]
        return found

    # -- the end -----------------------------------------------------------------------------------

    def _report(self) -> None:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in sorted(self.missing.items()))
        raise UnsupportedOperatorError(
            f"torch.onnx.export: {len(self.missing)} operations of the module cannot be written for opset "
            f"{self.b.opset}:{lines}\ncustom_translation_table takes functions that write them"
        )

    def _proto(self, inputs: list[Any], outputs: list[Any], with_params: bool) -> Any:
        b = self.b
        nodes = _needed(b.nodes, {item.name for item in outputs})
        used = {name for node in nodes for name in node.input}
        own = {spec.target for spec in self.program.graph_signature.input_specs if spec.target}
        initializers = [
            proto
            for name, proto in b.initializers.items()
            if name in used and (with_params or name not in own)
        ]
        kept = {proto.name for proto in initializers} | used
        inputs = [item for item in inputs if item.name not in own or item.name in kept]
        graph = onnx.helper.make_graph(nodes, "main_graph", inputs, outputs, initializers)
        model = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", b.opset)],
            producer_name="flambeau",
            producer_version=__version__,
            ir_version=10 if b.opset <= 22 else 11,
        )
        onnx.checker.check_model(model)
        return model


def _needed(nodes: list[Any], wanted: set[str]) -> list[Any]:
    """The nodes that the outputs depend on, in order."""
    wanted, kept = set(wanted), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _name(node: Node) -> str:
    target: Any = node.target
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))


def _leaves(x: Any) -> list[Any]:
    from ..utils import _pytree as pytree

    return pytree.tree_leaves(x)


class _Recording(Interpreter):
    """Runs a graph and keeps what each node gives."""

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        self.seen[n] = result
        return result


def _with_other_sizes(program: ExportedProgram) -> dict[Node, Any]:
    """What each node gives with other open sizes; nothing where none stays open."""
    symbols = program.range_constraints
    if not symbols:
        return {}
    from .examples import other_inputs

    recording = _Recording(program.graph_module)
    recording.seen = {}
    tensors = {**program.state_dict, **program.constants}
    user = iter(other_inputs(program))
    given = [
        next(user) if spec.kind is InputKind.USER_INPUT else tensors[spec.target]
        for spec in program.graph_signature.input_specs
    ]
    from ..autograd.mode import no_grad

    with no_grad():
        recording.run(*given)
    return recording.seen
