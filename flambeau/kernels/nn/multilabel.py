"""What labels lack to exceed all classes that are none, and how that moves with the scores: for each row in one walk
over its classes for each of its labels, all of it in registers but the slopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..llvm import BITS, Value, across_lanes, choose
from ..matmul.matmul import ELEMENTS
from ..matmul.microkernel import within
from ..runtime import memory
from ..runtime.entry import Body, Job, NoNumbers, kernel
from ..runtime.process import machine


def lacking(x: Any, labels: Any) -> Any:
    """For rows of scores (N, C): the sums over labels and other classes of max(0, 1 - label's + other's), (N), and
    their slopes (N, C).

    Args:
        labels: int64 (N, C), in order: the classes that are labels, up to the first -1. One that is no class is
            reported: the call gives NotImplemented, as it does for what it is not made for.
    """
    element = ELEMENTS.get(x.dtype) if x.__class__ is np.ndarray else None
    if element is None or not x.size or not (x.flags.carray and labels.flags.c_contiguous):
        return NotImplemented
    rows, classes = x.shape
    sums, slopes = memory.empty((rows,), x.dtype), memory.empty(x.shape, x.dtype)
    known = int(np.count_nonzero(labels >= 0))
    job = Job(rows=rows, length=classes, weight=known * classes + x.size, divisible=False)
    wrong = _kernel(element)(x, labels, sums, slopes, *job)
    return NotImplemented if wrong else (sums, slopes)


@cache
def _kernel(element: str) -> Callable[..., int]:
    lanes = machine().bits // BITS[element]

    def write(code: Body) -> None:
        classes = code.n.length
        others = code.scratch(classes * (BITS[element] // 8))
        with code.rows() as row:
            x, slopes = (code.at(code.p[k], element, row * classes) for k in ("x", "slopes"))
            labels = code.at(code.p["labels"], "i64", row * classes)
            code.copy_bytes(others, x, classes * (BITS[element] // 8))
            code.fill_bytes(slopes, 0, classes * (BITS[element] // 8))
            with _each_label(code, labels) as label:
                code.put(code.constant(float("-inf"), element), others, label)
            total = code.variable(code.constant(0.0, "double"), "double")
            with _each_label(code, labels) as label:
                lack = 1.0 - code.get(x, element, label)
                sum, count = _walk(code, others, slopes, lack, element)
                total.value = total.value + sum
                code.put(code.get(slopes, element, label) - count, slopes, label)
            code.put(total.value.convert(element), code.p["sums"], row)
        code.free(others)

    return kernel(
        "multilabel", ("x", "labels", "sums", "slopes"), NoNumbers, write, lanes, makes=True
    )


@contextmanager
def _each_label(code: Body, labels: Value) -> Iterator[Value]:
    """A loop over the labels of a row, up to the first -1. One that is none of the classes is reported and left out."""
    classes, at = code.n.length, code.variable(0)
    with code.repeat() as more:
        more.stop_when(at.value >= classes)
        label = code.load_once(code.at(labels, "i64", at.value), "i64")
        more.stop_when(label.equals(-1))
        at.value = at.value + 1
        with code.either(label.below(classes)) as (inside, outside):
            with inside:
                yield label
            with outside:
                code.report(code.number(1))


BLOCK = 32
"""Vectors that are added up in the element's own precision."""


def _walk(
    code: Body, others: Value, slopes: Value, lack: Value, element: str
) -> tuple[Value, Value]:
    """The sum over the classes that a label does not exceed, and how many they are; their slopes grow by one."""
    type, lanes, classes = code.vector(element), code.lanes, code.n.length
    nothing = code.constant(0.0, type)
    many, one = code.splat(lack), code.constant(1.0, type)
    sums, counts = code.slot(type), code.slot(type, nothing)
    total = code.variable(code.constant(0.0, "double"), "double")
    with code.loop(code.zero, classes, BLOCK * lanes) as start:
        code.store(nothing, sums)
        with code.loop(start, code.smaller(start + BLOCK * lanes, classes), lanes) as at:
            rest = within(code, classes - at)
            value = code.masked_load(code.at(others, element, at), type, rest) + many
            active = rest & (value > nothing)
            step = choose(active, one, 0.0)
            code.store(code.load(sums, type) + choose(active, value, 0.0), sums)
            code.store(code.load(counts, type) + step, counts)
            place = code.at(slopes, element, at)
            code.masked_store(code.masked_load(place, type, rest) + step, place, rest)
        joined = across_lanes(code.load(sums, type), lambda a, b: a + b).lane()
        total.value = total.value + joined.convert("double")
    return total.value, across_lanes(code.load(counts, type), lambda a, b: a + b).lane()
