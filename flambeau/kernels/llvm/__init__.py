"""LLVM's intermediate language from Python: values, functions, modules, and the processor they are for.

Nothing here knows of Python's objects, of arrays or of the process that the code is to run in.
"""

from .code import Block, Code, Function, Loop, Variable
from .module import Definition, Module, external
from .types import BITS, FLOATS, element_of
from .value import (
    Value,
    across_lanes,
    any_lane,
    choose,
    estrin,
    greater,
    larger,
    multiply_checked,
    polynomial,
    quotient,
    remainder,
    smaller,
)

__all__ = [
    "BITS", "FLOATS", "Block", "Code", "Definition", "Function", "Loop", "Module", "Value", "Variable",
    "across_lanes", "any_lane", "choose", "element_of", "estrin", "external", "greater", "larger", "multiply_checked",
    "polynomial", "quotient", "remainder", "smaller",
]  # fmt: skip
