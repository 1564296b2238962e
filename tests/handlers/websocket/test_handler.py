"""What ``.websocket_to()`` and ``proxy_to(websocket=…)`` are told."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import WebSocketMessage, close_websocket, location, regex
from pydsl_proxy.config.locations import Location
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.websocket.messages import Verdict


class WebSocketsTests(SynchronousTestCase):
    """The verbs."""

    def refused(self, make: Callable[[], object]) -> str:
        """The error of a call."""
        error = self.assertRaises(ConfigError, make)
        # Without the line that it is about, which has what is looked for.
        return f"{error.message} {error.hint}"

    def test_repr(self) -> None:
        """The repr is the call."""
        for code in (
            "location('/').websocket_to(upstream('a:1', 'a:1'))",
            "location('/').websocket_to(upstream('a:1', 'a:1'), path='/x/', tunnel=True, origins=['same'])",
            "location('/').websocket_to(upstream('a:1', 'a:1'), max_message=10, message_rate='5/s', ping=None)",
            "location('/').proxy_to(upstream('a:1', 'a:1'), websocket='tunnel')",
        ):
            from pydsl_proxy import upstream

            made = eval(code, {"location": location, "upstream": upstream})
            self.assertIsInstance(made, Location)
            self.assertEqual(repr(made), code)

    def test_mistakes(self) -> None:
        """Each says what to write."""
        here = location("/")
        for make, text in (
            (lambda: here.websocket_to("a:1", path="x"), 'write path="/x"'),
            (lambda: here.websocket_to(3), "is not an upstream"),  # type: ignore[arg-type]
            (lambda: here.websocket_to("a:1", origins="https://a.com"), 'write origins=["https://a.com"]'),
            (lambda: here.websocket_to("a:1", origins=["a.com"]), "is no origin"),
            (lambda: here.websocket_to("a:1", origins=["https://a.com/"]), "is no origin"),
            (lambda: here.websocket_to("a:1", origins=[]), 'origins="same"'),
            (lambda: here.websocket_to("a:1", max_message=0), "must be 1 or more"),
            (lambda: here.websocket_to("a:1", message_rate="5"), 'write websocket_to(message_rate="5/s")'),
            (lambda: here.websocket_to("a:1", burst=0), "must be 1 or more"),
            (lambda: here.websocket_to("a:1", ping=0), "more than 0"),
            (lambda: here.websocket_to("a:1", on_message=1), "is no function"),  # type: ignore[arg-type]
            (lambda: here.websocket_to("a:1", tunnel=True, max_message=5), "leave out one of the two"),
            (lambda: here.proxy_to("a:1", websocket="bridge"), 'write websocket="tunnel"'),  # type: ignore[arg-type]
            (lambda: location(regex("/a")).websocket_to("a:1", path="/"), "websocket_to(path='/')"),
            (lambda: close_websocket(1006), "is no code"),
            (lambda: close_websocket(4000, "x" * 124), "more than 123 bytes"),
        ):
            self.assertIn(text, self.refused(make))

    def test_message(self) -> None:
        """The function is typed."""

        def hook(message: WebSocketMessage) -> Verdict:
            return message.data

        self.assertIsInstance(location("/").websocket_to("a:1", on_message=hook), Location)
