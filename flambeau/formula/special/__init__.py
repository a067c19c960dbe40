"""Special functions as formulas of primitives; they load when one is first asked for."""

from ..._lazy import attach

__getattr__, __dir__ = attach(__name__)
