"""Tests of temporary files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.spooling import SpoolFile, checked_spool


class SpoolFileTests(SynchronousTestCase):
    """One file."""

    def test_places(self) -> None:
        """What was written at a place is read there."""
        file = SpoolFile(True)
        self.addCleanup(file.close)
        file.write(memoryview(b"world"), 6)
        file.write(memoryview(b"hello "), 0)
        self.assertEqual(file.read(11, 0), b"hello world")
        self.assertEqual(file.read(3, 6), b"wor")

    def test_missing_bytes(self) -> None:
        """What is not there is an error, not less."""
        file = SpoolFile(True)
        self.addCleanup(file.close)
        file.write(memoryview(b"abc"), 0)
        self.assertRaises(OSError, file.read, 4, 0)

    def test_no_name(self) -> None:
        """A file in a directory has no name there."""
        folder = Path(self.mktemp())
        folder.mkdir()
        file = SpoolFile(str(folder))
        self.addCleanup(file.close)
        self.assertEqual(list(folder.iterdir()), [])

    def test_no_directory(self) -> None:
        """A directory that is not there shows when a file is wanted."""
        self.assertRaises(OSError, SpoolFile, "/nowhere/at/all")

    def test_closed(self) -> None:
        """A closed file is closed, however often."""
        file = SpoolFile(True)
        file.close()
        file.close()
        self.assertRaises(OSError, file.read, 0, 0)
        self.assertRaises(OSError, file.write, memoryview(b"a"), 0)


class CheckedTests(SynchronousTestCase):
    """What may be told."""

    def test_kept(self) -> None:
        """A directory as its name, None as False."""
        for told, kept in ((True, True), (False, False), (None, False), ("/a", "/a"), (Path("/a"), "/a")):
            self.assertEqual(checked_spool("x", told), kept)

    def test_mistakes(self) -> None:
        """Anything else is refused."""
        for told in ("", 3, b"/a"):
            error = self.assertRaises(ConfigError, checked_spool, "buffer_request", cast("str", told))
            self.assertIn("buffer_request(spool=…) must be a directory", error.message)
