"""What WebSockets may cost: long messages, sides that do not read, a proxy that stops, peers that are not there."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from threading import Event, Thread
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.integration.support import PATIENCE, STOPS_WITHIN, Program, folder, free_port, memory, proxy, settled, shared
from tests.integration.websockets import LibraryClient, library_peer

MB = 1_000_000
LONG_MESSAGE = 64
# Bytes by which the proxy may grow for one WebSocket, however long its messages are and whoever does not read: what is
# queued on both sides, some 400 KB each, and what malloc keeps of pieces of 64 to 256 KiB.
BOUND = 4 * MB
# Bytes that the kernel's buffers on the four sockets between both ends may hold, at most (net.ipv4.tcp_*mem).
KERNELS = 24 * MB
WAYS = {
    "tunnel": "websocket_to(app, path='/', tunnel=True)",
    "bridge": "websocket_to(app, path='/')",
    "deflated": "websocket_to(app, path='/', deflate_to_peer=True)",
}

# Locations, and what their clients offer.
LEGS = (("tunnel", None), ("bridge", None), ("bridge", "deflate"), ("deflated", None))


class Growth:
    """By how many bytes a process grows at most while this is entered; looked at every few milliseconds."""

    def __init__(self, program: Program) -> None:
        self._pid = program.pid
        self.most = 0

    def __enter__(self) -> Growth:
        self._before = memory(self._pid)
        self._done = Event()
        self._thread = Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, memory(self._pid) - self._before)


async def fill_until_still(connection: ClientConnection) -> int:
    """Send until nothing more is taken for two seconds; how many bytes were taken."""
    piece, sent, before = random.randbytes(65536), 0, -1

    async def fill() -> None:
        nonlocal sent
        while True:
            await connection.send(piece)
            sent += len(piece)

    filling = asyncio.create_task(fill())
    while sent != before:
        before = sent
        await asyncio.sleep(2)
    # It is not done: it waits.
    assert filling.cancel()
    return sent


class BoundedTests(SynchronousTestCase):
    """A proxy of its own for each test: its memory is looked at, or it is stopped."""

    def setUp(self) -> None:
        """Start the proxy, and let each way have served once."""
        self.peer = shared(library_peer)
        self.port, self.folder = free_port(), folder()
        locations = "".join(f"\n    .location('/{way}/').{verb}" for way, verb in WAYS.items())
        config = f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{self.peer.port}")
dead = upstream("dead", "127.0.0.1:1", "127.0.0.1:{self.peer.port}")
web = (
    server("tcp:{self.port}:interface=127.0.0.1"){locations}
    .location("/dead/").websocket_to(dead, path="/")
    .location("/dead-tunnel/").websocket_to(dead, path="/", tunnel=True)
)
proxy = http(web, access_log="{self.folder}/access.log", shutdown_grace=8)
"""
        self.program = proxy(config, self.port)
        self.addCleanup(self.program.stop)
        for way in WAYS:
            with self.open(f"/{way}/echo") as client:
                for _ in range(20):
                    client.send(bytes(100_000))
                    client.receive()

    def open(self, path: str, *, compression: str | None = None, room: int | None = None) -> LibraryClient:
        """A WebSocket; *room* is the size of its socket's buffer for what comes."""
        sock = socket.socket()
        if room is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.connect(("127.0.0.1", self.port))
        return LibraryClient(f"ws://127.0.0.1:{self.port}{path}", compression=compression, sock=sock)

    def flooded(self) -> int:
        """Bytes that the floods of the peer have sent."""
        with self.open("/tunnel/flooded") as client:
            return int(client.receive()) * 65536

    def test_long_message(self) -> None:
        """One of 64 MB passes either way, and is never here as a whole."""
        for way, compression in LEGS:
            with self.open(f"/{way}/send/{LONG_MESSAGE}", compression=compression) as client:
                with Growth(self.program) as growth:
                    self.assertEqual(client.count(), LONG_MESSAGE * MB // 65536 * 65536)
                down = growth.most
            with self.open(f"/{way}/count", compression=compression) as client, Growth(self.program) as growth:
                client.send(bytes(65536) for _ in range(LONG_MESSAGE * MB // 65536))
                self.assertEqual(int(client.receive()), LONG_MESSAGE * MB // 65536 * 65536)
            print(f"64 MB, {way}, {compression}: {down / 1e6:.1f} MB down, {growth.most / 1e6:.1f} MB up")
            self.assertLess(max(down, growth.most), BOUND, way)

    def test_one_frame(self) -> None:
        """So it is with a message that is one frame."""
        for way in WAYS:
            with self.open(f"/{way}/count") as client, Growth(self.program) as growth:
                client.send(bytes(LONG_MESSAGE * MB))
                self.assertEqual(int(client.receive()), LONG_MESSAGE * MB)
            print(f"64 MB in a frame, {way}: {growth.most / 1e6:.1f} MB")
            self.assertLess(growth.most, BOUND, way)

    def test_client_does_not_read(self) -> None:
        """A peer that sends as fast as it can waits for a client that reads nothing, and goes on when it does."""
        for way, compression in LEGS:
            before = self.flooded()
            with self.open(f"/{way}/flood", compression=compression, room=4096) as client:
                with Growth(self.program) as growth:
                    # It takes a while to fill the kernel's buffers.
                    sent = settled(self.flooded) - before
                print(f"{way}, {compression}: {sent / 1e6:.1f} MB sent, {growth.most / 1e6:.1f} MB kept")
                self.assertLess(growth.most, BOUND, way)
                self.assertLess(sent, KERNELS, way)
                for _ in range(sent // 65536 + 10):
                    self.assertEqual(len(client.receive()), 65536)

    def test_peer_does_not_read(self) -> None:
        """A client that sends as fast as it can waits for a peer that reads nothing."""
        for way in WAYS:
            with self.open(f"/{way}/deaf") as client, Growth(self.program) as growth:
                sent = client.run(fill_until_still(client.connection), PATIENCE)
                print(f"{way}: {sent / 1e6:.1f} MB sent, {growth.most / 1e6:.1f} MB kept")
                self.assertLess(growth.most, BOUND, way)
                self.assertLess(sent, KERNELS, way)
                client.connection.transport.abort()

    def test_stop(self) -> None:
        """When the proxy is stopped, bridged WebSockets are closed with 1012, not all at once; a tunnel may go on."""
        clients = [self.open("/bridge/echo") for _ in range(20)]
        with self.open("/tunnel/echo") as tunnel:
            start = monotonic()
            self.program.signal(signal.SIGTERM)
            times = []
            for client in clients:
                self.assertEqual(client.await_close(), (1012, ""))
                times.append(monotonic() - start)
                client.__exit__()
            self.assertGreater(times[-1], 1)
            tunnel.send("still here")
            self.assertEqual(tunnel.receive(), "still here")
        self.assertEqual(self.program.wait(STOPS_WITHIN), 0)

    def test_next_peer(self) -> None:
        """A peer that is not there is passed over."""
        for way in ("dead", "dead-tunnel"):
            for _ in range(3):
                with self.open(f"/{way}/echo") as client:
                    client.send("hello")
                    self.assertEqual(client.receive(), "hello")

    def test_peer_dies(self) -> None:
        """A client whose peer is gone is told 1011 by a bridge; a tunnel ends as the peer has."""
        peer = library_peer()
        self.addCleanup(peer.stop)
        port = free_port()
        config = f"""
from pydsl_proxy import server
proxy = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/bridge").websocket_to("127.0.0.1:{peer.port}", path="/echo")
    .location("/tunnel").websocket_to("127.0.0.1:{peer.port}", path="/echo", tunnel=True)
)
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        bridge, tunnel = (LibraryClient(f"ws://127.0.0.1:{port}/{way}") for way in ("bridge", "tunnel"))
        with bridge, tunnel:
            peer.kill()
            self.assertEqual(bridge.await_close()[0], 1011)
            self.assertEqual(tunnel.await_close()[0], 1006)
        with self.assertRaises(InvalidStatus) as caught:
            LibraryClient(f"ws://127.0.0.1:{port}/bridge")
        self.assertEqual(caught.exception.response.status_code, 502)
