"""Tells new interpreters that this process starts what `import torch` means.

A folder with a ``sitecustomize.py``, which Python runs when it starts, goes to the front of PYTHONPATH. That
file waits for the first import of torch; interpreters of other environments, which may have the real one,
it leaves alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "FLAMBEAU_STANDS_IN"
FOLDER = str(Path(__file__).parent / "child")
ROOT = str(Path(__file__).parent.parent.parent)


def announce(names: bool, distribution: bool) -> None:
    """Set the variables: which environment is meant, where the package is, and what is wanted of it."""
    withdraw()
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = FOLDER if not before else FOLDER + os.pathsep + before
    options = f"{int(names)}{int(distribution)}"
    os.environ[VARIABLE] = os.pathsep.join((sys.prefix, ROOT, options))


def withdraw() -> None:
    """Take the variables back."""
    if os.environ.pop(VARIABLE, None) is None:
        return
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    rest = os.pathsep.join(path for path in paths if path != FOLDER)
    if rest:
        os.environ["PYTHONPATH"] = rest
    else:
        os.environ.pop("PYTHONPATH", None)
