"""From an exported program back to a module that holds its parameters."""

from __future__ import annotations

from typing import Any, NoReturn

from ..core.tensor import Tensor
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule, _assign_attr, _copy_attr
from ..fx.node import Node, map_arg
from ..fx.tree_codegen import _PyTreeCodeGen, _PyTreeInfo
from ..nn import Module
from .call_spec import Checks
from .graph_signature import InputKind, InputSpec


class GuardsFn(Module):
    """Checks what an exported program is called with.

    Args:
        checks: What it was exported with.
        ranges: Bounds of open sizes, by name.
    """

    def __init__(self, checks: Checks, ranges: dict[str, Any]):
        super().__init__()
        self.checks, self.ranges = checks, ranges

    def forward(self, *leaves: Any) -> None:
        """Check the leaves of the arguments.

        Raises:
            AssertionError: A size or a value is another than it may be.
        """
        checks = self.checks
        found: dict[str, int] = {}
        open_sizes = {(size.leaf, size.dim): size for size in checks.sizes}
        for i, (name, leaf) in enumerate(zip(checks.names, leaves)):
            shape = checks.shapes[i]
            if shape is None:
                _require(leaf == checks.values[i], f"{name} == {checks.values[i]!r}", leaf)
                continue
            if not isinstance(leaf, Tensor):
                raise AssertionError(f"Guard failed: {name} is no tensor but {type(leaf).__name__}")
            _require(leaf.ndim == len(shape), f"{name}.dim() == {len(shape)}", leaf.ndim)
            for dim, size in enumerate(shape):
                given = leaf.shape[dim]
                text = f"{name}.size()[{dim}]"
                if (i, dim) in open_sizes:
                    self._open(open_sizes[i, dim], text, given, found)
                else:
                    _require(given == size, f"{text} == {size}", given)

    def _open(self, size: Any, text: str, given: int, found: dict[str, int]) -> None:
        value, rest = divmod(given - size.shift, size.factor)
        _require(rest == 0, f"({text} - {size.shift}) % {size.factor} == 0", given)
        bounds = self.ranges[size.symbol]
        _require(
            value >= bounds.lower, f"{text} >= {bounds.lower * size.factor + size.shift}", given
        )
        if bounds.upper is not None:
            top = bounds.upper * size.factor + size.shift
            _require(value <= bounds.upper, f"{text} <= {top}", given)
        if size.symbol in found:
            wanted = found[size.symbol] * size.factor + size.shift
            _require(given == wanted, f"{text} == {wanted}", given)
        found[size.symbol] = value


def _require(holds: Any, text: str, given: Any) -> None:
    if not holds:
        raise AssertionError(f"Guard failed: {text} (the call has {given})")


class _ExportedModule(GraphModule):
    """What `ExportedProgram.module` makes."""

    _keywords: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if sorted(kwargs) != sorted(self._keywords):
            raise ValueError(
                f"Ran into a kwarg keyword mismatch: Got the following keywords {list(kwargs)} but "
                f"expected {self._keywords}"
            )
        return super().__call__(*args, **kwargs)

    def train(self, mode: bool = True) -> NoReturn:
        """The graph is that of the mode that it was exported in.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"Calling {'train' if mode else 'eval'}() is not supported yet: the graph has the mode that "
            "the module was exported in. Export it again in the other one"
        )

    def eval(self) -> NoReturn:
        """See `train`."""
        self.train(False)


def held(program: Any, spec: InputSpec) -> Any:
    """What a lifted argument stands for."""
    target = str(spec.target)
    return program.state_dict[target] if target in program.state_dict else program.constants[target]


def module_of(program: Any, check_guards: bool) -> GraphModule:
    """The module of a program."""
    root, graph = Module(), Graph()
    specs = program.graph_signature.input_specs
    values: dict[Node, Node] = {}
    placeholders = [n for n in program.graph.nodes if n.op == "placeholder"]
    lifted = [(n, s) for n, s in zip(placeholders, specs) if s.kind is not InputKind.USER_INPUT]
    given = [n for n, s in zip(placeholders, specs) if s.kind is InputKind.USER_INPUT]
    for node in given:
        values[node] = graph.node_copy(node)
    for node, spec in lifted:
        _assign_attr(held(program, spec), root, str(spec.target))
        _mark_unsaved(root, spec)
        if node.users:
            values[node] = graph.get_attr(str(spec.target))
            values[node].meta = node.meta.copy()
    if check_guards:
        root._guards_fn = GuardsFn(program._checks, program.range_constraints)
        graph.call_module("_guards_fn", tuple(values[n] for n in given))
    for node in program.graph.nodes:
        if node.op == "get_attr":  # a branch of torch.cond
            _copy_attr(program.graph_module, root, str(node.target))
        if node.op == "output":
            graph.output(map_arg(node.args[0], lambda n: values[n]))
        elif node.op != "placeholder":
            values[node] = graph.node_copy(node, lambda n: values[n])
    info = _PyTreeInfo(["self", *program._checks.arguments], *program.call_spec)
    graph.set_codegen(_PyTreeCodeGen(info))
    made = _ExportedModule(root, graph)
    for spec in (s for _, s in lifted):
        if not hasattr(made, str(spec.target).partition(".")[0]) or spec.target not in _paths(made):
            _assign_attr(held(program, spec), made, str(spec.target))
        _mark_unsaved(made, spec)
    made.__dict__["_keywords"] = program._checks.keywords
    made.__dict__["training"] = program.graph_module.training
    return made


def _mark_unsaved(root: Module, spec: InputSpec) -> None:
    if spec.kind is InputKind.CONSTANT_TENSOR or spec.persistent is False:
        place, _, name = str(spec.target).rpartition(".")
        root.get_submodule(place)._non_persistent_buffers_set.add(name)


def _paths(module: Module) -> set[str]:
    return {name for name, _ in (*module.named_parameters(), *module.named_buffers())}


__all__ = ["GuardsFn", "held", "module_of"]
