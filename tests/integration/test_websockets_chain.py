"""WebSockets through more than one proxy, over TLS to the peer, in HTTP/2, and many that end badly."""

from __future__ import annotations

import random
import socket
import ssl
import struct
from time import monotonic, sleep

import h2.config
import h2.connection
import h2.events
import h2.settings
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.peers import nginx_with
from tests.integration.support import PROGRAMS, Program, folder, free_port, memory, proxy, reach, shared
from tests.integration.websockets import TRUSTING, LibraryClient, library_peer
from tests.support.authorities import Authority
from tests.support.websockets import ASK, BINARY, CLOSE, PING, TEXT, closing, frame, frames_in

MB = 1_000_000


def two_ways(app: str, *, before: str = "", listen: str = "", more: str = "") -> tuple[Program, int]:
    """A proxy with a tunnel and a bridge to *app*, an expression; and its port."""
    port = free_port()
    config = f"""
from pydsl_proxy import http, server, tls, upstream
{before}
app = {app}
web = (
    server("tcp:{port}:interface=127.0.0.1"{listen})
    .location("/tunnel/").websocket_to(app, path="/", tunnel=True)
    .location("/bridge/").websocket_to(app, path="/"{more})
)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
    return proxy(config, port), port


class ChainTests(SynchronousTestCase):
    """What stands between is no matter."""

    def converse(self, url: str) -> None:
        """Messages and a close."""
        with LibraryClient(f"{url}/echo", compression="deflate") as client:
            for message in ("grüß", b"\x00\xff", "x" * 300_000):
                client.send(message)
                self.assertEqual(client.receive(), message)
            client.close(4000, "enough")
            self.assertEqual(client.closed, (4000, "enough"))
        with LibraryClient(f"{url}/close/4001") as client:
            client.send("now")
            self.assertEqual(client.await_close(), (4001, "the end"))

    def test_behind_nginx(self) -> None:
        """nginx passes WebSockets on to the proxy."""
        program, port = two_ways(f'upstream("app", "127.0.0.1:{shared(library_peer).port}")')
        self.addCleanup(program.stop)
        nginx = nginx_with(PROGRAMS / "websocket.nginx.conf", folder(), peer=port)
        self.addCleanup(nginx.stop)
        for way in ("tunnel", "bridge"):
            self.converse(f"ws://127.0.0.1:{nginx.port}/{way}")

    def test_before_nginx(self) -> None:
        """The proxy passes them on to nginx."""
        nginx = nginx_with(PROGRAMS / "websocket.nginx.conf", folder(), peer=shared(library_peer).port)
        self.addCleanup(nginx.stop)
        program, port = two_ways(f'upstream("app", "127.0.0.1:{nginx.port}")')
        self.addCleanup(program.stop)
        for way in ("tunnel", "bridge"):
            self.converse(f"ws://127.0.0.1:{port}/{way}")

    def test_tls_to_the_peer(self) -> None:
        """The peer speaks TLS, and its certificate is checked."""
        files, authority = folder(), Authority()
        ca = authority.save(files)
        peer = library_peer(*authority.issue("127.0.0.1").save(files, "peer"))
        self.addCleanup(peer.stop)
        app = f'upstream("app", "127.0.0.1:{peer.port}", tls=upstream_tls(ca={str(ca)!r}))'
        program, port = two_ways(app, before="from pydsl_proxy import upstream_tls")
        self.addCleanup(program.stop)
        for way in ("tunnel", "bridge"):
            self.converse(f"ws://127.0.0.1:{port}/{way}")


class StreamOfH2:
    """A WebSocket in a connection of HTTP/2 (RFC 8441), by the h2 library."""

    def __init__(self, port: int, path: str) -> None:
        plain = reach(port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = TRUSTING.check_hostname, TRUSTING.verify_mode
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(plain)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.connection.initiate_connection()
        self.data = b""
        self.unread = 0
        self.fields: dict[str, str] = {}
        self.ended = self.told = False
        self.flush()
        while not self.told:
            self.read()
        fields = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "https",
            ":path": path,
            ":authority": "localhost",
            "sec-websocket-version": "13",
        }
        self.connection.send_headers(1, list(fields.items()))
        self.flush()
        while not self.fields:
            self.read()

    def flush(self) -> None:
        """Send what is to be sent."""
        self.socket.sendall(self.connection.data_to_send())

    def read(self, *, acknowledge: bool = True) -> None:
        """Take what has come; without *acknowledge* the window closes."""
        for event in self.connection.receive_data(self.socket.recv(65536)):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                setting = event.changed_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL)
                self.told = self.told or (setting is not None and setting.new_value == 1)
            elif isinstance(event, h2.events.ResponseReceived):
                self.fields = {str(name): str(value) for name, value in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                self.data += event.data
                if acknowledge and event.flow_controlled_length:
                    self.connection.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended = True
        self.flush()

    def send(self, data: bytes) -> None:
        """Send some of the WebSocket's bytes."""
        self.connection.send_data(1, data)
        self.flush()


class Http2Tests(SynchronousTestCase):
    """With a client that is no browser; see ``test_websockets`` for one."""

    def setUp(self) -> None:
        """Start the proxy."""
        files = Authority().issue("localhost").save(folder(), "localhost")
        app = f'upstream("app", "127.0.0.1:{shared(library_peer).port}")'
        self.program, self.port = two_ways(app, listen=f", tls=tls{files!r}")
        self.addCleanup(self.program.stop)

    def test_echo(self) -> None:
        """The proxy says that it speaks this; a message comes back, and a close ends the stream but nothing else."""
        for way in ("tunnel", "bridge"):
            stream = StreamOfH2(self.port, f"/{way}/echo")
            self.addCleanup(stream.socket.close)
            self.assertEqual(stream.fields[":status"], "200")
            stream.send(frame(TEXT, b"hello", masked=True))
            # The library ends what it streams by a fragment that is empty.
            while len(stream.data) < 9:
                stream.read()
            self.assertEqual(frames_in(stream.data), [(TEXT, b"hello", False), (0, b"", True)])
            stream.data = b""
            stream.send(closing(4000, masked=True))
            while not stream.ended:
                stream.read()
            self.assertEqual(frames_in(stream.data), [(CLOSE, b"\x0f\xa0", True)])
            stream.connection.ping(b"12345678")
            stream.flush()
            stream.read()
            stream.socket.close()

    def test_closed_window(self) -> None:
        """A peer that sends as fast as it can waits for a stream whose window is closed."""
        for way in ("tunnel", "bridge"):
            StreamOfH2(self.port, f"/{way}/echo").socket.close()
            before = memory(self.program.pid)
            stream = StreamOfH2(self.port, f"/{way}/flood")
            stream.socket.settimeout(1)
            with self.assertRaises(TimeoutError):
                while True:
                    stream.read(acknowledge=False)
            sleep(1)
            grown = memory(self.program.pid) - before
            print(f"{way} in HTTP/2: {len(stream.data):,} bytes came, {grown / 1e6:.1f} MB kept")
            self.assertLess(len(stream.data), 100_000)
            self.assertLess(grown, 4 * MB)
            stream.socket.close()


class ChurnTests(SynchronousTestCase):
    """Many that come and go, at whatever stage."""

    def test_resets(self) -> None:
        """Clients that reset at any stage, or send what nobody should, leave no memory behind, and no traceback."""
        app = f'upstream("app", "127.0.0.1:{shared(library_peer).port}")'
        program, port = two_ways(app, more=", ping=1, max_message=100_000, deflate_to_peer=True")
        self.addCleanup(program.stop)
        lot = random.Random(1)
        self.come_and_go(port, lot, 200)
        before = memory(program.pid)
        self.come_and_go(port, lot, 600)
        grown = memory(program.pid) - before
        print(f"600 that end badly: {grown / 1e6:.1f} MB")
        self.assertLess(grown, 4 * MB)
        output = program.output()
        self.assertNotIn("Traceback", output)
        with LibraryClient(f"ws://127.0.0.1:{port}/bridge/echo") as client:
            client.send("still there")
            self.assertEqual(client.receive(), "still there")

    def come_and_go(self, port: int, lot: random.Random, count: int) -> None:
        """So many, 20 at a time."""
        end = monotonic() + 240
        for _ in range(count // 20):
            clients = [reach(port) for _ in range(20)]
            for client in clients:
                self.misbehave(client, lot)
            self.assertLess(monotonic(), end)

    def misbehave(self, client: socket.socket, lot: random.Random) -> None:
        """Ask, say something, and go."""
        way, what = lot.choice(["tunnel", "bridge"]), lot.choice(["echo", "flood", "deaf", "send/2", "refuse/403"])
        ask = ASK.replace(b"/ws", f"/{way}/{what}".encode())
        if lot.random() < 0.5:
            ask = ask.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        client.sendall(ask[: lot.choice([len(ask), lot.randrange(len(ask))])])
        if lot.random() < 0.5:
            client.settimeout(0.02)
            try:
                client.recv(lot.choice([10, 1000, 100_000]))
            except TimeoutError:
                pass
        for _ in range(lot.randrange(3)):
            sent = frame(
                lot.choice([0, TEXT, BINARY, PING, CLOSE]),
                lot.randbytes(lot.choice([0, 2, 100, 70_000])),
                masked=lot.random() < 0.9,
                fin=lot.random() < 0.7,
                rsv=lot.choice([0, 0, 4]),
            )
            try:
                client.send(sent[: lot.choice([len(sent), 3])])
            except (OSError, TimeoutError):
                break
        if lot.random() < 0.7:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
