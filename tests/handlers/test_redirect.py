"""Tests of the handler that redirects."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.redirect import Redirect
from pydsl_proxy.values.value import ValueSource, host, path, request_uri
from tests.support.failing import mistake
from tests.support.recording import RecordedExchange, RecordedPlace


def sent_to(url: ValueSource, target: bytes = b"/a?b=c", decoded: bytes | None = None) -> bytes:
    """The Location with which a request for *target* is answered."""
    exchange = RecordedExchange(target, path=decoded).through(RecordedPlace().compile(Redirect(url, 307)))
    assert exchange.answer is not None
    status, body, ((name, value),) = exchange.answer
    assert (status, body, name) == (307, b"", b"Location")
    return value


class RedirectTests(SynchronousTestCase):
    """Where the client is sent."""

    def test_without_a_path(self) -> None:
        """A URL without a path keeps the request's path and query."""
        self.assertEqual(sent_to("https://example.com"), b"https://example.com/a?b=c")
        self.assertEqual(sent_to(f"https://{host}"), b"https://example.com/a?b=c")
        self.assertEqual(sent_to(f"https://{host}:8443"), b"https://example.com:8443/a?b=c")

    def test_with_a_path(self) -> None:
        """A URL with a path, be it a slash, is taken as it is."""
        self.assertEqual(sent_to("https://example.com/"), b"https://example.com/")
        self.assertEqual(sent_to("https://example.com?x"), b"https://example.com?x")
        self.assertEqual(sent_to("/b"), b"/b")
        self.assertEqual(sent_to(f"https://{host}{request_uri}"), b"https://example.com/a?b=c")
        self.assertEqual(sent_to(f"https://{host}/x"), b"https://example.com/x")

    def test_function(self) -> None:
        """What a function gives is taken as it is."""
        self.assertEqual(sent_to(lambda request: f"https://{request.host}"), b"https://example.com")

    def test_escaped(self) -> None:
        """What may not stand in a URI is percent-encoded: no value can end the line (CWE-113)."""
        made = sent_to(f"https://{host}{path}", b"/", b"/a\r\nSet-Cookie: b\xff")
        self.assertEqual(made, b"https://example.com/a%0D%0ASet-Cookie:%20b%FF")
        self.assertEqual(sent_to("/ä"), b"/%C3%A4")

    def test_mistakes(self) -> None:
        """What is no URL and no redirect."""
        for url, message, hint in (
            ("example.com/a", "is neither a URL nor a path", 'write "https://example.com/a"'),
            ("a", "is neither a URL nor a path", 'begin with "https://", or with "/" for a path on the same host'),
            (
                f"{'a'}{host}",
                "'a' is neither a URL nor a path",
                'begin with "https://", or with "/" for a path on the same host',
            ),
            ("/a b", "has a space or a control character", "write %20 for a space"),
            ("https://", "has no host", 'write "https://example.com"'),
        ):
            said, told = mistake(Redirect, url)
            self.assertIn(message, said)
            self.assertEqual(told, hint)
        self.assertEqual(mistake(Redirect, "/", 200)[1], "the statuses are 301, 302, 303, 307, 308")
        self.assertIn("5 (int) is no value", mistake(Redirect, cast("str", 5))[0])

    def test_verb(self) -> None:
        """The code that made it."""
        self.assertEqual(Redirect("/a").as_verb(), "redirect_to('/a')")
        self.assertEqual(Redirect(f"https://{host}", 301).as_verb(), 'redirect_to(f"https://{host}", 301)')
