"""The protocol messages that TensorBoard's plugins read, from numbers, images and texts.

Source: torch.utils.tensorboard.summary; the message types of the package tensorboard
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor

try:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError:  # said by `require`, when something is to be written
    Summary = None

__all__ = ["RecordWriter"]
DT_FLOAT, DT_DOUBLE, DT_STRING = 1, 2, 7


def require() -> None:
    """Raises ImportError where the package tensorboard is not installed."""
    if Summary is None:
        raise ImportError(
            "torch.utils.tensorboard writes with the package tensorboard, which is not installed: "
            "pip install 'flambeau[tensorboard]'"
        )


def array_of(x: Any) -> np.ndarray:
    """A tensor, number or list as an array.

    Raises:
        NotImplementedError: Something else.
    """
    if isinstance(x, Tensor):
        return np.asarray(
            x.detach().cpu().float().numpy() if x.dtype.is_reduced else x.detach().cpu().numpy()
        )
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, (np.ndarray, list, tuple)):
        return np.asarray(x)
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def of_plugin(tag: str, plugin: str, content: bytes, tensor: Any, title: str = "") -> Any:
    """A summary of a tensor that a plugin reads."""
    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    metadata = SummaryMetadata(plugin_data=data, display_name=title)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def shape_of(*sizes: int) -> Any:
    """A shape's message."""
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in sizes])


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """One number.

    Raises:
        AssertionError: `value` has several.
    """
    number = array_of(value).squeeze()
    if number.ndim != 0:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {number.size} and "
            f"{number.ndim} dimensions."
        )
    if not new_style:
        return Summary(value=[Summary.Value(tag=tag, simple_value=float(number))])
    tensor = TensorProto(float_val=[float(number)], dtype=DT_FLOAT)
    if double_precision:
        tensor = TensorProto(double_val=[float(number)], dtype=DT_DOUBLE)
    return of_plugin(tag, "scalars", b"", tensor)


def tensor(tag: str, value: Tensor) -> Any:
    """All numbers of a tensor."""
    array = array_of(value)
    held = TensorProto(
        dtype=DT_FLOAT, float_val=array.reshape(-1).tolist(), tensor_shape=shape_of(*array.shape)
    )
    return of_plugin(tag, "tensor", b"", held)


def usual_bins() -> list[float]:
    """The edges of TensorFlow's histograms: each 1.1 times the one before, to both sides of 0."""
    up = [1e-12]
    while up[-1] < 1e20:
        up.append(up[-1] * 1.1)
    up = up[:-1] if up[-1] >= 1e20 else up
    return [-x for x in reversed(up)] + [0.0] + up


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """How often numbers lie where.

    Raises:
        ValueError: There are none.
    """
    array = array_of(values).astype(float).reshape(-1)
    if array.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(array, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        if step > 1:
            counts = np.pad(counts, (0, -len(counts) % step)).reshape(-1, step).sum(-1)
            limits = np.append(limits[:-1:step], limits[-1])
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1] + 1) if filled.size else (0, len(counts))
    counts = counts[first - 1 : last] if first > 0 else np.concatenate([[0], counts[:last]])
    limits = limits[first : last + 1]
    if counts.size == 0 or limits.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    return histogram_raw(
        *(tag, array.min(), array.max(), len(array), array.sum(), array.dot(array)),
        limits.tolist(),
        counts.tolist(),
    )


def histogram_raw(
    tag: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Any:
    """A histogram that was counted elsewhere."""
    held = HistogramProto(
        *(),
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return Summary(value=[Summary.Value(tag=tag, histo=held)])


def text(tag: str, value: str) -> Any:
    """A text, in Markdown."""
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    held = TensorProto(
        dtype=DT_STRING, string_val=[value.encode("utf_8")], tensor_shape=shape_of(1)
    )
    return of_plugin(
        f"{tag}/text_summary", "text", TextPluginData(version=0).SerializeToString(), held
    )


def curve(labels: Any, predictions: Any, num_thresholds: int, weights: Any) -> np.ndarray:
    """The rows of a precision-recall curve: counts (true and false, positives and negatives), precision, recall."""
    truth, guess = array_of(labels).reshape(-1), array_of(predictions).reshape(-1)
    weights = 1.0 if weights is None else array_of(weights).reshape(-1)
    bucket = np.int32(np.floor(guess * (num_thresholds - 1)))
    truth = truth.astype(float)
    span: Any = {"bins": num_thresholds, "range": (0, num_thresholds - 1)}
    hits, _ = np.histogram(bucket, weights=truth * weights, **span)
    misses, _ = np.histogram(bucket, weights=(1.0 - truth) * weights, **span)
    tp, fp = np.cumsum(hits[::-1])[::-1], np.cumsum(misses[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    least = 1e-7
    precision, recall = tp / np.maximum(least, tp + fp), tp / np.maximum(least, tp + fn)
    return np.stack((tp, fp, tn, fn, precision, recall))


def pr_curve(tag: str, rows: np.ndarray, num_thresholds: int) -> Any:
    """A precision-recall curve."""
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    content = PrCurvePluginData(version=0, num_thresholds=num_thresholds).SerializeToString()
    held = TensorProto(
        dtype=DT_FLOAT,
        float_val=np.asarray(rows).reshape(-1).tolist(),
        tensor_shape=shape_of(*np.asarray(rows).shape),
    )
    return of_plugin(tag, "pr_curves", content, held)


def hparams(
    values: dict[str, Any], metrics: dict[str, Any], domains: dict[str, list] | None
) -> list[Any]:
    """An experiment's parameters, and the beginning and end of a run.

    Raises:
        TypeError: Something is no dict.
        ValueError: A parameter is no number, text or bool.
    """
    from google.protobuf.struct_pb2 import ListValue, Value
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    if not isinstance(values, dict) or not isinstance(metrics, dict):
        raise TypeError("hparam_dict and metric_dict should be dictionary.")
    kinds = {
        bool: (api_pb2.DATA_TYPE_BOOL, "bool_value"),
        str: (api_pb2.DATA_TYPE_STRING, "string_value"),
        float: (api_pb2.DATA_TYPE_FLOAT64, "number_value"),
        int: (api_pb2.DATA_TYPE_FLOAT64, "number_value"),
    }
    start = plugin_data_pb2.SessionStartInfo()
    infos = []
    for name, value in values.items():
        if value is None:
            continue
        plain = value.item() if isinstance(value, (Tensor, np.generic)) else value
        if type(plain) not in kinds:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        number, field = kinds[type(plain)]
        start.hparams[name].CopyFrom(Value(**{field: plain}))
        info = api_pb2.HParamInfo(name=name, type=number)
        if domains and name in domains:
            listed = [Value(**{kinds[type(d)][1]: d}) for d in domains[name]]
            info.domain_discrete.CopyFrom(ListValue(values=listed))
        infos.append(info)
    named = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metrics]
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    parts = (
        (
            metadata.EXPERIMENT_TAG,
            {"experiment": api_pb2.Experiment(hparam_infos=infos, metric_infos=named)},
        ),
        (metadata.SESSION_START_INFO_TAG, {"session_start_info": start}),
        (metadata.SESSION_END_INFO_TAG, {"session_end_info": end}),
    )
    made = []
    for tag, part in parts:
        data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **part)
        held = SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
        )
        value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=held))
        made.append(Summary(value=[value]))
    return made


def custom_scalars(layout: dict[str, dict[str, list]]) -> Any:
    """Which scalars are drawn together."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    categories = []
    for title, charts in layout.items():
        listed = []
        for name, (kind, tags) in charts.items():
            if kind == "Margin":
                value, lower, upper = tags[0], tags[1], tags[2]
                series = layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper)
                content = layout_pb2.MarginChartContent(series=[series])
                listed.append(layout_pb2.Chart(title=name, margin=content))
            else:
                content = layout_pb2.MultilineChartContent(tag=tags)
                listed.append(layout_pb2.Chart(title=name, multiline=content))
        categories.append(layout_pb2.Category(title=title, chart=listed))
    held = TensorProto(
        dtype=DT_STRING,
        string_val=[layout_pb2.Layout(category=categories).SerializeToString()],
        tensor_shape=shape_of(),
    )
    return of_plugin("custom_scalars__config__", "custom_scalars", b"", held)


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config: Any) -> Any:
    """Points in space, with colours and triangles."""
    import json

    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    parts = [
        (vertices, MeshPluginData.VERTEX, DT_FLOAT),
        (faces, MeshPluginData.FACE, 3),
        (colors, MeshPluginData.COLOR, 3),
    ]
    given = [(array_of(x), kind, dtype) for x, kind, dtype in parts if x is not None]
    components = metadata.get_components_bitmask([kind for _, kind, _ in given])
    values = []
    for array, kind, dtype in given:
        numbers = array.reshape(-1)
        field = (
            {"float_val": numbers.astype(float).tolist()}
            if dtype == DT_FLOAT
            else {"int_val": numbers.astype(int).tolist()}
        )
        held = TensorProto(dtype=dtype, tensor_shape=shape_of(*array.shape), **field)
        about = metadata.create_summary_metadata(
            *(tag, "", kind, components, array.shape),
            json_config=json.dumps(config or {}, sort_keys=True),
        )
        values.append(
            Summary.Value(tag=metadata.get_instance_name(tag, kind), tensor=held, metadata=about)
        )
    return Summary(value=values)
