"""Coordinates in order, and other layouts as coordinates."""

from __future__ import annotations

from ..core.sparse import COO, SparseTensor
from . import graph, index


def coalesced(x: SparseTensor) -> SparseTensor:
    """Coordinates sorted and each there once; of equal ones the values are added."""
    array = x._array
    if array.pattern.coalesced:
        return x
    keys = index.coalescing(array)
    values = graph.taken(graph.values_of(x), keys.order)
    if keys.group is not None:
        values = graph.summed(values, keys.group, len(keys.met))
    pattern = index.coalesced_pattern(array)
    if keys.order is None and keys.group is None:
        values = values.clone()
    return graph.placed(array, values, pattern)


def as_coordinates(x: SparseTensor) -> SparseTensor:
    """The same of the layout of coordinates, coalesced; blocks give all their elements."""
    array = x._array
    if array.layout is COO:
        return x
    where = index.places(array)
    rows = graph.rows_of(array, graph.values_of(x))
    keys = array.pattern.derived(
        ("order", array.layout, where.sizes), lambda: index.groups(where.flat)
    )
    pattern = array.pattern.derived(
        ("coordinates", array.layout, where.sizes),
        lambda: index.pattern_of(index.at_first(index.coordinates(array), keys), True),
    )
    return graph.placed(array, graph.taken(rows, keys.order), pattern, layout_=COO)
