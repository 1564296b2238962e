"""Rates as users write them: ``"10/s"``."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from pydsl_proxy.errors import ConfigError

# One request, in the unit in which excess is counted: nginx counts in thousandths.
REQUEST: Final = 1000

_PERIODS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000}
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([smh])")
_LOOSE: Final = re.compile(r"\s*(\d+)\s*r?\s*(?:/|per)?\s*(s|m|h)[a-z]*\s*", re.IGNORECASE)
_FRACTION: Final = re.compile(r"\s*0?\.(\d)\d*\s*r?/\s*s\s*")


@frozen
class Rate:
    """So many *requests* in *period* milliseconds."""

    requests: int
    period: int

    def leaked(self, elapsed: int) -> int:
        """Thousandths of a request that leave a bucket in *elapsed* milliseconds."""
        return REQUEST * self.requests * elapsed // self.period

    def time_for(self, excess: int) -> int:
        """Milliseconds in which *excess* thousandths leave a bucket."""
        return excess * self.period // (REQUEST * self.requests)

    def seconds_for(self, excess: int) -> int:
        """The whole seconds in which *excess* thousandths have left a bucket for certain."""
        return -(-excess * self.period // (REQUEST * self.requests * 1000))


def read_rate(verb: str, text: str) -> Rate:
    """The rate that ``"10/s"``, ``"600/m"`` or ``"5/h"`` stands for; anything else is a :class:`ConfigError`."""
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(f"{verb}: {text!r} is no rate", hint=_instead_of(verb, text))
    return Rate(int(match[1]), _PERIODS[match[2]])


def _instead_of(verb: str, text: object) -> str:
    """What to write for nginx's ``10r/s``, and for what else stands in configurations."""
    rate = meant_rate(text) or "10/s"
    written = verb.replace("…", f'"{rate}"') if "…" in verb else f'{verb}("{rate}")'
    counted = "messages" if "message" in verb else "requests"
    return f'write {written}; {counted} are counted by the second, "/s", the minute, "/m", or the hour, "/h"'


def meant_rate(text: object) -> str | None:
    """The rate that nginx's ``10r/s``, or a number, means."""
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return f"{text}/s"
    if not isinstance(text, str):
        return None
    if (loose := _LOOSE.fullmatch(text)) and int(loose[1]):
        return f"{int(loose[1])}/{loose[2].lower()}"
    if (fraction := _FRACTION.fullmatch(text)) and fraction[1] != "0":
        return f"{6 * int(fraction[1])}/m"
    if text.isascii() and text.isdigit() and int(text):
        return f"{int(text)}/s"
    return None
