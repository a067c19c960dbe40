"""Points that fill a cube evenly: torch.quasirandom."""

from __future__ import annotations

import lzma
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from .core.device import CPU
from .core.dtype import get_default_dtype, int64
from .core.random.generator import Generator
from .core.tensor import Tensor
from .dispatch.registry import NAMESPACES

_T = NAMESPACES["torch"]
_BITS, _DIMENSIONS = 30, 21201


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Primitive polynomials over two elements, as numbers, and where the direction numbers begin.

    The file has the differences of the polynomials, then the bits of the first direction numbers: of the i-th number
    of each dimension, which is odd and below 2^(i + 1), the bits from 1 to i, one bit after the other.

    Source: Joe and Kuo, Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30
        (2008); the numbers for the search criterion D(6), new-joe-kuo-6.21201, under a BSD licence.
    """
    raw = lzma.decompress(files(__package__).joinpath("sobol.xz").read_bytes())
    steps = np.frombuffer(raw, np.uint16, _DIMENSIONS - 1)
    polynomials = np.concatenate([[1], np.cumsum(steps, dtype=np.int64)])
    bits = np.unpackbits(np.frombuffer(raw, np.uint8, offset=steps.nbytes))
    degrees = np.array([int(p).bit_length() - 1 for p in polynomials])
    first = np.zeros((_DIMENSIONS, 18), np.int64)
    at = 0
    for i in range(18):
        rows = np.flatnonzero(degrees > i)
        first[rows, i] = 1
        for bit in range(1, i + 1):
            first[rows, i] |= bits[at : at + len(rows)].astype(np.int64) << bit
            at += len(rows)
    return polynomials, first


def _directions(dimension: int) -> np.ndarray:
    """The direction numbers (dimension, 30), of 30 bits each."""
    polynomials, first = (x[:dimension] for x in _table())
    numbers = np.zeros((dimension, _BITS), np.int64)
    numbers[0] = 1
    degrees = np.array([int(p).bit_length() - 1 for p in polynomials])
    for degree in np.unique(degrees[1:]):
        rows = np.flatnonzero(degrees == degree)
        p, w = polynomials[rows], np.zeros((len(rows), _BITS), np.int64)
        w[:, :degree] = first[rows, :degree]
        for j in range(degree, _BITS):
            new = w[:, j - degree].copy()
            for k in range(degree):
                new ^= ((p >> (degree - 1 - k)) & 1) * (w[:, j - k - 1] << (k + 1))
            w[:, j] = new
        numbers[rows] = w
    return numbers << np.arange(_BITS - 1, -1, -1)


class SobolEngine:
    """Sobol's sequence of points in the unit cube, PyTorch's point for point.

    Args:
        dimension: Of the points, up to 21201.
        scramble: Owen's scrambling: other sequences as even as the first.
        seed: Of the scrambling. Without it, numbers of the default generator.

    Raises:
        ValueError: There are no direction numbers for so many dimensions.

    Source: torch.quasirandom.SobolEngine; Sobol (1967); Owen, Journal of Complexity 14 (1998); Joe and Kuo (2008)

    Example:
        >>> import flambeau as torch
        >>> torch.quasirandom.SobolEngine(2).draw(3)
        tensor([[0.0000, 0.0000],
                [0.5000, 0.5000],
                [0.7500, 0.2500]])
    """

    MAXBIT = _BITS
    MAXDIM = _DIMENSIONS

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self.sobolstate = _T["from_numpy"](_directions(dimension))
        if scramble:
            self._scramble()
        else:
            self.shift = _T["zeros"](dimension, dtype=int64, device=CPU)
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**self.MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def _scramble(self) -> None:
        """Multiply each direction number's bits by a random triangular matrix, and shift by a random number."""
        generator = None if self.seed is None else Generator().manual_seed(self.seed)
        randint, bits = _T["randint"], self.MAXBIT
        shift = randint(2, (self.dimension, bits), generator=generator, device=CPU).numpy()
        self.shift = _T["from_numpy"]((shift << np.arange(bits)).sum(-1))
        matrices = randint(2, (self.dimension, bits, bits), generator=generator, device=CPU)
        matrices = matrices.tril().numpy()
        matrices[:, range(bits), range(bits)] = 1
        places = np.arange(bits - 1, -1, -1)  # the highest bit first
        numbers = (self.sobolstate.numpy()[..., None] >> places) & 1
        mixed = np.matmul(numbers.astype(np.float64), matrices.swapaxes(1, 2).astype(np.float64))
        self.sobolstate = _T["from_numpy"](((mixed.astype(np.int64) & 1) << places).sum(-1))

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next n points, (n, dimension).

        Args:
            out: Where to write them; it takes their shape.
            dtype: Default: the default dtype.
        """
        dtype = get_default_dtype() if dtype is None else dtype
        new = n - 1 if self.num_generated == 0 else n
        points = self._advance(new)
        result = _T["from_numpy"](points).to(dtype) * 2.0**-self.MAXBIT
        if self.num_generated == 0:
            result = _T["cat"]([self._first_point.to(dtype), result])
        self.num_generated += n
        if out is None:
            return result
        return out.resize_(result.shape).copy_(result)

    def _advance(self, n: int) -> np.ndarray:
        """The next n points as whole numbers; the last one is kept."""
        start = max(self.num_generated - 1, 0)
        numbers = np.arange(start, start + n)
        changed = np.log2((~numbers) & (numbers + 1)).astype(np.int64)  # the lowest bit that is 0
        steps = self.sobolstate.numpy()[:, changed].T
        whole = np.concatenate([self.quasi.numpy()[None], steps])
        points = np.bitwise_xor.accumulate(whole)
        self.quasi = _T["from_numpy"](points[-1].copy())
        return points[1:]

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next 2^m points.

        Raises:
            ValueError: With those before they are not a power of two, whose balance such a sequence has.
        """
        total = self.num_generated + 2**m
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: "
                f"n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                "'SobolEngine.draw()' instead."
            )
        return self.draw(2**m, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Begin again."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave n points out.

        The n-th point is where an odd number of the bits of n's Gray code say to change.
        """
        target = self.num_generated + n - 1
        gray = target ^ (target >> 1)
        quasi = self.shift.numpy().copy()
        for bit in range(self.MAXBIT):
            if gray >> bit & 1:
                quasi ^= self.sobolstate.numpy()[:, bit]
        self.quasi = _T["from_numpy"](quasi)
        self.num_generated += n
        return self

    def __repr__(self) -> str:
        options = [f"dimension={self.dimension}"]
        if self.scramble:
            options.append("scramble=True")
        if self.seed is not None:
            options.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(options)})"
