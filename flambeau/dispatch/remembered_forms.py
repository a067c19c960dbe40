"""The forms of functions that look for a case first, for the functions that load with the library.

They are what `remembered._written` writes for these arguments; that would be compiled at each import, and this is not. Their
names mean something in the functions that are made of their codes.
"""

from __future__ import annotations

from typing import Any

find: Any = None
study: Any = None
plain: Any = None
kept: Any = None
token: Any = None


def form_1_2_named_spread(a0, *spread, a1, a2):
    case = find(token, a0, spread, a1, a2)
    if case is not None:
        return case(a0)
    spread = kept(spread)
    a1 = kept(a1)
    a2 = kept(a2)
    return study(
        lambda a0: plain(a0, *spread, a1=a1, a2=a2),
        token,
        (
            a0,
            spread,
            a1,
            a2,
        ),
        a0,
    )


def form_2(a0, a1):
    case = find(token, a0, a1)
    if case is not None:
        return case(a0)
    a1 = kept(a1)
    return study(
        lambda a0: plain(a0, a1),
        token,
        (
            a0,
            a1,
        ),
        a0,
    )


def form_1_spread_open(a0, *spread, **named):
    if named:
        return plain(a0, *spread, **named)
    case = find(token, a0, spread)
    if case is not None:
        return case(a0)
    spread = kept(spread)
    return study(
        lambda a0: plain(a0, *spread),
        token,
        (
            a0,
            spread,
        ),
        a0,
    )


def form_3(a0, a1, a2):
    case = find(token, a0, a1, a2)
    if case is not None:
        return case(a0)
    a1 = kept(a1)
    a2 = kept(a2)
    return study(
        lambda a0: plain(a0, a1, a2),
        token,
        (
            a0,
            a1,
            a2,
        ),
        a0,
    )


def form_1(a0):
    case = find(token, a0)
    if case is not None:
        return case(a0)
    return study(lambda a0: plain(a0), token, (a0,), a0)


def form_4(a0, a1, a2, a3):
    case = find(token, a0, a1, a2, a3)
    if case is not None:
        return case(a0)
    a1 = kept(a1)
    a2 = kept(a2)
    a3 = kept(a3)
    return study(
        lambda a0: plain(a0, a1, a2, a3),
        token,
        (
            a0,
            a1,
            a2,
            a3,
        ),
        a0,
    )


def form_2_1_named_several(a0, a1, *, a2):
    case = find(token, a0, a1, a2)
    if case is not None:
        return case(*a0)
    a1 = kept(a1)
    a2 = kept(a2)
    return study(
        lambda a0: plain(a0, a1, a2=a2),
        token,
        (
            a0,
            a1,
            a2,
        ),
        a0,
    )


def form_1_1_named_several(a0, *, a1):
    case = find(token, a0, a1)
    if case is not None:
        return case(*a0)
    a1 = kept(a1)
    return study(
        lambda a0: plain(a0, a1=a1),
        token,
        (
            a0,
            a1,
        ),
        a0,
    )


def form_0_spread_several(*spread):
    case = find(token, spread)
    if case is not None:
        return case(*spread)
    return study(lambda spread: plain(*spread), token, (spread,), spread)


def form_3_2_named(a0, a1, a2, *, a3, a4):
    case = find(token, a0, a1, a2, a3, a4)
    if case is not None:
        return case(a0)
    a1 = kept(a1)
    a2 = kept(a2)
    a3 = kept(a3)
    a4 = kept(a4)
    return study(
        lambda a0: plain(a0, a1, a2, a3=a3, a4=a4),
        token,
        (
            a0,
            a1,
            a2,
            a3,
            a4,
        ),
        a0,
    )


FORMS: dict[tuple, Any] = {
    (1, 2, True, False, (0,), False, None): form_1_2_named_spread,
    (2, 0, False, False, (0,), False, None): form_2,
    (1, 0, True, True, (0,), False, None): form_1_spread_open,
    (3, 0, False, False, (0,), False, None): form_3,
    (1, 0, False, False, (0,), False, None): form_1,
    (4, 0, False, False, (0,), False, None): form_4,
    (2, 1, False, False, (0,), True, None): form_2_1_named_several,
    (1, 1, False, False, (0,), True, None): form_1_1_named_several,
    (0, 0, True, False, (0,), True, None): form_0_spread_several,
    (3, 2, False, False, (0,), False, None): form_3_2_named,
}
"""By the arguments of `remembered._written`."""
