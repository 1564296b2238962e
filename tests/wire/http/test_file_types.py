"""Tests of the media types of files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.file_types import known_types, type_finder


class TypeTests(SynchronousTestCase):
    """What a name says."""

    def test_known(self) -> None:
        """The last end of the name counts, in any case; text is UTF-8."""
        find = type_finder({}, "application/octet-stream")
        for path, expected in (
            (b"/a/index.html", b"text/html; charset=utf-8"),
            (b"/a/APP.JS", b"text/javascript; charset=utf-8"),
            (b"/a/app.min.css", b"text/css; charset=utf-8"),
            (b"/logo.svg", b"image/svg+xml; charset=utf-8"),
            (b"/data.json", b"application/json"),
            (b"/a.tar.gz", b"application/gzip"),
            (b"/photo.jpeg", b"image/jpeg"),
        ):
            self.assertEqual(find(path), expected)

    def test_default(self) -> None:
        """Names without an end, or with one that nobody knows, have the default type."""
        find = type_finder({}, "text/plain")
        for path in (b"/README", b"/a.b/README", b"/x.unknown", b"/html", b"/x."):
            self.assertEqual(find(path), b"text/plain")

    def test_own(self) -> None:
        """Own types win, and are taken as they are."""
        find = type_finder({"md": "text/x-markdown", "html": "text/html"}, "a/b")
        self.assertEqual((find(b"/x.md"), find(b"/x.html")), (b"text/x-markdown", b"text/html"))

    def test_number(self) -> None:
        """There are as many as the reference says."""
        self.assertEqual(round(len(known_types()), -1), 150)
