"""Which pages may open a WebSocket: browsers ask for one on behalf of any page, and send its Origin (RFC 6455 10.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.interfaces import Exchange

SAME = "same"
# RFC 6454 7: a serialized origin; a star may stand for labels in front of a name.
_ORIGIN = re.compile(r"(https?)://(\*\.)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)


def read_origins(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """What ``origins=`` lists, checked; None for any."""
    if given is None:
        return None
    if given == SAME:
        return (SAME,)
    origins = listed("websocket_to", "origins", given, '["https://example.com"]', lambda each: read_origins([each]))
    for each in origins:
        if each != SAME and (not isinstance(each, str) or _ORIGIN.fullmatch(each) is None):
            raise ConfigError(
                f"websocket_to(origins=…): {each!r} is no origin",
                hint='write "https://example.com", "https://*.example.com" or "same"',
            )
    if not origins:
        raise ConfigError("websocket_to(origins=[]) lets no page in", hint='leave it out, or write origins="same"')
    return origins


def compile_origins(origins: tuple[str, ...]) -> Callable[[Exchange], bool]:
    """Whether the page that asks is one of *origins*; a request without Origin is no browser's, and may."""
    same = SAME in origins
    allowed = frozenset(_with_port(each.lower()) for each in origins if each != SAME and "*" not in each)
    stars = [match for each in origins if (match := _ORIGIN.fullmatch(each)) is not None and match[2]]
    suffixes = tuple((f"{m[1]}://".lower(), f".{m[3]}{m[4] or _port(m[1])}".lower()) for m in stars)

    def allows(exchange: Exchange) -> bool:
        values = exchange.fields.all(b"origin")
        if not values:
            return True
        origin = values[0].decode("latin-1").lower()
        if len(values) > 1 or _ORIGIN.fullmatch(origin) is None:
            return False
        origin = _with_port(origin)
        if same:
            scheme = exchange.identity.scheme
            host = (exchange.fields.host or b"").decode("latin-1").lower()
            if origin == _with_port(f"{scheme}://{host}"):
                return True
        return origin in allowed or any(origin.startswith(start) and origin.endswith(end) for start, end in suffixes)

    return allows


def _port(scheme: str) -> str:
    return ":443" if scheme.lower() == "https" else ":80"


def _with_port(origin: str) -> str:
    match = _ORIGIN.fullmatch(origin)
    return origin if match is None or match[4] else origin + _port(match[1])
