"""Recurrent layers of device arrays, against the steps of NumPy."""

import numpy as np
import pytest

from flambeau.kernels.cuda.nn import rnn
from flambeau.ops.nn import rnn as plain

TIME, BATCH, WIDTH = 3, 4, 5
RANDOM = np.random.default_rng(0)


def normal(*shape, dtype):
    return RANDOM.normal(size=shape).astype(dtype)


def assert_near(got, want):
    assert (got is None) == (want is None)
    if got is not None:
        tolerance = 1e-5 if got.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(got.get(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("mode", plain.CELLS)
def test_all_steps_and_back(xp, mode, biased, dtype):
    def there(x):
        return None if x is None else xp.asarray(x)

    cell, wide = plain._cell(mode, dtype), plain.GATES[mode] * WIDTH
    x, w = normal(TIME, BATCH, wide, dtype=dtype), normal(wide, WIDTH, dtype=dtype)
    b = normal(wide, dtype=dtype) if biased else None
    h = normal(BATCH, WIDTH, dtype=dtype)
    c = normal(BATCH, WIDTH, dtype=dtype) if cell.lasting else None
    want = plain._walk(mode, x, w, b, h, c)
    turned = xp.ascontiguousarray(xp.asarray(x).swapaxes(0, 1)).swapaxes(0, 1)
    made = rnn.forward(cell, False, turned, *map(there, (w, b, h, c)))
    for got, known in zip(made, want, strict=True):
        assert_near(got, known)
    made = rnn.forward(cell, True, turned[::-1], *map(there, (w, b, h, c)))
    for got, known in zip(made, want, strict=True):
        assert_near(got[::-1], known)
    states, cells, gates = want
    last = normal(BATCH, WIDTH, dtype=dtype) if cell.lasting else None
    kept = x if cell.apart else x[:0]
    for given in (normal(TIME, BATCH, WIDTH, dtype=dtype), None):
        arrays = given, last, gates, kept, states, cells, w
        made = rnn.backward(cell, False, *map(there, arrays))
        found = plain._walk_back(mode, *arrays)
        for got, known in zip(made, found, strict=True):
            assert_near(got, known)
        walked = (given, *arrays[2:6])
        given_, *walked = (None if v is None else there(v[::-1]) for v in walked)
        made = rnn.backward(cell, True, given_, there(last), *walked, there(w))
        for i, (got, known) in enumerate(zip(made, found, strict=True)):
            assert_near(got[::-1] if i < 2 and got is not None else got, known)


def test_what_it_is_not_made_for(xp):
    cell = plain._cell("RNN_TANH", np.dtype("f4"))
    x, w, h = (xp.ones(shape, np.float16) for shape in ((2, 1, 3), (3, 3), (1, 3)))
    assert rnn.forward(cell, False, x, w, None, h, None) is NotImplemented
