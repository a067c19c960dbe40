"""The environment, for bug reports: what `python -m flambeau` prints.

Source: torch.utils.collect_env
"""

from __future__ import annotations

__all__ = ["get_pretty_env_info", "main"]


def get_pretty_env_info() -> str:
    """Versions, libraries, processor and devices as text.

    Example:
        >>> from flambeau.utils import collect_env
        >>> collect_env.get_pretty_env_info().splitlines()[0]
        'flambeau'
    """
    from ..environment import report

    return report()


def main() -> None:
    """Print it: ``python -m flambeau.utils.collect_env``."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
