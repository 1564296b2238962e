"""A FastAPI application to run inside the proxy; what it answers is told in ``tests/integration/app_contract.py``."""

from __future__ import annotations

import hashlib
from asyncio import Event
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

GO = Event()
CLOSED: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """Its start and its end; a file beside the proxy's working directory may tell of them."""
    yield {"started": "yes"}
    for path in ENDED:
        path.write_text("ended")


ENDED: list[Path] = []
app = FastAPI(lifespan=lifespan)


@app.api_route("/where", methods=["GET", "HEAD"])
async def where(request: Request, q: str = "") -> PlainTextResponse:
    """Where it stands, and who asks."""
    root = request.scope["root_path"]
    path = request.url.path.removeprefix(root)
    assert request.client is not None
    return PlainTextResponse(f"{root} {path} {q} {request.client.host} {request.url.scheme}")


@app.get("/in/a/thread")
def in_a_thread(request: Request) -> PlainTextResponse:
    """What does not await runs in a thread."""
    return PlainTextResponse(str(request.state.started))


@app.get("/ending/{path:path}")
async def ending(path: str) -> PlainTextResponse:
    """Which file is to be written at the end."""
    ENDED.append(Path("/" + path))
    return PlainTextResponse("noted")


@app.post("/echo")
async def echo(request: Request) -> PlainTextResponse:
    """What was sent, piece by piece."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        size += len(piece)
    return PlainTextResponse(f"{size} {digest.hexdigest()}")


@app.post("/form")
async def form(request: Request) -> PlainTextResponse:
    """A field of a form."""
    return PlainTextResponse(parse_qs((await request.body()).decode())["name"][0])


@app.get("/flood/{size}")
async def flood(size: int) -> StreamingResponse:
    """So many bytes, in pieces of 64 KiB."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for _ in range(size >> 16):
                yield bytes(1 << 16)
        finally:
            CLOSED.append("flood")

    return StreamingResponse(pieces())


@app.get("/ticks")
async def ticks() -> StreamingResponse:
    """One piece at once, the other when ``/go`` was asked for."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        await GO.wait()
        yield b"two"

    return StreamingResponse(pieces())


@app.get("/go")
async def go() -> PlainTextResponse:
    """Let it go on."""
    GO.set()
    return PlainTextResponse("gone")


@app.get("/closed")
async def closed() -> PlainTextResponse:
    """How many floods have ended."""
    return PlainTextResponse(str(len(CLOSED)))


@app.get("/raise")
async def raises() -> PlainTextResponse:
    """No answer."""
    raise ZeroDivisionError


@app.get("/raise/late")
def raises_late() -> StreamingResponse:
    """Half an answer, made in threads."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    return StreamingResponse(pieces())


@app.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    """An echo, which says where it is."""
    await websocket.accept()
    await websocket.send_text(f"{websocket.scope['root_path']} {websocket.state.started}")
    async for text in websocket.iter_text():
        await websocket.send_text(text)
