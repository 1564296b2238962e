"""The examples with Redis and PostgreSQL, run against them."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import cache
from time import sleep

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.databases import Postgresql, psql, redis_cli, redis_server
from tests.integration.support import PATIENCE, ROOT, folder, free_port, proxy, reach, shared, wait_until
from tests.support.authorities import Authority, key_pem, pem


def example(name: str, ports: Mapping[int, int]) -> str:
    """The text of an example, with other *ports* in the place of those that it has."""
    text, count = re.subn(
        "|".join(rf"\b{port}\b" for port in ports),
        lambda found: str(ports[int(found[0])]),
        (ROOT / "examples" / name / "proxy.py").read_text(),
    )
    assert count >= len(ports), f"examples/{name} has other ports"
    return text


class RedisTests(SynchronousTestCase):
    """``examples/redis``: two servers, one of which stands by; in the clear and over TLS."""

    def setUp(self) -> None:
        """All of them."""
        self.first = redis_server(free_port())
        self.addCleanup(self.first.stop)
        self.second = redis_server(free_port())
        self.addCleanup(self.second.stop)
        self.plain, self.secure = free_port(), free_port()
        files = folder()
        authority = Authority()
        self.ca = authority.save(files)
        cert, key = authority.issue("localhost", "127.0.0.1").save(files, "good")
        ports = {6379: self.first.port, 6389: self.second.port, 6380: self.plain, 6390: self.secure}
        text = example("redis", ports).replace("/etc/ssl/redis.pem", cert).replace("/etc/ssl/redis.key", key)
        self.proxy = proxy(text, self.plain)
        self.addCleanup(self.proxy.stop)

    def test_commands(self) -> None:
        """redis-cli works as without a proxy, in the clear and over TLS."""
        self.assertEqual(redis_cli(self.plain, "ping"), b"PONG\n")
        self.assertEqual(redis_cli(self.plain, "set", "a", "1"), b"OK\n")
        tls = ("--tls", "--cacert", self.ca, "--sni", "localhost")
        self.assertEqual(redis_cli(self.secure, *tls, "get", "a"), b"1\n")
        self.assertEqual(redis_cli(self.first.port, "get", "a"), b"1\n")

    def test_pipeline(self) -> None:
        """Ten megabytes of commands sent ahead, and a value of ten megabytes, over both listeners."""
        value = b"0123456789abcdef" * 64
        commands = b"".join(
            b"*3\r\n$3\r\nSET\r\n$5\r\n%05d\r\n$%d\r\n%b\r\n" % (number, len(value), value) for number in range(10_000)
        )
        for port, tls in ((self.plain, ()), (self.secure, ("--tls", "--cacert", self.ca, "--sni", "localhost"))):
            self.assertIn(b"errors: 0, replies: 10000", redis_cli(port, *tls, "--pipe", stdin=commands))
            big = value * 10_000
            self.assertEqual(redis_cli(port, *tls, "-x", "set", "big", stdin=big), b"OK\n")
            self.assertEqual(redis_cli(port, *tls, "get", "big"), big + b"\n")

    def test_subscriber(self) -> None:
        """Who says nothing for a while hears what comes then."""
        with reach(self.plain) as subscriber:
            subscriber.sendall(b"SUBSCRIBE news\r\n")
            self.assertIn(b"subscribe", subscriber.recv(1000))
            sleep(1.5)
            self.assertEqual(redis_cli(self.plain, "publish", "news", "hello"), b"1\n")
            self.assertIn(b"hello", subscriber.recv(1000))

    def test_one_dies(self) -> None:
        """Its connections break, and new ones go to the other; when it is back it is used again."""
        redis_cli(self.second.port, "set", "who", "second")
        redis_cli(self.first.port, "set", "who", "first")
        with reach(self.plain) as client:
            client.sendall(b"GET who\r\n")
            self.assertEqual(client.recv(1000), b"$5\r\nfirst\r\n")
            self.first.kill()
            self.assertIn(_end(client), (b"", None))
        for _ in range(3):
            self.assertEqual(redis_cli(self.plain, "get", "who"), b"second\n")
        self.first.restart()
        redis_cli(self.first.port, "set", "who", "again")
        # It is, once the example's fail_timeout is over.
        wait_until(lambda: redis_cli(self.plain, "get", "who") == b"again\n", PATIENCE, "an answer of the first")


def _end(client: object) -> bytes | None:
    """What is read when the other side is gone: the end, or None for a reset."""
    try:
        data: bytes = client.recv(1000)  # type: ignore[attr-defined]  # a socket, plain or with TLS
    except ConnectionResetError:
        return None
    return data


@cache
def _authority() -> Authority:
    return Authority()


def _postgresql() -> Postgresql:
    issued = _authority().issue("127.0.0.1", "localhost")
    return Postgresql(free_port(), pem(issued.certificate), key_pem(issued.key))


@cache
def cluster() -> Postgresql:
    """One for all tests."""
    made = _postgresql()
    shared(lambda: made.program)
    return made


class PostgresqlTests(SynchronousTestCase):
    """``examples/postgresql``: a primary; its replicas are down."""

    def setUp(self) -> None:
        """The proxy."""
        self.server = cluster().program
        self.writes, self.reads = free_port(), free_port()
        down = {5433: free_port(), 5434: free_port()}
        ports = {5432: self.server.port, 6432: self.writes, 6433: self.reads}
        self.proxy = proxy(example("postgresql", {**ports, **down}), self.writes)
        self.addCleanup(self.proxy.stop)
        self.ca = _authority().save(folder())

    def test_queries(self) -> None:
        """psql, without TLS and with the database's own, which is passed on unopened."""
        for terms in (
            {"sslmode": "disable"},
            {"sslmode": "require"},
            {"sslmode": "verify-full", "sslrootcert": self.ca},
        ):
            self.assertEqual(psql(self.writes, "select 6 * 7", **terms), "42")
        self.assertEqual(psql(self.writes, "select count(*) from pg_stat_ssl where ssl", sslmode="require"), "1")

    def test_bulk(self) -> None:
        """Ten megabytes in each direction."""
        for mode in ("disable", "require"):
            rows = psql(self.writes, "select repeat('x', 1000000) from generate_series(1, 10)", sslmode=mode).split()
            self.assertEqual((len(rows), len(rows[0]), len(rows[-1])), (10, 10**6, 10**6))
            # An argument of a command has 128 KiB at most.
            query = f"select length('{'y' * 100_000}')"
            self.assertEqual(psql(self.writes, query, sslmode=mode), "100000")

    def test_replicas_are_down(self) -> None:
        """The backup is the primary: reads go there, at once after the first."""
        for _ in range(3):
            self.assertEqual(psql(self.reads, "select 1", sslmode="disable"), "1")

    def test_transaction(self) -> None:
        """One connection is one session of the database."""
        statements = "create temp table t (n int); insert into t select generate_series(1, 1000); select sum(n) from t"
        self.assertEqual(psql(self.writes, statements, sslmode="require").split()[-1], "500500")


class StartTlsTests(SynchronousTestCase):
    """TLS that a database agrees on in its own words."""

    def test_handshake(self) -> None:
        """What a client of Python gets is the database's certificate, not the proxy's, which has none."""
        server = cluster().program
        port = free_port()
        program = proxy(
            f'from pydsl_proxy import stream\n\nproxy = stream({port}).proxy_to("127.0.0.1:{server.port}")', port
        )
        self.addCleanup(program.stop)
        context = ssl.create_default_context(cafile=_authority().save(folder()))
        with reach(port) as client:
            # SSLRequest, protocol-message-formats of PostgreSQL's documentation.
            client.sendall(bytes.fromhex("0000000804d2162f"))
            self.assertEqual(client.recv(1), b"S")
            with context.wrap_socket(client, server_hostname="localhost") as secure:
                self.assertIsNotNone(secure.getpeercert())
