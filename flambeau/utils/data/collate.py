"""Joining samples into batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from ...core.tensor import Tensor

_WRONG = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}: pass "
    "collate_fn= to join these samples yourself"
)


def default_convert(data: Any) -> Any:
    """Arrays and NumPy numbers as tensors, also inside containers; the rest as it is.

    Source: torch.utils.data.default_convert
    """
    from ... import as_tensor  # type: ignore[attr-defined]

    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapped(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _listed(data, [default_convert(item) for item in data])
    return data


def _mapped(like: Any, values: dict) -> Any:
    """The values in a mapping of the same class, where that can be made."""
    try:
        if isinstance(like, MutableMapping):
            result = copy(like)
            result.update(values)
            return result
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _listed(like: Any, values: list) -> Any:
    """The values in a sequence of the same class, where that can be made."""
    try:
        return type(like)(values)
    except TypeError:
        return values


def collate(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Samples joined into a batch; `collate_fn_map` says how, for each class, the rest is containers.

    Raises:
        TypeError: A sample holds something that the map does not know.
        RuntimeError: Sequences of different lengths.

    Source: torch.utils.data._utils.collate.collate
    """
    first, table = batch[0], collate_fn_map or {}
    kind = type(first)
    if kind in table:
        return table[kind](batch, collate_fn_map=table)
    for known, function in table.items():
        if isinstance(first, known):
            return function(batch, collate_fn_map=table)

    def join(column: Sequence[Any]) -> Any:
        return collate(column, collate_fn_map=table)

    if isinstance(first, Mapping):
        return _mapped(first, {key: join([item[key] for item in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(join(column) for column in zip(*batch)))
    if isinstance(first, Sequence):
        odd = next((i for i, item in enumerate(batch) if len(item) != len(first)), None)
        if odd is not None:
            raise RuntimeError(
                f"each element in list of batch should be of equal size: sample {odd} of this batch has "
                f"{len(batch[odd])} items, sample 0 has {len(first)}. Give the loader a collate_fn= that keeps "
                "or pads them"
            )
        columns = [join(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _listed(first, columns)
    raise TypeError(_WRONG.format(kind))


def _stacked(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from ... import stack  # type: ignore[attr-defined]

    try:
        return stack(list(batch))
    except RuntimeError as error:
        raise _odd_one(batch) or error from None


def _odd_one(batch: Any) -> RuntimeError | None:
    """What is wrong with a batch whose samples differ in shape."""
    shapes = [item.shape for item in batch]
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is None:
        return None
    return RuntimeError(
        f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and "
        f"{list(shapes[odd])} at entry {odd}: sample {odd} of this batch of {len(batch)} has another shape "
        "than sample 0. Crop or pad in the dataset, or pad in the loader's collate_fn= "
        "(torch.nn.utils.rnn.pad_sequence)"
    )


def _arrays(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from ... import as_tensor, stack  # type: ignore[attr-defined]

    if batch[0].dtype.kind in "SUO":
        raise TypeError(_WRONG.format(batch[0].dtype))
    return stack([as_tensor(item) for item in batch])


def _scalars(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from ... import as_tensor  # type: ignore[attr-defined]

    return as_tensor(np.asarray(batch))


def _floats(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from ... import float64, tensor  # type: ignore[attr-defined]

    return tensor(batch, dtype=float64)


def _ints(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from ... import tensor  # type: ignore[attr-defined]

    return tensor(batch)


def _kept(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    Tensor: _stacked,
    np.ndarray: _arrays,
    (np.bool_, np.number, np.object_): _scalars,
    float: _floats,
    int: _ints,
    str: _kept,
    bytes: _kept,
}


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples joined into a batch: tensors and arrays are stacked, numbers become tensors,
    containers are joined item by item.

    Raises:
        TypeError: A sample holds something else.
        RuntimeError: Sequences of different lengths.

    Source: torch.utils.data.default_collate

    Example:
        >>> import flambeau as torch
        >>> torch.utils.data.default_collate([(1, 2.), (3, 4.)])
        [tensor([1, 3]), tensor([2., 4.], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
