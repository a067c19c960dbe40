"""export: a module's graph, with its parameters as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._caller import warn
from .._dynamo.exc import UserError
from ..compiler import exporting
from ..core.random.default import kept as generators_kept
from ..core.tensor import Tensor
from ..fx.experimental.proxy_tensor import PythonKeyTracer, finish, run_noting, unsaved_buffers
from ..fx.experimental.symbolic_shapes import (
    GuardOnDataDependentSymNode,
    Symbol,
    ValueRanges,
)
from ..fx.graph_module import GraphModule
from ..fx.interpreter import Interpreter
from ..fx.node import Node
from ..nn import Module
from ..utils import _pytree as pytree
from ._dims import AdditionalInputs, Dim, ShapesCollection, combined_args, leaf_shapes
from .call_spec import CallSpec, Checks, OpenSize
from .exported_program import ExportedProgram
from .graph_signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from .open_size import check_open, symbols_of

__all__ = ["decomposed", "draft_export", "export"]


def export(
    mod: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    strict: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> ExportedProgram:
    """The graph of what a module does with such arguments, with its parameters as arguments too.

    The module runs once, on copies of the arguments; its buffers are put back after that. Nodes call torch's
    functions and methods (`torch.fx.experimental.proxy_tensor`).

    Args:
        mod: The module.
        args, kwargs: Examples of what it is called with.
        dynamic_shapes: Which sizes stay open: for each argument, by name or in order, None or a dict of
            dimensions and `Dim`s. The graph is run with other sizes to see that they do.
        strict, prefer_deferred_runtime_asserts_over_guards: There is one way of tracing.
        preserve_module_call_signature: Not used: `unflatten` keeps paths of parameters only.

    Raises:
        ValueError: No module.
        UserError: `args` is no tuple, or a size that should stay open does not.
        GuardOnDataDependentSymNode: The module asks for a number of a tensor that depends on the arguments.

    Source: torch.export.export

    Example:
        >>> import flambeau as torch
        >>> linear = torch.nn.Linear(4, 2)
        >>> batch = torch.export.Dim("batch")
        >>> program = torch.export.export(linear, (torch.ones(3, 4),), dynamic_shapes=({0: batch},))
        >>> program.graph_signature.parameters
        ('weight', 'bias')
        >>> program.module()(torch.ones(5, 4)).shape
        torch.Size([5, 2])
    """
    return _exported(mod, args, kwargs or {}, dynamic_shapes, _refuse_value)


def draft_export(
    mod: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    preserve_module_call_signature: tuple[str, ...] = (),
    strict: bool = False,
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> ExportedProgram:
    """`export` that goes on where a program asks for a number of a tensor, and says so.

    The graph then holds only for arguments that give the same numbers. ``program._report`` has the places.

    Source: torch.export.draft_export
    """
    found: list[str] = []

    def note(name: str) -> None:
        found.append(name)
        warn(f"the graph keeps a number that the program took of a tensor with {name}")

    program = _exported(mod, args, kwargs or {}, dynamic_shapes, note)
    program._report = found  # type: ignore[attr-defined]
    return program


def _refuse_value(name: str) -> None:
    raise GuardOnDataDependentSymNode(
        f"Could not guard on data-dependent expression: the module asks for a number of a tensor ({name}), "
        "which depends on the arguments, so there is no one graph. Compute with tensors instead, for example "
        "torch.where in place of an if; or try draft_export, which keeps the number"
    )


def _exported(
    mod: Module, args: Any, kwargs: dict[str, Any], dynamic_shapes: Any, on_value: Callable
) -> ExportedProgram:
    if not isinstance(mod, Module):
        raise ValueError(f"Expected `mod` to be an instance of `torch.nn.Module`, got {type(mod)}.")
    if not isinstance(args, tuple):
        raise UserError(
            f"Expecting `args` to be a tuple of example positional inputs, got {type(args)}"
        )
    if isinstance(dynamic_shapes, (ShapesCollection, AdditionalInputs)):
        dynamic_shapes = dynamic_shapes.dynamic_shapes(mod, args, kwargs)
    combined = combined_args(mod, args, kwargs)
    if isinstance(dynamic_shapes, (tuple, list)):
        dynamic_shapes = dict(zip(combined, dynamic_shapes))
    if dynamic_shapes is not None and set(dynamic_shapes) <= set(combined):
        dynamic_shapes = {name: dynamic_shapes.get(name) for name in combined}
    wanted = leaf_shapes(dynamic_shapes, combined)
    tracing_of = _Tracing(mod, args, kwargs, combined, wanted, on_value)
    for weaken in (tracing_of.share_hinted, tracing_of.without_hints):
        try:
            return tracing_of.program()
        except UserError:
            if not weaken():
                raise
    return tracing_of.program()


class _Tracing:
    """The export of one module.

    Args:
        mod, args, kwargs: What is called.
        combined: All arguments by name.
        wanted: For each leaf, its open sizes by dimension.
        on_value: Called where the module asks for a number of a tensor.
    """

    def __init__(
        self,
        mod: Module,
        args: tuple,
        kwargs: dict[str, Any],
        combined: dict[str, Any],
        wanted: list[dict[int, Any]],
        on_value: Callable,
        run: Callable | None = None,
    ):
        self.mod, self.kwargs, self.combined, self.wanted = mod, kwargs, combined, wanted
        self.args, self.on_value = args, on_value
        self.run = mod if run is None else run
        self.shared = False
        ordered = {name: kwargs[name] for name in combined if name in kwargs}
        self.kwargs = {**ordered, **{k: v for k, v in kwargs.items() if k not in ordered}}
        self.leaves, self.in_spec = pytree.tree_flatten((args, self.kwargs))
        self.names = _leaf_names(combined)
        if len(self.names) != len(self.leaves):  # *args or **kwargs of the module
            self.names = [f"arg_{i}" for i in range(len(self.leaves))]
            self.wanted = (wanted + [{}] * len(self.leaves))[: len(self.leaves)]

    def share_hinted(self) -> bool:
        """From now on sizes that are open without a name are one where the example has them equal: the module may
        want them so. Are there any?"""
        self.shared = any(hasattr(d, "kind") for dims in self.wanted for d in dims.values())
        return self.shared

    def without_hints(self) -> bool:
        """From now on sizes that stay open only if they can do not. Are there any?"""
        kept = [
            {k: d for k, d in dims.items() if getattr(d, "kind", "") != "AUTO"}
            for dims in self.wanted
        ]
        weakened, self.wanted = kept != self.wanted, kept
        return weakened

    def program(self) -> ExportedProgram:
        """The exported program."""
        sizes, ranges = symbols_of(self.wanted, self.leaves, self.shared)
        tracer = PythonKeyTracer(bool(sizes), self.mod)
        tracer.record_stack_traces = True
        lifted = self._lift(tracer)
        copies = [_copy(leaf) for leaf in self.leaves]
        user: list[Any] = []
        for i, (name, leaf) in enumerate(zip(self.names, copies)):
            is_tensor = isinstance(leaf, Tensor)
            is_sized = is_tensor and any(size.leaf == i for size in sizes)
            node = tracer.placeholder(name, leaf, is_sized)
            if all(other is node or other.name != name for other in tracer.graph.nodes):
                node._name_exactly(name)
            user.append(
                TensorArgument(node.name) if is_tensor else ConstantArgument(node.name, leaf)
            )
        result = self._result(tracer, copies)
        outputs, out_spec = pytree.tree_flatten(result)
        nodes = [tracer.create_arg(x) for x in outputs]
        tracer.create_node("output", "output", (tuple(nodes),), {})
        constants = _lift_constants(self.mod, tracer, user, lifted)
        specs = lifted + [InputSpec(InputKind.USER_INPUT, arg, None) for arg in user]
        signature = ExportGraphSignature(specs, [_output_spec(n) for n in nodes])
        checks = self._checks(sizes)
        module = self._module(tracer)
        if sizes:
            check_open(self, module, len(lifted), lifted, sizes, ranges, constants)
        finish(tracer.graph)
        module.recompile()
        state: dict[str, Any] = dict(self.mod.named_parameters(remove_duplicate=False))
        unsaved = signature.non_persistent_buffers
        for path, buffer in self.mod.named_buffers(remove_duplicate=False):
            (constants if path in unsaved else state)[path] = buffer
        bounds = {Symbol(name): ValueRanges(*bound) for name, bound in ranges.items()}
        return ExportedProgram(
            *(module, signature, state, constants, bounds),
            *(CallSpec(self.in_spec, out_spec), checks, (self.args, self.kwargs)),
        )

    def _lift(self, tracer: PythonKeyTracer) -> list[InputSpec]:
        """Arguments of the graph for all parameters and buffers."""
        specs = []
        unsaved = unsaved_buffers(self.mod)
        for kind, mark, named in (
            (InputKind.PARAMETER, "p", self.mod.named_parameters(remove_duplicate=False)),
            (InputKind.BUFFER, "b", self.mod.named_buffers(remove_duplicate=False)),
        ):
            for path, value in named:
                node = tracer.placeholder(f"{mark}_{path.replace('.', '_')}", value, False)
                persistent = path not in unsaved if kind is InputKind.BUFFER else None
                specs.append(InputSpec(kind, TensorArgument(node.name), path, persistent))
        return specs

    def _result(self, tracer: PythonKeyTracer, leaves: list[Any]) -> Any:
        """What the module gives; its buffers and the random numbers are put back."""
        args, kwargs = pytree.tree_unflatten(leaves, self.in_spec)
        held = [(b, b.detach().clone()) for b in self.mod.buffers()]
        try:
            with generators_kept(), exporting():
                return run_noting(tracer, self.run, args, kwargs, self.on_value)
        finally:
            for buffer, value in held:
                if not _same(buffer, value):
                    buffer.data.copy_(value)

    def _checks(self, sizes: list[OpenSize]) -> Checks:
        shapes = [tuple(x.shape) if isinstance(x, Tensor) else None for x in self.leaves]
        values = [None if isinstance(x, Tensor) else x for x in self.leaves]
        return Checks(self.names, shapes, values, sizes, list(self.kwargs), list(self.combined))

    def _module(self, tracer: PythonKeyTracer) -> GraphModule:
        made = GraphModule(tracer.root, tracer.graph)
        made.training = self.mod.training
        return made


def _same(x: Any, y: Any) -> bool:
    from .. import equal  # type: ignore[attr-defined]

    return bool(equal(x, y))


def _copy(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    return leaf.detach().clone().requires_grad_(leaf.requires_grad)  # type: ignore[attr-defined]


def _leaf_names(combined: dict[str, Any]) -> list[str]:
    """The names of all leaves: "x", "x_0", "options_scale"."""
    names: list[str] = []
    for name, value in combined.items():
        for path, _ in pytree.tree_leaves_with_path(value):
            keys = (getattr(key, _KEYS[type(key)]) for key in path)
            names.append("_".join([name, *map(str, keys)]))
    return names


_KEYS: dict[Any, str] = {
    pytree.SequenceKey: "idx",
    pytree.MappingKey: "key",
    pytree.GetAttrKey: "name",
}


def _lift_constants(
    mod: Module, tracer: PythonKeyTracer, user: list[Any], lifted: list[InputSpec]
) -> dict[str, Any]:
    """Arguments in place of look-ups of constants; returns the constants by name.

    A constant that is an attribute of the module has its name.
    """
    known = {
        id(value): f"{path}.{name}".lstrip(".")
        for path, module in mod.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor)
    }
    constants: dict[str, Any] = {}
    first = next((n for n in tracer.graph.nodes if user and n.name == user[0].name), None)
    for node in list(tracer.graph.nodes):
        if node.op != "get_attr" or isinstance(getattr(tracer.root, str(node.target)), Module):
            continue  # the latter is a branch of torch.cond
        value = getattr(tracer.root, str(node.target))
        target = known.get(id(value)) or f"lifted_tensor_{len(constants.keys() - known.values())}"
        place = first or next(n for n in tracer.graph.nodes if n.op != "placeholder")
        with tracer.graph.inserting_before(place):
            made = tracer.graph.placeholder(f"c_{target.replace('.', '_')}")
        made.meta = node.meta
        node.replace_all_uses_with(made)
        tracer.graph.erase_node(node)
        constants[target] = value
        spec = InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(made.name), target)
        lifted.append(spec)
    return constants


def _output_spec(node: Any) -> OutputSpec:
    if isinstance(node, Node):
        return OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(node.name), None)
    return OutputSpec(OutputKind.USER_OUTPUT, ConstantArgument("", node), None)


def decomposed(program: ExportedProgram, table: dict[Any, Callable]) -> ExportedProgram:
    """A program whose functions are taken apart as a table says."""
    module = program.module(check_guards=False)

    class Apart(Interpreter):
        def call_function(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
            return table.get(target, target)(*args, **kwargs)

    def run(*args: Any, **kwargs: Any) -> Any:
        leaves = pytree.tree_leaves((args, kwargs))
        result = Apart(module, garbage_collect_values=False).run(
            *leaves, enable_io_processing=False
        )
        return pytree.tree_unflatten(result, program.call_spec.out_spec)

    args, kwargs = program.example_inputs or ((), {})
    combined = dict(zip(program._checks.arguments, (*args, *kwargs.values())))
    wanted: list[dict[int, Any]] = [{} for _ in program._checks.names]
    roots: dict[str, Dim] = {}
    for size in program._checks.sizes:
        bound = program.range_constraints[Symbol(size.symbol)]
        root = roots.setdefault(size.symbol, Dim(size.symbol, min=bound.lower, max=bound.upper))
        wanted[size.leaf][size.dim] = root * size.factor + size.shift
    return _Tracing(module, args, kwargs, combined, wanted, _refuse_value, run).program()
