"""Lets ``import torch`` mean flambeau, for programs and libraries written for PyTorch.

After :func:`install`, each module name ``torch.x`` stands for flambeau's own module object
``flambeau.x``: the same classes, the same state, nothing copied. They go by PyTorch's names then:
``torch.__name__`` is "torch", a layer's class is ``torch.nn.modules.linear.Linear``, and there is a
distribution of the name torch. ``python -m flambeau run`` calls it before it starts a script.
"""

from __future__ import annotations

from .. import _mixed
from .distribution import Distributions
from .home import FUNCTORCH, OTHER_NAMES, Names
from .importer import AliasImporter

__all__ = ["install", "uninstall"]

_TORCH = AliasImporter("torch", "flambeau", OTHER_NAMES)
_FUNCTORCH = AliasImporter("functorch", FUNCTORCH)
_NAMES = Names("torch", "flambeau")
_DISTRIBUTIONS = Distributions()


def install(*, names: bool = True, distribution: bool = True, children: bool = False) -> None:
    """Make every later ``import torch`` and ``import torch.x`` give flambeau's own modules.

    Calling it again changes nothing but what its arguments ask for in addition. Processes that
    `fork` makes keep it. Those started by the "spawn" and "forkserver" methods of multiprocessing, and
    other Python programs, are new interpreters: there the program's main file has to call it, unless
    `children` says that they are meant too.

    Args:
        names: Modules, classes and functions say that they are torch's (``__name__``, ``__module__``), as
            programs that look at names expect. Pickles that are written meanwhile name them so too.
        distribution: ``importlib.metadata`` knows a distribution named torch, whose version is
            ``torch.__version__``. Packages ask it before they import.
        children: New interpreters of this environment that this process starts do the same. They
            are told by the environment variables PYTHONPATH and FLAMBEAU_STANDS_IN.

    Raises:
        RuntimeError: the real torch is already imported in this process.

    Example:
        >>> import flambeau
        >>> from flambeau import compat
        >>> compat.install()
        >>> import torch
        >>> torch is flambeau
        True
        >>> torch.nn.Linear
        <class 'torch.nn.modules.linear.Linear'>
        >>> compat.uninstall()
        >>> flambeau.nn.Linear
        <class 'flambeau.nn.linear.Linear'>
    """
    _TORCH.install()
    _FUNCTORCH.install_unless_there()
    if _TORCH not in _mixed.stand_ins:
        _mixed.stand_ins.append(_TORCH)
    if names:
        _NAMES.install()
    if distribution:
        _DISTRIBUTIONS.install()
    if children:
        from .environment import announce

        announce(names, distribution)


def uninstall() -> None:
    """Give the name ``torch`` back: later imports look for the real one.

    Names that a program has already bound by ``import torch`` keep meaning flambeau.

    Example:
        >>> from flambeau import compat
        >>> compat.install()
        >>> compat.uninstall()
        >>> import sys
        >>> "torch" in sys.modules
        False
    """
    from .environment import withdraw

    withdraw()
    _DISTRIBUTIONS.uninstall()
    _NAMES.uninstall()
    if _TORCH in _mixed.stand_ins:
        _mixed.stand_ins.remove(_TORCH)
    _FUNCTORCH.uninstall()
    _TORCH.uninstall()
