"""The handler that answers with a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from pydsl_proxy.errors.numbers import count
from pydsl_proxy.handlers.applications.fields import Shown, not_below
from pydsl_proxy.handlers.applications.thread_pool import Job, ThreadPool
from pydsl_proxy.handlers.applications.worker_threads import threads_of
from pydsl_proxy.handlers.wsgi.answer import Answer
from pydsl_proxy.handlers.wsgi.call import Call
from pydsl_proxy.handlers.wsgi.environ import environ_of
from pydsl_proxy.handlers.wsgi.errors import ErrorLines
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin.spelling import call, options

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# As the reactor of Twisted has for all that blocks.
THREADS = 10
# The backlog of uWSGI and of mod_wsgi's processes.
QUEUE = 100


@frozen
class Wsgi:
    """A WSGI application (PEP 3333) at a location, in threads of its own.

    It finds the location in SCRIPT_NAME as a resource at ``.mount()`` does, and gets the header fields that a peer
    would get.  Bodies stream both ways.  ``spelled`` is the name that it was imported by.
    """

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    # By identity: an application may say that it equals others, or that it cannot be hashed.
    application: WSGIApplication = field(eq=id)
    threads: int = field(default=THREADS, kw_only=True)
    queue: int = field(default=QUEUE, kw_only=True)
    spelled: str | None = field(default=None, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        count("wsgi(threads=…)", self.threads, least=1)
        count("wsgi(queue=…)", self.queue, least=0)

    def as_verb(self) -> str:
        """The call that makes this."""
        return call("wsgi", repr(self.spelled or self.application), options(self, "threads", "queue"))

    def compile(self, place: CompileContext) -> Handle:
        """A handle that has the application called in a thread for each exchange."""
        application, shown = self.application, Shown(place)
        clock, silence = place.clock, place.timeouts.read
        crew = place.kept(
            self, lambda: ThreadPool(threads_of(place.clock, "wsgi"), place.clock, self.threads, self.queue)
        )

        def answer(exchange: Exchange) -> None:
            paths = shown.paths(exchange)
            if paths is None:
                not_below(exchange)
                return
            environ = environ_of(exchange, shown, paths)
            answer = Answer(exchange, crew, clock, silence)
            environ["wsgi.input"] = answer.input()
            environ["wsgi.errors"] = ErrorLines()
            answer.begin(Job(answer.begun, Call(application, environ, answer).run))

        return answer
