"""The lifespan of an ASGI application: it is told when the proxy starts and stops, and may refuse to start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping

from twisted.logger import Logger

from pydsl_proxy.handlers.asgi.scope import VERSION
from pydsl_proxy.handlers.asgi.types import Application
from pydsl_proxy.interfaces import EventLoop

log = Logger()


class NotStarted(Exception):
    """An application cannot start, for the reason that it tells."""


class Lifespan:
    """One life of *application*, in the loop; ``state`` is what it keeps for its requests.

    The reactor is told, by *started*, that it may be asked, or why not; and by *stopped* that it has ended.  An
    application that knows nothing of all this raises, as the specification has it, and may be asked at once.
    """

    def __init__(
        self,
        application: Application,
        loop: EventLoop,
        started: Callable[[NotStarted | None], None],
        stopped: Callable[[], None],
    ) -> None:
        self.state: dict[str, object] = {}
        self._application = application
        self._loop = loop
        self._tell_started: Callable[[NotStarted | None], None] | None = started
        self._tell_stopped: Callable[[], None] | None = stopped
        self._stopping = asyncio.Event()
        self._asked = False

    async def run(self) -> None:
        """All of it."""
        scope: dict[str, object] = {"type": "lifespan", "asgi": dict(VERSION), "state": self.state}
        try:
            await self._application(scope, self._receive, self._send)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            # Not further: sys.exit() would end the loop of all applications.
            self._raised(error)
        finally:
            self._started(None)
            # Who has no lifespan is not awaited when the proxy stops.
            self._stopped()

    def _raised(self, error: BaseException) -> None:
        if self._tell_started is None:
            if self._tell_stopped is not None:
                log.failure("the lifespan of {application!r} raised an exception", application=self._application)
        elif not isinstance(error, Exception):
            self._started(NotStarted(f"the application {self._application!r} cannot start: it raised {error!r}"))
        elif self._asked:
            text = "{application!r} raised {error!r} at its start: taken for one without a lifespan"
            log.warn(text, application=self._application, error=error)
        else:
            log.debug("{application!r} has no lifespan: {error!r}", application=self._application, error=error)

    def stop(self) -> None:
        """Have it end; :attr:`stopped` tells when it has."""
        self._stopping.set()

    async def _receive(self) -> dict[str, object]:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: MutableMapping[str, object]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self._started(None)
        elif kind == "lifespan.startup.failed":
            why = message.get("message") or "it does not say why"
            self._started(NotStarted(f"the application {self._application!r} cannot start: {why}"))
        elif kind == "lifespan.shutdown.complete":
            self._stopped()
        elif kind == "lifespan.shutdown.failed":
            why = message.get("message") or "it does not say why"
            log.error("{application!r} could not stop: {why}", application=self._application, why=why)
            self._stopped()
        else:
            raise RuntimeError(f"{kind!r} is no message of a lifespan")

    def _started(self, error: NotStarted | None) -> None:
        tell, self._tell_started = self._tell_started, None
        if tell is not None:
            self._loop.outside(tell, error)

    def _stopped(self) -> None:
        tell, self._tell_stopped = self._tell_stopped, None
        if tell is not None:
            self._loop.outside(tell)
