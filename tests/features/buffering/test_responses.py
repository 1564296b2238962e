"""Tests of ``.buffer_response()`` as a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pydsl_proxy.features.buffering.responses import BufferResponse, Telling
from pydsl_proxy.origin import here

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import CompileContext


class Somewhere:
    """A place."""

    def __init__(self, *, proxies: bool) -> None:
        self.proxies = proxies
        self.clock = Clock()


class AttachTests(SynchronousTestCase):
    """Where there is something to do."""

    def test_nothing(self) -> None:
        """Nothing is put before a client where no peer is asked, nor where it was lifted."""
        self.assertIsNotNone(BufferResponse().attach(cast("CompileContext", Somewhere(proxies=True))))
        self.assertIsNone(BufferResponse().attach(cast("CompileContext", Somewhere(proxies=False))))
        self.assertIsNone(BufferResponse(None).attach(cast("CompileContext", Somewhere(proxies=True))))


@implementer(ILogObserver)
class Observer:
    """Keeps what is logged of full disks."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Something is logged."""
        if event.get("log_namespace") == "pydsl_proxy.features.buffering.responses":
            self.errors.append(str(event["error"]))


class TellingTests(SynchronousTestCase):
    """A disk that is full."""

    def test_once_a_minute(self) -> None:
        """The error log hears of it, and not for each response; a clock that is set back does not silence it."""
        observer, clock = Observer(), Clock()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        clock.advance(1000)
        telling = Telling(clock, here())
        for _ in range(3):
            telling.tell(OSError("full"))
        self.assertEqual(observer.errors, ["full"])
        clock.advance(60)
        telling.tell(OSError("still full"))
        self.assertEqual(observer.errors, ["full", "still full"])
        clock.rightNow = 3.0
        telling.tell(OSError("long ago"))
        self.assertEqual(len(observer.errors), 3)
