"""The PROXY protocol between the proxy and programs of other people's making, in both directions."""

from __future__ import annotations

import socket
import ssl

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection.proxy_protocol import write_proxy_header
from tests.integration.clients import RawClient, curl
from tests.integration.peers import nginx_with, stream_module
from tests.integration.support import PROGRAMS, Program, folder, free_port, proxy, require
from tests.support.authorities import Authority

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WHO = 'f"{client_address} {client_port} {server_port} {scheme}\\n"'


class ReceivingTests(SynchronousTestCase):
    """A listener in the clear and one with TLS, behind proxies on this machine."""

    def setUp(self) -> None:
        """The proxy."""
        self.files = folder()
        authority = Authority()
        self.ca = authority.save(self.files)
        cert, key = authority.issue("localhost").save(self.files, "good")
        self.clear, self.secure, self.strict = free_port(), free_port(), free_port()
        text = f"""
from pydsl_proxy import client_address, client_port, clients, http, scheme, server, server_port, tls

local = ["127.0.0.0/8", "unix:"]
clear = server({self.clear}, proxy_protocol=local).location("/").respond(200, {WHO})
secure = server({self.secure}, proxy_protocol=local, tls=tls("{cert}", "{key}")).location("/").respond(200, {WHO})
strict = server({self.strict}, proxy_protocol=["192.0.2.1"]).location("/").respond(200, {WHO})
proxy = http(clear, secure, strict, access_log=None, clients=clients(proxy_header_timeout=2), shutdown_grace=1)
"""
        program = proxy(text, self.clear)
        self.addCleanup(program.stop)

    def test_curl(self) -> None:
        """curl's header, version 1."""
        for url in (f"http://localhost:{self.clear}/", f"https://localhost:{self.secure}/"):
            answer = curl("--ipv4", "--haproxy-protocol", "--cacert", self.ca, url).stdout.decode().split()
            self.assertEqual((answer[0], answer[3]), ("127.0.0.1", url.partition(":")[0]))

    def test_nginx(self) -> None:
        """nginx's stream module before both listeners; it hands TLS on as it comes."""
        passing = free_port()
        ports: dict[str, str | int] = {
            "clear": self.clear,
            "secure": self.secure,
            "passing": passing,
            "modules": stream_module(),
        }
        front = nginx_with(PROGRAMS / "proxy_protocol.nginx.conf", self.files, **ports)
        self.addCleanup(front.stop)
        answer = curl(f"http://127.0.0.1:{front.port}/").stdout.decode().split()
        self.assertEqual((answer[0], answer[2:]), ("127.0.0.1", [str(front.port), "http"]))
        answer = curl("--ipv4", "--cacert", self.ca, f"https://localhost:{passing}/").stdout.decode().split()
        self.assertEqual((answer[0], answer[2:]), ("127.0.0.1", [str(passing), "https"]))

    def test_haproxy(self) -> None:
        """HAProxy's, version 2."""
        command, port = require("haproxy", "apt-get install haproxy"), free_port()
        config = self.files / "haproxy.cfg"
        config.write_text(
            f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen front
    bind 127.0.0.1:{port}
    server proxy 127.0.0.1:{self.clear} send-proxy-v2 check
"""
        )
        front = Program([command, "-db", "-f", config], port)
        self.addCleanup(front.stop)
        answer = curl(f"http://127.0.0.1:{port}/").stdout.decode().split()
        self.assertEqual((answer[0], answer[2:]), ("127.0.0.1", [str(port), "http"]))

    def test_pieces(self) -> None:
        """Both versions, in one piece with what follows, or byte by byte; TLS begins right behind it."""
        for version in (1, 2):
            header = write_proxy_header(version, ("203.0.113.9", 1234), ("198.51.100.1", 443))
            for pieces in ([header + ASK], [*(bytes((each,)) for each in header), ASK]):
                with RawClient(self.clear) as client:
                    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for piece in pieces:
                        client.send(piece)
                    self.assertEqual(client.response().body, b"203.0.113.9 1234 443 http\n")
            self.assertIn(b"203.0.113.9 1234 443 https\n", self.over_tls(header))

    def over_tls(self, header: bytes) -> bytes:
        """What is answered when the header and the first bytes of TLS are one write."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context(cafile=self.ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", self.secure), 30) as connection:
            answer, asked, sent = b"", False, header
            while True:
                try:
                    if not asked:
                        client.do_handshake()
                        client.write(ASK)
                        asked = True
                    piece = client.read(65536)
                    if not piece:
                        return answer
                    answer += piece
                except ssl.SSLWantReadError:
                    connection.sendall(sent + outgoing.read())
                    sent = b""
                    data = connection.recv(65536)
                    if not data:
                        raise EOFError("the connection was closed without a word of TLS") from None
                    incoming.write(data)

    def test_refused(self) -> None:
        """Without a header, with a bad one, in no time, or from anywhere else: closed without a word."""
        for port, data in (
            (self.clear, ASK),
            (self.clear, b"PROXY TCP4 203.0.113.9 192.0.2.1 99999 443\r\n" + ASK),
            (self.clear, b"PROXY TCP4 203.0.113"),
            (self.secure, b"\x16\x03\x01\x00\x05hello"),
            (self.strict, write_proxy_header(1, ("203.0.113.9", 1), ("198.51.100.1", 2)) + ASK),
        ):
            with RawClient(port) as client:
                try:
                    client.send(data)
                    self.assertEqual(client.rest(), b"")
                except ConnectionError:
                    # What was sent after the close, or was not read before it, is answered by a reset.
                    pass


class SendingTests(SynchronousTestCase):
    """Peers that are told: nginx, in the clear and over TLS."""

    def test_peers(self) -> None:
        """Both versions; each client's address stands for its own requests alone."""
        files = folder()
        authority = Authority()
        ca = authority.save(files)
        authority.issue("localhost").save(files, "good")
        secure = free_port()
        peer = nginx_with(PROGRAMS / "told_peer.nginx.conf", files, secure=secure)
        self.addCleanup(peer.stop)
        port = free_port()
        text = f"""
from pydsl_proxy import http, server, upstream, upstream_tls

one = upstream("one", "127.0.0.1:{peer.port}", send_proxy_protocol=1)
two = upstream("two", "127.0.0.1:{peer.port}", send_proxy_protocol=2)
tls = upstream("tls", "localhost:{secure}", send_proxy_protocol=2, tls=upstream_tls(ca="{ca}"))
web = server({port}).location("/one").proxy_to(one).location("/two").proxy_to(two).location("/tls").proxy_to(tls)
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        program = proxy(text, port)
        self.addCleanup(program.stop)
        with RawClient(port) as first, RawClient(port) as second:
            for path in ("one", "two", "tls", "tls"):
                for client in (first, second):
                    own = client.socket.getsockname()[1]
                    client.send(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                    self.assertEqual(client.response().body.decode(), f"127.0.0.1 {own} 127.0.0.1 {port} 1\n")
