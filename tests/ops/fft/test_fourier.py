"""Fourier transforms: values and gradients against recorded answers and differences, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

CASES = {
    "fft": (lambda t, x: t.fft.fft(x, n=5, norm="ortho"), [(2, 4)]),
    "fft dim": (lambda t, x: t.fft.fft(x, dim=0, norm="forward"), [(3, 2)]),
    "ifft": (lambda t, x: t.fft.ifft(x, n=3), [(2, 4)]),
    "fft2": (lambda t, x: t.fft.fft2(x, s=(4, -1)), [(3, 2)]),
    "ifftn": (lambda t, x: t.fft.ifftn(x, dim=(0, 2), norm="ortho"), [(2, 2, 3)]),
    "rfft": (lambda t, x: t.fft.rfft(x.real if x.is_complex() else x, norm="forward"), [(2, 5)]),
    "rfft even": (lambda t, x: t.fft.rfft(x.real if x.is_complex() else x, n=6), [(2, 5)]),
    "rfftn": (lambda t, x: t.fft.rfftn(x.real if x.is_complex() else x, s=(3, 4)), [(2, 2, 5)]),
    "irfft": (lambda t, x: t.fft.irfft(x), [(2, 4)]),
    "irfft odd": (lambda t, x: t.fft.irfft(x, n=5, norm="ortho"), [(2, 3)]),
    "irfft2": (lambda t, x: t.fft.irfft2(x, norm="forward"), [(3, 3)]),
    "hfft": (lambda t, x: t.fft.hfft(x, n=7), [(2, 4)]),
    "hfftn": (lambda t, x: t.fft.hfftn(x, s=(2, 6), norm="ortho"), [(3, 3)]),
    "ihfft": (lambda t, x: t.fft.ihfft(x.real if x.is_complex() else x), [(2, 5)]),
    "ihfft2": (lambda t, x: t.fft.ihfft2(x.real if x.is_complex() else x), [(3, 4)]),
    "fftshift": (lambda t, x: t.fft.fftshift(t.fft.ifftshift(x, dim=1)), [(3, 4)]),
    "stft": (
        lambda t, x, w: t.stft(x, 4, hop_length=2, win_length=3, window=w, return_complex=True),
        [(2, 9), (3,)],
    ),
    "stft padded": (
        lambda t, x: t.stft(
            x, 5, pad_mode="constant", normalized=True, onesided=False, return_complex=True
        ),
        [(8,)],
    ),
    "istft": (
        lambda t, x: t.istft(
            x * (1 + 0.5j),
            4,
            hop_length=1,
            window=t.signal.windows.hann(4, sym=False, dtype=t.float64),
            length=6,
        ),
        [(2, 3, 7)],
    ),
    "istft whole": (
        lambda t, x: t.istft(
            x * (1 + 0.5j),
            3,
            center=False,
            normalized=True,
            return_complex=True,
            onesided=False,
            hop_length=2,
        ),
        [(3, 4)],
    ),
}


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_as_recorded(name: str, kind: str, assert_recorded) -> None:
    case, shapes = CASES[name]
    assert_recorded("fourier.json", name, kind, case, shapes)


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name: str, assert_differences) -> None:
    assert_differences(*CASES[name])


@pytest.mark.parametrize("kind", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_single_precision_stays_single(kind: str) -> None:
    x = torch.ones(4)
    got = getattr(torch.fft, kind)(x)
    want = torch.float32 if kind in ("irfft", "hfft") else torch.complex64
    assert got.dtype is want
    assert getattr(torch.fft, kind)(torch.ones(4, dtype=torch.int32)).dtype is want


def test_frequencies() -> None:
    assert torch.fft.fftfreq(5, d=0.5).tolist() == pytest.approx([0, 0.4, 0.8, -0.8, -0.4])
    assert torch.fft.rfftfreq(4, dtype=torch.float64).tolist() == [0.0, 0.25, 0.5]
    assert torch.fft.fftfreq(0).shape == (0,)
    assert torch.fft.rfftfreq(0).isnan().tolist() == [True]
    assert torch.fft.fftfreq(4, 0.0)[1:].tolist() == [torch.inf, -torch.inf, -torch.inf]
    kept = torch.fft.fftfreq(3)
    kept += 1
    assert torch.fft.fftfreq(3)[0] == 0
    with pytest.raises(RuntimeError, match="floating point or complex"):
        torch.fft.fftfreq(4, dtype=torch.int64)


REFUSED = {
    "no points": (
        lambda f: f.fft(torch.ones(0)),
        RuntimeError,
        r"Invalid number of data points \(0\)",
    ),
    "n": (
        lambda f: f.fft(torch.ones(3), n=0),
        RuntimeError,
        r"Invalid number of data points \(0\)",
    ),
    "one point": (lambda f: f.irfft(torch.ones(1)), RuntimeError, r"data points \(0\) specified"),
    "0-d": (lambda f: f.fft(torch.tensor(1.0)), IndexError, "tensor has no dimensions"),
    "norm": (
        lambda f: f.fft(torch.ones(3), norm="x"),
        RuntimeError,
        'Invalid normalization mode: "x"',
    ),
    "dim": (lambda f: f.fft(torch.ones(3), dim=3), IndexError, "Dimension out of range"),
    "dims": (lambda f: f.fftn(torch.ones(3, 3), dim=(0, 0)), RuntimeError, "dims must be unique"),
    "s": (
        lambda f: f.fftn(torch.ones(3), s=(1, 2)),
        RuntimeError,
        "Got shape with 2 values but input",
    ),
    "s and dim": (lambda f: f.fftn(torch.ones(3), s=(1, 2), dim=(0,)), RuntimeError, "same length"),
    "complex": (
        lambda f: f.rfft(torch.ones(3) + 1j),
        RuntimeError,
        "rfft expects a real input tensor",
    ),
    "half": (lambda f: f.fft(torch.ones(3).half()), RuntimeError, "Unsupported dtype Half"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(torch.fft)


X, WINDOW = torch.ones(2, 20), torch.ones(4)
SPECTRUM = torch.ones(2, 3, 21) + 0j

STFT_REFUSED = {
    "return_complex": (lambda: torch.stft(X, 4), "return_complex parameter be given"),
    "3d": (lambda: torch.stft(X[None], 4, return_complex=True), "expected a 1D or 2D tensor"),
    "n_fft": (lambda: torch.stft(X, 40, center=False, return_complex=True), "expected 0 < n_fft <"),
    "hop": (lambda: torch.stft(X, 4, hop_length=0, return_complex=True), "expected hop_length > 0"),
    "window": (
        lambda: torch.stft(X, 4, win_length=3, window=WINDOW, return_complex=True),
        "window tensor of size equal to win_length=3",
    ),
    "integers": (lambda: torch.stft(X.long(), 4, return_complex=True), "floating point or complex"),
    "align": (
        lambda: torch.stft(X, 4, align_to_window=True, return_complex=True),
        "align_to_window is not supported",
    ),
    "real": (lambda: torch.istft(SPECTRUM.real, 4), "requires a complex-valued input tensor"),
    "frequencies": (lambda: torch.istft(SPECTRUM, 8), "expected the frequency dimension"),
    "windows of zeros": (
        lambda: torch.istft(SPECTRUM, 4, window=0 * WINDOW),
        "window overlap add min",
    ),
    "gaps": (lambda: torch.istft(SPECTRUM, 4, hop_length=5), "0 < hop_length <= win_length"),
}


@pytest.mark.parametrize("name", STFT_REFUSED)
def test_frames_refused(name: str) -> None:
    call, words = STFT_REFUSED[name]
    with pytest.raises(RuntimeError, match=words):
        call()


def test_a_signal_comes_back_from_its_spectrum() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 50)))
    window = torch.signal.windows.hann(16, sym=False, dtype=torch.float64)
    spectrum = torch.stft(x, 16, window=window, return_complex=True)
    again = torch.istft(spectrum, 16, window=window, length=50)
    np.testing.assert_allclose(again.numpy(), x.numpy(), atol=1e-12)
    pairs = torch.stft(x, 16, window=window, return_complex=False)
    np.testing.assert_allclose(torch.view_as_complex(pairs).numpy(), spectrum.numpy())
