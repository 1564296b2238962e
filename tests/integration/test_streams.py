"""Streams over real sockets, beside nginx's."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from socketserver import BaseRequestHandler, BaseServer, ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Event, Thread
from time import sleep

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import curl
from tests.integration.peers import nginx_with, stream_module
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    Program,
    folder,
    free_port,
    memory,
    proxy,
    reach,
    settled,
    wait_until,
)
from tests.support.authorities import Authority

MIB = 1 << 20
# An SO_LINGER of no time: a close is a reset.
RESETS = b"\1\0\0\0\0\0\0\0"


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class _UnixServer(ThreadingUnixStreamServer):
    daemon_threads = True


class Peer:
    """A server in this process, TCP or at *path*; *serve* has each connection to itself."""

    def __init__(self, serve: Callable[[socket.socket], None], path: str | None = None) -> None:
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    serve(self.request)

        self._server: BaseServer
        if path is None:
            self._server = _Server(("127.0.0.1", 0), Handler)
            self.port: int = self._server.server_address[1]
        else:
            self._server = _UnixServer(path, Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def echo_at_the_end(connection: socket.socket) -> None:
    """Say back all that came, once the other side has ended."""
    pieces = []
    while data := connection.recv(1 << 16):
        pieces.append(data)
    connection.sendall(b"".join(pieces))


def rest(connection: socket.socket) -> bytes:
    """All that comes until the end."""
    pieces = []
    while data := connection.recv(1 << 16):
        pieces.append(data)
    return b"".join(pieces)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes, and says nothing before."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


class StreamTestCase(SynchronousTestCase):
    """A peer, and a proxy before it."""

    def peer(self, serve: Callable[[socket.socket], None], path: str | None = None) -> Peer:
        """A peer, until the test is over."""
        made = Peer(serve, path)
        self.addCleanup(made.stop)
        return made

    def proxy(self, config: str, port: int) -> Program:
        """The proxy, until the test is over."""
        imports = (
            "from pydsl_proxy import access_log, cause, http, peer, server, status, stream, tls, upstream, upstream_tls"
        )
        made = proxy(f"{imports}\n\n{config}\n", port)
        self.addCleanup(made.stop)
        return made


class PassingTests(StreamTestCase):
    """Bytes and their ends."""

    def test_half_close(self) -> None:
        """A client that has ended hears all of the answer, however much it is."""
        echo, port = self.peer(echo_at_the_end), free_port()
        self.proxy(f'proxy = http(stream({port}).proxy_to("127.0.0.1:{echo.port}"), access_log=None)', port)
        data = bytes(range(256)) * 4 * 8192
        with reach(port) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(rest(client), data)

    def test_unix(self) -> None:
        """So does one at a UNIX socket, of a peer at another; and who closes leaves no connection behind."""
        left: list[bytes] = []

        def note_the_end(connection: socket.socket) -> None:
            try:
                echo_at_the_end(connection)
            finally:
                left.append(b"left")

        files, port = folder(), free_port()
        self.peer(note_the_end, f"{files}/peer")
        self.proxy(
            f"""
one = stream("unix:{files}/front").proxy_to("unix:{files}/peer")
two = stream({port}).proxy_to("unix:{files}/peer")
proxy = http(one, two, access_log=None)""",
            port,
        )
        data = bytes(range(256)) * 4096
        for number in range(4):
            with socket.socket(socket.AF_UNIX) if number % 2 else reach(port) as client:
                if number % 2:
                    client.connect(f"{files}/front")
                client.sendall(data)
                if number > 1:
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(rest(client), data)
            wait_until(lambda: len(left) > number, PATIENCE, "the peer hears the end")  # noqa: B023

    def test_peer_speaks_first(self) -> None:
        """A greeting reaches a client that says nothing, over TLS too, and only after the handshake."""

        def greet(connection: socket.socket) -> None:
            connection.sendall(b"220 hello\r\n")
            connection.recv(1)

        peer = self.peer(greet)
        files, plain, secure = folder(), free_port(), free_port()
        authority = Authority()
        cert, key = authority.issue("localhost").save(files, "good")
        self.proxy(
            f"""
plain = stream({plain}).proxy_to("127.0.0.1:{peer.port}")
secure = stream({secure}, tls=tls("{cert}", "{key}")).proxy_to("127.0.0.1:{peer.port}")
proxy = http(plain, secure, access_log=None)""",
            plain,
        )
        with reach(plain) as client:
            self.assertEqual(client.recv(100), b"220 hello\r\n")
        context = ssl.create_default_context(cafile=authority.save(files))
        with context.wrap_socket(reach(secure), server_hostname="localhost") as client:
            self.assertEqual(client.recv(100), b"220 hello\r\n")

    def test_memory(self) -> None:
        """A client that does not read costs no memory, however much its peer has to say."""
        peer, port = self.peer(lambda connection: connection.sendall(bytes(100 * MIB))), free_port()
        program = self.proxy(f'proxy = http(stream({port}).proxy_to("127.0.0.1:{peer.port}"), access_log=None)', port)
        with reach(port) as warm:
            warm.recv(1 << 16)
        before = memory(program.pid)
        clients = [reach(port) for _ in range(8)]
        grown = settled(lambda: memory(program.pid)) - before
        for each in clients:
            each.close()
        self.assertLess(grown, 16 * MIB)

    def test_reset(self) -> None:
        """A peer that breaks off breaks off the client's connection, and a client the peer's."""
        seen: list[str] = []
        asking = Event()

        def serve(connection: socket.socket) -> None:
            asked = connection.recv(1)
            # Who waits for the proxy to listen has connected, too.
            if asked == b"b":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
                connection.close()
            if asked != b"x":
                return
            asking.set()
            try:
                connection.recv(1)
                seen.append("ended")
            except ConnectionResetError:
                seen.append("reset")

        peer, port = self.peer(serve), free_port()
        self.proxy(f'proxy = http(stream({port}).proxy_to("127.0.0.1:{peer.port}"), access_log=None)', port)
        with reach(port) as client:
            client.sendall(b"b")
            self.assertRaises(ConnectionResetError, client.recv, 1)
        client = reach(port)
        client.sendall(b"x")
        self.assertTrue(asking.wait(PATIENCE))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
        client.close()
        wait_until(lambda: seen, PATIENCE, "the peer to hear of it")
        self.assertEqual(seen, ["reset"])

    def test_many_at_once(self) -> None:
        """Connections do not mix."""
        echo, port = self.peer(echo_at_the_end), free_port()
        self.proxy(f'proxy = http(stream({port}).proxy_to("localhost:{echo.port}"), access_log=None)', port)
        clients = [reach(port) for _ in range(50)]
        for number, client in enumerate(clients):
            client.sendall(b"%d " % number * 1000)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for number, client in enumerate(clients):
            self.assertEqual(rest(client), b"%d " % number * 1000)
            client.close()


class TlsTests(StreamTestCase):
    """TLS that ends at the stream, and TLS to its peers."""

    def setUp(self) -> None:
        """Client, TLS, proxy, TLS, another proxy, and what says back all that came."""
        self.heard: list[bytes] = []

        def note(connection: socket.socket) -> None:
            self.heard.append(rest(connection))
            connection.sendall(self.heard[-1])

        self.echo = echo = self.peer(note)
        files = folder()
        authority = Authority()
        self.ca = authority.save(files)
        cert, key = self.pair = authority.issue("localhost").save(files, "good")
        self.port, inner = free_port(), free_port()
        self.proxy(
            f"""
good = tls("{cert}", "{key}")
inner = stream({inner}, tls=good).proxy_to("127.0.0.1:{echo.port}")
there = upstream("there", "127.0.0.1:{inner}", tls=upstream_tls(ca="{self.ca}", name="localhost"))
outer = stream({self.port}, tls=good).proxy_to(there)
proxy = http(outer, inner, access_log=None)""",
            inner,
        )

    def test_end_without_notice(self) -> None:
        """A client that ends without a close_notify has its last words handed on, as by nginx."""
        context = ssl.create_default_context(cafile=self.ca)
        for pause in (0, 0.3):
            with context.wrap_socket(reach(self.port), server_hostname="localhost") as client:
                sleep(pause)
                client.sendall(b"last words")
                client.shutdown(socket.SHUT_WR)
                wait_until(lambda: self.heard, PATIENCE, "the peer hears them, and the end")
            self.assertEqual(self.heard.pop(), b"last words")

    def test_refused(self) -> None:
        """Who is denied, or one too many, is closed before the handshake: nothing was said, nothing is awaited."""
        one, two = free_port(), free_port()
        cert, key = self.pair
        self.proxy(
            f"""
good = tls("{cert}", "{key}")
denied = stream({one}, tls=good).deny("all").proxy_to("127.0.0.1:1")
counted = stream({two}, tls=good).limit_connections(1).proxy_to("127.0.0.1:{self.echo.port}")
proxy = http(denied, counted, access_log=None)""",
            two,
        )
        with reach(one) as denied:
            self.assertTrue(is_closed(denied))
        for words in (b"one", b"other"):
            # The one that goes makes room for the next.
            with self.admitted(two) as first:
                with reach(two) as second:
                    self.assertTrue(is_closed(second))
                first.sendall(words)
                first.shutdown(socket.SHUT_WR)
                wait_until(lambda: self.heard, PATIENCE, "the peer hears the first")
            self.assertEqual(self.heard.pop(), words)

    def admitted(self, port: int) -> ssl.SSLSocket:
        """A connection that is let in, as soon as one is."""
        context = ssl.create_default_context(cafile=self.ca)
        made: list[ssl.SSLSocket] = []

        def connect() -> bool:
            with contextlib.suppress(OSError):
                made.append(context.wrap_socket(reach(port), server_hostname="localhost"))
            return bool(made)

        wait_until(connect, PATIENCE, "a connection that is let in")
        return made[0]

    def test_peer_without_notice(self) -> None:
        """A peer that does so has them handed on, to the end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair)

        def answer(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(100)
                secured.sendall(bytes(MIB))

        peer, port = self.peer(answer), free_port()
        terms = f'upstream_tls(ca="{self.ca}", name="localhost")'
        self.proxy(
            f'there = upstream("there", "127.0.0.1:{peer.port}", tls={terms})\n'
            f"proxy = http(stream({port}).proxy_to(there), access_log=None)",
            port,
        )
        with reach(port) as client:
            client.sendall(b"tell")
            self.assertEqual(len(rest(client)), MIB)

    def test_half_close(self) -> None:
        """A close_notify is an end that is handed on, as one; the answer comes behind it."""
        self.ends(SSL.Connection.shutdown)

    def test_half_close_without_notice(self) -> None:
        """So is a FIN without one, as by nginx."""
        self.ends(lambda client: client.sock_shutdown(socket.SHUT_WR))

    def ends(self, end: Callable[[SSL.Connection], object]) -> None:
        """The answer to a client that has ended its half by *end* comes as a whole, and an end behind it."""
        sock = reach(self.port)
        # OpenSSL takes one with a timeout for one that does not wait.
        sock.settimeout(None)
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), sock)
        client.set_connect_state()
        client.do_handshake()
        data = b"0123456789abcdef" * 8 * 65536
        client.sendall(data)
        end(client)
        # The end of the answer is on its way while the answer waits to be read.
        sleep(0.5)
        received = b""
        with contextlib.suppress(SSL.ZeroReturnError):
            while True:
                received += client.recv(65536)
        self.assertEqual((len(received), received == data), (len(data), True))
        client.close()


class BesideNginxTests(StreamTestCase):
    """The same through both."""

    def setUp(self) -> None:
        """Two servers with TLS, nginx before them, and the proxy, which is told by nginx and tells nginx."""
        self.files = folder()
        self.authority = Authority()
        self.ca = self.authority.save(self.files)
        names = ("a.example.com", "x.example.org", "y.z.example.org", "other.test")
        cert, key = self.authority.issue(*names).save(self.files, "good")
        self.ports = {name: free_port() for name in ("names", "who", "telling", "told", "a", "b")}
        self.ports["echo"] = self.peer(echo_at_the_end).port
        ours = self.ours = {name: free_port() for name in ("echo", "names", "one", "two")}
        ports = self.ports
        self.proxy(
            f"""
good = tls("{cert}", "{key}")
a = server({ports["a"]}, tls=good).location("/").respond(200, "a")
b = server({ports["b"]}, tls=good).location("/").respond(200, "b")
to_a = stream({ours["names"]}, names=["a.example.com"]).proxy_to("127.0.0.1:{ports["a"]}")
to_b = stream({ours["names"]}, names=["*.example.org"]).proxy_to("127.0.0.1:{ports["b"]}")
echo = stream({ours["echo"]}).proxy_to("127.0.0.1:{ports["echo"]}")
one = stream({ours["one"]}).proxy_to(upstream("one", "127.0.0.1:{ports["who"]}", send_proxy_protocol=1))
who = upstream("two", "127.0.0.1:{ports["who"]}", send_proxy_protocol=2)
two = stream({ours["two"]}).proxy_to(who)
told = stream({ports["told"]}, proxy_protocol=["127.0.0.1"]).proxy_to(who)
proxy = http(a, b, echo, to_a, to_b, one, two, told, access_log=None)""",
            ports["a"],
        )
        front = nginx_with(PROGRAMS / "streams.nginx.conf", self.files, modules=stream_module(), **self.ports)
        self.addCleanup(front.stop)
        self.passing = front.port

    def test_half_close(self) -> None:
        """A client's end is handed on, as by nginx with ``proxy_half_close on``: the answer comes behind it."""
        data = b"0123456789abcdef" * 65536
        for port in (self.passing, self.ours["echo"]):
            with reach(port) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(rest(client), data)

    def test_names(self) -> None:
        """curl reaches the same server by either, and checks that server's certificate."""
        for name, answer in (
            ("a.example.com", b"a"),
            ("x.example.org", b"b"),
            ("y.z.example.org", b"b"),
            ("other.test", b"a"),
        ):
            for port in (self.ports["names"], self.ours["names"]):
                where = f"{name}:{port}:127.0.0.1"
                done = curl("--http1.1", "--cacert", self.ca, "--resolve", where, f"https://{name}:{port}/")
                self.assertEqual(done.stdout, answer, (name, port))

    def test_proxy_protocol(self) -> None:
        """nginx reads the header that it is sent, in both versions, and through it the one that it wrote itself."""
        for port in (self.ours["one"], self.ours["two"], self.ports["telling"]):
            with reach(port) as client:
                host, number = client.getsockname()[:2]
                self.assertEqual(rest(client), f"{host} {number}".encode())
