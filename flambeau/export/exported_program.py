"""ExportedProgram: a module's graph, with its parameters as arguments, and what they are.

Source: torch.export.exported_program
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ..core.tensor import Tensor
from ..fx.experimental.symbolic_shapes import Symbol, ValueRanges
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule
from ..nn import Parameter
from ._unlift import module_of
from .call_spec import CallSpec, Checks, ModuleCallEntry, ModuleCallSignature
from .graph_signature import ExportGraphSignature

__all__ = ["ExportedProgram", "ModuleCallEntry", "ModuleCallSignature", "default_decompositions"]


class CustomDecompTable(dict[Any, Callable]):
    """What functions are taken apart into: functions by functions.

    Source: torch.export.CustomDecompTable
    """

    def copy(self) -> CustomDecompTable:
        """Another table of the same functions."""
        return CustomDecompTable(self)

    def materialize(self) -> dict[Any, Callable]:
        """A plain dict of it."""
        return dict(self)


def default_decompositions() -> CustomDecompTable:
    """The functions that are taken apart by default: none, graphs call what flambeau's kernels compute.

    Source: torch.export.default_decompositions
    """
    return CustomDecompTable()


class ExportedProgram:
    """What `torch.export.export` gives: a graph with parameters as arguments. `module` makes a module of it.

    Attributes:
        graph_module: The graph as a module of all arguments.
        graph_signature: What the arguments and results are.
        state_dict: The parameters and persistent buffers.
        constants: Other tensors that the graph needs.
        range_constraints: For the names of open sizes, their bounds.
        call_spec: The nestings of arguments and results.

    Source: torch.export.ExportedProgram
    """

    def __init__(
        self,
        graph_module: GraphModule,
        graph_signature: ExportGraphSignature,
        state_dict: dict[str, Any],
        constants: dict[str, Any],
        range_constraints: dict[Symbol, ValueRanges],
        call_spec: CallSpec,
        checks: Checks,
        example_inputs: tuple[tuple, dict[str, Any]] | None = None,
    ):
        self.graph_module, self.graph_signature = graph_module, graph_signature
        self.state_dict, self.constants = state_dict, constants
        self.range_constraints, self.call_spec = range_constraints, call_spec
        self._checks, self.example_inputs = checks, example_inputs
        signature = ModuleCallSignature([], [], *call_spec, checks.arguments)
        self.module_call_graph = [ModuleCallEntry("", signature)]

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.graph_module.graph

    @property
    def tensor_constants(self) -> dict[str, Any]:
        """Tensors that are neither parameters nor persistent buffers."""
        return self.constants

    @property
    def dialect(self) -> str:
        """Whose functions the graph calls."""
        return "FLAMBEAU"

    def parameters(self) -> Iterator[Parameter]:
        """The parameters."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths."""
        for path in self.graph_signature.parameters:
            yield path, self.state_dict[path]

    def buffers(self) -> Iterator[Tensor]:
        """The buffers."""
        for _, buffer in self.named_buffers():
            yield buffer

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths."""
        unsaved = self.graph_signature.non_persistent_buffers
        for path in self.graph_signature.buffers:
            yield path, (self.constants if path in unsaved else self.state_dict)[path]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A program is not called itself.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "Unable to call ExportedProgram directly. You should use `exported_program.module()` instead."
        )

    def module(self, check_guards: bool = True) -> GraphModule:
        """A module that is called as the exported one was, and checks what it is called with.

        Args:
            check_guards: Check sizes and values?
        """
        return module_of(self, check_guards)

    def run_decompositions(
        self,
        decomp_table: dict[Any, Callable] | None = None,
        decompose_custom_triton_ops: bool = False,
    ) -> ExportedProgram:
        """The program with some functions taken apart.

        Args:
            decomp_table: For functions, functions of the same arguments that do the same by others. Without
                it the program stays as it is: `default_decompositions` is empty.
            decompose_custom_triton_ops: There are none.
        """
        if not decomp_table:
            return copy.copy(self)
        trace = import_module(f"{__package__}._trace")  # which makes programs
        return trace.decomposed(self, decomp_table)  # type: ignore[no-any-return]

    def validate(self) -> None:
        """Check the graph.

        Raises:
            RuntimeError: A node uses what is not there.
        """
        self.graph.lint()

    def __str__(self) -> str:
        text = self.graph_module.print_readable(print_output=False).replace("\n", "\n    ")
        signature = str(self.graph_signature).replace("\n", "\n    ")
        return (
            f"ExportedProgram:\n    {text}\nGraph signature:{signature}\n"
            f"Range constraints: {self.range_constraints}\n"
        )
