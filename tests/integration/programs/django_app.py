"""A Django application to run inside the proxy; what it answers is told in ``tests/integration/app_contract.py``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from threading import Event

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", DATA_UPLOAD_MAX_MEMORY_SIZE=None, USE_TZ=True
)
django.setup()

GO = Event()
CLOSED: list[str] = []


def streamed(request: HttpRequest, pieces: Iterator[bytes]) -> StreamingHttpResponse:
    """A response made piece by piece; under ASGI Django would wait for the last of an iterator that is not async."""

    async def awaited() -> AsyncIterator[bytes]:
        try:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece
        finally:
            pieces.close()  # type: ignore[attr-defined]  # it is a generator

    return StreamingHttpResponse(awaited() if isinstance(request, ASGIRequest) else pieces)


def where(request: HttpRequest) -> HttpResponse:
    """Where it stands, and who asks."""
    root = request.path[: len(request.path) - len(request.path_info)]
    told = f"{root} {request.path_info} {request.GET.get('q')} {request.META['REMOTE_ADDR']} {request.scheme}"
    return HttpResponse(told)


def echo(request: HttpRequest) -> HttpResponse:
    """What was sent, piece by piece."""
    digest, size = hashlib.sha256(), 0
    while piece := request.read(1 << 16):
        digest.update(piece)
        size += len(piece)
    return HttpResponse(f"{size} {digest.hexdigest()}")


def form(request: HttpRequest) -> HttpResponse:
    """A field of a form."""
    return HttpResponse(request.POST["name"])


def flood(request: HttpRequest, size: int) -> StreamingHttpResponse:
    """So many bytes, in pieces of 64 KiB."""

    def pieces() -> Iterator[bytes]:
        try:
            for _ in range(size >> 16):
                yield bytes(1 << 16)
        finally:
            CLOSED.append("flood")

    return streamed(request, pieces())


def ticks(request: HttpRequest) -> StreamingHttpResponse:
    """One piece at once, the other when ``/go`` was asked for."""

    def pieces() -> Iterator[bytes]:
        yield b"one "
        GO.wait(6)
        yield b"two"

    return streamed(request, pieces())


def go(request: HttpRequest) -> HttpResponse:
    """Let it go on."""
    GO.set()
    return HttpResponse("gone")


def closed(request: HttpRequest) -> HttpResponse:
    """How many floods have ended."""
    return HttpResponse(str(len(CLOSED)))


def raises(request: HttpRequest) -> HttpResponse:
    """No answer."""
    raise ZeroDivisionError


def raises_late(request: HttpRequest) -> StreamingHttpResponse:
    """Half an answer."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    return streamed(request, pieces())


urlpatterns = [
    path("where", where),
    path("echo", echo),
    path("form", form),
    path("flood/<int:size>", flood),
    path("ticks", ticks),
    path("go", go),
    path("closed", closed),
    path("raise", raises),
    path("raise/late", raises_late),
]

wsgi = WSGIHandler()
asgi = ASGIHandler()
