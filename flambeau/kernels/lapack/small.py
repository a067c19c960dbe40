"""Stacks of matrices of a few rows: each lane of a vector has a matrix of its own.

A matrix of 4 by 4 is 21 multiplications to factor, less than one call of a library. All matrices of a vector take
the same steps, so nothing branches: each lane selects its own pivot. A group of matrices is turned into that order,
worked on in the first cache, and written back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, choose
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

MOST, LEAST = 8, 8
"""Rows of a matrix at most, and matrices at least: fewer leave lanes idle."""
ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class Numbers(NamedTuple):
    """How many matrices there are, of n rows and k right-hand sides; the bytes from one matrix, row and column to the
    next; are the right-hand sides the identity?"""

    count: int
    n: int
    k: int
    a_matrix: int
    a_row: int
    a_column: int
    b_matrix: int
    b_row: int
    b_column: int
    identity: int


class _Group:
    """The matrices of one vector's lanes, [A | B] row by row, in the piece's own memory."""

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.type = code, element, code.vector(element)
        self.n, self.width = code.n.n, code.n.n + code.n.k
        self.space = code.scratch((self.n * self.width + 2) * (code.lanes * BITS[element] // 8))
        self.zero = code.constant(0.0, self.type)

    def place(self, i: Value, j: Value) -> Value:
        return self.code.at(self.space, self.type, i * self.width + j)

    def get(self, i: Value, j: Value) -> Value:
        return self.code.load(self.place(i, j), self.type)

    def put(self, value: Value, i: Value, j: Value) -> None:
        self.code.store(value, self.place(i, j))

    def number(self, i: Value, j: Value, lane: Value) -> Value:
        """Where one lane's element is."""
        return self.code.at(self.place(i, j), self.element, lane)

    def read(self, first: Value) -> None:
        """Lanes beyond the last matrix have that one too."""
        code, number = self.code, self.code.n
        with code.loop(code.zero, code.number(code.lanes)) as lane:
            matrix = code.smaller(first + lane, number.count - 1)
            a, b = (
                code.p["a"].byte(matrix * number.a_matrix),
                code.p["b"].byte(matrix * number.b_matrix),
            )
            with code.loop(code.zero, self.n) as i:
                with code.loop(code.zero, self.n) as j:
                    place = a.byte(i * number.a_row + j * number.a_column)
                    code.store(code.load(place, self.element), self.number(i, j, lane))
                with code.loop(code.zero, number.k) as j:
                    one = i.equals(j).widen("i64").convert(self.element)
                    found = code.variable(one, self.element)
                    with code.unless(number.identity.differs(0)):
                        place = b.byte(i * number.b_row + j * number.b_column)
                        found.value = code.load(place, self.element)
                    code.store(found.value, self.number(i, self.n + j, lane))

    @property
    def of_all(self) -> tuple[Value, Value]:
        """Where the number and the code of each matrix are."""
        last = self.n * self.width
        return self.code.at(self.space, self.type, last), self.code.at(
            self.space, self.type, last + 1
        )


def _eliminate(group: _Group) -> None:
    """Upper triangles, by the largest pivot of each column; the first pivot of all has the sign of the exchanges, and
    the codes say which is the first that is 0, counted from 1."""
    code, n, width = group.code, group.n, group.width
    sign = code.variable(code.constant(1.0, group.type), group.type)
    failed = code.variable(group.zero, group.type)
    with code.loop(code.zero, n) as c:
        with code.loop(c + 1, n) as r:
            exchange = group.get(r, c).abs() > group.get(c, c).abs()
            sign.value = choose(exchange, -sign.value, sign.value)
            with code.loop(c, width) as j:
                top, own = group.get(c, j), group.get(r, j)
                group.put(choose(exchange, own, top), c, j)
                group.put(choose(exchange, top, own), r, j)
        pivot = group.get(c, c)
        is_zero = pivot.equals(0.0)
        number = code.splat((c + 1).convert(group.element))
        failed.value = choose(is_zero & failed.value.equals(0.0), number, failed.value)
        with code.loop(c + 1, n) as r:
            own = group.get(r, c)
            factor = -choose(is_zero, own, own / pivot)
            with code.loop(c + 1, width) as j:
                group.put(factor.multiply_add(group.get(c, j), group.get(r, j)), r, j)
    product = code.variable(sign.value, group.type)
    with code.loop(code.zero, n) as c:
        product.value = product.value * group.get(c, c)
    for value, place in zip((product.value, failed.value), group.of_all):
        code.store(value, place)
    _substitute(group)
    group.put(sign.value * group.get(code.zero, code.zero), code.zero, code.zero)


def _substitute(group: _Group) -> None:
    """The solutions, from the last row upwards, in the place of the right-hand sides."""
    code, n = group.code, group.n
    with code.loop(code.zero, n) as steps:
        c = n - 1 - steps
        pivot = group.get(c, c)
        with code.loop(n, group.width) as j:
            x = group.get(c, j) / pivot
            group.put(x, c, j)
            with code.loop(code.zero, c) as r:
                group.put((-group.get(r, c)).multiply_add(x, group.get(r, j)), r, j)


def _factor(group: _Group) -> None:
    """Lower Cholesky factors, zeros above them; the codes say which is the first minor that is not positive."""
    code, n = group.code, group.n
    failed = code.variable(group.zero, group.type)
    total = code.variable(group.zero, group.type)
    with code.loop(code.zero, n) as j:

        def rest(i: Value) -> Value:
            total.value = group.get(i, j)
            with code.loop(code.zero, j) as k:
                total.value = (-group.get(i, k)).multiply_add(group.get(j, k), total.value)
            return total.value

        pivot = rest(j)
        number = code.splat((j + 1).convert(group.element))
        failed.value = choose(~(pivot > 0.0) & failed.value.equals(0.0), number, failed.value)
        root = code.intrinsic("sqrt", pivot)
        group.put(root, j, j)
        with code.loop(j + 1, n) as i:
            group.put(rest(i) / root, i, j)
            group.put(group.zero, j, i)
    code.store(failed.value, group.of_all[1])


def _write_lanes(group: _Group, first: Value, write: Callable[[Value, Value], None]) -> None:
    """Write the codes, and what is to be written of each matrix and its lane."""
    code = group.code
    with code.loop(code.zero, code.number(code.lanes)) as lane:
        matrix = first + lane
        with code.when(matrix < code.n.count):
            write(matrix, lane)
            failed = code.load(code.at(group.of_all[1], group.element, lane), group.element)
            code.put(failed.convert("i32"), code.p["info"], matrix)


@cache
def _solver(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        group = _Group(code, element)
        n, k = code.n.n, code.n.k

        def results(matrix: Value, lane: Value) -> None:
            product = code.load(code.at(group.of_all[0], element, lane), element)
            code.put(product, code.p["products"], matrix)
            with code.loop(code.zero, n) as i:
                pivot = code.load(group.number(i, i, lane), element)
                code.put(pivot, code.p["pivots"], matrix * n + i)
                with code.loop(code.zero, k) as j:
                    value = code.load(group.number(i, n + j, lane), element)
                    code.put(value, code.p["x"], (matrix * n + i) * k + j)

        with code.rows() as row:
            first = row * code.lanes
            group.read(first)
            _eliminate(group)
            _write_lanes(group, first, results)
        code.free(group.space)

    arrays = ("a", "b", "x", "pivots", "products", "info")
    return kernel("eliminate", arrays, Numbers, write, _lanes(element))


@cache
def _factorer(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        group = _Group(code, element)
        n = code.n.n

        def results(matrix: Value, lane: Value) -> None:
            with code.loop(code.zero, n) as i, code.loop(code.zero, n) as j:
                value = code.load(group.number(i, j, lane), element)
                code.put(value, code.p["x"], (matrix * n + i) * n + j)

        with code.rows() as row:
            first = row * code.lanes
            group.read(first)
            _factor(group)
            _write_lanes(group, first, results)
        code.free(group.space)

    return kernel("cholesky", ("a", "b", "x", "info"), Numbers, write, _lanes(element))


def _lanes(element: str) -> int:
    return machine().bits // BITS[element]


def fits(a: Any) -> bool:
    """Is this a stack of so many so small square matrices of floats?"""
    return (
        type(a) is np.ndarray
        and a.dtype in ELEMENTS
        and a.ndim > 2
        and 0 < a.shape[-1] <= MOST
        and a.size >= LEAST * a.shape[-1] ** 2
        and a.flags.aligned
    )


@lru_cache(1024)
def _told(
    item: int, count: int, n: int, k: int, steps: tuple[int, ...], identity: bool
) -> tuple[int, ...]:
    """The job and the `Numbers`."""
    rows = -(-count // _lanes("float" if item == 4 else "double"))
    job = Job(rows=rows, length=1, weight=count * n * (n + k) * 4, divisible=False)
    return (*job, count, n, k, *steps, int(identity))


class Eliminated(NamedTuple):
    """Of each matrix: the solutions, its pivots (whose product is the determinant), that product, and the number of the
    first pivot that is 0."""

    x: np.ndarray
    pivots: np.ndarray
    products: np.ndarray
    info: np.ndarray


def eliminated(a: Any, b: Any = None, k: int = 0) -> Eliminated:
    """Gaussian elimination of a stack that `fits`, of as many right-hand sides, or with k columns of the identity."""
    lead, n = a.shape[:-2], a.shape[-1]
    count = math.prod(lead)
    a = a.reshape(count, n, n)
    if b is not None:
        k = b.shape[-1]
        if b.shape[:-2] != lead:
            b = np.broadcast_to(b, (*lead, n, k))
        b = b.reshape(count, n, k)
    x = np.empty((*lead, n, k), a.dtype)
    pivots, products = np.empty((*lead, n), a.dtype), np.empty(lead, a.dtype)
    info = np.empty(lead, np.int32)
    right = a if b is None else b
    told = _told(a.itemsize, count, n, k, a.strides + right.strides, b is None)
    _solver(ELEMENTS[a.dtype])(a, right, x, pivots, products, info, *told)
    return Eliminated(x, pivots, products, info)


def cholesky(a: Any) -> Any:
    """Lower factors, and codes (0: success); NotImplemented for other arrays, and where a matrix has none."""
    if not fits(a):
        return NotImplemented
    lead, n = a.shape[:-2], a.shape[-1]
    count = math.prod(lead)
    a = a.reshape(count, n, n)
    x, info = np.empty((*lead, n, n), a.dtype), np.empty(lead, np.int32)
    told = _told(a.itemsize, count, n, 0, a.strides * 2, True)
    _factorer(ELEMENTS[a.dtype])(a, a, x, info, *told)
    return NotImplemented if info.any() else (x, info)
