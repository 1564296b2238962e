"""Peers that are spoken to over TLS: nginx, with certificates of the tests' own authority."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from functools import cache
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, Response, fetch
from tests.integration.peers import nginx_with
from tests.integration.support import PROGRAMS, STOPS_WITHIN, Program, folder, free_port, proxy, shared
from tests.support.authorities import DAY, Authority

BIG = b"0123456789abcdef" * 64 * 1024


class Peer:
    """nginx at four ports: with a certificate that is good, expired, or good if we have one too; and without TLS."""

    def __init__(self) -> None:
        files = self.files = folder()
        files.chmod(0o755)
        (files / "put").mkdir()
        authority = Authority()
        self.ca = authority.save(files)
        self.others = Authority("others").save(files, "others")
        authority.issue("localhost", "app.test", "127.0.0.1").save(files, "good")
        authority.issue("localhost", ends=-DAY).save(files, "expired")
        self.cert, self.key = Authority("between", above=authority).issue("our client").save(files, "client")
        (files / "big").write_bytes(BIG)
        self.expired, self.mutual, self.plain = free_port(), free_port(), free_port()

    def start(self) -> Program:
        """The process."""
        ports = {"expired": self.expired, "mutual": self.mutual, "plain": self.plain}
        return nginx_with(PROGRAMS / "tls_peer.nginx.conf", self.files, **ports)


class Ending:
    """A peer that answers one request with a body that ends with the connection, which TLS announces or not."""

    def __init__(self, peer: Peer, orderly: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(peer.files / "good.pem", peer.files / "good.key")
        self._orderly = orderly
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(60)
        self._thread = Thread(target=self._answer)

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *exception: object) -> None:
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        plain, _ = self._socket.accept()
        plain.settimeout(60)
        with self._context.wrap_socket(plain, server_side=True) as connection:
            while not connection.recv(65536).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BIG)
            if self._orderly:
                # It would await an answer, which nobody owes it (RFC 8446 6.1).
                with contextlib.suppress(OSError):
                    connection.unwrap()
            else:
                connection.shutdown(socket.SHUT_RDWR)


@cache
def peer() -> tuple[Peer, int]:
    """The peer, once for all tests, and the port of its good certificate."""
    made = Peer()
    return made, shared(made.start).port


class TlsTests(SynchronousTestCase):
    """What the proxy makes of them."""

    def proxy(self, *upstreams: str) -> int:
        """A proxy whose location ``/0/`` leads to the first upstream, and so on; its port."""
        port = free_port()
        lines = [f'.location("/{number}/").proxy_to({each}, path="/")' for number, each in enumerate(upstreams)]
        text = f"""
from pydsl_proxy import access_log, cause, error_message, http, server, upstream, upstream_tls

log = access_log("-", format=f"cause={{cause}} told={{error_message}}")
proxy = http(server({port}){"".join(lines)}, access_log=log, shutdown_grace=1)
"""
        self.program = proxy(text, port)
        self.addCleanup(self.program.stop)
        return port

    def ask(self, upstream: str, path: str = "/0/") -> Response:
        """What a client is answered."""
        return fetch(self.proxy(upstream), path)

    def refused(self, upstream: str) -> str:
        """Why the client is answered 502."""
        self.assertEqual(self.ask(upstream).status, 502)
        return self.log()

    def log(self) -> str:
        """What the proxy has written, when it has ended."""
        self.program.signal(signal.SIGTERM)
        self.program.wait(STOPS_WITHIN)
        return self.program.output()

    def test_accepted(self) -> None:
        """A name of the certificate, by the address or told, and an IP address of it; sessions are resumed."""
        files, port = peer()
        named = f'upstream("a", "localhost:{port}", tls=upstream_tls(ca="{files.ca}"))'
        told = f'upstream("b", "127.0.0.1:{port}", tls=upstream_tls(ca="{files.ca}", name="app.test"))'
        address = f'upstream("c", "127.0.0.1:{port}", tls=upstream_tls(ca="{files.ca}"))'
        at = self.proxy(named, told, address)
        names = [fetch(at, f"/{number}/").fields.get("x-name") for number in range(3)]
        self.assertEqual(names, ["localhost", "app.test", None])
        first, second = fetch(at, "/0/"), fetch(at, "/0/")
        self.assertEqual(first.fields["x-connection"], second.fields["x-connection"])
        self.assertEqual((first.fields["x-alpn"], first.fields["x-protocol"]), ("http/1.1", "TLSv1.3"))
        resumed = [fetch(at, "/2/close").fields["x-reused"] for _ in range(3)]
        self.assertEqual(resumed[1:], ["r", "r"])

    def test_bodies(self) -> None:
        """A megabyte in each direction."""
        files, port = peer()
        at = self.proxy(f'upstream("a", "localhost:{port}", tls=upstream_tls(ca="{files.ca}"))')
        self.assertEqual(fetch(at, "/0/big").body, BIG)
        self.assertEqual(fetch(at, "/0/put/it", "PUT", BIG).status, 201)
        self.assertEqual((files.files / "put" / "it").read_bytes(), BIG)
        with RawClient(at) as client:
            client.send(b"HEAD /0/big HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response("HEAD").fields["content-length"], str(len(BIG)))

    def test_unix(self) -> None:
        """Over a UNIX socket too, in both directions."""
        files, _ = peer()
        terms = f'upstream_tls(ca="{files.ca}", name="app.test")'
        at = self.proxy(f'upstream("a", "unix:{files.files}/tls.sock", tls={terms})')
        self.assertEqual(fetch(at, "/0/").fields["x-name"], "app.test")
        self.assertEqual(fetch(at, "/0/big").body, BIG)
        self.assertEqual(fetch(at, "/0/put/over-unix", "PUT", BIG).status, 201)

    def test_wrong_name(self) -> None:
        """A certificate for somebody else."""
        files, port = peer()
        terms = f'upstream_tls(ca="{files.ca}", name="other.test")'
        told = self.refused(f'upstream("a", "127.0.0.1:{port}", tls={terms})')
        self.assertIn("cause=tls_verify", told)
        self.assertIn("it is for localhost, app.test, 127.0.0.1, not for other.test", told)

    def test_expired(self) -> None:
        """One of yesterday."""
        files, _ = peer()
        told = self.refused(f'upstream("a", "localhost:{files.expired}", tls=upstream_tls(ca="{files.ca}"))')
        self.assertRegex(told, "cause=tls_verify told=.* has expired on ")

    def test_unknown_authority(self) -> None:
        """By default what the system trusts counts, which is not the tests' own authority."""
        files, port = peer()
        for upstream in (
            f'"https://localhost:{port}"',
            f'upstream("a", "localhost:{port}", tls=upstream_tls(ca="{files.others}"))',
        ):
            told = self.refused(upstream)
            self.assertRegex(told, "cause=tls_verify told=.* its issuer .*CN=tests.* is not trusted")

    def test_no_verification(self) -> None:
        """What is asked for."""
        files, _ = peer()
        answer = self.ask(f'upstream("a", "127.0.0.1:{files.expired}", tls=upstream_tls(verify=False))')
        self.assertEqual(answer.body, b"expired\n")

    def test_mutual(self) -> None:
        """A certificate of ours is shown where it is wanted, with the one between it and the authority."""
        files, _ = peer()
        ours = f'cert="{files.cert}", key="{files.key}"'
        at = self.proxy(
            f'upstream("a", "localhost:{files.mutual}", tls=upstream_tls(ca="{files.ca}", {ours}))',
            f'upstream("b", "localhost:{files.mutual}", tls=upstream_tls(ca="{files.ca}"))',
        )
        self.assertEqual(fetch(at, "/0/").body, b"CN=our client\n")
        self.assertEqual(fetch(at, "/1/").status, 400)

    def test_no_tls(self) -> None:
        """A peer that speaks HTTP alone is told apart, and another one tried: nothing was sent."""
        files, port = peer()
        to = f'upstream("a", "localhost:{files.plain}", "localhost:{port}", tls=upstream_tls(ca="{files.ca}"))'
        at = self.proxy(to)
        for _ in range(4):
            self.assertEqual(fetch(at, "/0/", "POST", b"x" * 100).status, 200)
        # Its answer in the clear may be lost with the reset of the connection, on which it leaves something unread.
        self.assertIn(f"the TLS handshake with peer localhost:{files.plain} failed: ", self.log())

    def test_ends(self) -> None:
        """A response without a length is complete if TLS ends in good order; otherwise the client sees it broken."""
        files, _ = peer()
        for orderly in (True, False):
            with Ending(files, orderly) as port:
                at = self.proxy(f'upstream("a", "localhost:{port}", tls=upstream_tls(ca="{files.ca}"))')
                with RawClient(at) as client:
                    client.send(b"GET /0/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    try:
                        answer = client.rest()
                    except ConnectionError:
                        answer = b""
                self.assertEqual(answer.endswith(b"\r\n0\r\n\r\n"), orderly, answer[-100:])

    def test_check(self) -> None:
        """A file that is missing is a mistake of the configuration."""
        files, port = peer()
        missing = Path(files.files) / "no.pem"
        with self.assertRaises(AssertionError) as caught:
            self.proxy(f'upstream("a", "localhost:{port}", tls=upstream_tls(ca="{missing}"))')
        self.assertIn("no.pem') cannot be read: No such file or directory", str(caught.exception))
