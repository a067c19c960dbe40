"""Programs written out as NumPy calls."""

import numpy as np
import pytest

from flambeau.formula import primitive as p
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expression import Domain, constant, length, parameter, symbol
from flambeau.formula.program import Program


def test_an_argument_may_have_the_name_of_a_constant_or_function():
    c, exp = symbol("c", Domain.REAL), symbol("exp", Domain.REAL)
    program = Program((c, exp), (p.exp(c) * 2 + exp,), ())
    kernel = compile_program(program, np, np.float64)
    np.testing.assert_allclose(kernel(np.zeros(2), np.array([1.0, 2.0])), [3.0, 4.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_depends_on_parameters_alone_leaves_the_dtype_as_it_is(dtype):
    """NumPy's own float64 numbers would widen the arrays that they meet."""
    x, n = symbol("x", Domain.REAL), parameter("n")
    steps = [
        (x * p.power(constant(10.0), p.absolute(n)), 1000.0),
        (x / (length() - n), 1 / 9),
        (x * p.sqrt(n * n + constant(7.0)), 4.0),
    ]
    for root, expected in steps:
        kernel = compile_program(Program((x,), (root,), ("n",)), np, dtype, rows=True)
        found = kernel(np.ones(6, dtype), -3, (-1,))
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-3)
