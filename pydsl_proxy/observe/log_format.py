"""The formats of a log that have names: nginx's combined, and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pydsl_proxy.observe.escaping import escape_default, escape_json
from pydsl_proxy.observe.format_parser import Part, Template
from pydsl_proxy.observe.line_format import constant, lines_of
from pydsl_proxy.observe.log_times import common, each_second
from pydsl_proxy.observe.log_values import Reading, Seconds, remote_user_of
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.observe.response_values import (
    bytes_sent,
    cause,
    duration,
    instant,
    remote_user,
    request_line,
    status,
    time_local,
    upstream_addr,
    upstream_response_time,
    upstream_status,
)
from pydsl_proxy.values.value import client_address, header, host, method, protocol, request_uri
from pydsl_proxy.wire.http.head import LOGGED, RequestFields
from pydsl_proxy.wire.http.protocols import PROTOCOLS

COMBINED: Final[tuple[Part, ...]] = (
    *(client_address, " - ", remote_user, " [", time_local, '] "', request_line, '" ', status, " ", bytes_sent),
    *(' "', header("referer"), '" "', header("user-agent"), '"'),
)

#: The keys of a line in JSON; they are promised, others may be added.
JSON: Final[Mapping[str, Part]] = {
    "time": instant,
    "client_address": client_address,
    "method": method,
    "request_uri": request_uri,
    "protocol": protocol,
    "host": host,
    "status": status,
    "bytes_sent": bytes_sent,
    "duration": duration,
    "referer": header("referer"),
    "user_agent": header("user-agent"),
    "upstream_addr": upstream_addr,
    "upstream_status": upstream_status,
    "upstream_response_time": upstream_response_time,
    "cause": cause,
}
_PROTOCOLS: Final = tuple(each.encode() for each in PROTOCOLS)
_NUMBERS: Final = (status, bytes_sent, duration)


def combined(seconds: Seconds, wall: Seconds) -> Reading:
    """The lines of :data:`COMBINED`, as those of :mod:`~pydsl_proxy.observe.line_format`, at half the cost."""
    unusual = lines_of(COMBINED, escape_default, seconds, wall)
    local = each_second(common)

    def keep(fields: RequestFields) -> bytes:
        if fields.base is not None:
            # What changes is not what is logged.
            return fields.base.logged or keep(fields.base)
        noted = {name: fields.raw[start + len(name) + 3 : stop] for name, start, stop in fields.spans}
        if len(noted) < len(fields.spans) or not noted:
            # Repeated fields, or a section whose places the reader did not note.
            noted = {name: fields.get(name) or b"" for name in LOGGED}
        user = constant(escape_default(remote_user_of(fields))) if b"authorization" in noted else b"-"
        referer = constant(escape_default(noted.get(b"referer", b"").strip(b" \t")))
        agent = constant(escape_default(noted.get(b"user-agent", b"").strip(b" \t")))
        template = b'%%b - %b [%%b] "%%b %%b %%b" %%d %%d "%b" "%b"\n' % (user, referer, agent)
        fields.logged = template
        return template

    def line(exchange: LoggedExchange) -> bytes:
        target = exchange.target
        # What was read as a target is visible ASCII (wire/http/grammar.py); two of that are escaped: 34, ", and 92, \.
        if 34 in target or 92 in target or exchange.minor < 0:
            return unusual(exchange)
        fields = exchange.fields
        return (fields.logged or keep(fields)) % (
            exchange.identity.address.encode(),
            local(wall()),
            exchange.method,
            target,
            _PROTOCOLS[exchange.minor],
            exchange.status,
            exchange.sent,
        )

    return line


def json(seconds: Seconds, wall: Seconds) -> Reading:
    """One object a line, with the keys of :data:`JSON`; what an exchange does not have is ``""``."""
    parts: list[Part] = []
    for key, part in JSON.items():
        quote = "" if part in _NUMBERS else '"'
        parts += [f'{"," if parts else "{"}"{key}":{quote}', part, quote]
    return lines_of((*parts, "}"), escape_json, seconds, wall)


Format: TypeAlias = str | Template

_NAMED: Final[Mapping[str, Callable[[Seconds, Seconds], Reading]]] = {"combined": combined, "json": json}
NAMES: Final = tuple(_NAMED)


def compile_format(format: Format, seconds: Seconds, wall: Seconds | None = None) -> Reading:
    """The function from an exchange to its line; *format* is one of :data:`NAMES` or a template.

    *seconds* is the clock of ``exchange.started``, *wall* the time of day if that is another.
    """
    if isinstance(format, str):
        return _NAMED[format](seconds, wall or seconds)
    return lines_of(format.parts, escape_default, seconds, wall)
