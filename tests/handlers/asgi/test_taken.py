"""What an application is told of its messages that the client has taken."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from random import Random
from typing import cast

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.applications.event_loops import Tasks
from pydsl_proxy.handlers.asgi.answer import Answer, Terms
from pydsl_proxy.handlers.asgi.socket import Socket, SocketTerms
from pydsl_proxy.handlers.asgi.types import Receive, Send
from pydsl_proxy.handlers.websocket.settings import Kit, leg_makers
from pydsl_proxy.interfaces import BodyReceiver, EventLoop, Exchange
from tests.support.peers import FakeHead


@define
class Loop:
    """A loop that counts how often it is woken; nothing runs in it."""

    woken: int = 0

    def within(self, function: Callable[..., object], *arguments: object) -> None:
        """Wake it; what it is to do is quick."""
        self.woken += 1
        function(*arguments)

    outside = within

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Begin nothing."""
        work.close()


@define
class Asked:
    """As much of an exchange as is looked at before the head of its response."""

    running: object = None
    fields: object = field(factory=lambda: FakeHead().fields)

    def read_body(self, receiver: BodyReceiver) -> None:
        """There is none."""

    def go_on(self, call: Callable[[Exchange], None]) -> None:
        """Send nothing."""


async def application(scope: dict[str, object], receive: Receive, send: Send) -> None:
    """One that is never called."""
    raise NotImplementedError


class TakenTests(SynchronousTestCase):
    """It is told once of what was taken, and is not woken where nothing was."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.loop = Loop()
        self.exchange = cast(Exchange, Asked())

    def later(self, call: Callable[[], None], failed: object) -> None:
        """Nothing is left for later."""
        raise NotImplementedError

    def check(self, begun: Answer | Socket, send: Callable[[], object]) -> None:
        """Whatever else the reactor does for it, it is woken as often as it has sent something."""
        begun.begin(application, {"method": "GET", "subprotocols": []})
        self.loop.woken = 0
        for number in range(1, 4):
            send()
            for _ in range(3):
                begun.worked()
            self.assertEqual(self.loop.woken, number)

    def test_response(self) -> None:
        """Of a response."""
        terms = Terms(self.clock, self.later, 60)
        tasks = cast(Tasks, self.loop)
        answer = Answer(terms, self.exchange, cast(EventLoop, self.loop), tasks, lambda: None)
        self.check(answer, lambda: answer.send(None, b"", False))

    def test_websocket(self) -> None:
        """Of a WebSocket."""
        client, peer = leg_makers(self.clock)
        kit = Kit(self.clock, self.later, Random(1), 100, 20, 0, None, 1, True, False, None, client, peer)
        terms = SocketTerms(kit, client, 0, 60)
        tasks = cast(Tasks, self.loop)
        socket = Socket(terms, self.exchange, cast(EventLoop, self.loop), tasks, lambda: None)
        self.check(socket, lambda: socket.deny(None, b"", False))
