"""linalg.matrix_sqrth and linalg.polar: values and gradients are PyTorch 2.14.1's, in float64."""

import math

import numpy as np
import pytest

import flambeau as torch


def wave(*shape, step):
    n = math.prod(shape)
    return torch.sin(torch.arange(n, dtype=torch.float64) ** 1.5 * step).reshape(shape)


def assert_near(x, wanted):
    np.testing.assert_allclose(x.detach().numpy().ravel(), wanted, atol=1e-9)


def test_matrix_sqrth():
    A = wave(3, 3, step=1.3)
    A = (A @ A.mT + torch.eye(3, dtype=torch.float64)).requires_grad_()
    X = torch.linalg.matrix_sqrth(A)
    assert_near(X, [1.4125140735, -0.4214719012, -0.1259596531, -0.4214719012, 1.6013235077, -0.0172061158,
                    -0.1259596531, -0.0172061158, 1.6225656834])  # fmt: skip
    (X * wave(3, 3, step=0.7)).sum().backward()
    assert_near(A.grad, [0.0085393676, 0.0119493944, 0.0557769313, 0.0119493944, -0.1915808185, 0.2216721477,
                         0.0557769313, 0.2216721477, -0.0336420244])  # fmt: skip


def test_matrix_sqrth_reads_the_lower_triangle_and_takes_negative_eigenvalues_for_zero():
    A = torch.tensor([[4.0, 99.0], [0.0, -1e-8]])
    assert torch.linalg.matrix_sqrth(A).tolist() == [[2.0, 0.0], [0.0, 0.0]]


def test_polar():
    B = wave(2, 4, 3, step=0.9).requires_grad_()
    U, H = torch.linalg.polar(B)
    assert_near(U[1], [0.2383208434, -0.882924829, 0.3201382922, 0.7556950328, 0.2701825376, -0.2395065699,
                       0.246822034, -0.3468847163, -0.7539477131, -0.5578593699, -0.1646697796,
                       -0.5212589787])  # fmt: skip
    assert_near(H[1], [1.0656360162, 0.7840303512, 0.4853477269, 0.7840303512, 1.5196313021, 0.563576799,
                       0.4853477269, 0.563576799, 1.1274369564])  # fmt: skip
    ((U * wave(2, 4, 3, step=0.7)).sum() + (H * wave(2, 3, 3, step=0.3)).sum()).backward()
    assert_near(B.grad[1], [0.6296148674, -0.698898966, -0.8261424996, -0.1530531988, 1.1676318579,
                            -1.4878397842, 1.0174106697, -0.2418988571, -1.4779631932, -1.2267995712,
                            0.1172653303, 0.73876744])  # fmt: skip


def test_polar_of_complex_matrices():
    C = torch.complex(wave(3, 3, step=0.9), wave(3, 3, step=0.4)).requires_grad_()
    U, H = torch.linalg.polar(C)
    np.testing.assert_allclose((U @ H).detach().numpy(), C.detach().numpy(), atol=1e-12)
    toward_u = torch.complex(wave(3, 3, step=0.7), wave(3, 3, step=0.2))
    toward_h = torch.complex(wave(3, 3, step=0.1), wave(3, 3, step=0.6))
    ((U * toward_u).real.sum() + (H * toward_h).real.sum()).backward()
    assert_near(C.grad.real, [0.3205596979, 0.5747900062, 1.2813605185, -0.9012920653, -0.1834175082,
                              0.3199826347, -0.7976566996, -0.0268623533, 0.7610979603])  # fmt: skip
    assert_near(C.grad.imag, [1.5865953862, 0.4511703034, -0.0274880607, -0.6231848307, -0.7386111372,
                              -0.0510116783, 0.4685817775, 0.7489771649, 1.0822993543])  # fmt: skip


def test_second_derivatives():
    B = wave(3, 2, step=0.9).requires_grad_()
    assert torch.autograd.gradgradcheck(torch.linalg.polar, B)
    A = wave(2, 2, step=1.1).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: torch.linalg.matrix_sqrth(x @ x.mT), A)


def test_what_has_no_decomposition():
    with pytest.raises(RuntimeError, match="at least as many rows as columns"):
        torch.linalg.polar(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="square matrices"):
        torch.linalg.matrix_sqrth(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="Got Int"):
        torch.linalg.polar(torch.eye(2, dtype=torch.int32))
    with pytest.raises(torch.linalg.LinAlgError, match="non-finite"):
        torch.linalg.matrix_sqrth(torch.full((1, 1), math.nan))
    U, H = torch.empty(0), torch.empty(0)
    torch.linalg.polar(2 * torch.eye(2), out=(U, H))
    assert (U.tolist(), H.tolist()) == ([[1, 0], [0, 1]], [[2, 0], [0, 2]])


@pytest.mark.parametrize("name", ["cholesky", "qr"])
def test_functions_that_pytorch_removed_say_what_to_call(name):
    for call in (getattr(torch, name), lambda x: getattr(x, name)()):
        with pytest.raises(RuntimeError, match=f"now removed.*torch.linalg.{name}"):
            call(torch.eye(2))
