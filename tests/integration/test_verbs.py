"""Verbs of locations and servers on real sockets: what is asked of peers, and what clients are told."""

from __future__ import annotations

import gzip
import socket
import ssl
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.recorder import Recorder
from tests.integration.support import PATIENCE, Program, folder, free_port, proxy, reach, wait_until
from tests.support.authorities import Authority


class VerbCase(SynchronousTestCase):
    """A proxy for each test, before peers that keep what they are asked."""

    def peer(self) -> Recorder:
        """One more peer."""
        made = Recorder()
        self.addCleanup(made.stop)
        return made

    def start(self, web: str, *, options: str = "", more: str = "") -> Program:
        """A proxy; *web* is what follows ``server(…)``, *more* are further arguments of that."""
        port = free_port()
        config = f"""
from pydsl_proxy import *

proxy = http(server("tcp:{port}:interface=127.0.0.1"{more}){web}, access_log=None, shutdown_grace=0{options})
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        return program


class AskingTests(VerbCase):
    """What peers are asked."""

    def test_mirror(self) -> None:
        """Another upstream is sent a copy, with the body; its answer is dropped."""
        peer, shadow = self.peer(), self.peer()
        verbs = f'.mirror(upstream("copy", "127.0.0.1:{shadow.port}")).proxy_to("127.0.0.1:{peer.port}")'
        program = self.start(f'.location("/"){verbs}')
        self.assertEqual(fetch(program.port, "/a?b", "POST", b"data").body, b"/a?b")
        wait_until(lambda: shadow.asked, PATIENCE, "the copy")
        for each in (peer.asked[0], shadow.asked[0]):
            self.assertEqual((each.method, each.target, each.body), ("POST", "/a?b", b"data"))

    def test_when(self) -> None:
        """A location for some requests stands beside one for the rest."""
        beta, peer = self.peer(), self.peer()
        program = self.start(
            f'.location("/").when(cookie("beta").equals("1")).proxy_to("127.0.0.1:{beta.port}")'
            f'.location("/").proxy_to("127.0.0.1:{peer.port}")'
        )
        for cookie in ("beta=1", "beta=2", "a=b; beta=1"):
            fetch(program.port, "/", fields={"Cookie": cookie})
        self.assertEqual([each.fields["cookie"] for each in beta.asked], ["beta=1", "a=b; beta=1"])
        self.assertEqual([each.fields["cookie"] for each in peer.asked], ["beta=2"])

    def test_strip_prefix(self) -> None:
        """The peer is asked without the prefix, and told it; a client cannot tell one."""
        peer = self.peer()
        program = self.start(
            f'.location("/shop").strip_prefix().proxy_to("127.0.0.1:{peer.port}")'
            f'.location("/").proxy_to("127.0.0.1:{peer.port}")'
        )
        for target in ("/shop/a%2Fb?c", "/shopping", "/other"):
            fetch(program.port, target, fields={"X-Forwarded-Prefix": "/evil"})
        told = [(each.target, each.fields.get("x-forwarded-prefix")) for each in peer.asked]
        self.assertEqual(told, [("/a%2Fb?c", "/shop"), ("/shopping", None), ("/other", None)])

    def test_forwarded(self) -> None:
        """RFC 7239: a trusted proxy's Forwarded is believed where that is asked for, and written for the peer."""
        peer = self.peer()
        program = self.start(
            f'.set_request_header("Forwarded", forwarded_field).location("/").proxy_to("127.0.0.1:{peer.port}")',
            options=', trusted_proxies=["127.0.0.1"], client_address_from="forwarded"',
        )
        fields = {"Forwarded": 'for="[2001:db8::1]:4711";proto=https', "X-Forwarded-For": "6.6.6.6"}
        fetch(program.port, "/", fields=fields)
        told = peer.asked[0].fields
        self.assertEqual((told["x-real-ip"], told["x-forwarded-proto"]), ("2001:db8::1", "https"))
        self.assertIn('for="[2001:db8::1]"', told["forwarded"])
        self.assertIn("proto=https", told["forwarded"])


class TellingTests(VerbCase):
    """What clients are told."""

    def test_precompressed(self) -> None:
        """A file that was compressed beforehand is for who understands it."""
        files = folder()
        (files / "a.css").write_bytes(b"plain")
        (files / "a.css.gz").write_bytes(gzip.compress(b"packed"))
        program = self.start(f'.location("/").serve_files("{files}", precompressed=True)')
        answer = fetch(program.port, "/a.css", fields={"Accept-Encoding": "gzip"})
        self.assertEqual((answer.fields["content-encoding"], gzip.decompress(answer.body)), ("gzip", b"packed"))
        answer = fetch(program.port, "/a.css", fields={"Accept-Encoding": "identity"})
        self.assertEqual((answer.fields["vary"], answer.body), ("Accept-Encoding", b"plain"))

    def test_redirect_to_https(self) -> None:
        """The client is sent to https, with its path and query."""
        program = self.start('.location("/").redirect_to_https()')
        answer = fetch(program.port, "/a?b", fields={"Host": "example.com"})
        self.assertEqual((answer.status, answer.fields["location"]), (301, "https://example.com/a?b"))

    def test_hsts(self) -> None:
        """Over TLS every answer asks the client to stay there, over plain HTTP none does."""
        pair = Authority().issue("a.test").save(folder(), "a")
        for more, expected in ((f", tls=tls{pair!r}", "max-age=63072000"), ("", None)):
            program = self.start('.hsts().location("/a").respond(200)', more=more)
            connection = reach(program.port)
            if more:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection = context.wrap_socket(connection, server_hostname="a.test")
            with RawClient(connection) as client:
                for target in (b"/a", b"/missing"):
                    client.send(b"GET " + target + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
                    self.assertEqual(client.response().fields.get("strict-transport-security"), expected)

    def test_shadow(self) -> None:
        """A limit in the shadow refuses nothing, and tells the error log."""
        program = self.start('.limit_requests("1/m", shadow=True).location("/").respond(200)')
        self.assertEqual([fetch(program.port, "/").status for _ in range(4)], [200] * 4)
        wait_until(lambda: "limit_requests" in program.output(), PATIENCE, "a line in the error log")


class RateTests(VerbCase):
    """Clients that are slower than is allowed."""

    limits = ", clients=clients(min_body_rate=1000, min_send_rate=20_000_000, rate_grace=1)"

    def test_body(self) -> None:
        """A body that trickles in is answered 408."""
        program = self.start(f'.location("/").proxy_to("127.0.0.1:{self.peer().port}")', options=self.limits)
        with RawClient(program.port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            client.socket.settimeout(0.2)
            began = monotonic()
            while True:
                client.send(b"x")
                try:
                    answer = client.socket.recv(1000)
                except TimeoutError:
                    self.assertLess(monotonic() - began, PATIENCE)
                    continue
                break
            self.assertIn(b" 408 ", answer)

    def test_reading(self) -> None:
        """A response that is hardly read is broken off."""
        files = folder()
        (files / "big").write_bytes(bytes(20_000_000))
        program = self.start(f'.location("/").serve_files("{files}")', options=self.limits)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", program.port))
            client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.is_broken(client), PATIENCE, "the end")

    def is_broken(self, client: socket.socket) -> bool:
        """Read a little."""
        try:
            return client.recv(100) == b""
        except ConnectionResetError:
            return True
