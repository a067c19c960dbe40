"""Linear algebra as cuSOLVER has it: nobody looks whether there is a result, unless told to."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from flambeau.simulator import cupyx

GOOD = np.array([[4.0, 1.0], [1.0, 3.0]])
SINGULAR = np.array([[1.0, 1.0], [1.0, 1.0]])


GARBAGE = np.frombuffer(b"\xcd" * 8, np.float64)[0]


def test_what_has_no_result_is_garbage(cupy: ModuleType) -> None:
    batch = cupy.asarray(np.stack([GOOD, SINGULAR, -GOOD]))
    inverse = cupy.linalg.inv(batch).get()
    np.testing.assert_allclose(inverse[0], np.linalg.inv(GOOD))
    assert (inverse[1] == GARBAGE).all()
    factor = cupy.linalg.cholesky(batch[::2]).get()
    np.testing.assert_allclose(factor[0], np.linalg.cholesky(GOOD))
    assert (factor[1] == GARBAGE).all()
    assert (cupy.linalg.solve(batch[1], batch[0]).get() == GARBAGE).all()
    one_by_one = cupy.linalg.solve(batch, batch[:, 0, :, None])
    assert (one_by_one.get() == GARBAGE).any((1, 2)).tolist() == [False, True, False]


def test_it_is_looked_at_when_asked(cupy: ModuleType) -> None:
    singular = cupy.asarray(SINGULAR)
    with cupyx.errstate(linalg="raise"):
        with pytest.raises(cupy.linalg.LinAlgError):
            cupy.linalg.inv(singular)
        with pytest.raises(cupy.linalg.LinAlgError):
            cupy.linalg.cholesky(-cupy.asarray(GOOD))
    assert cupyx.geterr()["linalg"] == "ignore"
    with pytest.raises(NotImplementedError):
        cupyx.seterr(divide="raise")


def test_shapes_that_cupy_refuses(cupy: ModuleType) -> None:
    a = cupy.asarray(GOOD)
    with pytest.raises(ValueError, match="multidimensional b"):
        cupy.linalg.solve(a, cupy.ones((5, 2, 1)))  # NumPy broadcasts it
    with pytest.raises(cupy.linalg.LinAlgError):
        cupy.linalg.inv(cupy.ones((2, 3)))
    with pytest.raises(TypeError):
        cupy.linalg.inv(cupy.ones((2, 2), np.float16))


def test_eigenvalues_are_complex(cupy: ModuleType) -> None:
    values, vectors = cupy.linalg.eig(cupy.asarray(GOOD))
    assert values.dtype == vectors.dtype == np.complex128
    np.testing.assert_allclose((GOOD @ vectors.get()), (vectors * values).get(), atol=1e-12)
    assert cupy.linalg.eigvals(cupy.asarray(GOOD.astype(np.float32))).dtype == np.complex64
