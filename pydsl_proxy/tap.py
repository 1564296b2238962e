"""``twist pydsl-proxy``: runs, or only checks, a configuration file.

Exit codes: 0 when all is well, 1 when the configuration has mistakes or cannot be put in force, 2 when the command is
not understood or the file cannot be read.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn, TypeVar, cast

from twisted.internet.defer import Deferred, execute, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as BaseOptions
from twisted.python.usage import UsageError

from pydsl_proxy.config.loading.beside import BesideLoop, switching_often
from pydsl_proxy.config.loading.load import read
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.handlers.asgi.lifespan import NotStarted
from pydsl_proxy.net.reactors import DataReactor, measure_timers
from pydsl_proxy.net.rlimit import allow_open_files
from pydsl_proxy.observe.outputs import give_up_outputs, unblock_outputs
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


class HeldSignals:
    """SIGHUP and SIGUSR1 from the start of the process on: by themselves they would end it.

    The plugin ignores them before this module is there: then the file has not been read, and no log is open.
    """

    NAMES = ("SIGHUP", "SIGUSR1")

    def __init__(self) -> None:
        self._came: set[str] = set()
        for name in self.NAMES:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), partial(self._note, name))

    def _note(self, name: str, number: int, frame: FrameType | None) -> None:
        self._came.add(name)

    def take(self) -> list[str]:
        """The names of those that came; they are told once."""
        came, self._came = sorted(self._came), set()
        return came


class Collecting:
    """Full collections of garbage, put off while somebody asks for that; young objects are collected all the same.

    A full collection goes through every object there is, and stops all traffic meanwhile: with 10,000 locations for
    half a second and more.
    """

    NEVER = 1_000_000

    def __init__(self) -> None:
        self._asked = 0
        self._usual = gc.get_threshold()

    def put_off(self) -> None:
        """Until :meth:`resume` was called as often."""
        if not self._asked:
            self._usual = gc.get_threshold()
            gc.set_threshold(*self._usual[:2], self.NEVER)
        self._asked += 1

    def resume(self, _: object = None) -> None:
        """See :meth:`put_off`."""
        self._asked -= 1
        if not self._asked:
            gc.set_threshold(*self._usual)


class Command(ProxyService):
    """The service of a process that is for nothing else: what cannot be started ends it, and SIGHUP reloads.

    *held* are the signals that came while it was made.  With *freezes*, full collections of
    garbage pass over what there is when the reactor begins to run.
    """

    def __init__(
        self, path: str, config: Http, reactor: DataReactor, held: HeldSignals | None = None, *, freezes: bool = False
    ) -> None:
        super().__init__(config, reactor)
        self._path = path
        self._held = held
        self._asked_to_end = False
        # Whether the file is being read again, and whether it is to be read once more after that.
        self._reading = False
        self._once_more = False
        self._collecting = Collecting()
        self._freezes = freezes

    def startService(self) -> Deferred[None]:
        """Listen, or say why not and exit with 1."""
        # Until the reactor runs too: by themselves they would end a process that seems to be up, since it listens.
        takers = {"SIGHUP": self.read_again, "SIGUSR1": self.reopen_log}
        for name, taker in takers.items():
            self._take(name, taker)
        for name in self._held.take() if self._held is not None else ():
            cast(IReactorFromThreads, self._outer).callFromThread(takers[name])
        started = super().startService()
        failed: list[Failure] = []
        started.addErrback(failed.append)
        if failed:
            _exit(1, f"{self._path}: {_why(failed[0])}")
        if IReactorCore.providedBy(self._outer):
            self._outer.callWhenRunning(self._begin)
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

    def _begin(self) -> None:
        """The reactor runs."""
        self._take_signals()
        if self._freezes:
            # Once, not after a reload: what is frozen and has cycles, as functions of the file make, stays for ever.
            gc.freeze()

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

    def reopen_log(self) -> None:
        """Write what the access log holds, and open its file again."""
        self._log.reopen()

    def read_again(self) -> None:
        """Put the file in force as it is now; if it has mistakes they are logged and nothing changes.

        Asked while that is under way, it is done once more afterwards: the file may have changed since it was read.
        """
        if self._asked_to_end or not self.running:
            log.info("the proxy is stopping: the configuration is not reloaded")
        elif self._reading:
            self._once_more = True
        else:
            self._reading = True
            # A full collection takes its time for each object there is, and the load makes it due again and again.
            self._collecting.put_off()
            loading = load_beside(self._path, mistakes, self._outer)
            loading.addCallback(self._loaded).addErrback(self._not_reloaded_because).addCallback(self._read)

    def _loaded(self, config: Http) -> None:
        if self._asked_to_end or not self.running:
            log.info("the proxy is stopping: the configuration is not reloaded")
        else:
            # Not waited for: an application may take its time to start, and the file may be read again meanwhile.
            self._collecting.put_off()
            reloaded = maybeDeferred(self.reload, config)
            reloaded.addCallbacks(self._reloaded, self._not_reloaded_because).addCallback(self._collecting.resume)

    def _reloaded(self, _: None) -> None:
        if not self._asked_to_end:
            log.info("the configuration is reloaded")

    def _not_reloaded_because(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, ConfigErrors):
            log.error("the configuration is not reloaded\n{errors}", errors=error.render())
        elif failure.check(NotStarted, CannotListenError, ConfigError):
            log.error("{what}: {why}", what=_what(failure), why=_why(failure))
        else:
            log.failure("the configuration is not reloaded", failure)

    def _read(self, _: None) -> None:
        self._reading = False
        self._collecting.resume()
        if self._once_more:
            self._once_more = False
            self.read_again()


def makeService(options: Options) -> Command:
    """The service that ``twist`` starts."""
    from twisted.internet import reactor  # twist has chosen one by now

    held = HeldSignals()
    unblock_outputs()
    reactor.addSystemEventTrigger("after", "shutdown", give_up_outputs)
    allow_open_files()
    measure_timers(reactor)
    # What was imported stays: the collector need not go through it again and again, which stops all traffic.
    gc.collect()
    gc.freeze()
    path = options["config"]
    config = _load(path)
    return _tried(lambda: Command(path, config, reactor, held, freezes=True))  # type: ignore[arg-type]  # the module is the reactor


def load_beside(path: str, further: Callable[[Http], Iterable[ConfigError]], reactor: object) -> Deferred[Http]:
    """The configuration of a file, read in a thread of its own while *reactor* runs; here, if that has no threads."""
    if not IReactorFromThreads.providedBy(reactor):
        return execute(read, path, further)
    loaded: Deferred[Http] = Deferred()

    def found() -> Http | Failure:
        # No name stands for the failure: its traceback has this frame, and would be part of a cycle.
        with switching_often():
            try:
                return read(path, further, BesideLoop())
            except ConfigErrors as errors:
                # Rendered here: source is read and parsed for it.
                return Failure(Mistaken(errors))
            except BaseException:
                return Failure()

    def load() -> None:
        reactor.callFromThread(loaded.callback, found())

    threading.Thread(target=load, name="configuration", daemon=True).start()
    return loaded


class Mistaken(ConfigErrors):
    """Mistakes that were rendered once."""

    def __init__(self, errors: ConfigErrors) -> None:
        super().__init__(errors.errors)
        self._text = errors.render()

    def render(self) -> str:
        """The text."""
        return self._text


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
