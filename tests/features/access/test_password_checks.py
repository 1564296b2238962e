"""Tests of how passwords are checked: how many at a time, for whom, and how long a result counts."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from pydsl_proxy.features.access import password_checks
from pydsl_proxy.features.access.htpasswd_file import UsersFile
from pydsl_proxy.features.access.password_checks import (
    BUSY,
    LONGEST,
    MAX_AT_ONCE,
    RIGHT,
    RIGHT_FOR,
    WRONG,
    WRONG_FOR,
    Outcome,
    PasswordChecks,
    RunCheck,
    runner,
)
from tests.support.passwords import ALICE, APR1, BCRYPT, HeldChecks, users_file


class Asking:
    """Checks against a file with alice and bob, and what was told."""

    def __init__(self, folder: str, *lines: bytes) -> None:
        self.clock = Clock()
        self.folder = folder
        path = users_file(folder, *(lines or (ALICE, b"bob:" + APR1)))
        users = UsersFile(str(path), self.clock.seconds, allow_sha1=False)
        users.load()
        self.held = HeldChecks()
        self.checks = PasswordChecks(users, self.clock, self.held.run)
        self.told: list[Outcome] = []

    def ask(self, user: str = "alice", password: str = "wonder") -> Callable[[], None]:
        """Ask; what is returned cancels."""
        return self.checks.ask(user.encode(), password.encode(), self.told.append)

    def learn(self, user: str = "alice", password: str = "wonder") -> Outcome:
        """Ask, and let the check come to its end."""
        self.ask(user, password)
        self.held.finish()
        return self.told[-1]

    @property
    def under_way(self) -> int:
        """Checks that have a thread."""
        return len(self.held.waiting)


class OutcomeTests(SynchronousTestCase):
    """What comes of a check."""

    def test_outcomes(self) -> None:
        """Only the right password of a user who is there is right."""
        asking = Asking(self.mktemp())
        for user, password, outcome in (
            ("alice", "wonder", RIGHT),
            ("bob", "wonder", RIGHT),
            ("alice", "Wonder", WRONG),
            ("carol", "wonder", WRONG),
            ("Alice", "wonder", WRONG),
            ("", "wonder", WRONG),
        ):
            self.assertIs(asking.learn(user, password), outcome, user)

    def test_unknown(self) -> None:
        """A user who is not there costs a check as well, always against the same hash; only nobody has none."""
        asking = Asking(self.mktemp())
        chosen = set()
        for password in map(str, range(20)):
            asking.ask("carol", password)
            chosen.add(asking.held.waiting[-1][0])
            asking.held.finish()
        self.assertEqual(len(chosen), 1)
        nobody = Asking(self.mktemp(), b"# nobody")
        nobody.ask()
        self.assertEqual((nobody.told, nobody.under_way), ([WRONG], 0))

    def test_long(self) -> None:
        """What no htpasswd has made is not looked at: the cost of SHA-crypt grows with the length."""
        asking = Asking(self.mktemp())
        asking.ask("alice", "p" * (LONGEST + 1))
        asking.ask("u" * (LONGEST + 1), "p")
        self.assertEqual((asking.told, asking.under_way), ([WRONG, WRONG], 0))

    def test_failed(self) -> None:
        """A check that could not be made is no yes, and is not remembered."""
        asking = Asking(self.mktemp())
        asking.ask()
        _, _, told = asking.held.waiting.pop()
        told(None)
        self.assertEqual(asking.told, [WRONG])
        self.assertIs(asking.learn(), RIGHT)


class RememberedTests(SynchronousTestCase):
    """For how long a result counts."""

    def test_right(self) -> None:
        """A right password is not checked again for some minutes; each user's is another."""
        asking = Asking(self.mktemp())
        asking.learn()
        asking.ask()
        self.assertEqual((asking.told, asking.under_way), ([RIGHT, RIGHT], 0))
        asking.ask("bob")
        self.assertEqual(asking.under_way, 1)
        asking.clock.advance(RIGHT_FOR)
        asking.ask()
        self.assertEqual(asking.under_way, 2)

    def test_wrong(self) -> None:
        """A wrong one for some seconds."""
        asking = Asking(self.mktemp())
        asking.learn(password="x")
        asking.ask(password="x")
        self.assertEqual((asking.told, asking.under_way), ([WRONG, WRONG], 0))
        asking.clock.advance(WRONG_FOR)
        asking.ask(password="x")
        self.assertEqual(asking.under_way, 1)

    def test_kept_apart(self) -> None:
        """User and password are kept apart where they meet, and no password is kept."""
        asking = Asking(self.mktemp(), ALICE, b"alice1:" + BCRYPT)
        asking.learn("alice1", "wonder")
        asking.ask("alice", "1wonder")
        self.assertEqual(asking.under_way, 1)
        kept = repr([vars(asking.checks), asking.checks._right._until])
        self.assertNotIn("wonder", kept.replace("waiting", ""))

    def test_changed(self) -> None:
        """When the file changes nothing of it counts any more, nor what was still being checked."""
        asking = Asking(self.mktemp())
        asking.learn()
        asking.ask("bob")
        users_file(asking.folder, b"alice:" + APR1)
        asking.clock.advance(1)
        asking.ask()
        self.assertEqual(asking.under_way, 2)
        asking.held.finish()
        self.assertIs(asking.learn("bob"), WRONG)

    def test_bounded(self) -> None:
        """A flood of wrong ones does not push out the right ones, and neither grows without end."""
        self.patch(password_checks, "MAX_REMEMBERED", 4)
        asking = Asking(self.mktemp())
        asking.learn()
        for number in range(20):
            asking.learn("bob", str(number))
        asking.ask()
        self.assertEqual((asking.told[-1], asking.under_way), (RIGHT, 0))
        self.assertEqual(len(asking.checks._wrong._until), 4)


class WaitingTests(SynchronousTestCase):
    """How many are checked at a time."""

    def test_same(self) -> None:
        """The same credentials are checked once, however many ask."""
        asking = Asking(self.mktemp())
        for _ in range(6):
            asking.ask()
        self.assertEqual(asking.under_way, 1)
        asking.held.finish()
        self.assertEqual(asking.told, [RIGHT] * 6)

    def test_few_at_once(self) -> None:
        """Some threads of the reactor are left to others; the rest wait for their turn."""
        asking = Asking(self.mktemp())
        for number in range(MAX_AT_ONCE + 3):
            asking.ask(password=str(number))
        self.assertEqual(asking.under_way, MAX_AT_ONCE)
        asking.held.finish()
        self.assertEqual((len(asking.told), asking.under_way), (MAX_AT_ONCE, 3))

    def test_busy(self) -> None:
        """If too many wait, further ones are told so at once; those that are remembered are not."""
        self.patch(password_checks, "MAX_WAITING", 2)
        asking = Asking(self.mktemp())
        asking.learn()
        for number in range(MAX_AT_ONCE + 3):
            asking.ask(password=str(number))
        asking.ask()
        self.assertEqual(asking.told, [RIGHT, BUSY, RIGHT])
        asking.held.finish()
        asking.ask(password="another")
        self.assertEqual(asking.told.count(BUSY), 1)

    def test_cancelled(self) -> None:
        """Who is gone is not told; a check that nobody waits for any more is not begun."""
        asking = Asking(self.mktemp())
        cancels = [asking.ask(password=str(number)) for number in range(MAX_AT_ONCE + 2)]
        for cancel in cancels[:-1]:
            cancel()
            cancel()
        asking.held.finish()
        self.assertEqual((asking.told, asking.under_way), ([], 1))
        asking.held.finish()
        self.assertEqual(asking.told, [WRONG])

    def test_one_of_two(self) -> None:
        """If one of two leaves, the other is told."""
        asking = Asking(self.mktemp())
        cancel = asking.ask()
        asking.ask()
        cancel()
        asking.held.finish()
        self.assertEqual(asking.told, [RIGHT])


def _raises(password: bytes) -> bool:
    raise ZeroDivisionError


class RunnerTests(TestCase):
    """Where checks run."""

    def test_memory(self) -> None:
        """At once, where there are no threads."""
        told: list[bool | None] = []
        runner(Clock())(lambda password: password == b"a", b"a", told.append)
        self.assertEqual(told, [True])

    async def test_threads(self) -> None:
        """In a thread of the reactor; what is raised there is logged, and is no answer."""
        from twisted.internet import reactor

        run: RunCheck = runner(reactor)
        results = []
        for check in (lambda password: password == b"a", _raises):
            done: Deferred[bool | None] = Deferred()
            run(check, b"a", done.callback)
            results.append(await done)
        self.assertEqual(results, [True, None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
