"""The inverse of the error function, for float32: computed in float64 as exactly as float32 wants it, without a quotient.

The formula of `formula.special` serves float64, whose polynomials need a root and two ranges.
"""

from __future__ import annotations

from ...formula.special import special as s
from ..llvm import Value, choose, estrin
from .exponential import DOUBLE, split
from .lowering import lowers

LOG_TAIL = (
    -0.5000000005545165,
    0.33333332792999204,
    -0.24999971698140327,
    0.2000005738825762,
    -0.16669006307204182,
    0.14285624989907217,
    -0.1243226805928479,
    0.11037689258302641,
    -0.10769472428395056,
    0.10589881969443307,
    -0.06020956499496654,
)
"""(log(1 + m) - m) / m^2 for 1 + m between sqrt(1/2) and sqrt(2): log within 1e-10."""
END = 16.7
"""The largest -log(1 - x^2) of float32."""
RATIO = (
    2.7225547914954005,
    1.44377478313532,
    -0.33496901547713215,
    0.13543206507195524,
    -0.04610953432077488,
    -0.00796597754235264,
    0.03856431524653878,
    -0.047280146484466115,
    0.038591054017925994,
    -0.02127511067027844,
    0.002351151225897211,
    0.013178147154628759,
    -0.01441588442847399,
    0.0019393329713976554,
    -0.002837055576173407,
    0.016177518127943543,
    -0.002760268712231015,
    -0.02182667358831982,
    0.011361153695955459,
    0.009953606100135145,
    -0.007030679005728086,
    -0.001632103144409756,
    0.001402338494959664,
)
"""erfinv(x) / x in terms of 2 w / END - 1, where w = -log(1 - x^2): within 1e-10 of its value."""


@lowers(s.erfinv)
def erfinv(x: Value) -> Value:
    wide, size = x.convert("double"), x.abs()
    rest = 1.0 - wide * wide  # the product is exact: x has 24 digits
    e, m = split(rest, DOUBLE)
    log = e.multiply_add(0.6931471805599453, (m * m).multiply_add(estrin(m, LOG_TAIL), m))
    value = (wide * estrin(log.multiply_add(-2.0 / END, -1.0), RATIO)).convert("float")
    infinite = x.code.intrinsic("copysign", x.like(float("inf")), x)
    value = choose(size.equals(1.0), infinite, value)
    return choose(size <= 1.0, value, x.like(float("nan")))
