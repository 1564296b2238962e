"""TLS with real clients: openssl, curl and Python's, against a proxy that runs as a process of its own."""

from __future__ import annotations

import re
import shlex
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from os import replace, urandom
from pathlib import Path
from signal import SIGHUP
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import curl
from tests.integration.support import (
    PATIENCE,
    ROOT,
    Program,
    folder,
    free_port,
    proxy,
    python_peer,
    reach,
    require,
    shared,
    wait_until,
)
from tests.support.authorities import Authority, Issued

AUTHORITY = Authority()
CLIENTS = Authority("clients")


def peer() -> Program:
    """The peer that says hello."""
    return python_peer()


class SecureCase(SynchronousTestCase):
    """A proxy with the servers ``a.test``, ``b.test`` and ``mtls.test`` on one port."""

    reload_every = 60.0

    def setUp(self) -> None:
        self.folder = folder()
        self.port = free_port()
        self.ca = AUTHORITY.save(self.folder)
        CLIENTS.save(self.folder, "clients")
        AUTHORITY.issue("a.test", key=rsa.generate_private_key(65537, 2048)).save(self.folder, "a-rsa")
        for name in ("a.test", "b.test", "mtls.test"):
            AUTHORITY.issue(name).save(self.folder, name)
        CLIENTS.issue("bob").save(self.folder, "bob")
        AUTHORITY.issue("eve").save(self.folder, "eve")
        self.program = proxy(self.config(), self.port)
        self.addCleanup(self.program.stop)

    def config(self) -> str:
        """That of the proxy."""
        return f"""
from pydsl_proxy import client_certificate_subject, http, server, server_name_indication, tls, tls_protocol, upstream

def pair(name, **more):
    files = "{self.folder}/" + name
    return tls(files + ".pem", files + ".key", reload_every={self.reload_every}, **more)

listen = "tcp:{self.port}:interface=127.0.0.1"
app = upstream("app", "127.0.0.1:{shared(peer).port}")
a = server(listen, names=["a.test"], tls=[pair("a.test"), pair("a-rsa")])
b = server(listen, names=["b.test"], tls=pair("b.test")).location("/").respond(200, server_name_indication)
mtls = server(listen, names=["mtls.test"], tls=pair("mtls.test", client_ca="{self.folder}/clients.pem"))
proxy = http(
    a.location("/v").respond(200, tls_protocol).location("/").proxy_to(app),
    b,
    mtls.location("/").respond(200, client_certificate_subject),
    access_log=None,
)
"""

    def curl(self, url: str, *more: str) -> bytes:
        """What curl gets, for a name of ours."""
        host = url.split("/")[2]
        there = [each.replace(host, f"{host}:{self.port}", 1) if "://" in each else each for each in (url, *more)]
        return curl("--cacert", self.ca, "--resolve", f"{host}:{self.port}:127.0.0.1", *there).stdout

    def openssl(self, *options: str, request: bytes = b"") -> str:
        """What ``openssl s_client`` tells of a connection."""
        command = [require("openssl", "apt-get install openssl"), "s_client", "-connect", f"127.0.0.1:{self.port}"]
        done = subprocess.run([*command, "-CAfile", self.ca, *options], input=request, capture_output=True, timeout=60)
        return (done.stdout + done.stderr).decode(errors="replace")

    def context(self) -> ssl.SSLContext:
        """What Python's client trusts."""
        return ssl.create_default_context(cafile=self.ca)

    @contextmanager
    def connected(self, name: str = "a.test", context: ssl.SSLContext | None = None) -> Iterator[ssl.SSLSocket]:
        """A connection of Python's client, whose certificate was checked for *name*."""
        raw = socket.create_connection(("127.0.0.1", self.port), 30)
        with (context or self.context()).wrap_socket(raw, server_hostname=name) as client:
            yield client


class HandshakeTests(SecureCase):
    """What is agreed on."""

    def test_browsers_way(self) -> None:
        """curl checks the certificate for the name, is given http/1.1, and keeps the connection."""
        self.assertEqual(self.curl("https://a.test/v"), b"TLSv1.3")
        self.assertEqual(self.curl("https://a.test/v", "--tls-max", "1.2"), b"TLSv1.2")
        self.assertEqual(self.curl("https://a.test/hello", "https://a.test/hello"), b"hello\nhello\n")
        self.assertEqual(self.curl("https://b.test/"), b"b.test")

    def test_alpn(self) -> None:
        """h2 before http/1.1 of what is offered; nothing in common is refused."""
        self.assertIn("ALPN protocol: h2", self.openssl("-servername", "a.test", "-alpn", "http/1.1,h2"))
        self.assertIn("ALPN protocol: http/1.1", self.openssl("-servername", "a.test", "-alpn", "http/1.1"))
        self.assertIn("no application protocol", self.openssl("-servername", "a.test", "-alpn", "http/1.0"))

    def test_old_versions(self) -> None:
        """TLS 1.1 and 1.0 are refused."""
        for version in ("-tls1_1", "-tls1"):
            told = self.openssl("-servername", "a.test", version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertIn("Cipher is (NONE)", told)

    def test_kinds_of_keys(self) -> None:
        """The RSA and the ECDSA certificate of one name are chosen between by the client's ciphers."""
        for kind, shown in (("RSA", "rsa"), ("ECDSA", "id-ecPublicKey")):
            told = self.openssl(
                "-servername", "a.test", "-tls1_2", "-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256", "-showcerts"
            )
            self.assertIn(shown, told)
            self.assertIn("Verification: OK", told)

    def test_resumption(self) -> None:
        """A ticket is taken at the next connection, in both versions."""
        for version in ("-tls1_2", "-tls1_3"):
            file = str(self.folder / f"session{version}")
            request = b"GET /v HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
            options = ("-servername", "a.test", version, "-ign_eof")
            self.assertIn("New, ", self.openssl(*options, "-sess_out", file, request=request))
            self.assertIn("Reused, ", self.openssl(*options, "-sess_in", file, request=request))

    def test_renegotiation(self) -> None:
        """It is refused."""
        told = self.openssl("-servername", "a.test", "-tls1_2", request=b"R\n")
        self.assertIn("no renegotiation", told.lower())

    def test_dot(self) -> None:
        """A name with the dot of the root is the same name, of the TLS and of the request."""
        request = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
        self.assertIn("CN = b.test", self.openssl("-servername", "b.test.", request=b"Q\n"))
        told = self.openssl("-servername", "mtls.test.", "-ign_eof", request=request % b"mtls.test.")
        self.assertIn("No required SSL certificate", told)

    def test_bodies(self) -> None:
        """Large bodies come through whole, in both directions."""
        sent = self.folder / "sent"
        sent.write_bytes(urandom(1_000_000) * 5)
        answer = self.curl("https://a.test/echo", "--data-binary", f"@{sent}", "--header", "Expect:")
        self.assertTrue(answer == sent.read_bytes())

    def test_without_tls(self) -> None:
        """Who comes without is told so."""
        self.assertIn(b"was sent to HTTPS port", curl(f"http://127.0.0.1:{self.port}/").stdout)


class ClientCertificateTests(SecureCase):
    """``client_ca=…``."""

    def ask(self, name: str | None, host: str = "mtls.test", sni: str = "mtls.test") -> bytes:
        """The answer to a client with this certificate."""
        context = self.context()
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        with self.connected(sni, context) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while data := client.recv(10000):
                received += data
        return received

    def test_verified(self) -> None:
        """With a valid one in, without one 400, with another's the handshake ends."""
        self.assertTrue(self.ask("bob").endswith(b"\r\n\r\nCN=bob"))
        self.assertIn(b"400 No required SSL certificate was sent", self.ask(None))
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask("eve")

    def test_misdirected(self) -> None:
        """Host cannot lead around the certificate."""
        self.assertTrue(self.ask(None, host="mtls.test", sni="a.test").startswith(b"HTTP/1.1 421 "))
        self.assertTrue(self.ask("bob", host="a.test").startswith(b"HTTP/1.1 421 "))
        self.assertTrue(self.ask(None, host="b.test", sni="a.test").startswith(b"HTTP/1.1 200 "))


class RenewalTests(SecureCase):
    """New certificates, while clients come and go."""

    reload_every = 0.1

    def serial(self) -> int:
        """Of the certificate that is shown."""
        with self.connected("b.test") as client:
            found = client.getpeercert(True)
        assert found is not None
        return x509.load_der_x509_certificate(found).serial_number

    def renew(self) -> Issued:
        """Put another certificate for ``b.test`` in place."""
        issued = AUTHORITY.issue("b.test")
        for new, old in zip(issued.save(self.folder, "new"), ("b.test.pem", "b.test.key"), strict=True):
            replace(new, self.folder / old)
        return issued

    def test_under_load(self) -> None:
        """No request fails while certificates change, on old connections or new ones, and no port is closed."""
        done, failures, counts = Event(), list[BaseException](), [0, 0]

        def ask(client: ssl.SSLSocket) -> None:
            client.sendall(b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
            received = b""
            while not received.endswith(b"b.test"):
                data = client.recv(1000)
                if not data:
                    raise EOFError("closed")
                received += data

        def load(kept: bool) -> None:
            try:
                while not done.is_set():
                    with self.connected("b.test") as client:
                        ask(client)
                        counts[kept] += 1
                        while kept and not done.is_set():
                            ask(client)
                            counts[kept] += 1
            except BaseException as error:
                failures.append(error)

        threads = [Thread(target=load, args=(kept,)) for kept in (False, True)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                serial = self.renew().certificate.serial_number
                wait_until(lambda serial=serial: self.serial() == serial, PATIENCE, "the new certificate")  # type: ignore[misc]  # bound early
            self.program.signal(SIGHUP)
            before = list(counts)
            wait_until(lambda: counts[0] > before[0] + 5 and counts[1] > before[1] + 5, PATIENCE, "more requests")
        finally:
            done.set()
            for thread in threads:
                thread.join(30)
        self.assertEqual(failures, [])

    def test_reload(self) -> None:
        """SIGHUP takes up new files at once, and keeps the old ones if these cannot be used."""
        with self.connected("b.test") as old:
            Path(self.folder / "b.test.key").write_bytes(b"nonsense")
            self.program.signal(SIGHUP)
            wait_until(lambda: "is not reloaded" in self.program.output(), PATIENCE, "a complaint")
            self.serial()
            serial = self.renew().certificate.serial_number
            self.program.signal(SIGHUP)
            wait_until(lambda: self.serial() == serial, PATIENCE, "the new certificate")
            old.sendall(b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
            self.assertIn(b"200 OK", old.recv(1000))


class DocumentedTests(SynchronousTestCase):
    """The certificate of docs/how-to/tls.rst."""

    def test_strict(self) -> None:
        """Its command makes one that the proxy can use, and that clients accept which verify strictly."""
        require("openssl", "apt-get install openssl")
        text = (ROOT / "docs" / "how-to" / "tls.rst").read_text().replace("\\\n", "")
        (line,) = re.findall(r"\$ (openssl req .*)", text)
        files, port = folder(), free_port()
        subprocess.run(shlex.split(line), cwd=files, capture_output=True, check=True, timeout=60)
        certificate = f'tls("{files}/localhost.pem", "{files}/localhost.key")'
        program = proxy(
            f"""
from pydsl_proxy import http, server, tls

proxy = http(server("tcp:{port}:interface=127.0.0.1", tls={certificate}).location("/").respond(200), access_log=None)
""",
            port,
        )
        self.addCleanup(program.stop)
        context = ssl.create_default_context(cafile=str(files / "localhost.pem"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with context.wrap_socket(reach(port), server_hostname="localhost") as client:
            self.assertEqual(client.version(), "TLSv1.3")
