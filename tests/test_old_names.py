"""Names that programs use although others are newer: settings, helpers of nn.functional, functions that write."""

import warnings

import pytest

import flambeau as torch

F = torch.nn.functional


def test_warnings_may_be_asked_for_each_time():
    assert not torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    assert torch.is_warn_always_enabled()
    torch.set_warn_always(False)
    assert not torch.is_warn_always_enabled()


def test_small_numbers_are_kept():
    assert torch.set_flush_denormal(True) is False
    assert (torch.tensor([1e-40]) * 1).item() > 0
    assert torch.set_flush_denormal(False) is True


def test_libraries():
    assert torch.has_lapack
    assert torch.has_spectral
    assert torch.has_mkl == torch.backends.mkl.is_available()
    assert torch.has_openmp == torch.backends.openmp.is_available()


def test_anomaly_detection_as_a_function():
    torch.set_anomaly_enabled(True, False)
    assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_check_nan_enabled()
    torch.set_anomaly_enabled(False)
    assert not torch.is_anomaly_enabled()


def test_threads_of_backward():
    allowed = torch.autograd.grad_mode.set_multithreading_enabled
    with torch.autograd.set_multithreading_enabled(False):
        assert not allowed.allowed
        with allowed(True):
            assert allowed.allowed
        assert not allowed.allowed
    assert allowed.allowed


def test_boolean_dispatch():
    def double(x, twice=False):
        return 2 * x

    def single(x, twice=False):
        return x

    chosen = F.boolean_dispatch("twice", 1, False, double, single, "somewhere", "scaled")
    assert [chosen(3), chosen(3, True), chosen(3, twice=True), chosen(3, twice=False)] == [
        3,
        6,
        6,
        3,
    ]
    assert (chosen.__name__, chosen.__module__) == ("scaled", "somewhere")


def test_assert_int_or_pair():
    F.assert_int_or_pair(3, "kernel", "{} is wrong")
    F.assert_int_or_pair([1, 2], "kernel", "{} is wrong")
    with pytest.raises(AssertionError, match="kernel is wrong"):
        F.assert_int_or_pair([1, 2, 3], "kernel", "{} is wrong")


def test_functions_of_overrides():
    assert F.has_torch_function_unary is torch.overrides.has_torch_function_unary
    assert not F.has_torch_function((torch.ones(1),))
    assert F.grad is torch.nn.grad


def test_inplace_function():
    class Double(torch.autograd.function.InplaceFunction):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = x.clone()
    assert Double.apply(y) is y
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert isinstance(Double, torch.autograd.function.FunctionMeta)


def close(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.testing.assert_allclose(*args, **options)


def test_assert_allclose():
    with pytest.warns(FutureWarning, match="deprecated since 1.12"):
        torch.testing.assert_allclose(torch.ones(2), [1, 1])
    close(torch.ones(2), torch.ones(2, dtype=torch.float64) + 1e-5)
    close(torch.tensor(float("nan")), float("nan"))
    close(torch.ones(2, dtype=torch.int64), torch.ones(2))
    with pytest.raises(AssertionError, match=r"1e-05 allowed\)\n.*0.0001 allowed"):
        close(torch.ones(2), torch.ones(2) + 1e-3)
    with pytest.raises(AssertionError, match="hey"):
        close(torch.ones(2), torch.ones(2) + 1e-3, msg="hey")
    with pytest.raises(ValueError, match="got no atol"):
        close(torch.ones(2), torch.ones(2) + 1e-3, rtol=1)


def test_windows_by_the_name_of_their_file():
    import flambeau.signal.windows.windows as windows

    assert windows.hann is torch.signal.windows.hann


def test_mixed_precision_by_the_name_of_the_cpu():
    with pytest.warns(
        FutureWarning, match=r"torch\.cpu\.amp\.autocast\(args\.\.\.\)` is deprecated"
    ):
        context = torch.cpu.amp.autocast()
    with context:
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    with pytest.warns(FutureWarning, match=r"torch\.cpu\.amp\.GradScaler"):
        scaler = torch.cpu.amp.GradScaler(init_scale=4.0)
    assert scaler.scale(torch.tensor(2.0)).item() == 8.0
    assert torch.GradScaler is torch.amp.GradScaler


def test_set_module():
    class Local:
        pass

    torch.utils.set_module(Local, "elsewhere")
    assert Local.__module__ == "elsewhere"
    with pytest.raises(TypeError, match="should be a string"):
        torch.utils.set_module(Local, 3)


def test_dynamic_shapes_by_the_name_of_its_file():
    from flambeau.export import dynamic_shapes

    assert dynamic_shapes.Dim is torch.export.Dim
