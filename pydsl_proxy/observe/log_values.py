"""How each value of a log's format is read of an exchange that is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pydsl_proxy.observe import upstream_values as attempts
from pydsl_proxy.observe.escaping import Escape
from pydsl_proxy.observe.log_times import common, each_second, iso8601, iso8601_with_ms
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.observe.response_values import Outcome
from pydsl_proxy.observe.unparsed import Refused
from pydsl_proxy.values.value import Value, as_bytes
from pydsl_proxy.wire.fields.basic_credentials import read_basic
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.protocols import PROTOCOLS

Reading: TypeAlias = Callable[[LoggedExchange], bytes]
Seconds: TypeAlias = Callable[[], float]

_PROTOCOLS = tuple(each.encode() for each in PROTOCOLS)


def follows_from_fields(part: Value | Outcome) -> bool:
    """Whether the value depends on nothing but the request's header section."""
    return part.name in ("host", "header", "cookie", "remote_user")


def readings(escape: Escape, seconds: Seconds, wall: Seconds | None = None) -> Callable[[Value | Outcome], Reading]:
    """What gives the reading of a value; what others sent comes escaped, the proxy's own words need not be.

    *seconds* is the clock of ``exchange.started``, *wall* the time of day if that is another.
    """
    nothing = escape(b"")
    known = {**_of_request(escape, nothing), **_of_outcome(escape, nothing), **_of_moment(seconds, wall or seconds)}

    def reading(part: Value | Outcome) -> Reading:
        if part.name in known:
            return known[part.name]
        assert isinstance(part, Value)
        if part.name == "header" and part.argument is not None:
            name = part.argument.encode()
            return lambda exchange: escape(exchange.fields.get(name) or b"")
        read = as_bytes(part)
        return lambda exchange: escape(read(exchange.request))

    return reading


def _of_request(escape: Escape, nothing: bytes) -> dict[str, Reading]:
    """What would otherwise be decoded and encoded again, and what only logs know."""
    protocols = (*_PROTOCOLS[:-1], nothing)

    def request_uri(exchange: LoggedExchange) -> bytes:
        target = exchange.target
        return escape(target if target[:1] == b"/" else exchange.request.request_uri.encode("utf-8", "surrogateescape"))

    return {
        "client_address": lambda exchange: exchange.identity.address.encode(),
        "host": lambda exchange: escape(exchange.fields.host_name),
        "method": lambda exchange: escape(exchange.method),
        "request_uri": request_uri,
        "protocol": lambda exchange: protocols[exchange.minor],
        "request_line": lambda exchange: escape(_request_line(exchange)),
        "remote_user": lambda exchange: escape(remote_user_of(exchange.fields)),
    }


def _of_outcome(escape: Escape, nothing: bytes) -> dict[str, Reading]:
    """What became of the request."""
    return {
        "status": lambda exchange: b"%d" % exchange.status,
        "bytes_sent": lambda exchange: b"%d" % exchange.sent,
        "bytes_received": lambda exchange: nothing if exchange.received is None else b"%d" % exchange.received,
        "upstream_addr": lambda exchange: escape(attempts.addresses(exchange)),
        "upstream_status": lambda exchange: attempts.statuses(exchange) or nothing,
        "upstream_response_time": lambda exchange: attempts.times(exchange) or nothing,
        "cause": lambda exchange: nothing if exchange.error is None else escape(_text(exchange.error.cause)),
        "error_message": lambda exchange: nothing if exchange.error is None else escape(_text(exchange.error.message)),
    }


def _of_moment(seconds: Seconds, wall: Seconds) -> dict[str, Reading]:
    """When it was over."""
    local, iso, iso_with_ms = each_second(common), each_second(iso8601), each_second(iso8601_with_ms)

    def instant(exchange: LoggedExchange) -> bytes:
        now = wall()
        return iso_with_ms(now) % (now % 1 * 1000)

    def duration(exchange: LoggedExchange) -> bytes:
        took = seconds() - exchange.started
        # An exchange that was delayed begins anew, perhaps a moment later than this.
        return b"%.3f" % (took if took > 0 else 0)

    return {
        "duration": duration,
        "time_local": lambda exchange: local(wall()),
        "time_iso8601": lambda exchange: iso(wall()),
        "instant": instant,
    }


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _request_line(exchange: LoggedExchange) -> bytes:
    if isinstance(exchange, Refused):
        return exchange.line
    return b"%b %b %b" % (exchange.method, exchange.target, _PROTOCOLS[exchange.minor])


def remote_user_of(fields: RequestFields) -> bytes:
    """The user of Basic authentication (RFC 7617), as nginx's ``$remote_user``: nobody where the colon is missing."""
    given = read_basic(fields.get(b"authorization") or b"")
    return b"" if given is None else given[0]
