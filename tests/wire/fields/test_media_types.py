"""Tests of lists of media types."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.media_types import is_media_type, type_matcher


class TypeMatcherTests(SynchronousTestCase):
    """What a list names."""

    def test_whole(self) -> None:
        """A type is matched as a whole, whatever its case and parameters."""
        matches = type_matcher(["application/json", "text/HTML"])
        for value in (b"application/json", b"Application/JSON", b"text/html; charset=utf-8", b"text/html ;x=y"):
            self.assertTrue(matches(value), value)
        for value in (b"", b"application/jsonp", b"xapplication/json", b"text/html, text/html", b"text/html x"):
            self.assertFalse(matches(value), value)

    def test_star(self) -> None:
        """A star stands for any letters on its side of the slash."""
        matches = type_matcher(["text/*", "application/*+json"])
        for value in (b"text/x-a", b"application/ld+json", b"application/vnd.a+json;v=1"):
            self.assertTrue(matches(value), value)
        for value in (b"text", b"application/json", b"application/a+jsonx", b"application/a b+json"):
            self.assertFalse(matches(value), value)
        self.assertTrue(type_matcher(["*/*"])(b"image/png"))

    def test_excepted(self) -> None:
        """An exception is taken out of what a star names."""
        matches = type_matcher(["text/*"], ["text/event-stream"])
        self.assertFalse(matches(b"Text/Event-Stream; charset=utf-8"))
        self.assertTrue(matches(b"text/event-streams"))

    def test_syntax(self) -> None:
        """An entry has a slash and no parameters."""
        good = ("text/html", "*/*", "application/*+json")
        self.assertEqual(
            [each for each in (*good, "text", "text/", "a/b; c=d", "a/b/c", "", "té/x") if is_media_type(each)],
            list(good),
        )
