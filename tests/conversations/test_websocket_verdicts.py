"""Conversations: functions for WebSocket messages that say what cannot be sent."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import WebSocketMessage, server
from pydsl_proxy.errors import ConfigError
from tests.conversations.test_websocket import Opened
from tests.support.websockets import TEXT, frame


class VerdictTests(SynchronousTestCase):
    """What is no verdict ends the WebSocket as an exception does."""

    def test_no_verdict(self) -> None:
        """1011 for both sides, and a line that names the function."""
        for value, error in ((1, TypeError), (bytearray(b"x"), TypeError), (True, TypeError), ("\ud800", UnicodeError)):

            def judging(message: WebSocketMessage, value: object = value) -> object:
                return value

            opened = Opened(server(80).location("/").websocket_to("a:1", on_message=judging))  # type: ignore[arg-type]
            opened.client.sends(frame(TEXT, b"a", masked=True))
            self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf3")
            self.assertEqual(opened.to_peer()[0][1][:2], b"\x03\xf3")
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)
            opened.client.closes()
            [ended] = opened.running.exchanges
            self.assertEqual(ended.cause, "internal_error")

    def test_coroutines(self) -> None:
        """Nobody awaits: an async function is refused where it is written."""

        async def judging(message: WebSocketMessage) -> str:
            return ""

        class Judge:
            async def __call__(self, message: WebSocketMessage) -> str:
                return ""

        for hook in (judging, Judge()):
            with self.assertRaisesRegex(ConfigError, r"websocket_to\(on_message=…\): .* is a coroutine function"):
                server(80).location("/").websocket_to("a:1", on_message=hook)  # type: ignore[arg-type]

    def test_arguments(self) -> None:
        """A function that no message can be given to is refused, too; one that takes more than it needs is not."""
        for bad in (lambda: None, lambda message, more: None):
            with self.assertRaisesRegex(ConfigError, "cannot be called with a message"):
                server(80).location("/").websocket_to("a:1", on_message=bad)  # type: ignore[arg-type]
        for good in (lambda message, more=1: None, lambda *messages: None, str):
            server(80).location("/").websocket_to("a:1", on_message=good)

    def test_burst(self) -> None:
        """Nobody is ahead of no rate."""
        with self.assertRaisesRegex(ConfigError, r"websocket_to\(burst=5\): there is no message_rate"):
            server(80).location("/").websocket_to("a:1", burst=5)

    def test_rate(self) -> None:
        """A rate that is none is told with what to write."""
        with self.assertRaises(ConfigError) as caught:
            server(80).location("/").websocket_to("a:1", message_rate="10r/s")
        self.assertIn('write websocket_to(message_rate="10/s"); messages are counted by', str(caught.exception.hint))
