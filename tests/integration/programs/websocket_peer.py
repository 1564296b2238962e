"""A peer of WebSockets: the server of the websockets library.

``python websocket_peer.py PORT [CERTIFICATE KEY]``; what a WebSocket is good for is told by its path:

- ``/echo``: each message comes back, fragment by fragment;
- ``/flood``: binary messages of 64 KiB of noise, which no deflate makes smaller, without an end;
- ``/deaf``: nothing is read, ever;
- ``/send/N``: one binary message of N MB, in fragments of 64 KiB;
- ``/count``: how many bytes the next message has, which is not kept;
- ``/close/CODE``: a close with the code and the reason ``the end``, after the first message;
- ``/closed``: text, the code and the reason with which the WebSocket before this one was closed;
- ``/told``: text, the request's fields as JSON;
- ``/flooded``: text, how many messages all floods have sent;
- ``/refuse/STATUS``: no WebSocket, but an answer of this status that says ``not here`` and has a field ``X-Why``.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PIECE = 64 * 1024
CLOSED = ["nothing"]
FLOODED = [0]


def refused(connection: ServerConnection, request: Request) -> Response | None:
    """The answer that refuses a WebSocket, where the path says so."""
    if not request.path.startswith("/refuse/"):
        return None
    response = connection.respond(HTTPStatus(int(request.path.rpartition("/")[2])), "not here")
    response.headers["X-Why"] = "a whim"
    return response


async def flood(connection: ServerConnection) -> None:
    """As fast as it is taken."""
    piece = random.randbytes(PIECE)
    while True:
        await connection.send(piece)
        FLOODED[0] += 1
        # To send does not let others have their turn while there is room.
        await asyncio.sleep(0)


async def count(connection: ServerConnection) -> None:
    """Read a message piece by piece."""
    size = 0
    async for fragment in connection.recv_streaming(decode=False):
        size += len(fragment)
    await connection.send(str(size))


async def echo(connection: ServerConnection) -> None:
    """Send each message back while it comes."""
    while True:
        await connection.send(connection.recv_streaming())


async def serve_one(connection: ServerConnection) -> None:
    """Do what the path says."""
    request = connection.request
    assert request is not None
    verb, _, word = request.path.partition("?")[0][1:].partition("/")
    if verb == "echo":
        await echo(connection)
    elif verb == "flood":
        await flood(connection)
    elif verb == "deaf":
        connection.transport.pause_reading()
        await asyncio.sleep(3600)
    elif verb == "send":
        await connection.send(bytes(PIECE) for _ in range(int(word) * 1_000_000 // PIECE))
        await connection.wait_closed()
    elif verb == "count":
        await count(connection)
    elif verb == "close":
        await connection.recv()
        await connection.close(int(word), "the end")
    else:
        told = {"closed": CLOSED[0], "flooded": str(FLOODED[0]), "told": json.dumps(dict(request.headers.raw_items()))}
        await connection.send(told[verb])


async def handle(connection: ServerConnection) -> None:
    """Serve a WebSocket, and note how it ended."""
    try:
        await serve_one(connection)
    except ConnectionClosed:
        pass
    await connection.wait_closed()
    if connection.request is not None and connection.request.path != "/closed":
        CLOSED[0] = f"{connection.close_code} {connection.close_reason}"


async def main(port: int, *files: str) -> None:
    """Serve until the process is ended."""
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    protocols = ["chat.v2", "chat.v1"]
    async with serve(
        handle,
        "127.0.0.1",
        port,
        ssl=context,
        process_request=refused,
        subprotocols=protocols,  # type: ignore[arg-type]  # a NewType of str
        select_subprotocol=lambda _, offered: next((each for each in protocols if each in offered), None),  # type: ignore[arg-type,return-value]
        max_size=None,
        ping_interval=None,
        backlog=4096,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
