"""WSGI applications that do what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, cast

from pydsl_proxy import server
from pydsl_proxy.testing import Running, run

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TEXT = [("Content-Type", "text/plain")]

Answering = Callable[["WSGIEnvironment"], Iterable[bytes]]


def answering(answer: Answering, status: str = "200 OK", headers: list[tuple[str, str]] = TEXT) -> WSGIApplication:
    """An application that answers with *status*, and a body that *answer* makes."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers))
        return answer(environ)

    return application


def body_of(environ: WSGIEnvironment) -> IO[bytes]:
    """The request's body."""
    return cast("IO[bytes]", environ["wsgi.input"])


def at_root(application: WSGIApplication) -> Running:
    """*application* at a server's root."""
    return run(server(8080).location("/").wsgi(application))


class Kept:
    """An application that keeps the environments it was called with."""

    def __init__(self) -> None:
        self.environs: list[WSGIEnvironment] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environs.append(environ)
        start_response("200 OK", [("Content-Length", "0"), *TEXT])
        return []


class Pieces:
    """A body made piece by piece, which knows how far it has come and whether it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.made = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self.made += 1
        return piece

    def close(self) -> None:
        """PEP 3333: called once, whatever happens."""
        self.closed += 1
