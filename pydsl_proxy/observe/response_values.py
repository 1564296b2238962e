"""What is known of an exchange when it is over, as values for the format of a log: ``status``, ``upstream_addr`` …"""

from __future__ import annotations

from typing import Final, NoReturn

from attrs import frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.value import Value, host

# A value of the response is marked in a string between the characters that values of the request use, and otherwise
# than they are, so that neither is taken for the other; see values/value.py.
OPEN: Final = str(host)[0] + "outcome:"
CLOSE: Final = str(host)[-1]


@frozen(repr=False)
class Outcome:
    """A text that each exchange has when it is over; for ``access_log(format=…)``, and in nothing else."""

    name: str

    def __repr__(self) -> str:
        return self.name

    def __str__(self) -> str:
        return f"{OPEN}{self.name}{CLOSE}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise ConfigError(
                f"{{{self.name}:{spec}}}: the text is not known before the response is complete, so it cannot be "
                "formatted",
                hint=f"write {{{self.name}}}",
            )
        return str(self)

    def __add__(self, other: str | Value | Outcome) -> str:
        return f"{self}{other}" if isinstance(other, (str, Value, Outcome)) else NotImplemented

    def __radd__(self, other: str | Value) -> str:
        return f"{other}{self}" if isinstance(other, (str, Value)) else NotImplemented

    def __bool__(self) -> NoReturn:
        raise ConfigError(f"{self.name} is neither true nor false before the response is complete")


#: The status the client was sent; 499 if it left before one was.
status: Final = Outcome("status")
#: Bytes of the response's body that were sent; nginx's ``$body_bytes_sent``.
bytes_sent: Final = Outcome("bytes_sent")
#: Bytes that the client of a stream has sent; nginx's ``$bytes_received``.  Of an exchange nothing.
bytes_received: Final = Outcome("bytes_received")
#: Seconds from the request's head to the end of the response, to the millisecond; nginx's ``$request_time``.
duration: Final = Outcome("duration")
#: When the response was complete, ``22/Nov/2026:17:36:06 +0000``.
time_local: Final = Outcome("time_local")
#: When the response was complete, ``2026-11-22T17:36:06+00:00``.
time_iso8601: Final = Outcome("time_iso8601")
#: The peers that were tried, in order, joined by ``", "``; where none could be chosen, the upstream's name.
upstream_addr: Final = Outcome("upstream_addr")
#: What each of them answered, 502 or 504 where it did not; ``-`` if the client left before.
upstream_status: Final = Outcome("upstream_status")
#: Seconds that each attempt took, to the millisecond.
upstream_response_time: Final = Outcome("upstream_response_time")
#: Why the exchange failed, a short word: ``connect_refused``, ``read_timeout``, ``client_closed``, ``bad_request`` …
cause: Final = Outcome("cause")
#: Why the exchange failed, a sentence that names peer and phase.
error_message: Final = Outcome("error_message")
#: The first line of the request; nginx's ``$request``.
request_line: Final = Outcome("request_line")
#: The user of Basic authentication, as the client claims it; checked only where ``.basic_auth()`` is.
remote_user: Final = Outcome("remote_user")

#: ISO 8601 with milliseconds; for the JSON format.
instant: Final = Outcome("instant")

OUTCOMES: Final = (
    status,
    bytes_sent,
    bytes_received,
    duration,
    time_local,
    time_iso8601,
    upstream_addr,
    upstream_status,
    upstream_response_time,
    cause,
    error_message,
    request_line,
    remote_user,
)
