"""The texts of a moment in a log, made once a second; in local time, as nginx's."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, inf
from time import localtime, struct_time

# English whatever the locale, as nginx's.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def each_second(write: Callable[[struct_time], str]) -> Callable[[float], bytes]:
    """The text that *write* makes of a moment, kept as long as the second lasts."""
    since, text = -inf, b""

    def read(now: float) -> bytes:
        nonlocal since, text
        if not since <= now < since + 1:
            since = floor(now)
            text = write(localtime(since)).encode()
        return text

    return read


def common(moment: struct_time) -> str:
    """``22/Nov/2026:17:36:06 +0000``, nginx's ``$time_local``."""
    month = _MONTHS[moment.tm_mon - 1]
    day, year = moment.tm_mday, moment.tm_year
    return f"{day:02}/{month}/{year}:{_clock(moment)} {_zone(moment, '')}"


def iso8601(moment: struct_time) -> str:
    """``2026-11-22T17:36:06+00:00``, nginx's ``$time_iso8601``."""
    return f"{_date(moment)}T{_clock(moment)}{_zone(moment, ':')}"


def iso8601_with_ms(moment: struct_time) -> str:
    """``2026-11-22T17:36:06.%03d+00:00``, the milliseconds to be filled in."""
    return f"{_date(moment)}T{_clock(moment)}.%03d{_zone(moment, ':')}"


def _date(moment: struct_time) -> str:
    return f"{moment.tm_year}-{moment.tm_mon:02}-{moment.tm_mday:02}"


def _clock(moment: struct_time) -> str:
    return f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}"


def _zone(moment: struct_time, colon: str) -> str:
    hours, minutes = divmod(abs(moment.tm_gmtoff) // 60, 60)
    return f"{'-' if moment.tm_gmtoff < 0 else '+'}{hours:02}{colon}{minutes:02}"
