"""Checks of passwords: one at a time for the same credentials, few at a time in all, and their results for a while."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from hashlib import blake2b
from secrets import token_bytes
from typing import Protocol, TypeAlias

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.features.access.htpasswd_file import UsersFile
from pydsl_proxy.features.access.password_hashes import Check

log = Logger()

# At a time, of the reactor's ten threads: names of peers are looked up in them, too.
MAX_AT_ONCE = 4
# Of those that wait for a thread; at 100 ms each the last one waits six seconds.
MAX_WAITING = 256
# Results that are remembered, of either kind, and for how many seconds.
MAX_REMEMBERED = 1024
RIGHT_FOR, WRONG_FOR = 300.0, 10.0
# htpasswd takes 256; the cost of SHA-crypt grows with the password.
LONGEST = 1024


class Outcome(Enum):
    """What came of a check."""

    RIGHT = "the password is that of the user"
    WRONG = "it is not, or there is no such user"
    BUSY = "too many passwords wait to be checked"


RIGHT, WRONG, BUSY = Outcome

Told: TypeAlias = Callable[[Outcome], None]
RunCheck: TypeAlias = Callable[[Check, bytes, Callable[[bool | None], None]], None]
"""Checks a password and tells the result, now or later; None if the check could not be made."""


class HasSeconds(Protocol):
    """A clock."""

    def seconds(self) -> float:
        """Now."""


def runner(reactor: object) -> RunCheck:
    """Checks in the threads of *reactor*; at once where it has none, as in memory."""
    if not IReactorThreads.providedBy(reactor):
        return lambda check, password, told: told(check(password))

    def run(check: Check, password: bytes, told: Callable[[bool | None], None]) -> None:
        def failed(failure: Failure) -> None:
            log.failure("a password could not be checked", failure)
            told(None)

        doing = deferToThreadPool(reactor, reactor.getThreadPool(), check, password)
        doing.addCallbacks(told, failed)

    return run


class _Remembered:
    """Keys that were seen lately: at most :data:`MAX_REMEMBERED`, each for some seconds."""

    __slots__ = ("_lasts", "_until")

    def __init__(self, lasts: float) -> None:
        self._lasts = lasts
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def has(self, key: bytes, now: float) -> bool:
        return self._until.get(key, now) > now

    def add(self, key: bytes, now: float) -> None:
        self._until.pop(key, None)
        if len(self._until) >= MAX_REMEMBERED:
            self._until.popitem(last=False)
        self._until[key] = now + self._lasts

    def clear(self) -> None:
        self._until.clear()


class _Job:
    """One check, and who waits for it."""

    __slots__ = ("begun", "check", "exists", "generation", "key", "password", "waiting")

    def __init__(self, key: bytes, password: bytes, check: Check, exists: bool, generation: int) -> None:
        self.key = key
        self.password = password
        self.check = check
        self.exists = exists
        self.generation = generation
        self.waiting: list[Told] = []
        self.begun = False


class PasswordChecks:
    """The checks against one file of users.

    An unknown user takes as long as one who is in the file, whose hash is chosen by the name.  Results are remembered
    under a keyed digest: no password is kept, and the key is drawn anew with each start.
    """

    def __init__(self, users: UsersFile, clock: HasSeconds, run: RunCheck) -> None:
        self.users = users
        self._clock = clock
        self._run = run
        self._secret = token_bytes(32)
        self._generation = users.generation
        self._right, self._wrong = _Remembered(RIGHT_FOR), _Remembered(WRONG_FOR)
        # What is under way or waits, by its key; those that wait for a thread; and how many have one.
        self._jobs: dict[bytes, _Job] = {}
        self._queue: deque[_Job] = deque()
        self._busy = 0

    def ask(self, user: bytes, password: bytes, told: Told) -> Callable[[], None]:
        """Tell *told* whether the password is right, at once or later; what is returned cancels."""
        users = self.users.users()
        if self.users.generation != self._generation:
            self._forget()
        if not users or len(password) > LONGEST or len(user) > LONGEST:
            told(WRONG)
            return _nothing
        now = self._clock.seconds()
        key = self._digest(b"%d:%b:%b" % (len(user), user, password))
        if self._right.has(key, now):
            told(RIGHT)
        elif self._wrong.has(key, now):
            told(WRONG)
        else:
            return self._wait(key, user, password, told)
        return _nothing

    def _forget(self) -> None:
        """The file has changed: what it said counts no more, nor does what is still being checked."""
        self._generation = self.users.generation
        self._right.clear()
        self._wrong.clear()
        self._jobs.clear()

    def _digest(self, data: bytes) -> bytes:
        return blake2b(data, key=self._secret, digest_size=32).digest()

    def _wait(self, key: bytes, user: bytes, password: bytes, told: Told) -> Callable[[], None]:
        job = self._jobs.get(key)
        if job is None:
            if len(self._queue) >= MAX_WAITING:
                told(BUSY)
                return _nothing
            job = self._jobs[key] = self._job(key, user, password)
            job.waiting.append(told)
            self._queue.append(job)
            self._work()
        else:
            job.waiting.append(told)
        return partial(self._cancel, job, told)

    def _job(self, key: bytes, user: bytes, password: bytes) -> _Job:
        users = self.users.users()
        check = users.get(user)
        if check is not None:
            return _Job(key, password, check, True, self._generation)
        checks = list(users.values())
        stand_in = checks[int.from_bytes(self._digest(user)[:8], "big") % len(checks)]
        return _Job(key, password, stand_in, False, self._generation)

    def _work(self) -> None:
        while self._queue and self._busy < MAX_AT_ONCE:
            job = self._queue.popleft()
            job.begun = True
            self._busy += 1
            self._run(job.check, job.password, partial(self._done, job))

    def _done(self, job: _Job, matches: bool | None) -> None:
        self._busy -= 1
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        outcome = RIGHT if matches and job.exists else WRONG
        if matches is not None and job.generation == self._generation:
            remembered = self._right if outcome is RIGHT else self._wrong
            remembered.add(job.key, self._clock.seconds())
        self._work()
        waiting, job.waiting = job.waiting, []
        for told in waiting:
            told(outcome)

    def _cancel(self, job: _Job, told: Told) -> None:
        """Nobody waits any more for what has not begun: the thread is for others."""
        if told in job.waiting:
            job.waiting.remove(told)
        if not job.waiting and not job.begun and job in self._queue:
            self._queue.remove(job)
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]


def _nothing() -> None:
    """There is nothing to cancel."""
