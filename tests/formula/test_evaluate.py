"""Programs written out as NumPy calls."""

import numpy as np

from flambeau.formula import primitive as p
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program


def test_an_argument_may_have_the_name_of_a_constant_or_function():
    c, exp = symbol("c", Domain.REAL), symbol("exp", Domain.REAL)
    program = Program((c, exp), (p.exp(c) * 2 + exp,), ())
    kernel = compile_program(program, np, np.float64)
    np.testing.assert_allclose(kernel(np.zeros(2), np.array([1.0, 2.0])), [3.0, 4.0])
