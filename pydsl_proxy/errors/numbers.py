"""Checks of the numbers that users give: seconds, counts and sizes."""

from __future__ import annotations

import math
import re

from pydsl_proxy.errors import ConfigError

_REDIRECTS = {"301": 301, "302": 302, "303": 303, "307": 307, "308": 308}
_WITH_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_UNITS_OF_TIME = {"ms": "ms", "s": "", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_UNITS_OF_SIZE = {"b": "", "k": "KiB", "kb": "KiB", "kib": "KiB", "m": "MiB", "mb": "MiB", "mib": "MiB"} | {
    "g": "GiB",
    "gb": "GiB",
    "gib": "GiB",
}


def seconds(what: str, value: float, *, zero: bool = False) -> float:
    """*value*, if it is a time above zero, or zero where that has a meaning."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{what} must be a number of seconds, not {value!r}", hint=_instead_of(value, _UNITS_OF_TIME))
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ConfigError(f"{what} must be {'0 or more' if zero else 'more than 0'} seconds, not {value!r}")
    return value


def count(what: str, value: int, *, least: int) -> int:
    """*value*, if it is a whole number not below *least*."""
    if isinstance(value, bool) or not isinstance(value, int):
        hint = f"write {value}" if isinstance(value, str) and value.isdecimal() else None
        raise ConfigError(f"{what} must be a whole number, not {value!r}", hint=hint)
    if value < least:
        raise ConfigError(f"{what} must be {least} or more, not {value}")
    return value


def size(what: str, value: int) -> int:
    """*value*, if it is a number of bytes."""
    if isinstance(value, bool) or not isinstance(value, int):
        hint = _instead_of(value, _UNITS_OF_SIZE)
        raise ConfigError(f"{what} must be a whole number of bytes, not {value!r}", hint=hint)
    return count(what, value, least=0)


def redirect_status(value: object) -> int | None:
    """The status of a redirect that a text means: the number itself, or nginx's word."""
    if not isinstance(value, str):
        return None
    return {"permanent": 301, "temporary": 302, "redirect": 302}.get(value, _REDIRECTS.get(value.strip()))


def _instead_of(value: object, units: dict[str, str]) -> str | None:
    """What to write for nginx's ``30s`` and ``8m``."""
    code = _meant(value, units)
    return None if code is None else f"write {code}"


def meant_seconds(value: object) -> str | None:
    """The code of the seconds that ``"30s"`` means."""
    return _meant(value, _UNITS_OF_TIME)


def meant_size(value: object) -> str | None:
    """The code of the bytes that ``"8m"`` means."""
    return _meant(value, _UNITS_OF_SIZE)


def _meant(value: object, units: dict[str, str]) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isdecimal():
        return value
    parts = _WITH_UNIT.fullmatch(value)
    unit = units.get(parts[2].lower()) if parts else None
    if parts is None or unit is None:
        return None
    return f"{parts[1]} * {unit}" if unit else parts[1]
