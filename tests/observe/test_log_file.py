"""Tests of the file behind a log."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.observe.log_file import LogFile


class LogFileTests(SynchronousTestCase):
    """A file that is appended to."""

    def setUp(self) -> None:
        """A folder, and a log in it."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "access.log"
        self.file = LogFile(str(self.path))
        self.addCleanup(self.file.close)

    def test_appends(self) -> None:
        """What was there stays."""
        self.path.write_bytes(b"old\n")
        self.file.open()
        self.assertIsNone(self.file.append(b"new\n"))
        self.assertEqual(self.path.read_bytes(), b"old\nnew\n")

    def test_moved(self) -> None:
        """When the file was moved away, a new one is begun."""
        self.file.open()
        self.file.append(b"one\n")
        moved = self.path.rename(self.folder / "access.log.1")
        self.assertIsNone(self.file.append(b"two\n"))
        self.assertEqual((moved.read_bytes(), self.path.read_bytes()), (b"one\n", b"two\n"))

    def test_replaced(self) -> None:
        """When another file stands in its place, that one is written."""
        self.file.open()
        self.path.rename(self.folder / "access.log.1")
        self.path.write_bytes(b"created\n")
        self.file.append(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"created\ntwo\n")

    def test_removed(self) -> None:
        """When the file was removed, a new one is begun."""
        self.file.open()
        self.path.unlink()
        self.file.append(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_truncated(self) -> None:
        """When the file was cut (logrotate's copytruncate), it goes on at the new end."""
        self.file.open()
        self.file.append(b"one\n")
        os.truncate(self.path, 0)
        self.file.append(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_cannot_be_begun_anew(self) -> None:
        """When no new file can be made, the old one takes the lines, and it is told."""
        self.file.open()
        moved = self.folder.rename(self.mktemp())
        self.assertIn("cannot be opened again", self.file.append(b"two\n") or "")
        self.assertEqual((moved / "access.log").read_bytes(), b"two\n")

    def test_full(self) -> None:
        """A disk that is full is told, not raised."""
        full = LogFile("/dev/full")
        full.open()
        self.addCleanup(full.close)
        self.assertIn("lines are lost: No space left", full.append(b"one\n") or "")

    def test_not_there(self) -> None:
        """A file that cannot be made cannot be opened."""
        with self.assertRaises(FileNotFoundError):
            LogFile(str(self.folder / "none" / "access.log")).open()

    def test_closed(self) -> None:
        """A file can be opened again after it was closed."""
        self.assertTrue(self.file.closed)
        for line in (b"one\n", b"two\n"):
            self.file.open()
            self.file.append(line)
            self.file.close()
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")


class PipeTests(SynchronousTestCase):
    """What can be written only in part."""

    def test_torn(self) -> None:
        """A line that broke off is ended before the next one is written."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(writing, False)
        file = LogFile(f"/proc/self/fd/{writing}")
        file.open()
        self.addCleanup(file.close)
        os.set_blocking(file._fd, False)
        self.assertIn("lines are lost", file.append(b"x" * 1_000_000) or "")
        os.read(reading, 1_000_000)
        self.assertIsNone(file.append(b"two\n"))
        self.assertEqual(os.read(reading, 100), b"\ntwo\n")

    def test_standard_output(self) -> None:
        """The path - is the standard output, which is not closed."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        before = os.dup(1)
        file = LogFile("-")
        try:
            os.dup2(writing, 1)
            file.open()
            file.append(b"one\n")
            file.close()
            os.write(1, b"two\n")
        finally:
            os.dup2(before, 1)
            os.close(before)
            os.close(writing)
        self.assertEqual(os.read(reading, 100), b"one\ntwo\n")
