"""Complex numbers of two arrays, of every layout and around the ends of vectors."""

import numpy as np
import pytest

import flambeau as torch

TIMES = 5


def parts(shape, dtype):
    made = np.random.default_rng(0).standard_normal((2, *shape)).astype(dtype)
    return [torch.from_numpy(x) for x in made]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (7, 9), (16, 17), (70, 300)])
def test_layouts(shape, dtype):
    real, imag = parts(shape, dtype)
    forms = [(real, imag), (real, imag[:1]), (real[::2], imag[::2])]
    forms += [(real.mT, imag.mT), (real.mT, imag.mT.contiguous())] if len(shape) > 1 else []
    for x, y in forms:
        for _ in range(TIMES):
            assert np.array_equal(torch.complex(x, y).numpy(), x.numpy() + 1j * y.numpy())
            expected = x.numpy() * np.exp(1j * y.numpy().astype(np.float64))
            close = 2e-7 if dtype is np.float32 else 1e-15
            assert np.allclose(torch.polar(x, y).numpy(), expected, rtol=0, atol=4 * close)


def test_signs_and_nan_are_kept():
    real, imag = (
        torch.tensor([-0.0, np.nan, np.inf, 1.0]),
        torch.tensor([np.inf, -0.0, np.nan, -0.0]),
    )
    for _ in range(TIMES):
        made = torch.complex(real, imag).numpy()
        assert np.array_equal(made.real.view(np.int32), real.numpy().view(np.int32))
        assert np.array_equal(made.imag.view(np.int32), imag.numpy().view(np.int32))


def test_threads_do_not_change_bits():
    real, imag = parts((300, 701), np.float32)
    made = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        made += [torch.complex(real, imag) for _ in range(TIMES)]
    assert all(torch.equal(x, made[0]) for x in made)


def test_gradients_are_recorded_after_others_were_not():
    real, imag = torch.ones(3, 5), torch.ones(3, 5)
    for _ in range(TIMES):
        torch.complex(real, imag)
    real.requires_grad_()
    torch.complex(real, imag).real.sum().backward()
    assert torch.equal(real.grad, torch.ones(3, 5))
