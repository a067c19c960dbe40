"""Arguments of functions whose operands have to fit each other; the others' follow from their signatures."""

from __future__ import annotations

from collections.abc import Callable

from ..arguments import Call
from ..draw import Draw
from . import create, index, linalg, neural, structure

RECIPES: dict[str, Callable[[Draw], Call]] = {
    name: recipe
    for module in (create, index, linalg, neural, structure)
    for names, recipe in module.RECIPES.items()
    for name in names.split()
}
