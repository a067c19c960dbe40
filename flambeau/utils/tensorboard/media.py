"""Pictures and sound, as TensorBoard reads them."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np

from .summary import Summary, array_of


def as_image(value: Any, formats: str) -> np.ndarray:
    """Height, width and three or four channels, of bytes; a batch becomes a grid.

    Raises:
        AssertionError: The letters do not fit the dimensions.
    """
    array, formats = array_of(value), formats.upper()
    if len(set(formats)) != len(formats) or len(formats) != array.ndim:
        raise AssertionError(
            f"The input tensor of {array.ndim} dimensions does not fit the format {formats}"
        )
    scale = 1 if array.dtype == np.uint8 else 255
    if "N" in formats:
        array = _grid(array.transpose([formats.index(c) for c in "NCHW"]))
    elif "C" in formats:
        array = array.transpose([formats.index(c) for c in "HWC"])
    else:
        array = array.transpose([formats.index(c) for c in "HW"])[..., None]
    if array.shape[-1] == 1:
        array = np.repeat(array, 3, -1)
    return (array.astype(np.float32) * scale).clip(0, 255).astype(np.uint8)


def _grid(images: np.ndarray, columns: int = 8) -> np.ndarray:
    """A batch (N, C, H, W) as one image, eight in a row."""
    if images.shape[1] == 1:
        images = np.repeat(images, 3, 1)
    count, channels, height, width = images.shape
    columns = min(count, columns)
    rows = -(-count // columns)
    whole = np.zeros((rows * columns, channels, height, width), images.dtype)
    whole[:count] = images
    whole = whole.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    return whole.reshape(rows * height, columns * width, channels)


def as_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """A batch (N, C, H, W) as one image of bytes, so many in a row."""
    scale = 1 if images.dtype == np.uint8 else 255
    return (_grid(images, columns).astype(np.float32) * scale).clip(0, 255).astype(np.uint8)


def save_picture(path: str, pixels: np.ndarray) -> None:
    """Write a picture to a file."""
    _pillow().fromarray(pixels).save(path)


def image(
    tag: str, pixels: np.ndarray, rescale: float = 1, boxes: Any = None, labels: Any = None
) -> Any:
    """A picture as PNG.

    Raises:
        ImportError: Pillow is not installed.
    """
    picture = _pillow().fromarray(pixels)
    if boxes is not None:
        _draw(picture, array_of(boxes), labels)
    if rescale != 1:
        size = (int(picture.width * rescale), int(picture.height * rescale))
        picture = picture.resize(size, _pillow().Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    held = Summary.Image(
        height=picture.height,
        width=picture.width,
        colorspace=pixels.shape[-1],
        encoded_image_string=file.getvalue(),
    )
    return Summary(value=[Summary.Value(tag=tag, image=held)])


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "pictures are written by Pillow, which is not installed: pip install pillow"
        ) from error
    return Image


def _draw(picture: Any, boxes: np.ndarray, labels: Any) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    for i, box in enumerate(boxes.reshape(-1, 4)):
        corners = [float(x) for x in box]
        pen.rectangle(corners, outline="red", width=2)
        if labels is not None:
            pen.text((corners[0], corners[1]), str(labels[i]), fill="red")


def video(tag: str, value: Any, fps: float = 4) -> Any:
    """Frames (N, T, C, H, W), the batch side by side, as a GIF."""
    array = array_of(value)
    frames = [as_image(array[:, t], "NCHW") for t in range(array.shape[1])]
    pictures = [_pillow().fromarray(frame) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(
        *(file,),
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / fps),
        loop=0,
    )
    height, width, channels = frames[0].shape
    held = Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=file.getvalue()
    )
    return Summary(value=[Summary.Value(tag=tag, image=held)])


def audio(tag: str, value: Any, sample_rate: int = 44100) -> Any:
    """Samples in [-1, 1], of one channel, as WAV."""
    samples = array_of(value).squeeze()
    if samples.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    whole = (samples.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(whole.tobytes())
    held = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(whole),
        encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=held)])
