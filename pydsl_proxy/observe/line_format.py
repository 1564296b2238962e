"""The format of a log, compiled: one function from an exchange to its line."""

from __future__ import annotations

from pydsl_proxy.observe.escaping import Escape
from pydsl_proxy.observe.format_parser import Part
from pydsl_proxy.observe.log_values import Reading, Seconds, follows_from_fields, readings
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.observe.unparsed import Refused

# Facts on how a line is made:
#
# - What follows from the header section alone is written once for each distinct section and kept with it, as a
#   template in which the rest is open; browsers and apps repeat their sections.
# - Templates are bytes for the % operator: for a line of the combined format it was measured at 0.3 µs, an f-string at
#   0.5 with the decoding that it needs.


def lines_of(parts: tuple[Part, ...], escape: Escape, seconds: Seconds, wall: Seconds | None = None) -> Reading:
    """The lines of any format; literal parts are written as they are, values escaped.

    *seconds* is the clock of ``exchange.started``, *wall* the time of day if that is another.
    """
    reading = readings(escape, seconds, wall)
    kept: list[bytes | Reading] = []
    reads: list[Reading] = []
    for part in parts:
        if isinstance(part, str):
            kept.append(constant(part.encode("utf-8", "surrogateescape")))
        elif follows_from_fields(part):
            kept.append(reading(part))
        else:
            kept.append(b"%b")
            reads.append(reading(part))
    key = object()

    def keep(exchange: LoggedExchange) -> bytes:
        template = b"".join([each if isinstance(each, bytes) else constant(each(exchange)) for each in kept]) + b"\n"
        exchange.fields.edited[key] = template
        return template

    def line(exchange: LoggedExchange) -> bytes:
        if exchange.minor < 0:
            exchange = Refused(exchange)
        template = exchange.fields.edited.get(key) or keep(exchange)
        return template % tuple([read(exchange) for read in reads])

    return line


def constant(text: bytes) -> bytes:
    """A text as a template has it."""
    return text.replace(b"%", b"%%")
