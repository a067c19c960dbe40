"""CRC-32 against zlib's: lengths, alignments, starts, and memory that is not in order."""

import zlib

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels import checksum

needs_kernels = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def bytes_of(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_any_length_and_start(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = checksum.LEAST + int(rng.integers(0, 200)) + int(rng.integers(0, 2)) * 100_000
    data = bytes_of(seed, size + 64)[rng.integers(0, 64) :][:size]
    start = int(rng.integers(0, 1 << 32))
    assert checksum.crc32(data, start) == zlib.crc32(data, start)
    assert checksum.crc32(memoryview(data)) == zlib.crc32(data)
    data[rng.integers(0, size)] ^= 1 << rng.integers(0, 8)
    assert checksum.crc32(data.tobytes()) == zlib.crc32(data)


@needs_kernels
def test_machine_code_of_few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "LEAST", checksum.STEP)
    for size in range(checksum.STEP, 400):
        data = bytes_of(size, size)
        assert checksum.crc32(data) == zlib.crc32(data), size


@needs_kernels
def test_machine_code_is_used_where_the_processor_has_it() -> None:
    from flambeau.kernels.process import machine

    assert (checksum._folding() is not None) == bool(machine().features.get("pclmul"))


def test_other_elements_and_parts_add_up() -> None:
    numbers = np.arange(50_000, dtype=np.float64).reshape(500, 100)
    assert checksum.crc32(numbers) == zlib.crc32(numbers.tobytes())
    first = checksum.crc32(numbers[:311])
    assert checksum.crc32(numbers[311:], first) == zlib.crc32(numbers.tobytes())
    assert checksum.crc32(b"") == 0
    with pytest.raises((BufferError, ValueError)):
        checksum.crc32(numbers.T)


def test_without_such_a_multiplication_zlib_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "_folding", lambda: None)
    data = bytes_of(1, 1 << 15)
    assert checksum.crc32(data) == zlib.crc32(data)
