"""What the access log hears of exchanges, kept for a test to look at."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.config.servers import AccessLog as LogSource
from pydsl_proxy.observe.access_logs import AccessLog
from pydsl_proxy.observe.log_format import compile_format
from pydsl_proxy.observe.logged_exchange import LoggedExchange, LogReactor, LogSink
from pydsl_proxy.observe.open_log import open_log


@frozen
class Ended:
    """An exchange that is over.

    *status* is what the client was answered, 499 if it left before; *sent* the bytes of the response's body; *cause* a
    short word for why it ended badly, as ``connect_refused`` or ``read_timeout``, with *message* to explain it, both
    empty if it ended well.  *peers* are the attempts, each as the address and the status that it answered, or that its
    failure means.
    """

    method: str
    target: str
    status: int
    sent: int
    cause: str
    message: str
    peers: tuple[tuple[str, int], ...]


@frozen(eq=False)
class Recorder:
    """The access log of a configuration that runs in memory, in place of *asked*, the one it asks for.

    A log of the user's own works as ever; of one that would write a file, the lines are kept.
    """

    asked: str | LogSource | None
    exchanges: list[Ended]
    lines: list[str]

    def compile(self, reactor: LogReactor) -> LogSink:
        """The log at work."""
        asked = self.asked
        if asked is None or isinstance(asked, str | AccessLog):
            format = asked.format if isinstance(asked, AccessLog) else "combined"
            line = compile_format(format, reactor.seconds, wall_clock(reactor)) if asked is not None else None
            return _Kept(self, line, None)
        return _Kept(self, None, open_log(asked, reactor))


class _Kept:
    """Keeps every exchange, and gives it to the user's own log if there is one."""

    def __init__(self, recorder: Recorder, line: Callable[[LoggedExchange], bytes] | None, own: LogSink | None) -> None:
        self._recorder = recorder
        self._line = line
        self._own = own

    def write(self, exchange: LoggedExchange) -> None:
        """An exchange is over."""
        self._recorder.exchanges.append(_ended(exchange))
        if self._line is not None:
            self._recorder.lines.append(self._line(exchange).decode("utf-8", "surrogateescape").rstrip("\n"))
        if self._own is not None and self._own.write is not None:
            self._own.write(exchange)

    def start(self) -> None:
        """The proxy begins to listen."""
        if self._own is not None:
            self._own.start()

    def close(self) -> None:
        """The last exchange is over."""
        if self._own is not None:
            self._own.close()


def _ended(exchange: LoggedExchange) -> Ended:
    attempts, attempt = [], exchange.attempt
    while attempt is not None:
        attempts.append((attempt.peer.name, attempt.status))
        attempt = attempt.previous
    error = exchange.error
    return Ended(
        exchange.method.decode("latin-1"),
        exchange.target.decode("latin-1"),
        exchange.status,
        exchange.sent,
        error.cause if error is not None else "",
        error.message if error is not None else "",
        tuple(reversed(attempts)),
    )
