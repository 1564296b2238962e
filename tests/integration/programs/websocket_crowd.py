"""Many WebSockets of the websockets library that are open and silent, but for pongs.

``python websocket_crowd.py PORT URL COUNT``: who asks at PORT, by a line, is told in another one how many of them get
an echo of what they say, once all are open.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

# Handshakes at once, and echoes.
AT_ONCE = 100


async def is_alive(client: ClientConnection, turn: asyncio.Semaphore) -> bool:
    """Whether an echo comes within half a minute."""
    async with turn:
        try:
            async with asyncio.timeout(30):
                await client.send("there?")
                return await client.recv() == "there?"
        except (ConnectionClosed, TimeoutError):
            return False


async def open_one(url: str, turn: asyncio.Semaphore) -> ClientConnection:
    """A WebSocket."""
    async with turn:
        return await connect(url, compression=None, ping_interval=None, open_timeout=100)


async def main(port: int, url: str, count: int) -> None:
    """Open all, then tell of them until the process is ended."""
    turn = asyncio.Semaphore(AT_ONCE)
    opening = asyncio.gather(*(open_one(url, turn) for _ in range(count)))

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A probe whether it listens says nothing.
        if await reader.readline():
            clients = await opening
            alive = sum(await asyncio.gather(*(is_alive(client, turn) for client in clients)))
            writer.write(b"%d\n" % alive)
        writer.close()

    async with await asyncio.start_server(tell, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
