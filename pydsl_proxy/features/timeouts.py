"""How long a peer may take: to be reached, to take a request and to answer it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import seconds
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options


@frozen(kw_only=True)
class Timeouts:
    """Seconds, in force at a location.

    ``send`` and ``read`` are between two writes and two reads, as nginx's ``proxy_send_timeout`` and
    ``proxy_read_timeout``.  nginx waits 60 s for a connection too; a peer in the same network that takes longer than
    5 s will not come.  ``idle`` is for connections that have switched to WebSocket: nginx closes them after its
    ``proxy_read_timeout`` too, which users take for a failure; HAProxy has ``timeout tunnel``, 1 h in its examples.
    """

    connect: float = 5
    send: float = 60
    read: float = 60
    idle: float = 3600


@frozen(kw_only=True)
class SetTimeouts:
    """What ``.timeouts()`` asks for; None leaves what is set further out."""

    connect: float | None = None
    send: float | None = None
    read: float | None = None
    idle: float | None = None
    origin: Origin = field(eq=False, repr=False, factory=here)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("timeouts", options(self, "connect", "send", "read", "idle"))

    def times(self) -> dict[str, float]:
        """Those that are set."""
        times = {"connect": self.connect, "send": self.send, "read": self.read, "idle": self.idle}
        return {name: time for name, time in times.items() if time is not None}


def set_timeouts(*, connect: float | None, send: float | None, read: float | None, idle: float | None) -> SetTimeouts:
    """The feature of ``.timeouts()``, each time checked."""
    given = SetTimeouts(connect=connect, send=send, read=read, idle=idle)
    if not given.times():
        raise ConfigError("timeouts() without a time", hint="write .timeouts(connect=1, read=30)")
    for name, value in given.times().items():
        seconds(f"timeouts({name}=…)", value)
    return given


def timeouts_of(features: Iterable[object]) -> Timeouts:
    """The timeouts that *features*, from the outermost to the innermost, come to."""
    given: dict[str, float] = {}
    for feature in features:
        if isinstance(feature, SetTimeouts):
            given.update(feature.times())
    return Timeouts(**given)
