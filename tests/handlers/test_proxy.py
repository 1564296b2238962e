"""Tests of the handler that sends exchanges to an upstream."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.wire.http.uri import BadPath
from tests.support.failing import mistake
from tests.support.recording import RecordedExchange, RecordedPlace


def sent(prefix: bytes, path: str, target: bytes, decoded: bytes) -> bytes:
    """The target that a peer gets for *target*, whose normalised path is *decoded*."""
    place = RecordedPlace(prefix)
    handle = place.compile(Proxy("app", path=path))
    assert place.relayed == ("app", path.encode())
    return RecordedExchange(target, path=decoded).through(handle).peer_target


class ProxyTests(SynchronousTestCase):
    """What the peer is asked for."""

    def test_without_a_path(self) -> None:
        """The target goes through byte for byte, which is for the relay to do."""
        place = RecordedPlace(None)
        place.compile(Proxy("app"))
        self.assertEqual(place.relayed, ("app", None))

    def test_with_a_path(self) -> None:
        """The matched prefix is replaced (observed on nginx 1.22.1); the query stays."""
        for prefix, path, target, decoded, expected in (
            (b"/a/", "/b/", b"/a/x%20y", b"/a/x y", b"/b/x%20y"),
            (b"/a/", "/b/", b"/a/x%2Fy", b"/a/x/y", b"/b/x/y"),
            (b"/a/", "/b/", b"/a//x/./y/../z?q=%20", b"/a/x/z", b"/b/x/z?q=%20"),
            (b"/c", "/", b"/cfoo", b"/cfoo", b"/foo"),
            (b"/e/", "/q", b"/e/foo", b"/e/foo", b"/qfoo"),
        ):
            self.assertEqual(sent(prefix, path, target, decoded), expected)

    def test_climbing_out(self) -> None:
        """A path that would climb out of the replacement is refused."""
        self.assertRaises(BadPath, sent, b"/c", "/v1/", b"/c../x", b"/c../x")

    def test_regex_location(self) -> None:
        """Where no prefix matched, none can be replaced."""
        self.assertIn("a regex location", mistake(RecordedPlace(None).compile, Proxy("app", path="/"))[0])

    def test_mistakes(self) -> None:
        """A path begins with a slash and has no query."""
        for path, message, hint in (
            ("v1/", "a path begins with a slash", 'write path="/v1/"'),
            ("", "a path begins with a slash", 'write path="/"'),
            ("/v1?a", "the path has none", 'write path="/v1"'),
            ("http://a/v1", "the path is a URL", 'write path="/v1"'),
            ("/a b", "visible ASCII", "percent-encode the rest, a space as %20"),
            (cast("str", 5), "must be a string", 'write path="/"'),
        ):
            said, told = mistake(Proxy, "app", path=path)
            self.assertIn(message, said)
            self.assertEqual(told, hint)

    def test_verb(self) -> None:
        """The code that made it."""
        self.assertEqual(Proxy("app").as_verb(), "proxy_to('app')")
        self.assertEqual(Proxy("app", path="/").as_verb(), "proxy_to('app', path='/')")
