"""ASGI applications at work: each is started once for the proxy, in however many locations it stands."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final, Protocol, TypeAlias
from weakref import WeakValueDictionary

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.applications.event_loops import Tasks, event_loop_of
from pydsl_proxy.handlers.asgi.lifespan import Lifespan, NotStarted
from pydsl_proxy.handlers.asgi.types import Application
from pydsl_proxy.interfaces import EventLoop, Exchange

log = Logger()


class Stage(Enum):
    """How far an application has come."""

    IDLE = "nobody has asked for it"
    STARTING = "requests wait for it"
    RUNNING = "requests are answered"
    FAILED = "it could not start"
    STOPPING = "it is in no location any more"
    STOPPED = "it has ended"


class Begun(Protocol):
    """What stands between an exchange and the call of an application."""

    def begin(self, application: Application, scope: dict[str, object], /) -> None:
        """Have it called."""


Stand: TypeAlias = Callable[[Exchange, EventLoop, Tasks, Callable[[], None]], Begun]
"""Makes that, for a loop and tasks in it; the last is to be called when the application has returned."""


class Waiting:
    """An exchange that came before its application had started."""

    def __init__(self, exchange: Exchange, scope: dict[str, object], stand: Stand) -> None:
        self.exchange = exchange
        self.scope = scope
        self.stand = stand
        self.has_left = False

    def cancel(self, error: ProxyError) -> None:
        """The client is gone."""
        self.has_left = True


class Running:
    """One application, from its start to its end; after that it may be started again.

    ``users`` counts the locations that have it.
    """

    def __init__(self, application: Application, loop: EventLoop, clock: IReactorTime) -> None:
        self.users = 0
        self.stage = Stage.IDLE
        self._application = application
        self._loop = loop
        self._tasks = Tasks()
        self._clock = clock
        self._lifespan: Lifespan | None = None
        # It ends when it is told to, or has before.
        self._has_ended = False
        self._starting: list[Deferred[None]] = []
        self._waiting: list[Waiting] = []
        self._calls = 0
        self._stopping: list[Deferred[None]] = []
        self._timer: IDelayedCall | None = None

    # -- requests ------------------------------------------------------------------------------------------------------

    def ask(self, scope: dict[str, object], stand: Stand, exchange: Exchange) -> None:
        """Have the application answer, when it has started."""
        if self._lifespan is not None and self.stage is not Stage.STARTING:
            # A copy: what a request puts there is its own, what the application has put there is shared.
            scope["state"] = self._lifespan.state.copy()
            self._calls += 1
            stand(exchange, self._loop, self._tasks, self._returned).begin(self._application, scope)
        elif self.stage is Stage.FAILED or self.stage is Stage.STOPPED:
            exchange.fail(
                ProxyError(Source.US, 503, "not_started", f"the application does not run: {self.stage.value}")
            )
        else:
            waiting = Waiting(exchange, scope, stand)
            exchange.running = waiting
            self._waiting = [each for each in self._waiting if not each.has_left]
            self._waiting.append(waiting)
            # Where nobody else starts it, who asks first does; what comes of it is logged.
            self.start().addErrback(lambda failure: None)

    def _returned(self) -> None:
        self._calls -= 1
        if self.stage is Stage.STOPPING and not self._calls:
            self._ask_to_stop()

    # -- start ---------------------------------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Fires when it may be asked; fails with :class:`NotStarted`, after which it may be tried again."""
        if self.stage is Stage.RUNNING:
            return succeed(None)
        told: Deferred[None] = Deferred()
        self._starting.append(told)
        if self.stage is not Stage.STARTING:
            self.stage = Stage.STARTING
            self._has_ended = False
            self._loop.begin()
            lifespan = self._lifespan = Lifespan(self._application, self._loop, self._started, self._ended)
            self._loop.within(lambda: self._tasks.spawn(lifespan.run()))
        return told

    def _started(self, error: NotStarted | None) -> None:
        starting, self._starting = self._starting, []
        waiting, self._waiting = self._waiting, []
        if self.stage is not Stage.STARTING:
            error = error or NotStarted(f"the application {self._application!r} was stopped before it had started")
        elif error is None:
            self.stage = Stage.RUNNING
        else:
            log.error("{why}", why=error)
            self.stage, self._lifespan = Stage.FAILED, None
            self._loop.end()
        for each in waiting:
            if not each.has_left:
                each.exchange.running = None
                each.exchange.go_on(partial(self.ask, each.scope, each.stand))
        for told in starting:
            if error is None:
                told.callback(None)
            else:
                told.errback(Failure(error))

    # -- stop ----------------------------------------------------------------------------------------------------------

    def stop(self, within: float) -> Deferred[None]:
        """Let calls end, then the application; what has not ended *within* so many seconds is cancelled."""
        if self._lifespan is None:
            return succeed(None)
        stopped: Deferred[None] = Deferred()
        self._stopping.append(stopped)
        if self.stage is not Stage.STOPPING:
            self.stage = Stage.STOPPING
            self._timer = self._clock.callLater(within, self._end)
            if not self._calls:
                self._ask_to_stop()
        return stopped

    def _ask_to_stop(self) -> None:
        if self._has_ended:
            self._end()
        elif self._lifespan is not None:
            self._loop.within(self._lifespan.stop)

    def _ended(self) -> None:
        """Its lifespan is over, or it never had one."""
        self._has_ended = True
        if self.stage is Stage.STOPPING and not self._calls:
            self._end()

    def _end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.stage, self._lifespan, self._timer = Stage.STOPPED, None, None
        stopping, self._stopping = self._stopping, []
        self._loop.within(self._tasks.cancel)

        def ended(_: object) -> None:
            for each in stopping:
                each.callback(None)

        self._loop.end().addBoth(ended)


class Applications:
    """The applications of one proxy, and the loop that they share."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._loop = event_loop_of(clock)
        # By identity, for as long as a location has them.
        self._running: WeakValueDictionary[int, Running] = WeakValueDictionary()

    def of(self, application: Application) -> Running:
        """What runs *application*, if that is not about to end."""
        running = self._running.get(id(application))
        if running is None or running.stage in (Stage.STOPPING, Stage.STOPPED):
            running = self._running[id(application)] = Running(application, self._loop, self._clock)
        return running


@frozen
class OfTheProxy:
    """The feature by which :class:`Applications` are kept: one for a proxy, which passes it on to the next."""


ALL: Final = OfTheProxy()


class Used:
    """That one feature has an application; see :class:`~pydsl_proxy.interfaces.Lifecycle`."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._counted = False

    def start_serving(self) -> Deferred[None]:
        """The application is to start, unless it has."""
        if not self._counted:
            self._counted = True
            self.running.users += 1
        return self.running.start()

    def stop_serving(self, within: float) -> Deferred[None]:
        """The application is to stop, unless another location has it."""
        if self._counted:
            self._counted = False
            self.running.users -= 1
        return succeed(None) if self.running.users else self.running.stop(within)
