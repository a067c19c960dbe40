"""Recurrent kernels against their definition in float64 and its numeric slopes: sizes, layouts, guard zones,
threads."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.ops.nn import rnn as layer

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SEEDS = np.random.SeedSequence(20265).generate_state(12)
WIDE = np.dtype(np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def defined(mode, x, w, b, h, c):
    """The states after each step, and the last cell."""
    states = []
    for step in x:
        own = h @ w.T + (0 if b is None else b)
        if mode == "GRU":
            (xr, xz, xn), (hr, hz, hn) = np.split(step, 3, 1), np.split(own, 3, 1)
            n, z = np.tanh(xn + sigmoid(xr + hr) * hn), sigmoid(xz + hz)
            h = (1 - z) * n + z * h
        elif mode == "LSTM":
            i, f, g, o = np.split(step + own, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(step + own) if mode == "RNN_TANH" else np.maximum(step + own, 0)
        states.append(h)
    return np.array(states), c


class Case:
    """Random operands, within nan, some with gaps or turned."""

    def __init__(self, mode, seed, dtype):
        self.rng = rng = np.random.default_rng(seed)
        self.mode, self.dtype = mode, dtype
        self.backwards = bool(
            seed % 2
        )  # is the sequence given turned round, to be walked from its end?
        self.time, self.batch, self.width = (
            int(rng.choice(sizes)) for sizes in ((1, 2, 5), (1, 3, 8, 17, 70), (1, 3, 16, 17, 40))
        )
        rows = layer.GATES[mode] * self.width
        self.x = self.draw(self.time, self.batch, rows)
        self.w = self.draw(rows, self.width) / np.sqrt(self.width).astype(dtype)
        self.b = self.draw(rows) if rng.random() < 0.7 else None
        self.h = self.draw(self.batch, self.width)
        self.c = self.draw(self.batch, self.width) if mode == "LSTM" else None
        self.given = self.draw(self.time, self.batch, self.width)
        self.last = self.draw(self.batch, self.width) if mode == "LSTM" else None

    def draw(self, *shape):
        whole = np.full((*shape[:-1], shape[-1] + 5), np.nan, self.dtype)
        if len(shape) == 3 and self.rng.random() < 0.5:
            whole = whole.swapaxes(0, 1).copy().swapaxes(0, 1)
        inside = whole[..., 2 : 2 + shape[-1]]
        inside[...] = self.rng.standard_normal(shape)
        return inside

    @property
    def operands(self):
        return self.x, self.w, self.b, self.h, self.c

    def kernel(self):
        from flambeau.kernels.nn import rnn

        cell = layer._cell(self.mode, np.dtype(self.dtype))
        x, *rest = self.operands
        turned = [v[::-1] if self.backwards else v for v in (x, self.given)]
        states, cells, gates = rnn.forward(cell, self.backwards, turned[0], *rest)
        slopes, others, *first = rnn.backward(
            cell, self.backwards, turned[1], self.last, gates, turned[0], states, cells, self.w
        )
        made = states, cells, slopes, others
        return *(v[::-1] if self.backwards and v is not None else v for v in made), *first

    def loss(self, *operands):
        states, cell = defined(self.mode, *operands)
        total = (states * self.given.astype(WIDE)).sum()
        return total if self.last is None else total + (cell * self.last.astype(WIDE)).sum()

    def slope(self, which, place, step=1e-6):
        """The numeric derivative by one element of an operand."""
        values = []
        for sign in (1, -1):
            operands = [None if v is None else v.astype(WIDE) for v in self.operands]
            operands[which][place] += sign * step
            values.append(self.loss(*operands))
        return (values[0] - values[1]) / (2 * step)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", layer.GATES)
@pytest.mark.parametrize("seed", SEEDS)
def test_values_and_slopes(mode, seed, dtype, monkeypatch):
    from flambeau.kernels.nn import rnn
    from flambeau.kernels.runtime import memory

    zones = []

    def guarded(shape, kind):
        size = int(np.prod(shape))
        zone = np.full(size + 128, 7, kind)
        zones.append(zone)
        zone[64 : 64 + size] = np.nan
        return zone[64 : 64 + size].reshape(shape)

    monkeypatch.setattr(rnn, "memory", type("Memory", (), {"empty": staticmethod(guarded)}))
    assert memory.empty is not guarded
    case = Case(mode, seed, dtype)
    states, cells, slopes, others, gh, gc = case.kernel()
    expected, cell = defined(mode, *(None if v is None else v.astype(WIDE) for v in case.operands))
    unit = 300 * np.finfo(dtype).eps
    np.testing.assert_allclose(states[1:], expected, rtol=unit, atol=unit)
    if cell is not None:
        np.testing.assert_allclose(cells[-1], cell, rtol=unit, atol=unit)
    by_input = slopes if others is None else others
    rough = max(1e-6, 10 * unit)
    for which, found in ((0, by_input), (3, gh), (4, gc)):
        if case.operands[which] is None:
            continue
        for _ in range(4):
            place = tuple(int(case.rng.integers(n)) for n in found.shape)
            slope = case.slope(which, place)
            assert abs(found[place] - slope) <= rough * (1 + abs(slope))
    for zone in zones:
        assert (zone[:64] == 7).all()
        assert (zone[-64:] == 7).all()


@pytest.mark.parametrize("mode", layer.GATES)
def test_the_same_bits_on_any_number_of_threads(mode):
    case = Case(mode, 1, np.float32)
    case.batch = 70
    case.__dict__.update(
        x=case.draw(9, 70, layer.GATES[mode] * case.width), h=case.draw(70, case.width),
        given=case.draw(9, 70, case.width),
    )  # fmt: skip
    if mode == "LSTM":
        case.c, case.last = case.draw(70, case.width), case.draw(70, case.width)
    threads, results = kernels.get_num_threads(), []
    try:
        for number in (1, 2, 3, 8):
            kernels.set_num_threads(number)
            results.append([v for v in case.kernel() if v is not None])
    finally:
        kernels.set_num_threads(threads)
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other))
