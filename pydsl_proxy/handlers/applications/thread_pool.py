"""A few threads for many exchanges: what they do at a time, who waits for one of them, and how many may."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.interfaces import Threads


class Job:
    """What an exchange wants done in a thread; ``waits`` until a thread has it."""

    __slots__ = ("begun", "waits", "work")

    def __init__(self, begun: Callable[[], None], work: Callable[[], None]) -> None:
        self.begun = begun
        self.work = work
        self.waits = True


class ThreadPool:
    """At most *most* jobs at a time, the first one first, and at most *queue* that wait; lives beside a feature."""

    def __init__(self, threads: Threads, clock: IReactorTime, most: int, queue: int) -> None:
        self.threads = threads
        self._clock = clock
        self._most = most
        self._most_waiting = queue
        self._busy = 0
        self._waiting: deque[Job] = deque()

    def ask(self, job: Job) -> bool:
        """Have *job* done, now or later; False if too many wait already."""
        if self._busy < self._most:
            self._begin(job)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(job)
        else:
            return False
        return True

    def forget(self, job: Job) -> None:
        """Nobody wants *job* any more; what has begun goes on."""
        if job.waits and job in self._waiting:
            self._waiting.remove(job)

    def _begin(self, job: Job) -> None:
        job.waits = False
        job.begun()
        self.threads.run(lambda: self._work(job.work))
        self._busy += 1

    def _work(self, work: Callable[[], None]) -> None:
        """In a thread."""
        try:
            work()
        finally:
            self.threads.call(self._done)

    def _done(self) -> None:
        self._busy -= 1
        self.threads.done()
        if self._waiting:
            self._begin(self._waiting.popleft())

    # -- see Living ----------------------------------------------------------------------------------------------------

    def start_serving(self) -> None:
        """Threads are started when they are needed."""

    def stop_serving(self, within: float) -> Deferred[None]:
        """Let the threads end; for one that hangs nobody waits longer than *within*, it ends with the process."""
        ended: Deferred[None] = Deferred()
        timer = self._clock.callLater(within, ended.callback, None)

        def closed(_: object) -> None:
            if timer.active():
                timer.cancel()
                ended.callback(None)

        self.threads.close().addCallback(closed)
        return ended
