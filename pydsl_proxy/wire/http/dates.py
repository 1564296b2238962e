"""Times in header fields (RFC 9110 5.6.7)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime
from email.utils import formatdate

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_TIME = rb"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_read_usual = re.compile(rb"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) " + _TIME + rb" GMT").fullmatch
_read_rfc850 = re.compile(rb"[A-Z][a-z]+, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) " + _TIME + rb" GMT").fullmatch
_read_asctime = re.compile(rb"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9 ][0-9]) " + _TIME + rb" ([0-9]{4})").fullmatch


def http_date(seconds: int) -> bytes:
    """A time as it is sent: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return formatdate(seconds, usegmt=True).encode()


def read_http_date(value: bytes) -> int | None:
    """Seconds since 1970 of a time in one of the three forms that a recipient must read; None for all else.

    The name of the day is not looked at.  The two digits of a year in RFC 850's form are read as nginx does: below 70
    they are after 2000.
    """
    if found := _read_usual(value):
        day, month, year, hour, minute, second = found.groups()
    elif found := _read_rfc850(value):
        day, month, year, hour, minute, second = found.groups()
        year = (b"20" if year < b"70" else b"19") + year
    elif found := _read_asctime(value):
        month, day, hour, minute, second, year = found.groups()
    else:
        return None
    try:
        # A leap second is that before it: datetime knows none.
        when = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return timegm(when.utctimetuple())
