"""export: the graph of a module, written as an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from ..core.tensor import Tensor
from ..export import Dim, ExportedProgram
from ..export import export as exported
from ..nn import Module
from .builder import Builder, onnx, require
from .errors import OnnxExporterError
from .program import ONNXProgram
from .state import exporting
from .translation import Translation

LEAST_OPSET, USUAL_OPSET = 18, 18


def export(
    model: Any,
    args: Any = (),
    f: str | os.PathLike | IO[bytes] | None = None,
    *,
    kwargs: dict[str, Any] | None = None,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamo: bool = True,
    external_data: bool = True,
    dynamic_shapes: Any = None,
    custom_translation_table: dict[Callable, Callable] | None = None,
    report: bool = False,
    optimize: bool = True,
    verify: bool = False,
    profile: bool = False,
    dump_exported_program: bool = False,
    artifacts_dir: str | os.PathLike = ".",
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    dynamic_axes: Mapping[str, Any] | None = None,
    training: Any = None,
    operator_export_type: Any = None,
    do_constant_folding: bool = True,
    custom_opsets: Mapping[str, int] | None = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool = True,
) -> ONNXProgram:
    """Write a module as an ONNX model.

    The module runs once, on the examples. Names of parameters are those of the module.

    Args:
        model: A module, or what `torch.export.export` made of one.
        args, kwargs: Examples of what it is called with.
        f: Where the model is saved, a path or a file open for writing bytes; None saves nothing.
        verbose: Print the graph.
        input_names, output_names: In their order. Default: the names of the arguments, and of the last operations.
        opset_version: Of ONNX's operators, from 18 on. Default: 18.
        dynamo, optimize, autograd_inlining: There is one exporter.
        external_data: May parameters of more than 2 GB stand in a file of their own, beside the model's?
        dynamic_shapes: The sizes that stay open, as for `torch.export.export`.
        dynamic_axes: The same by names of inputs: ``{"x": {0: "batch"}}``, or ``{"x": [0]}``.
        custom_translation_table: For a function of the graph, another that writes it: it is called with a
            `flambeau.onnx.builder.Builder` and the function's arguments.
        verify: Run the model and compare.
        export_params: False: parameters are inputs of the model.
        keep_initializers_as_inputs: List parameters, which have values, among the inputs too.
        do_constant_folding: Conversions of constants are always folded, whatever is said.

    Raises:
        UnsupportedOperatorError: Operations without a form in ONNX; the message lists all.
        OnnxExporterError: An opset below 18, an option of PyTorch's that is not supported, or no package onnx.
        UserError: A size that should stay open does not.

    Source: torch.onnx.export; ONNX's operators: https://onnx.ai/onnx/operators
    """
    require()
    _refuse(
        report=report,
        profile=profile,
        dump_exported_program=dump_exported_program,
        custom_opsets=custom_opsets,
        export_modules_as_functions=export_modules_as_functions,
    )
    if getattr(operator_export_type, "value", 0):
        raise OnnxExporterError(
            f"operator_export_type={operator_export_type}: what ONNX does not have is an error here; "
            "custom_translation_table takes functions of your own"
        )
    opset = USUAL_OPSET if opset_version is None else opset_version
    if opset < LEAST_OPSET:
        raise OnnxExporterError(f"opset_version={opset}: models are written for opset 18 and newer")
    if opset > onnx.defs.onnx_opset_version():
        raise OnnxExporterError(
            f"opset_version={opset}: the package onnx that is installed ends at {onnx.defs.onnx_opset_version()}"
        )
    args = args if isinstance(args, tuple) else (args,)
    if (
        args
        and isinstance(args[-1], dict)
        and kwargs is None
        and not isinstance(model, ExportedProgram)
    ):
        args, kwargs = args[:-1], args[-1]
    with exporting():
        program = _program(
            model, args, kwargs or {}, dynamic_shapes, dynamic_axes, input_names, training
        )
        axes = _axis_names(dynamic_axes)
        translation = Translation(program, Builder(opset), custom_translation_table or {}, axes)
        proto = translation.model(
            list(input_names or ()),
            list(output_names or ()),
            export_params,
            keep_initializers_as_inputs,
        )
    made = ONNXProgram(proto, program)
    if verbose:
        print(onnx.printer.to_text(proto))
    if verify:
        made.verify()
    if f is not None:
        made.save(f, external_data=external_data)
    return made


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise OnnxExporterError(f"torch.onnx.export({name}=...) is not supported: leave it out")


def _program(
    model: Any,
    args: tuple,
    kwargs: dict[str, Any],
    dynamic_shapes: Any,
    dynamic_axes: Mapping[str, Any] | None,
    input_names: Sequence[str] | None,
    training: Any,
) -> ExportedProgram:
    """The exported program; the module is in the mode that was asked for meanwhile."""
    if isinstance(model, ExportedProgram):
        return model
    if not isinstance(model, Module):
        raise OnnxExporterError(
            f"torch.onnx.export takes a module or an exported program, not {type(model).__name__}"
        )
    if dynamic_shapes is None and dynamic_axes:
        dynamic_shapes = _shapes(model, args, kwargs, dynamic_axes, input_names)
    mode = getattr(training, "name", "EVAL")
    states = [(module, module.training) for module in model.modules()]
    if training is not None and mode != "PRESERVE":
        model.train(mode == "TRAINING")
    elif training is None:
        model.eval()
    try:
        return exported(model, args, kwargs, dynamic_shapes=dynamic_shapes)
    finally:
        for module, state in states:
            module.training = state


def _shapes(
    model: Module,
    args: tuple,
    kwargs: dict[str, Any],
    dynamic_axes: Mapping[str, Any],
    input_names: Sequence[str] | None,
) -> Any:
    """`dynamic_axes`, by arguments."""
    import inspect

    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    arguments = list(bound.arguments)
    names = list(input_names or arguments)
    dims: dict[str, Any] = {}
    found: dict[str, Any] = dict.fromkeys(arguments)
    for place, argument in enumerate(arguments):
        name = names[place] if place < len(names) else argument
        axes = dynamic_axes.get(name)
        if not axes or not isinstance(bound.arguments[argument], Tensor):
            continue
        pairs = (
            axes.items() if isinstance(axes, Mapping) else [(d, f"{name}_dim_{d}") for d in axes]
        )
        found[argument] = {d: dims.setdefault(str(label), Dim(str(label))) for d, label in pairs}
    return found


def _axis_names(dynamic_axes: Mapping[str, Any] | None) -> dict[str, dict[int, str]]:
    found = {}
    for name, axes in (dynamic_axes or {}).items():
        pairs = (
            axes.items() if isinstance(axes, Mapping) else [(d, f"{name}_dim_{d}") for d in axes]
        )
        found[name] = {d: str(label) for d, label in pairs}
    return found
