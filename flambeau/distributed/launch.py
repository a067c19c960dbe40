"""The launcher of before: ``python -m torch.distributed.launch``, which is `run` with a flag more.

Source: torch.distributed.launch
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .run import main as run


def main(args: Sequence[str] | None = None) -> None:
    """The command line: that of `run`; ``--use-env`` is what it does anyway.

    Source: torch.distributed.launch.main
    """
    given = list(sys.argv[1:] if args is None else args)
    run([x for x in given if x not in ("--use-env", "--use_env")])


if __name__ == "__main__":
    main()
