"""A distribution named torch, for programs that ask `importlib.metadata` before they import."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, DistributionFinder
from typing import Any

from ..torch_version import __version__

_METADATA = """\
Metadata-Version: 2.1
Name: torch
Version: {version}
Summary: flambeau, which stands in for PyTorch in this program
Requires-Python: >=3.11
"""


class StandIn(Distribution):
    """What is said of the distribution: its metadata, and which modules it brings. It has no files."""

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return _METADATA.format(version=__version__)
        return "torch\nfunctorch\n" if filename == "top_level.txt" else None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(
            f"the distribution torch has no file {path!s}: flambeau stands in for it in this program"
        )


class Distributions(DistributionFinder):
    """Finds that distribution, and no module."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Finds no module."""

    def find_distributions(
        self,
        context: DistributionFinder.Context = DistributionFinder.Context(),  # noqa: B008
    ) -> Iterable[Distribution]:
        if context.name is None or context.name.lower() == "torch":
            yield StandIn()

    def install(self) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
