"""A log is opened: what ``http(access_log=…)`` was given becomes something that exchanges are written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeGuard

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.observe.access_logs import AccessLog
from pydsl_proxy.observe.logged_exchange import LogReactor, LogSink
from pydsl_proxy.origin import NO_ORIGIN


class LogSource(Protocol):
    """What :func:`open_log` takes: an :class:`AccessLog`, or a log of the user's own.

    ``compile`` is called once, with the reactor (:class:`~pydsl_proxy.observe.logged_exchange.LogReactor`), and gives a
    :class:`~pydsl_proxy.observe.logged_exchange.LogSink`.
    """

    @property
    def compile(self) -> Callable[..., object]:
        """Make the log at work."""


class _NoLog:
    """Nothing is logged."""

    write = None

    def start(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to write."""


def open_log(spec: str | LogSource | None, reactor: LogReactor) -> LogSink:
    """The log that ``http(access_log=…)`` asks for, ready to write; a ConfigError says that it cannot be opened."""
    if spec is None:
        return _NoLog()
    if isinstance(spec, str):
        return AccessLog(spec, origin=NO_ORIGIN).compile(reactor)
    sink = spec.compile(reactor)
    if not _is_sink(sink):
        raise ConfigError(
            f"http(access_log=…): compile() of {spec!r} gave {sink!r}, which is no log",
            origin=NO_ORIGIN,
            hint="give an object with write(exchange), start() and close()",
        )
    return sink


def _is_sink(given: object) -> TypeGuard[LogSink]:
    return hasattr(given, "write") and all(callable(getattr(given, name, None)) for name in ("start", "close"))
