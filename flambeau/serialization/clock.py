"""Times and exact numbers of Python's library in files: made of arguments that are looked at first."""

from __future__ import annotations

import datetime as python
import re
from collections.abc import Callable
from decimal import Decimal
from decimal import InvalidOperation as NoDecimal
from fractions import Fraction
from typing import Any

from .constructor import constructs, wrong

_RATIO = re.compile(r"-?[0-9]+(/[0-9]+)?")
_LONGEST = 4000
"""Characters of a number."""


def _checked(what: str) -> Callable[[Any], Any]:
    """Decorator: an error of the constructor is one of the file."""

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        def checked(machine: Any, *args: Any) -> Any:
            try:
                return make(*args)
            except (ValueError, TypeError, OverflowError, ZeroDivisionError, NoDecimal):
                raise wrong(what, args) from None

        return checked

    return decorate


def _bytes(state: Any, size: int) -> bytes:
    if type(state) is not bytes or len(state) != size:
        raise ValueError
    return state


def _zone(zone: tuple) -> dict[str, Any]:
    if len(zone) > 1 or any(type(z) is not python.timezone for z in zone):
        raise TypeError
    return {"tzinfo": zone[0]} if zone else {}


def _time_of(state: bytes) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and microseconds of the last six bytes of a state."""
    hour, minute, second = state[:3]
    return hour, minute, second, int.from_bytes(state[3:], "big")


@constructs("date", modules=("datetime",))
@_checked("a date")
def date(state: Any) -> python.date:
    state = _bytes(state, 4)
    return python.date(int.from_bytes(state[:2], "big"), state[2], state[3])


@constructs("time", modules=("datetime",))
@_checked("a time")
def time(state: Any, *zone: Any) -> python.time:
    return python.time(*_time_of(_bytes(state, 6)), **_zone(zone))


@constructs("datetime", modules=("datetime",))
@_checked("a datetime")
def date_and_time(state: Any, *zone: Any) -> python.datetime:
    state = _bytes(state, 10)
    year = int.from_bytes(state[:2], "big")
    return python.datetime(year, state[2], state[3], *_time_of(state[4:]), **_zone(zone))


@constructs("timedelta", modules=("datetime",))
@_checked("a timedelta")
def duration(*parts: Any) -> python.timedelta:
    if len(parts) != 3 or any(type(n) is not int for n in parts):
        raise TypeError
    return python.timedelta(*parts)


@constructs("timezone", modules=("datetime",))
@_checked("a timezone")
def timezone(offset: Any = None, *name: Any) -> python.timezone:
    if type(offset) is not python.timedelta or any(type(text) is not str for text in name):
        raise TypeError
    return python.timezone(offset, *name)


def _number(text: Any) -> str:
    if type(text) is not str or len(text) > _LONGEST:
        raise ValueError
    return text


@constructs("Decimal", modules=("decimal",))
@_checked("a Decimal")
def decimal(text: Any) -> Decimal:
    return Decimal(_number(text))


@constructs("Fraction", modules=("fractions",))
@_checked("a Fraction")
def fraction(*parts: Any) -> Fraction:
    """Of text, or (since Python 3.12) of two integers."""
    if len(parts) == 2 and all(type(n) is int for n in parts):
        return Fraction(*parts)
    (text,) = parts
    if not _RATIO.fullmatch(_number(text)):
        raise ValueError
    return Fraction(text)
