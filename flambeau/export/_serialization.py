"""save and load: an exported program as plain data and tensors, in a file of `torch.save`."""

from __future__ import annotations

import os
import zipfile
from dataclasses import asdict
from typing import Any

from .. import serialization
from ..fx.experimental.symbolic_shapes import Symbol, ValueRanges
from ..fx.portable import _packed, _value, packed_module, unpacked_module
from ..nn import Parameter
from ..utils import _pytree as pytree
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

__all__ = ["load", "save"]

FORMAT = "flambeau.export.1"


def _nesting(spec: Any) -> Any:
    """A nesting as data: its leaves are their numbers."""
    return _packed(pytree.tree_unflatten(list(range(spec.num_leaves)), spec))


def _spec(data: Any) -> Any:
    return pytree.tree_flatten(_value(data, {}))[1]


def _argument(arg: Any) -> Any:
    if isinstance(arg, ConstantArgument):
        return ["constant", arg.name, _packed(arg.value)]
    return ["tensor", arg.name]


def _made_argument(data: list[Any]) -> Any:
    if data[0] == "constant":
        return ConstantArgument(data[1], _value(data[2], {}))
    return TensorArgument(data[1])


def save(
    ep: ExportedProgram,
    f: Any,
    *,
    extra_files: dict[str, Any] | None = None,
    opset_version: dict[str, int] | None = None,
    pickle_protocol: int = 2,
) -> None:
    """Write an exported program to a file, which `load` of this package reads.

    Args:
        ep: The program.
        f: A path, or a file open for writing bytes.
        extra_files: Texts that go with it, by name.
        opset_version, pickle_protocol: Not used.

    Raises:
        TypeError: No exported program, or its graph calls what a file cannot name.

    Source: torch.export.save
    """
    if not isinstance(ep, ExportedProgram):
        raise TypeError(
            f"The 'ep' parameter must be an instance of 'ExportedProgram', got '{type(ep).__name__}' instead."
        )
    signature = ep.graph_signature
    checks = asdict(ep._checks)
    checks["values"] = [_packed(v) for v in checks["values"]]
    data = {
        "format": FORMAT,
        "module": packed_module(ep.graph_module),
        "inputs": [
            [s.kind.name, _argument(s.arg), s.target, s.persistent] for s in signature.input_specs
        ],
        "outputs": [[s.kind.name, _argument(s.arg), s.target] for s in signature.output_specs],
        "state": {k: v.detach() for k, v in ep.state_dict.items()},
        "trained": {k: v.requires_grad for k, v in ep.state_dict.items() if _is_parameter(v)},
        "constants": {k: v.detach() for k, v in ep.constants.items()},
        "ranges": {str(k): [v.lower, v.upper] for k, v in ep.range_constraints.items()},
        "in": _nesting(ep.call_spec.in_spec),
        "out": _nesting(ep.call_spec.out_spec),
        "checks": checks,
        "extra": dict(extra_files or {}),
    }
    serialization.save(data, f)


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Parameter)


def load(
    f: Any,
    *,
    extra_files: dict[str, Any] | None = None,
    expected_opset_version: dict[str, int] | None = None,
) -> ExportedProgram:
    """Read what `save` wrote. Nothing of the file is run.

    Args:
        f: A path, or a file open for reading bytes.
        extra_files: For each name in it, gets what went with the program.
        expected_opset_version: Not used.

    Raises:
        RuntimeError: A file that PyTorch wrote, or another one.

    Source: torch.export.load
    """
    if _is_pytorchs(f):
        raise RuntimeError(
            "this program was exported by PyTorch: its graph calls operations of ATen by their schemas, "
            "which flambeau does not read. Export the model's Python class here"
        )
    data = serialization.load(f, weights_only=True)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RuntimeError("the file is none that torch.export.save wrote")
    for name in extra_files or ():
        extra_files[name] = data["extra"].get(name, "")  # type: ignore[index]
    trained = data["trained"]
    state = {k: Parameter(v, trained[k]) if k in trained else v for k, v in data["state"].items()}
    inputs = [
        InputSpec(InputKind[kind], _made_argument(arg), target, persistent)
        for kind, arg, target, persistent in data["inputs"]
    ]
    outputs = [
        OutputSpec(OutputKind[kind], _made_argument(arg), target)
        for kind, arg, target in data["outputs"]
    ]
    kept = data["checks"]
    kept["values"] = [_value(v, {}) for v in kept["values"]]
    checks = Checks(**{**kept, "sizes": [OpenSize(**size) for size in kept["sizes"]]})
    ranges = {Symbol(k): ValueRanges(*v) for k, v in data["ranges"].items()}
    signature = ExportGraphSignature(inputs, outputs)
    call_spec = CallSpec(_spec(data["in"]), _spec(data["out"]))
    module, constants = unpacked_module(data["module"]), data["constants"]
    return ExportedProgram(module, signature, state, constants, ranges, call_spec, checks)


def _is_pytorchs(f: Any) -> bool:
    at = None if isinstance(f, (str, os.PathLike)) else f.tell()
    try:
        with zipfile.ZipFile(f) as archive:
            names = archive.namelist()
        return any("archive_format" in n or "serialized_exported_program" in n for n in names)
    except zipfile.BadZipFile:
        return False
    finally:
        if at is not None:
            f.seek(at)
