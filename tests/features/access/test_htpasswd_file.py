"""Tests of files of users."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.features.access.htpasswd_file import LOOKS_EVERY, BadFile, UsersFile, read_htpasswd
from tests.support.passwords import ALICE, APR1, BCRYPT, SHA1, users_file


def users(data: bytes) -> list[bytes]:
    """Who is in a file."""
    return list(read_htpasswd("f", data))


class ReadTests(SynchronousTestCase):
    """Lines."""

    def test_lines(self) -> None:
        """``user:hash``, and a comment behind another colon; empty lines and those of a comment are passed over."""
        data = b"# staff\n\nalice:%b\r\nbob:%b:since 2020\n  \nc d:%b" % (BCRYPT, APR1, BCRYPT)
        self.assertEqual(users(data), [b"alice", b"bob", b"c d"])
        self.assertEqual(users(b""), [])

    def test_refused(self) -> None:
        """File, line and user are told, but never the hash."""
        for data, text in (
            (b"alice", "f:1: the line is not of the form user:hash"),
            (b"\n:" + BCRYPT, "f:2: the line is not of the form user:hash"),
            (b"alice:wonder", "f:1: user alice: the password is no hash, or one of the old crypt"),
            (ALICE + b"\n" + ALICE, "f:2: the user alice stands on line 1 too"),
        ):
            with self.assertRaises(BadFile) as caught:
                users(data)
            self.assertEqual(str(caught.exception), text)
            self.assertNotIn("wonder", f"{caught.exception.hint}")
        with self.assertRaises(BadFile) as caught:
            users(b"alice:" + SHA1)
        assert caught.exception.hint is not None
        self.assertTrue(caught.exception.hint.startswith("make it anew: htpasswd -B f alice; or say"))


class FileTests(SynchronousTestCase):
    """A file that changes."""

    def setUp(self) -> None:
        """A file with one user."""
        self.clock = Clock()
        self.folder = self.mktemp()
        self.path = users_file(self.folder, ALICE)
        self.file = UsersFile(str(self.path), self.clock.seconds, allow_sha1=False)
        self.file.load()

    def later(self) -> list[bytes]:
        """Who is in the file when it is looked at again."""
        self.clock.advance(LOOKS_EVERY)
        return list(self.file.users())

    def test_changed(self) -> None:
        """A file that has changed is read anew, within a second."""
        users_file(self.folder, ALICE, b"bob:" + BCRYPT)
        self.assertEqual(list(self.file.users()), [b"alice"])
        self.assertEqual((self.later(), self.file.generation), ([b"alice", b"bob"], 2))
        self.assertEqual((self.later(), self.file.generation), ([b"alice", b"bob"], 2))

    def test_replaced(self) -> None:
        """So is one that another has taken the place of, be it as old and as long."""
        status = os.stat(self.path)
        other = users_file(self.mktemp(), b"carol:" + BCRYPT)
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(other, self.path)
        self.assertEqual(self.later(), [b"carol"])

    def test_broken(self) -> None:
        """If the file is broken or gone the users stay; the error log says so, once for each reason."""
        with capturedLogs() as events:
            self.path.write_bytes(b"broken")
            self.assertEqual([self.later(), self.later()], [[b"alice"], [b"alice"]])
            self.path.unlink()
            self.assertEqual([self.later(), self.later()], [[b"alice"], [b"alice"]])
        logged = [str(event["error"]) for event in events]
        self.assertEqual(len(logged), 2)
        self.assertIn(":1: the line is not", logged[0])
        self.assertIn("No such file", logged[1])
        users_file(self.folder, b"bob:" + BCRYPT)
        self.assertEqual(self.later(), [b"bob"])

    def test_load(self) -> None:
        """Who asks for the file itself hears that it is broken, also if it was so before."""
        self.path.write_bytes(b"broken")
        self.later()
        for _ in range(2):
            with self.assertRaisesRegex(BadFile, ":1: the line"):
                self.file.load()
        self.path.unlink()
        with self.assertRaisesRegex(BadFile, "cannot be read: No such file") as caught:
            self.file.load()
        self.assertIn("htpasswd -B -c", caught.exception.hint or "")

    def test_clock(self) -> None:
        """A clock that is set back does not keep the file from being looked at."""
        users_file(self.folder, b"bob:" + BCRYPT)
        self.clock.rightNow = -100.0
        self.assertEqual(list(self.file.users()), [b"bob"])

    def test_large(self) -> None:
        """A file that is much too large is not one of users."""
        self.path.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
        with self.assertRaisesRegex(BadFile, "has more than"):
            self.file.load()
