"""What `export` gives: an ONNX model that can be saved and run."""

from __future__ import annotations

import os
from typing import IO, Any

import numpy as np

from ..core.tensor import Tensor
from ..export import ExportedProgram
from ..utils import _pytree as pytree
from .builder import onnx
from .errors import OnnxExporterError

__all__ = ["ONNXProgram"]
_LIMIT = 1 << 31


class ONNXProgram:
    """An ONNX model.

    Attributes:
        model_proto: The model, an `onnx.ModelProto`.
        exported_program: What it was written from.

    Source: torch.onnx.ONNXProgram
    """

    def __init__(self, model_proto: Any, exported_program: ExportedProgram) -> None:
        self.model_proto, self.exported_program = model_proto, exported_program
        self._session: Any = None

    def save(
        self,
        destination: str | os.PathLike | IO[bytes],
        *,
        include_initializers: bool = True,
        keep_initializers_as_inputs: bool = False,
        external_data: bool | None = None,
    ) -> None:
        """Write the model to a file.

        Args:
            destination: A path, or a file open for writing bytes, which gets the whole model.
            include_initializers: With the parameters' values.
            keep_initializers_as_inputs: List the parameters among the inputs too.
            external_data: Put their values in a file of their own, ``destination + ".data"``. None: where the model
                would have more than 2 GB, which one file cannot.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self.model_proto)
        if keep_initializers_as_inputs or not include_initializers:
            listed = {item.name for item in model.graph.input}
            for tensor in model.graph.initializer:
                if tensor.name not in listed:
                    info = onnx.helper.make_tensor_value_info(
                        tensor.name, tensor.data_type, list(tensor.dims)
                    )
                    model.graph.input.append(info)
        if not include_initializers:
            del model.graph.initializer[:]
        if not isinstance(destination, (str, os.PathLike)):
            destination.write(model.SerializeToString())
            return
        apart = external_data is not False and model.ByteSize() >= _LIMIT
        name = os.fspath(destination)
        if apart:
            onnx.save_model(
                model, name, save_as_external_data=True, location=os.path.basename(name) + ".data"
            )
        else:
            onnx.save_model(model, name)

    def initialize_inference_session(self, initializer: Any = None) -> None:
        """Make the session of onnxruntime that runs the model.

        Args:
            initializer: A function from the model's bytes to a session.

        Raises:
            OnnxExporterError: onnxruntime is not installed.
        """
        if initializer is None:
            try:
                from onnxruntime import InferenceSession
            except ImportError as error:
                raise OnnxExporterError(
                    "an ONNXProgram is run by onnxruntime, which is not installed: pip install onnxruntime"
                ) from error

            def initializer(data: bytes) -> Any:
                return InferenceSession(data, providers=["CPUExecutionProvider"])

        self._session = initializer(self.model_proto.SerializeToString())

    def release(self) -> None:
        """Let the session go."""
        self._session = None

    def __call__(self, *args: Any, **kwargs: Any) -> list[Tensor]:
        """Run the model with onnxruntime; gives its outputs."""
        if self._session is None:
            self.initialize_inference_session()
        found = self._session.run(None, self._fed(args, kwargs))
        from .. import from_numpy  # type: ignore[attr-defined]

        return [from_numpy(np.asarray(x).copy()) for x in found]

    def _fed(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, np.ndarray]:
        """The model's inputs by name, from the module's arguments."""
        held = {tensor.name for tensor in self.model_proto.graph.initializer}
        names = [item.name for item in self.model_proto.graph.input if item.name not in held]
        leaves = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if len(leaves) < len(names):
            raise OnnxExporterError(
                f"the model takes {len(names)} tensors ({', '.join(names)}), and was given {len(leaves)}"
            )
        return {name: leaf.detach().numpy() for name, leaf in zip(names, leaves)}

    def verify(self, rtol: float = 1e-3, atol: float = 1e-4) -> None:
        """Run the model on the example, and compare.

        Raises:
            AssertionError: It gives something else than the module.
        """
        args, kwargs = self.exported_program.example_inputs or ((), {})
        wanted = pytree.tree_leaves(self.exported_program.module()(*args, **kwargs))
        for found, value in zip(self(*args, **kwargs), wanted):
            np.testing.assert_allclose(found.numpy(), value.detach().numpy(), rtol=rtol, atol=atol)

    def apply_weights(self, state_dict: dict[str, Tensor]) -> None:
        """Give the parameters other values.

        Raises:
            KeyError: The model has no parameter of a name.
        """
        held = {tensor.name: tensor for tensor in self.model_proto.graph.initializer}
        for name, value in state_dict.items():
            if name not in held:
                raise KeyError(f"the model has no parameter {name!r}")
            array = value.detach().numpy()
            held[name].CopyFrom(onnx.numpy_helper.from_array(array, name))
        self.release()

    def optimize(self) -> None:
        """Nothing: onnxruntime optimises what it loads, and what no output needs is not in the model."""

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        inputs = ", ".join(item.name for item in graph.input)
        outputs = ", ".join(item.name for item in graph.output)
        return f"ONNXProgram({len(graph.node)} nodes, ({inputs}) -> ({outputs}))"
