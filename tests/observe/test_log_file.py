"""Tests of the file behind a log."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.observe.log_file import MAX_HELD, LogFile
from pydsl_proxy.observe.outputs import writer_of


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
        self.assertIsNone(file.append(b"x" * 200_000 + b"\n"))
        self.assertTrue(file.waits)
        file._held = b""
        os.read(reading, 1_000_000)
        self.assertIsNone(file.append(b"two\n"))
        self.assertEqual(os.read(reading, 100), b"\ntwo\n")

    def pipe(self) -> tuple[int, LogFile]:
        """A pipe, and a log that writes into it; the end that it was given blocks, as a shell's does."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        before = os.dup(1)
        file = LogFile("-")
        try:
            os.dup2(writing, 1)
            file.open()
            self.assertTrue(os.get_blocking(1))
        finally:
            os.dup2(before, 1)
            os.close(before)
        self.addCleanup(file.close)
        return reading, file

    def test_slow_reader(self) -> None:
        """What a pipe does not take is held, and goes on where it broke off: no line is lost or torn."""
        reading, file = self.pipe()
        lines = [b"%06d" % number * 10 + b"\n" for number in range(3000)]
        for line in lines:
            self.assertIsNone(file.append(line))
        self.assertTrue(file.waits)
        found = b""
        while file.waits:
            found += os.read(reading, 1_000_000)
            self.assertIsNone(file.write_held())
        found += os.read(reading, 1_000_000)
        self.assertEqual((found, file.lost), (b"".join(lines), 0))

    def test_no_reader(self) -> None:
        """A pipe that nobody reads holds up nothing: what is held is bounded, and what is lost is counted."""
        reading, file = self.pipe()
        line = b"x" * 99_999 + b"\n"
        told = [file.append(line) for _ in range(20)]
        self.assertLessEqual(file.held, MAX_HELD)
        self.assertEqual(told.count(None) + file.lost, 20)
        self.assertGreater(file.lost, 5)
        self.assertIn("its reader is too slow", told[-1] or "")
        found = b""
        while file.waits:
            found += os.read(reading, 1_000_000)
            file.write_held()
        found += os.read(reading, 1_000_000)
        self.assertEqual(found, line * (20 - file.lost))

    def test_blocking(self) -> None:
        """Where the output cannot be opened again, as a socket, it is asked whether it takes something."""
        for make in (socket.socketpair, os.pipe):
            ends: tuple[object, ...] = make()
            numbers = [each.fileno() if isinstance(each, socket.socket) else cast(int, each) for each in ends]
            write = writer_of(numbers[1])
            data = memoryview(b"x" * 100_000)
            with self.assertRaises(BlockingIOError):
                for _ in range(100):
                    self.assertGreater(write(data), 0)
            self.assertTrue(os.get_blocking(numbers[1]))
            for each in ends:
                if isinstance(each, socket.socket):
                    each.close()
                else:
                    os.close(cast(int, each))

    def test_fifo(self) -> None:
        """A FIFO is opened without waiting for a reader, who may come and go."""
        path = self.mktemp()
        os.mkfifo(path)
        file = LogFile(path)
        file.open()
        self.addCleanup(file.close)
        self.assertIsNone(file.append(b"one\n"))
        for text in (b"one\n", b"two\n"):
            reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self.assertEqual(os.read(reading, 100), text)
            os.close(reading)
            self.assertIsNone(file.append(b"two\n"))

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
