"""How primitives are declared: what their results' domains and their derivatives usually are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .expression import Domain, Expression, Primitive

PRIMITIVES: dict[str, Primitive] = {}
"""All that are declared, by name."""


def primitive(
    name: str,
    value: str | Callable | None = None,
    *,
    domain: Callable[..., Domain] | None = None,
    slope: Callable[..., Expression] | None = None,
    **fields: Any,
) -> Primitive:
    """Declare a primitive.

    Args:
        name: Its name.
        value: Its array function, by default NumPy's of the same name.
        domain: From its arguments' domains to its own, by default `floating`.
        slope: The derivative of a function of one argument, given its value and the argument.
        fields: The others of `Primitive`.
    """
    if slope is not None:
        fields["derivative"] = chain(slope)
    made = PRIMITIVES[name] = Primitive(name, value or name, domain or floating, **fields)
    return made


def expanded(function: Callable | None = None, **fields: Any) -> Any:
    """Declare a primitive that is computed as an expression of others but has a derivative of its own."""

    def declare(function: Callable) -> Primitive:
        made = primitive(function.__name__, **fields, expansion=function)
        made.value = None
        return made

    return declare if function is None else declare(function)


def derivative(*owners: Primitive) -> Callable[[Callable], Callable]:
    """Give the primitives their derivative rule."""

    def register(rule: Callable) -> Callable:
        for owner in owners:
            owner.derivative = rule
        return rule

    return register


def simplification(owner: Primitive) -> Callable[[Callable], Callable]:
    """Add a rule that sees the arguments before a node is made; it gives a simpler result, or None."""

    def register(rule: Callable) -> Callable:
        owner.rules.append(rule)
        return rule

    return register


# ---------------------------------------------------------------------------- result domains


def widest(*domains: Domain) -> Domain:
    return max(domains)


def number(*domains: Domain) -> Domain:
    return max(*domains, Domain.INT)


def floating(*domains: Domain) -> Domain:
    return max(*domains, Domain.REAL)


def real_part(*domains: Domain) -> Domain:
    return min(max(domains), Domain.REAL)


def boolean(*domains: Domain) -> Domain:
    return Domain.BOOL


def pair(*domains: Domain) -> Domain:
    return Domain.COMPLEX


def chosen(condition: Domain, *domains: Domain) -> Domain:
    return max(domains)


# ------------------------------------------------------------------------ derivatives' rules


def linear(*factors: object) -> Callable:
    """The rule of a function that is linear in each argument with constant factors."""

    def rule(g: Expression, out: Expression, *args: Expression) -> tuple:
        return tuple(g * factor for factor in factors)

    return rule


def flat(g: Expression, out: Expression, *args: Expression) -> tuple:
    """The rule of a function of steps, or of whole numbers: nothing flows."""
    return (None,) * len(args)


def chain(slope: Callable[..., Expression]) -> Callable:
    """The rule of a function of one argument from its slope, given the output and the argument."""

    def rule(g: Expression, out: Expression, x: Expression) -> tuple:
        return (g * PRIMITIVES["conj"](slope(out, x)),)

    return rule
