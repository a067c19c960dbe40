"""Apple's Metal: not used."""

from __future__ import annotations

import platform


def is_available() -> bool:
    """Is Apple's Metal used? It is not.

    Source: torch.backends.mps.is_available
    """
    return False


def is_built() -> bool:
    """Is Apple's Metal used? It is not.

    Source: torch.backends.mps.is_built
    """
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Is the system macOS, of this version or a newer one?

    Source: torch.backends.mps.is_macos_or_newer
    """
    version = platform.mac_ver()[0]
    return bool(version) and tuple(map(int, version.split(".")[:2])) >= (major, minor)


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Is the system macOS 13 or newer?

    Source: torch.backends.mps.is_macos13_or_newer
    """
    return is_macos_or_newer(13, minor)
