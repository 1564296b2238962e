"""Event streams as the HTML standard reads them (9.2.6)."""

from __future__ import annotations

import re

from attrs import frozen

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@frozen
class Event:
    """What a client's program is given."""

    type: str
    data: str
    last_id: str


def events_of(stream: bytes) -> list[Event]:
    """The events of a stream that is here as a whole, read as the standard says, line by line."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)
    events, kind, data, last_id = [], "", "", ""
    # What follows the last end of a line is no line yet.
    for line in lines[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(Event(kind or "message", data.removesuffix("\n"), last_id))
            kind = data = ""
        elif name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
