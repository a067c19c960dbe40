"""PYTORCH_CUDA_ALLOC_CONF: what programs set of the allocator, as far as CuPy's pools have it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

VARIABLES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
BACKENDS = ("native", "cudaMallocAsync")
WITHOUT_EFFECT = frozenset(
    (
        *(
            "expandable_segments",
            "max_split_size_mb",
            "max_non_split_rounding_mb",
            "large_segment_size_mb",
        ),
        *(
            "pinned_num_register_threads",
            "pinned_reserve_segment_size_mb",
            "pinned_use_background_threads",
        ),
        *(
            "pinned_use_cuda_host_register",
            "release_lock_on_cudamalloc",
            "graph_capture_record_stream_reuse",
        ),
    )
)
"""What PyTorch knows and CuPy's pools do not have: it changes how memory is cut up, never a result."""
_ITEM = re.compile(r"\s*(\w+)\s*:\s*(\[[^\]]*\]|[^,\[\]]+?)\s*(?:,|$)")
_UNIT = 512
"""Bytes that CuPy rounds up to."""


@dataclass
class Settings:
    """What was set.

    Attributes:
        backend: "native", CuPy's pools; "cudaMallocAsync", the driver's.
        garbage_collection_threshold: Part of the limit from which memory that waits is given back; 0 for never.
        rounding: What sizes are rounded up by; None for multiples of 512 bytes.
    """

    backend: str = "native"
    garbage_collection_threshold: float = 0.0
    rounding: Callable[[int], int] | None = None

    @classmethod
    def of_environment(cls) -> Settings:
        """What the environment says; what has no effect here gives a warning."""
        settings = cls()
        for name in VARIABLES:
            settings.set(os.environ.get(name, ""), _warn)
        return settings

    def set(self, text: str, refuse: Callable[[str], None]) -> None:
        """Take over ``name:value,name:value``.

        Args:
            text: What is set.
            refuse: What to do about a setting that has no effect here.

        Raises:
            ValueError: There is no such setting or value.
        """
        for name, value in _items(text):
            if name == "backend":
                self.backend = _one_of(name, value, BACKENDS)
            elif name == "garbage_collection_threshold":
                self.garbage_collection_threshold = _fraction(name, value)
            elif name == "roundup_power2_divisions":
                self.rounding = _rounding(value)
            elif name in WITHOUT_EFFECT:
                if value.lower() != "false":
                    refuse(name)
            else:
                raise ValueError(f"Unrecognized key '{name}' in the allocator's settings {text!r}")


def _warn(name: str) -> None:
    warnings.warn(
        f"the allocator's setting {name} has no effect: CuPy's memory pool does not have it",
        stacklevel=2,
    )


def refuse(name: str) -> None:
    """Raises ValueError: the setting has no effect here."""
    raise ValueError(
        f"the allocator's setting {name} is not supported: CuPy's memory pool does not have it; it has backend, "
        "garbage_collection_threshold and roundup_power2_divisions"
    )


def _items(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        match = _ITEM.match(text, at)
        if match is None:
            raise ValueError(
                f"the allocator's settings must be name:value,name:value, not {text!r}"
            )
        yield match[1], match[2]
        at = match.end()


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{name} must be {' or '.join(known)}, not {value!r}")
    return value


def _fraction(name: str, value: str) -> float:
    number = float(value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must be greater than 0 and less than 1, not {value}")
    return number


def _rounding(value: str) -> Callable[[int], int] | None:
    """Of "8", or of "[256:1,512:2,>:4]": divisions between powers of two, by sizes in MiB.

    Source: roundup_power2_divisions in PyTorch's "CUDA semantics"
    """
    if not value.startswith("["):
        fixed = _divisions(value)
        return None if fixed < 2 else lambda size: rounded(size, fixed)
    steps = []
    for item in value.strip("[]").split(","):
        bound, _, divisions = (part.strip() for part in item.partition(":"))
        steps.append((float("inf") if bound == ">" else int(bound) << 20, _divisions(divisions)))
    steps.sort()
    return lambda size: rounded(size, next((n for most, n in steps if size <= most), 0))


def _divisions(value: str) -> int:
    number = int(value)
    if number & (number - 1) or number < 0:
        raise ValueError(f"roundup_power2_divisions must be a power of 2, not {value}")
    return number


def rounded(size: int, divisions: int) -> int:
    """A size, rounded up to one of the steps that a power of two is divided into."""
    if divisions < 2 or size <= _UNIT * divisions:
        return -(-size // _UNIT) * _UNIT
    step = (1 << (size.bit_length() - 1)) // divisions
    return -(-size // step) * step


__all__ = ["Settings", "refuse", "rounded"]
