"""PYTORCH_CUDA_ALLOC_CONF: what is understood, what has no effect, what is refused."""

from __future__ import annotations

import pytest

from flambeau.kernels.cuda.allocator_setting import Settings, refuse, rounded


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.of_environment() == Settings()
    text = "backend:cudaMallocAsync, garbage_collection_threshold:0.8,roundup_power2_divisions:8"
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", text)
    found = Settings.of_environment()
    assert (found.backend, found.garbage_collection_threshold) == ("cudaMallocAsync", 0.8)
    assert found.rounding is not None
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    with pytest.warns(UserWarning, match="expandable_segments has no effect"):
        assert Settings.of_environment() == Settings()
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:False")
    assert Settings.of_environment() == Settings()


def test_sizes_are_rounded_up_between_powers_of_two() -> None:
    """PyTorch's example: 1200 and 4 divisions give 1024, 1280, 1536, 1792, so 1280 (there in bytes above 512 each)."""
    assert rounded(1200 * 1024, 4) == 1280 * 1024
    assert rounded(1280 * 1024, 4) == 1280 * 1024
    assert rounded(1281 * 1024, 4) == 1536 * 1024
    assert rounded(1 << 20, 4) == 1 << 20
    assert rounded(700, 4) == 1024
    assert rounded(1 << 30, 1) == 1 << 30


def test_divisions_by_size() -> None:
    settings = Settings()
    settings.set("roundup_power2_divisions:[4:2, 16:4,>:8]", refuse)
    assert settings.rounding is not None
    mib = 1 << 20
    assert settings.rounding(3 * mib + 1) == 4 * mib
    assert settings.rounding(9 * mib) == 10 * mib
    assert settings.rounding(33 * mib) == 36 * mib
    settings.set("roundup_power2_divisions:1", refuse)
    assert settings.rounding is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_split_size_mb:64", "max_split_size_mb is not supported"),
        ("colour:red", "Unrecognized key 'colour'"),
        ("backend:mine", "native or cudaMallocAsync, not 'mine'"),
        ("garbage_collection_threshold:1.5", "less than 1, not 1.5"),
        ("roundup_power2_divisions:3", "power of 2, not 3"),
        ("nothing", "name:value,name:value, not 'nothing'"),
    ],
)
def test_what_is_wrong_says_so(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings().set(text, refuse)
