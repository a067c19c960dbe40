"""Models made smaller: layers are exchanged for those with quantised weights."""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

from ... import nn
from ...core.dtype import dtype as DType
from ...core.dtype import float16
from ...core.quantized_dtype import qint8
from ...nn import Module
from .qconfig import QConfig, default_dynamic_qconfig, float16_dynamic_qconfig


def get_default_dynamic_quant_module_mappings() -> dict[type, type]:
    """The layers that `quantize_dynamic` knows, and those that take their places.

    Source: torch.ao.quantization.get_default_dynamic_quant_module_mappings
    """
    dynamic = import_module("...ao.nn.quantized.dynamic", __package__)  # which imports this package
    return {nn.Linear: dynamic.Linear, nn.LSTM: dynamic.LSTM, nn.GRU: dynamic.GRU}


def quantize_dynamic(
    model: Module,
    qconfig_spec: Any = None,
    dtype: DType = qint8,
    mapping: dict[type, type] | None = None,
    inplace: bool = False,
) -> Module:
    """A model whose linear and recurrent layers have weights of bytes; inputs are quantised as they come.

    Args:
        model: The trained model; it is put into evaluation mode. The model itself, as PyTorch has it, is not
            exchanged, only layers within it.
        qconfig_spec: Classes of layers, or names of layers within the model, as a set; or a dictionary of such
            with a `QConfig` for each, None for layers to leave alone. Default: all that there are.
        dtype: torch.qint8, or torch.float16 for weights of half numbers.
        mapping: Which class takes the place of which.
        inplace: Change the model instead of a copy?

    Raises:
        ValueError: The dtype is none of these.
        NotImplementedError: A class was named that has no dynamic form.

    Source: torch.ao.quantization.quantize_dynamic

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        Sequential(
          (0): DynamicQuantizedLinear(in_features=3, out_features=2, dtype=torch.qint8, qscheme=torch.per_tensor_affine)
        )
    """
    usual = {qint8: default_dynamic_qconfig, float16: float16_dynamic_qconfig}.get(dtype)
    if usual is None:
        raise ValueError(
            f"Don't know how to quantize with default settings for {dtype}. Provide full qconfig please"
        )
    known = get_default_dynamic_quant_module_mappings() if mapping is None else mapping
    if qconfig_spec is None:
        qconfig_spec = set(known)
    if not isinstance(qconfig_spec, dict):
        qconfig_spec = dict.fromkeys(qconfig_spec, usual)
    for key in qconfig_spec:
        if isinstance(key, type) and key not in known and qconfig_spec[key] is not None:
            raise NotImplementedError(
                f"there is no dynamic form of {key.__name__}: {', '.join(c.__name__ for c in known)} have one"
            )
    if not inplace:
        model = copy.deepcopy(model)
    model.eval()
    _exchange(model, "", qconfig_spec, known, None)
    return model


def _exchange(
    module: Module, path: str, spec: dict, known: dict[type, type], above: QConfig | None
) -> None:
    """Exchange the layers within a module; a name counts for all that lies below it."""
    for name, child in list(module.named_children()):
        place = f"{path}{name}"
        config = spec.get(place, spec.get(type(child), above))
        if config is not None and type(child) in known:
            child.qconfig = config
            made = known[type(child)].from_float(child)  # type: ignore[attr-defined]
            made.eval()
            setattr(module, name, made)
        else:
            _exchange(child, f"{place}.", spec, known, spec.get(place, above))


def _absent(name: str) -> Any:
    def refused(*args: Any, **options: Any) -> Any:
        raise NotImplementedError(
            f"torch.ao.quantization.{name}() belongs to static quantisation, which flambeau does not have: "
            "quantize_dynamic() makes the weights of linear and recurrent layers bytes"
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = f"Refuses: flambeau has no static quantisation.\n\n    Source: torch.ao.quantization.{name}\n    "
    return refused


prepare, convert, quantize = _absent("prepare"), _absent("convert"), _absent("quantize")
prepare_qat, quantize_qat = _absent("prepare_qat"), _absent("quantize_qat")
fuse_modules, fuse_modules_qat = _absent("fuse_modules"), _absent("fuse_modules_qat")
get_default_qconfig = _absent("get_default_qconfig")
get_default_qat_qconfig = _absent("get_default_qat_qconfig")
prepare_fx, convert_fx = _absent("quantize_fx.prepare_fx"), _absent("quantize_fx.convert_fx")
