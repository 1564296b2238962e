"""Tests of the file behind a log."""

from __future__ import annotations

import os
import resource
import signal
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


class ReopenTests(SynchronousTestCase):
    """A log is opened again where its path leads elsewhere, and no line is lost or torn by that."""

    def fifo(self) -> tuple[str, int, LogFile]:
        """A FIFO, its reader, and a log that writes into it."""
        path = self.mktemp()
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        file = LogFile(path)
        file.open()
        self.addCleanup(file.close)
        return path, reading, file

    def read(self, reading: int, file: LogFile) -> bytes:
        """All that the reader gets."""
        found = b""
        while file.waits:
            found += os.read(reading, 1_000_000)
            file.write_held()
        return found + os.read(reading, 1_000_000)

    def test_same_pipe(self) -> None:
        """A pipe that is still at the path goes on where it is, with what is held for its reader."""
        _, reading, file = self.fifo()
        before = os.fstat(file._fd)
        lines = b"".join(b"%06d" % number * 10 + b"\n" for number in range(3000))
        file.append(lines)
        self.assertTrue(file.waits)
        self.assertIsNone(file.follow())
        file.append(b"end\n")
        self.assertEqual((self.read(reading, file), file.lost), (lines + b"end\n", 0))
        self.assertEqual(os.fstat(file._fd).st_ino, before.st_ino)

    def test_other_pipe(self) -> None:
        """What is held goes to the reader whom it was held for; then the log goes on at the path."""
        path, reading, file = self.fifo()
        lines = b"x" * 99_999 + b"\n"
        file.append(lines)
        os.unlink(path)
        self.assertIsNone(file.follow())
        file.append(b"two\n")
        self.assertEqual(self.read(reading, file), lines + b"two\n")
        self.assertIsNone(file.append(b"three\n"))
        self.assertEqual(Path(path).read_bytes(), b"three\n")
        self.assertEqual(file.lost, 0)

    def test_stuck_reader(self) -> None:
        """A reader who was left behind, and takes nothing, is given up when no more can be held; that is counted."""
        path, _, file = self.fifo()
        line = b"x" * 99_999 + b"\n"
        file.append(line)
        os.unlink(path)
        for _ in range(MAX_HELD // len(line) + 1):
            file.append(line)
        self.assertFalse(file.waits)
        written = Path(path).read_bytes()
        self.assertEqual(set(written.split(b"\n")), {line[:-1], b""})
        self.assertEqual(written.count(b"\n") + file.lost, MAX_HELD // len(line) + 2)

    def test_torn_line(self) -> None:
        """A file that is still at its path is not begun as if it were new: a line that broke off there is ended."""
        path = Path(self.mktemp())
        file = LogFile(str(path))
        file.open()
        self.addCleanup(file.close)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6, limit[1]))
        try:
            self.assertIn("lines are lost", file.append(b"one\ntwo\n") or "")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            signal.signal(signal.SIGXFSZ, before)
        file.follow()
        file.append(b"three\n")
        self.assertEqual(path.read_bytes(), b"one\ntw\nthree\n")


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
