"""``twist pydsl-proxy``: runs, or only checks, a configuration file.

Exit codes: 0 when all is well, 1 when the configuration has mistakes or cannot be put in force, 2 when the command is
not understood or the file cannot be read.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as BaseOptions
from twisted.python.usage import UsageError

from pydsl_proxy.config.loading import read
from pydsl_proxy.config.sites import Http
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.handlers.asgi_lifespan import NotStarted
from pydsl_proxy.runtime.open_files import allow_open_files
from pydsl_proxy.runtime.reactors import DataReactor, measure_timers
from pydsl_proxy.service import ProxyService, mistakes, verify

T = TypeVar("T")

log = Logger()


class Options(BaseOptions):
    """The options of ``twist pydsl-proxy``."""

    longdesc = "Runs the reverse proxy and load balancer that a Python file describes; SIGHUP reads the file again."
    optParameters = [["config", "c", "proxy.py", "The file that gives the configuration the name 'proxy'."]]  # noqa: RUF012
    optFlags = [["check", None, "Check the configuration, open nothing, and exit."]]  # noqa: RUF012

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line; what is wrong with it ends the process with 2."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        except UsageError as error:
            _exit(2, f"twist pydsl-proxy: {error}\n{self}")

    def postOptions(self) -> None:
        """The file must be there; with ``--check`` it is looked at, and that is all."""
        path = self["config"]
        if not os.path.isfile(path):
            _exit(2, f"{path}: there is no such file; name one with --config")
        if self["check"]:
            config = _load(path)
            for warning in _tried(lambda: verify(config)):
                print(warning, file=sys.stderr)
            locations = sum(len(server.locations) for server in config.servers)
            found = [_count(len(config.servers), "server"), _count(locations, "location")]
            if config.streams:
                found.append(_count(len(config.streams), "stream"))
            _exit(0, f"{path}: {', '.join(found)}, no mistakes")


class Command(ProxyService):
    """The service of a process that is for nothing else: what cannot be started ends it, and SIGHUP reloads."""

    def __init__(self, path: str, config: Http, reactor: DataReactor) -> None:
        super().__init__(config, reactor)
        self._path = path
        self._asked_to_end = False

    def startService(self) -> Deferred[None]:
        """Listen, or say why not and exit with 1."""
        # Until the reactor runs too: by itself SIGHUP would end a process that seems to be up, since it listens.
        self._take("SIGHUP", self.read_again)
        started = super().startService()
        failed: list[Failure] = []
        started.addErrback(failed.append)
        if failed:
            _exit(1, f"{self._path}: {_why(failed[0])}")
        if IReactorCore.providedBy(self._outer):
            self._outer.callWhenRunning(self._take_signals)
        return started.addCallback(lambda _: self._give_up(failed[0]) if failed else None)

    def _give_up(self, failure: Failure) -> None:
        """What takes its time, as an application, cannot start: end the reactor that runs by now, and exit with 1."""
        if self._asked_to_end:
            return
        print(f"{self._path}: {_why(failure)}", file=sys.stderr)
        self._asked_to_end = True
        reactor = cast(IReactorCore, self._outer)
        # A reactor that was stopped ends its process with 0, whatever came before.
        reactor.addSystemEventTrigger("after", "shutdown", _exit_now)
        reactor.stop()

    def _take_signals(self) -> None:
        """In place of the reactor's own, which end the process by the signal even after an orderly stop."""
        for name in ("SIGTERM", "SIGINT"):
            self._take(name, self.end)

    def _take(self, name: str, taker: Callable[[], None]) -> None:
        if IReactorCore.providedBy(self._outer) and hasattr(signal, name):
            signal.signal(getattr(signal, name), partial(self._take_signal, taker))

    def _take_signal(self, taker: Callable[[], None], number: int, frame: FrameType | None) -> None:
        cast(IReactorFromThreads, self._outer).callFromThread(taker)

    def end(self) -> None:
        """Stop the reactor, and with it this service, which drains; asked a second time, drain no longer."""
        if self._asked_to_end:
            self.abort()
        else:
            self._asked_to_end = True
            cast(IReactorCore, self._outer).stop()

    def read_again(self) -> None:
        """Put the file in force as it is now; if it has mistakes they are logged and nothing changes."""
        if self._asked_to_end or not self.running:
            log.info("the proxy is stopping: the configuration is not reloaded")
            return
        try:
            reloaded = self.reload(read(self._path, mistakes))
        except ConfigErrors as errors:
            log.error("the configuration is not reloaded\n{errors}", errors=errors.render())
            return
        reloaded.addCallbacks(
            lambda _: log.info("the configuration is reloaded"),
            lambda failure: log.error("{what}: {why}", what=_what(failure), why=_why(failure)),
        )


def makeService(options: Options) -> Command:
    """The service that ``twist`` starts."""
    from twisted.internet import reactor  # twist has chosen one by now

    allow_open_files()
    measure_timers(reactor)
    path = options["config"]
    config = _load(path)
    return _tried(lambda: Command(path, config, reactor))  # type: ignore[arg-type]  # the module is the reactor


def _what(failure: Failure) -> str:
    return "start" if failure.check(NotStarted) else "listen"


def _why(failure: Failure) -> str:
    error = failure.value
    if isinstance(error, NotStarted):
        return str(error)
    if isinstance(error, CannotListenError):
        return f"cannot listen on {error.interface or '*'}:{error.port}: {error.socketError}"
    return f"cannot listen: {failure.getErrorMessage()}"


def _exit_now() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _load(path: str) -> Http:
    return _tried(lambda: read(path, mistakes))


def _tried(action: Callable[[], T]) -> T:
    try:
        return action()
    except ConfigErrors as errors:
        count = _count(len(errors.errors), "mistake")
        _exit(1, f"{errors.render()}\n\n{count} in the configuration")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _exit(code: int, message: str) -> NoReturn:
    print(message, file=sys.stdout if code == 0 else sys.stderr)
    raise SystemExit(code)
