"""The load: ``python -m tests.chaos.loads PORT SECONDS RATE`` prints its figures as JSON.

Requests begin at even intervals, whether or not those before are answered.  One in ten is a POST; one in five opens a
connection of its own, the others take one that is idle.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from time import monotonic

from attrs import asdict, define, field

#: Seconds after which a client gives up.
GIVES_UP = 15.0
POST_EVERY, NEW_EVERY = 10, 5
BODY = b"x" * 1000


@define
class Figures:
    """What became of the requests of one method: those that were lost by kind, and the waits for the others' ends."""

    asked: int = 0
    lost: Counter[str] = field(factory=Counter)
    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0


class Client(asyncio.Protocol):
    """A connection; one request at a time."""

    def __init__(self) -> None:
        self._done: asyncio.Future[str] | None = None
        self._data = b""
        self._size = -1
        self.keeps = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[str]:
        """Send a request; the result is the kind of loss, or nothing for an answer."""
        self._data, self._size = b"", -1
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._data += data
        if self._size < 0 and (end := self._data.find(b"\r\n\r\n")) >= 0:
            self._read_head(self._data[:end].lower(), end + 4)
        if 0 <= self._size <= len(self._data):
            status = self._data[9:12].decode("latin-1")
            self._finish("" if status == "200" else status)

    def _read_head(self, head: bytes, size: int) -> None:
        _, found, length = head.partition(b"\r\ncontent-length:")
        self._size = size + int(length.partition(b"\r\n")[0]) if found else sys.maxsize
        self.keeps = b"\r\nconnection: close" not in head and bool(found)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, before the answer is or behind one that has no length."""
        self.keeps = False
        if self._size == sys.maxsize and error is None and not self._data.startswith(b"HTTP/1.1 200"):
            self._finish(self._data[9:12].decode("latin-1"))
        self._finish("truncated" if self._data else "reset")

    def _finish(self, kind: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(kind)


class Load:
    """All clients."""

    def __init__(self, port: int, rate: float) -> None:
        self._port, self._rate = port, rate
        self._idle: list[Client] = []
        self.figures = {"GET": Figures(), "POST": Figures()}
        self._waits: dict[str, list[float]] = {"GET": [], "POST": []}

    async def run(self, seconds: float) -> None:
        """Ask for so long, and await what was asked."""
        start, asked = monotonic(), set[asyncio.Task[None]]()
        for number in range(int(seconds * self._rate)):
            begins = start + number / self._rate
            if (early := begins - monotonic()) > 0:
                await asyncio.sleep(early)
            asked.add(asyncio.create_task(self._one(number, begins)))
        await asyncio.gather(*asked)
        for client in self._idle:
            client.transport.abort()
        for method, waits in self._waits.items():
            waits.sort()
            figures = self.figures[method]
            if waits:
                figures.p50, figures.p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
                figures.longest = waits[-1]

    async def _one(self, number: int, begins: float) -> None:
        method = "POST" if number % POST_EVERY == POST_EVERY - 1 else "GET"
        figures = self.figures[method]
        figures.asked += 1
        try:
            async with asyncio.timeout(GIVES_UP):
                kind = await self._exchange(method, number % NEW_EVERY == 0)
        except TimeoutError:
            kind = "timeout"
        except OSError:
            kind = "connect"
        if kind:
            figures.lost[kind] += 1
        self._waits[method].append(monotonic() - begins)

    async def _exchange(self, method: str, alone: bool) -> str:
        self._idle = [each for each in self._idle if each.keeps]
        if alone or not self._idle:
            _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self._port)
        else:
            client = self._idle.pop()
        fields = f"Content-Length: {len(BODY)}\r\n" if method == "POST" else ""
        fields += "Connection: close\r\n" if alone else ""
        kind = ""
        try:
            head = f"{method} /page HTTP/1.1\r\nHost: www.example.org\r\n{fields}\r\n".encode()
            kind = await client.ask(head + BODY if method == "POST" else head)
            return kind
        finally:
            if client.keeps and not alone and not kind:
                self._idle.append(client)
            else:
                client.transport.abort()


def main(port: int, seconds: float, rate: float) -> None:
    """Run, and print."""
    load = Load(port, rate)
    asyncio.run(load.run(seconds))
    print(json.dumps({method: asdict(figures) for method, figures in load.figures.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
