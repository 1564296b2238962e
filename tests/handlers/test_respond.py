"""Tests of the handler that answers with a text."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.respond import Respond
from pydsl_proxy.values.value import client_address
from tests.support.failing import mistake
from tests.support.recording import RecordedExchange, RecordedPlace

_TEXT = ((b"Content-Type", b"text/plain; charset=utf-8"),)


def answered(handler: Respond) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]] | None:
    """What *handler* answers."""
    return RecordedExchange().through(RecordedPlace().compile(handler)).answer


class RespondTests(SynchronousTestCase):
    """What the client gets."""

    def test_text(self) -> None:
        """A text goes out as UTF-8, and says so."""
        self.assertEqual(answered(Respond(200, "ök\n")), (200, "ök\n".encode(), _TEXT))

    def test_bytes(self) -> None:
        """Bytes go out as they are."""
        handler = Respond(200, b"\xff", content_type="image/x")
        self.assertEqual(answered(handler), (200, b"\xff", ((b"Content-Type", b"image/x"),)))

    def test_no_body(self) -> None:
        """Nothing has no type."""
        self.assertEqual(answered(Respond(204)), (204, b"", ()))

    def test_value(self) -> None:
        """A value is read from each request."""
        self.assertEqual(answered(Respond(200, client_address)), (200, b"192.0.2.1", _TEXT))
        self.assertEqual(answered(Respond(200, f"you: {client_address}")), (200, b"you: 192.0.2.1", _TEXT))
        self.assertEqual(answered(Respond(200, lambda request: request.scheme)), (200, b"http", _TEXT))

    def test_mistakes(self) -> None:
        """Statuses that cannot be answered so, and bodies where there is none."""
        for status, message in (
            (199, "199 is not a status between 200 and 599"),
            (600, "600 is not a status between 200 and 599"),
            (444, "not available in this version"),
            (301, "a redirect needs a Location"),
            (True, "the status must be a number"),
            (cast("int", "200"), "the status must be a number"),
        ):
            self.assertIn(message, mistake(Respond, status)[0])
        self.assertEqual(mistake(Respond, 204, "x")[1], "write .respond(204)")
        self.assertIn("is not a media type", mistake(Respond, 200, "x", content_type="a\nb")[0])
        self.assertIn("5 (int) is no value", mistake(Respond, 200, cast("str", 5))[0])

    def test_verb(self) -> None:
        """The code that made it."""
        for handler, code in (
            (Respond(204), "respond(204)"),
            (Respond(200, "ok\n"), "respond(200, 'ok\\n')"),
            (Respond(200, b"\xff"), "respond(200, b'\\xff')"),
            (Respond(200, client_address, content_type="a/b"), "respond(200, client_address, content_type='a/b')"),
        ):
            self.assertEqual(handler.as_verb(), code)
