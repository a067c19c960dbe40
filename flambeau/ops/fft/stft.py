"""Short-time Fourier transforms."""

from __future__ import annotations

import numpy as np

from ...core.tensor import Tensor
from ...dispatch.registry import public
from ..join.padding import constant_pad_, extended_
from ..view.slice import fold_back, unfold_
from .fourier import FORWARD, c2c_, c2r_, r2c_, resized


def _padded(x: Tensor, pad: int, mode: str) -> Tensor:
    """`x` lengthened at both ends of its last dimension."""
    n = x.shape[-1]
    pads = ((0, 0),) * (x.ndim - 1) + ((pad, pad),)
    if mode == "constant":
        return constant_pad_(x, pads, 0)
    if mode == "reflect" and pad >= n:
        raise RuntimeError(
            f"Argument #4: Padding size should be less than the corresponding input dimension, "
            f"but got: padding ({pad}, {pad}) at dimension {x.ndim} of input {list(x.shape)}"
        )
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return extended_(x, pads, mode)


def _full_window(
    call: str, window: Tensor | None, win_length: int, n_fft: int, like: Tensor
) -> Tensor:
    """The window in the middle of n_fft points."""
    if window is not None and (window.ndim != 1 or window.shape[0] != win_length):
        raise RuntimeError(
            f"{call} : expected a 1D window tensor of size equal to win_length={win_length}, but got "
            f"window with size {list(window.shape)}"
        )
    if window is None:
        window = like.new_ones(win_length)
    left = (n_fft - win_length) // 2
    if win_length == n_fft:
        return window
    shifted = resized(window.flip(0), (0,), (win_length + left,)).flip(0)
    return resized(shifted, (0,), (n_fft,))


def _call(name: str, x: Tensor, n_fft: int, hop: int, win: int) -> str:
    return (
        f"{name}(input of shape {list(x.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={win})"
    )


def _check_lengths(call: str, n_fft: int, hop: int, win: int) -> None:
    if hop <= 0:
        raise RuntimeError(f"{call} : expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{call} : expected 0 < win_length <= n_fft, but got win_length={win}")


@public("stft", method=True, out=True, tensors="input")
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of overlapping frames of a signal.

    Args:
        input: A signal, or a batch of them.
        n_fft: The size of the transform.
        hop_length: The distance between frames. Default: n_fft // 4.
        win_length: The size of the window. Default: n_fft.
        window: It; default: ones.
        center: Pad the signal so that frame t is centred at t hop_length.
        pad_mode: How it is padded: "reflect", "constant", "replicate", "circular".
        normalized: Divide by sqrt(n_fft).
        onesided: Give only the first half of the spectrum. Default: True for real signals.
        return_complex: False gives real and imaginary parts in a last dimension.
        align_to_window: Not supported: leave it out.

    Shape:
        (length) or (batch, length) give (batch, frequencies, frames).

    Source: torch.stft
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    call = _call("stft", input, n_fft, hop, win)
    complex_ = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not complex_:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs: pass "
            "return_complex=True"
        )
    if align_to_window is not None:
        raise RuntimeError("stft: align_to_window is not supported: leave it out")
    _check_signal(call, input)
    x = input if input.ndim == 2 else input[None]
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    length = x.shape[-1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"{call} : expected 0 < n_fft <= {length}, but got n_fft={n_fft}")
    _check_lengths(call, n_fft, hop, win)
    weights = _full_window(call, window, win, n_fft, x)
    framed = unfold_(x, x.ndim - 1, n_fft, hop) * weights
    result = _spectrum(framed, normalized, onesided, complex_).mT
    if input.ndim == 1:
        result = result.squeeze(0)
    return _as_real(result) if return_complex is False else result


def _check_signal(call: str, x: Tensor) -> None:
    if x.dtype.category < 2:
        raise RuntimeError(f"{call} : expected a tensor of floating point or complex values")
    if x.ndim not in (1, 2):
        raise RuntimeError(f"{call} : expected a 1D or 2D tensor")


def _as_real(x: Tensor) -> Tensor:
    from ..view.complex import view_as_real

    return view_as_real(x)


def _spectrum(framed: Tensor, normalized: bool, onesided: bool | None, complex_: bool) -> Tensor:
    last, scale = (framed.ndim - 1,), FORWARD.index("ortho") if normalized else 0
    if onesided is None:
        onesided = not complex_
    if complex_:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        return c2c_(framed, last, scale, True)
    if onesided:
        return r2c_(framed, last, scale)
    return c2c_(framed.to(framed.dtype.to_complex()), last, scale, True)


def _overlapped(frames: Tensor, hop: int, length: int) -> Tensor:
    """(batch, frames, points) added up at their places: (batch, length)."""
    return fold_back(frames, 1, frames.shape[-1], hop, (frames.shape[0], length))


@public("istft", method=True, out=True, tensors="input")
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal that `stft` transformed: frames added up, divided by the windows' sum of squares.

    Args:
        input: What `stft` gave, complex.
        n_fft: As for `stft`.
        hop_length: As for `stft`.
        win_length: As for `stft`.
        window: As for `stft`.
        center: As for `stft`.
        normalized: As for `stft`.
        onesided: Was only the first half given? Default: if the number of frequencies says so.
        length: The signal's length, to which the result is cut or padded.
        return_complex: The signal is complex.

    Raises:
        RuntimeError: The windows do not cover the signal.

    Source: torch.istft
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    call = _call("istft", input, n_fft, hop, win)
    onesided = _check_inverse(call, input, n_fft, hop, win, onesided, return_complex, window)
    x = input if input.ndim == 3 else input[None]
    weights = _full_window(call, window, win, n_fft, x.real)
    frames = x.mT
    scale = FORWARD.index("ortho") if normalized else FORWARD.index("forward")
    if return_complex:
        signal = c2c_(frames, (2,), scale, False)
    else:
        half = frames if onesided else frames[..., : n_fft // 2 + 1]
        signal = c2r_(half, (2,), n_fft, scale)
    total = n_fft + hop * (x.shape[-1] - 1)
    y = _overlapped(signal * weights, hop, total)
    envelope = _overlapped(weights.square().expand(1, x.shape[-1], n_fft), hop, total)
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total - start if center else total
    stop = min(stop, total)
    y, envelope = y[..., start:stop], envelope[..., start:stop]
    y = y / _covering(call, envelope)
    if length is not None:
        y = resized(y, (1,), (length,))
    return y if input.ndim == 3 else y.squeeze(0)


def _covering(call: str, envelope: Tensor) -> Tensor:
    """The windows' sum of squares, which must be positive everywhere."""
    if not np.min(np.abs(envelope._array), initial=1.0) > 1e-11:
        raise RuntimeError(
            f"{call} : window overlap add min is 0: the windows leave parts of the signal uncovered, "
            "so it cannot be recovered; take a smaller hop_length or another window"
        )
    return envelope


def _check_inverse(
    call: str,
    x: Tensor,
    n_fft: int,
    hop: int,
    win: int,
    onesided: bool | None,
    return_complex: bool,
    window: Tensor | None,
) -> bool:
    """Checks the arguments; says whether the spectrum is a half one."""
    if not x.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if x.numel() == 0:
        raise RuntimeError(f"{call} : input tensor cannot be empty.")
    if x.ndim not in (2, 3):
        raise RuntimeError(f"{call} : expected a tensor with 2 or 3 dimensions, but got {x.ndim}")
    if onesided is None:
        onesided = x.shape[-2] != n_fft
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if x.shape[-2] != wanted:
        raise RuntimeError(
            f"{call} : expected the frequency dimension (2nd to the last) of the input tensor to match "
            f"n_fft {'/ 2 + 1 ' if onesided else ''}when onesided={onesided}, but got {x.shape[-2]}"
        )
    if not 0 < hop <= win:
        raise RuntimeError(f"{call} : expected 0 < hop_length <= win_length")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{call} : expected 0 < win_length <= n_fft")
    if return_complex and onesided:
        raise RuntimeError(
            "Cannot have onesided output if window or input is complex: pass onesided=False"
        )
    if not return_complex and window is not None and window.dtype.is_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    return onesided
