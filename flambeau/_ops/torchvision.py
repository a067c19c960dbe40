"""The operations of torchvision's compiled library, by the names that its Python code calls; see `ops.vision`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .aten import call
from .definition import Definition
from .schema import FunctionSchema, parse_schema

_REGION = (
    "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
)
_SHAPE = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
_BACK = "float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_DEFORM = (
    "Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, "
    "SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, "
    "bool use_mask"
)
_SCHEMAS = (
    "_cuda_version() -> int",
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    f"roi_align({_REGION}, int sampling_ratio, bool aligned) -> Tensor",
    f"roi_pool({_REGION}) -> (Tensor, Tensor)",
    f"ps_roi_align({_REGION}, int sampling_ratio) -> (Tensor, Tensor)",
    f"ps_roi_pool({_REGION}) -> (Tensor, Tensor)",
    f"deform_conv2d({_DEFORM}) -> Tensor",
    f"_roi_align_backward(Tensor grad, Tensor rois, {_BACK}, {_SHAPE}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_pool_backward(Tensor grad, Tensor rois, Tensor argmax, {_BACK}, {_SHAPE}) -> Tensor",
    f"_ps_roi_align_backward(Tensor grad, Tensor rois, Tensor channel_mapping, {_BACK}, int sampling_ratio, {_SHAPE}) "
    "-> Tensor",
    f"_ps_roi_pool_backward(Tensor grad, Tensor rois, Tensor channel_mapping, {_BACK}, {_SHAPE}) -> Tensor",
    f"_deform_conv2d_backward(Tensor grad, {_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qroi_align(Tensor input, Tensor rois, float input_scale, int input_zero_point, float rois_scale, "
    "int rois_zero_point, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, "
    "bool aligned) -> Tensor",
    "box_iou_rotated(Tensor boxes1, Tensor boxes2) -> Tensor",
)
_FILES = {
    "nms": "suppression",
    "roi_align": "roi_align",
    "ps_roi_align": "roi_align",
    "roi_pool": "roi_pool",
    "ps_roi_pool": "roi_pool",
    "deform_conv2d": "deform_conv",
}


def definitions(name: str) -> dict[str, Definition]:
    """The operation of a name; empty if there is none."""
    for text in _SCHEMAS:
        if text.startswith(f"{name}("):
            schema = parse_schema(f"torchvision::{text}")
            return {"": Definition(schema, _function(name, schema))}
    return {}


def _function(name: str, schema: FunctionSchema) -> Callable:
    if name == "_cuda_version":
        return lambda schema, given: -1  # what builds for the CPU say
    forward = name.removeprefix("_").removesuffix("_backward")
    if forward in _FILES:
        module = import_module(
            f"flambeau.ops.vision.{_FILES[name] if name == forward else 'backward'}"
        )
        return call(getattr(module, forward))

    def absent(*args: Any) -> Any:
        raise NotImplementedError(
            f"torchvision::{name}: of this package's operations flambeau has those of upright boxes, for floating-point "
            "tensors"
        )

    return absent
