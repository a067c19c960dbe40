"""What the arguments and results of an exported graph are.

Source: torch.export.graph_signature
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

__all__ = ["ConstantArgument", "ExportBackwardSignature", "ExportGraphSignature"]
__all__ += ["InputKind", "InputSpec", "OutputKind", "OutputSpec", "TensorArgument"]


@dataclass
class TensorArgument:
    """A tensor, by the name of its node."""

    name: str


@dataclass
class ConstantArgument:
    """A value that is no tensor."""

    name: str
    value: Any


class InputKind(Enum):
    """What an argument of the graph is."""

    USER_INPUT = auto()
    PARAMETER = auto()
    BUFFER = auto()
    CONSTANT_TENSOR = auto()
    CUSTOM_OBJ = auto()
    TOKEN = auto()


class OutputKind(Enum):
    """What a result of the graph is."""

    USER_OUTPUT = auto()
    LOSS_OUTPUT = auto()
    BUFFER_MUTATION = auto()
    PARAMETER_MUTATION = auto()
    GRADIENT_TO_PARAMETER = auto()
    GRADIENT_TO_USER_INPUT = auto()
    USER_INPUT_MUTATION = auto()
    TOKEN = auto()


@dataclass
class InputSpec:
    """One argument of the graph.

    Attributes:
        kind: What it is.
        arg: Its node's name, or its value.
        target: The path of the parameter, buffer or constant.
        persistent: Of a buffer: is it in the state_dict?
    """

    kind: InputKind
    arg: TensorArgument | ConstantArgument
    target: str | None
    persistent: bool | None = None

    def __str__(self) -> str:
        target = "" if self.target is None else f" target='{self.target}'"
        persistent = "" if self.persistent is None else f" persistent={self.persistent}"
        return f"{self.arg.name}: {self.kind.name}{target}{persistent}"


@dataclass
class OutputSpec:
    """One result of the graph.

    Attributes:
        kind: What it is.
        arg: Its node's name, or its value.
        target: What it changes.
    """

    kind: OutputKind
    arg: TensorArgument | ConstantArgument
    target: str | None

    def __str__(self) -> str:
        target = "" if self.target is None else f" target='{self.target}'"
        return f"{self.arg.name}: {self.kind.name}{target}"


@dataclass
class ExportBackwardSignature:
    """The gradients of an exported graph; graphs here have none."""

    gradients_to_parameters: dict[str, str] = field(default_factory=dict)
    gradients_to_user_inputs: dict[str, str] = field(default_factory=dict)
    loss_output: str = ""


@dataclass
class ExportGraphSignature:
    """What the arguments and results of an exported graph are, in order.

    Source: torch.export.ExportGraphSignature
    """

    input_specs: list[InputSpec]
    output_specs: list[OutputSpec]

    def _targets(self, kind: InputKind) -> tuple[str, ...]:
        return tuple(str(s.target) for s in self.input_specs if s.kind is kind)

    def _by_name(self, kind: InputKind) -> Mapping[str, str]:
        return {s.arg.name: str(s.target) for s in self.input_specs if s.kind is kind}

    @property
    def parameters(self) -> tuple[str, ...]:
        """The paths of parameters."""
        return self._targets(InputKind.PARAMETER)

    @property
    def buffers(self) -> tuple[str, ...]:
        """The paths of buffers."""
        return self._targets(InputKind.BUFFER)

    @property
    def non_persistent_buffers(self) -> set[str]:
        """The paths of buffers that are not in the state_dict."""
        return {
            str(s.target)
            for s in self.input_specs
            if s.kind is InputKind.BUFFER and s.persistent is False
        }

    @property
    def lifted_tensor_constants(self) -> tuple[str, ...]:
        """The names of constants."""
        return self._targets(InputKind.CONSTANT_TENSOR)

    @property
    def lifted_custom_objs(self) -> tuple[str, ...]:
        """There are no other objects."""
        return ()

    @property
    def inputs_to_parameters(self) -> Mapping[str, str]:
        """For names of arguments, paths of parameters."""
        return self._by_name(InputKind.PARAMETER)

    @property
    def inputs_to_buffers(self) -> Mapping[str, str]:
        """For names of arguments, paths of buffers."""
        return self._by_name(InputKind.BUFFER)

    @property
    def inputs_to_lifted_tensor_constants(self) -> Mapping[str, str]:
        """For names of arguments, names of constants."""
        return self._by_name(InputKind.CONSTANT_TENSOR)

    @property
    def user_inputs(self) -> tuple[Any, ...]:
        """The names of the caller's arguments, and the values of those that are no tensors."""
        return tuple(
            s.arg.value if isinstance(s.arg, ConstantArgument) else s.arg.name
            for s in self.input_specs
            if s.kind is InputKind.USER_INPUT
        )

    @property
    def user_outputs(self) -> tuple[Any, ...]:
        """The names of the caller's results, and the values of those that are no tensors."""
        return tuple(
            s.arg.value if isinstance(s.arg, ConstantArgument) else s.arg.name
            for s in self.output_specs
            if s.kind is OutputKind.USER_OUTPUT
        )

    @property
    def buffers_to_mutate(self) -> Mapping[str, str]:
        """Buffers are changed in place here, so no result stands for a change."""
        return {}

    user_inputs_to_mutate = parameters_to_mutate = buffers_to_mutate
    backward_signature: Any = None

    def __str__(self) -> str:
        inputs = "\n".join(map(str, self.input_specs))
        outputs = "\n".join(map(str, self.output_specs))
        return f"\n# inputs\n{inputs}\n\n# outputs\n{outputs}\n"
