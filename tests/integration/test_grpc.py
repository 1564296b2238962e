"""gRPC through the proxy: grpcio on both sides, in the clear and over TLS."""

from __future__ import annotations

import queue
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Event
from time import sleep
from typing import TypeVar

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.support import PROGRAMS, Program, folder, free_port, memory, proxy, shared, wait_until
from tests.support.authorities import Authority

T = TypeVar("T")

# Seconds for a call; a busy machine may need some of them.
WITHIN = 60


def peer(name: str, *files: str) -> Program:
    """The peer, a process of its own."""
    port = free_port()
    return Program([sys.executable, PROGRAMS / "grpc_peer.py", name, str(port), *files], port)


def plain_peer() -> Program:
    """One in the clear."""
    return peer("a")


@cache
def files() -> Path:
    """Certificates for this machine, and their authority."""
    path = folder()
    authority = Authority()
    authority.save(path)
    authority.issue("localhost", "127.0.0.1").save(path, "good")
    return path


def secure_peer() -> Program:
    """One over TLS."""
    return peer("s", str(files() / "good.pem"), str(files() / "good.key"))


def before(upstream: str, options: str = 'http2="prior-knowledge"', steps: str = "") -> Program:
    """A proxy before *upstream*, whose clients speak HTTP/2."""
    port = free_port()
    text = f"""
from pydsl_proxy import access_log, cause, clients, http, http2, peer, server, tls, upstream, upstream_tls

app = {upstream}
web = server("tcp:{port}:interface=127.0.0.1", {options}).location("/"){steps}.proxy_to(app)
proxy = http(web, access_log=access_log("-", format=f"cause={{cause}}"), shutdown_grace=1)
"""
    return proxy(text, port)


def plain_proxy() -> Program:
    """One in the clear."""
    return before(f'upstream("app", "127.0.0.1:{shared(plain_peer).port}", via=http2())')


class Case(SynchronousTestCase):
    """Calls of the methods of ``programs/grpc_peer.py``."""

    channel: grpc.Channel

    def calls(self, name: str, kind: str = "unary_unary") -> Callable[..., object]:
        """The method *name*."""
        call: Callable[..., object] = getattr(self.channel, kind)(f"/test.Echo/{name}")
        return call

    def unary(self, name: str, message: bytes = b"", **options: object) -> bytes:
        """The answer to one message."""
        answer = self.calls(name)(message, **{"timeout": WITHIN, **options})
        assert isinstance(answer, bytes)
        return answer

    def stream(self, name: str, message: bytes, timeout: float = WITHIN) -> Iterator[bytes]:
        """The answers to one message."""
        return self.calls(name, "unary_stream")(message, timeout=timeout)  # type: ignore[return-value]  # they are

    def failure(self, call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
        """The code and details with which *call* fails."""
        error = self.assertRaises(grpc.RpcError, call)
        return error.code(), error.details()

    def to(self, program: Program) -> Program:
        """Let the calls go to *program*, in the clear; it is stopped in the end."""
        self.addCleanup(program.stop)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{program.port}")
        self.addCleanup(self.channel.close)
        return program


class CallRules(Case):
    """What holds of calls, however they come."""

    def test_unary(self) -> None:
        """One message each way, with metadata before and after the answer."""
        answer, call = self.calls("Unary").with_call(b"hello", timeout=WITHIN)  # type: ignore[attr-defined]  # grpc's
        self.assertEqual(answer, b"hello")
        self.assertIn(("x-name", call.initial_metadata()[0].value), call.initial_metadata())
        self.assertEqual(dict(call.trailing_metadata()), {"x-count": "1", "x-own-bin": b"\0\1\2"})

    def test_server_streaming(self) -> None:
        """Several answers to one message."""
        self.assertEqual(list(self.stream("Server", b"100")), [b"%d" % number for number in range(100)])

    def test_client_streaming(self) -> None:
        """One answer to several messages."""
        pieces = [b"%d," % number for number in range(100)]
        self.assertEqual(self.calls("Client", "stream_unary")(iter(pieces), timeout=WITHIN), b"".join(pieces))

    def test_bidirectional(self) -> None:
        """Each message is answered before the next one is sent, on one call."""
        messages: queue.Queue[bytes | None] = queue.Queue()
        answers = self.calls("Both", "stream_stream")(iter(messages.get, None), timeout=WITHIN)
        assert isinstance(answers, Iterator)
        for number in range(50):
            messages.put(b"%d" % number)
            self.assertEqual(next(answers), b"%d" % number)
        messages.put(None)
        self.assertEqual(list(answers), [])

    def test_no_answers(self) -> None:
        """A stream of none."""
        self.assertEqual(list(self.stream("Server", b"0")), [])

    def test_errors(self) -> None:
        """The status of a call, after answers or instead of them."""
        for before in (b"3", b"0"):
            code, details = self.failure(lambda before=before: list(self.stream("Fail", before)))  # type: ignore[misc]
            self.assertEqual((code, details), (grpc.StatusCode.NOT_FOUND, "nothing is here: ä"))
        code, _ = self.failure(lambda: self.unary("None"))
        self.assertEqual(code, grpc.StatusCode.UNIMPLEMENTED)

    def test_metadata(self) -> None:
        """What a client sends beside the message, and what the proxy adds."""
        told = self.unary("Told", metadata=(("x-own", "1"), ("x-own-bin", b"\0\xff")))
        self.assertIn(b"x-own: '1'", told)
        self.assertIn(b"x-own-bin: b'\\x00\\xff'", told)
        self.assertIn(b"x-forwarded-for: '127.0.0.1'", told)

    def test_deadline(self) -> None:
        """A client that gives up is gone for the peer too."""
        before = int(self.unary("Left"))
        code, _ = self.failure(lambda: list(self.stream("Forever", b"", timeout=1)))
        self.assertEqual(code, grpc.StatusCode.DEADLINE_EXCEEDED)
        wait_until(lambda: int(self.unary("Left")) > before, WITHIN, "the peer hears of it")

    def test_cancel(self) -> None:
        """So is one that cancels."""
        before = int(self.unary("Left"))
        answers = self.stream("Forever", b"")
        self.assertEqual(next(answers), b"begun")
        answers.cancel()  # type: ignore[attr-defined]  # grpc's
        wait_until(lambda: int(self.unary("Left")) > before, WITHIN, "the peer hears of it")

    def test_large(self) -> None:
        """30 MB each way."""
        self.assertEqual(sum(map(len, self.stream("Large", b"30000000"))), 30_000_000)
        pieces = (bytes(65536) for _ in range(40))
        answer = self.calls("Client", "stream_unary")(pieces, timeout=WITHIN)
        assert isinstance(answer, bytes)
        self.assertEqual(len(answer), 40 * 65536)

    def test_together(self) -> None:
        """Many calls at a time, each with its own answers."""

        def one(number: int) -> bool:
            text = b"%d" % number
            return self.unary("Unary", text) == text and len(list(self.stream("Server", text))) == number

        with ThreadPoolExecutor(20) as pool:
            self.assertTrue(all(pool.map(one, range(200))))


class PlainTests(CallRules):
    """In the clear on both sides."""

    def setUp(self) -> None:
        """A channel to the proxy, which is started once."""
        self.channel = grpc.insecure_channel(f"127.0.0.1:{shared(plain_proxy).port}")
        self.addCleanup(self.channel.close)


def secure_proxy() -> Program:
    """One with TLS on both sides."""
    ca, cert, key = (str(files() / name) for name in ("ca.pem", "good.pem", "good.key"))
    app = f'upstream("app", "127.0.0.1:{shared(secure_peer).port}", via=http2(), tls=upstream_tls(ca={ca!r}))'
    return before(app, f"tls=tls({cert!r}, {key!r})")


class SecureTests(CallRules):
    """TLS on both sides, with HTTP/2 by ALPN."""

    def setUp(self) -> None:
        """A channel to the proxy, which is started once."""
        credentials = grpc.ssl_channel_credentials((files() / "ca.pem").read_bytes())
        self.channel = grpc.secure_channel(f"localhost:{shared(secure_proxy).port}", credentials)
        self.addCleanup(self.channel.close)


del CallRules


class FailureTests(Case):
    """Peers that are gone, or come again."""

    def test_unavailable(self) -> None:
        """A peer that is not there is UNAVAILABLE, which clients may try again."""
        program = self.to(before(f'upstream("app", "127.0.0.1:{free_port()}", via=http2())'))
        code, _ = self.failure(lambda: self.unary("Unary"))
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        wait_until(lambda: "cause=connect_refused" in program.output(), WITHIN, "the log")

    def test_statuses(self) -> None:
        """Errors of the proxy's own are statuses of HTTP, of which clients of gRPC know what they mean."""
        port = free_port()
        app = f'upstream("app", "127.0.0.1:{shared(plain_peer).port}", via=http2())'
        text = f"""
from pydsl_proxy import http2, server, upstream

proxy = (
    server("tcp:{port}:interface=127.0.0.1", http2="prior-knowledge")
    .location("/test.Echo/Unary").deny("all").proxy_to({app})
    .location("/test.Echo/Client").limit_body(100).proxy_to({app})
    .location("/test.Echo/Told").respond(401)
)
"""
        self.to(proxy(text, port))
        self.assertEqual(self.failure(lambda: self.unary("Unary"))[0], grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(self.failure(lambda: self.unary("Told"))[0], grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.failure(lambda: self.unary("Nowhere"))[0], grpc.StatusCode.UNIMPLEMENTED)
        much = iter([bytes(60), bytes(60)])
        call = self.calls("Client", "stream_unary")
        self.assertEqual(self.failure(lambda: call(much, timeout=WITHIN))[0], grpc.StatusCode.UNKNOWN)

    def test_silent(self) -> None:
        """So is one that does not answer in time; one that falls silent after an answer is INTERNAL, as with nginx."""
        app = f'upstream("app", "127.0.0.1:{shared(plain_peer).port}", via=http2())'
        self.to(before(app, steps=".timeouts(read=0.5)"))
        self.assertEqual(self.failure(lambda: self.unary("Slow"))[0], grpc.StatusCode.UNAVAILABLE)
        code, _ = self.failure(lambda: list(self.stream("Forever", b"")))
        self.assertEqual(code, grpc.StatusCode.INTERNAL)

    def test_other_peer(self) -> None:
        """One of two peers that is not there costs no call."""
        app = f'upstream("app", "127.0.0.1:{free_port()}", "127.0.0.1:{shared(plain_peer).port}", via=http2())'
        self.to(before(app))
        self.assertEqual([self.unary("Unary", b"x") for _ in range(20)], [b"x"] * 20)

    def test_balanced(self) -> None:
        """Calls go to all peers in turn, though a client has one connection."""
        two = [peer("a"), peer("b")]
        for each in two:
            self.addCleanup(each.stop)
        addresses = ", ".join(f'"127.0.0.1:{each.port}"' for each in two)
        self.to(before(f'upstream("app", {addresses}, via=http2())'))
        names = []
        for _ in range(10):
            _, call = self.calls("Unary").with_call(b"", timeout=WITHIN)  # type: ignore[attr-defined]  # grpc's
            names.append(dict(call.initial_metadata())["x-name"])
        self.assertEqual(sorted(names), ["a"] * 5 + ["b"] * 5)

    def test_rolling_restart(self) -> None:
        """Peers that are stopped in good order one after the other, and started again, cost no call at any time."""
        two = [peer("a"), peer("b")]
        for each in two:
            self.addCleanup(each.stop)
        addresses = ", ".join(f'peer("127.0.0.1:{each.port}", fail_timeout=0.2)' for each in two)
        self.to(before(f'upstream("app", {addresses}, via=http2())', steps=".timeouts(connect=1)"))
        over, counts = Event(), [0] * 4

        def call(caller: int) -> None:
            while not over.is_set():
                try:
                    self.assertEqual(self.unary("Unary", b"x" * 1000), b"x" * 1000)
                    self.assertEqual(len(list(self.stream("Server", b"20"))), 20)
                except grpc.RpcError as error:
                    # What grpcio itself answers to a call that it has just taken when it is stopped: either of these.
                    stopped = error.details() == "Cancelling all calls"
                    if error.code() != grpc.StatusCode.CANCELLED and not stopped:
                        raise
                counts[caller] += 1

        with ThreadPoolExecutor(4) as pool:
            calling = [pool.submit(call, caller) for caller in range(4)]
            try:
                for each in (*two, *two):
                    sleep(0.5)
                    each.signal(signal.SIGTERM)
                    each.wait(WITHIN)
                    each.restart()
                failed = lambda: any(each.done() for each in calling)  # noqa: E731  # asked until it holds
                wait_until(lambda: failed() or min(counts) > 10, WITHIN, "ten calls of each")
            finally:
                over.set()
            for done in calling:
                done.result()

    def test_restart(self) -> None:
        """A peer that is stopped in good order, and started again, costs no call that comes later."""
        one = peer("a")
        self.addCleanup(one.stop)
        self.to(before(f'upstream("app", "127.0.0.1:{one.port}", via=http2())'))
        for _ in range(3):
            self.assertEqual(self.unary("Unary", b"x"), b"x")
            one.kill()
            one.restart()
        self.assertEqual(self.unary("Unary", b"x"), b"x")

    def test_slow_client(self) -> None:
        """What a slow client has not taken waits at the peer, not in the proxy."""
        app = f'upstream("app", "127.0.0.1:{shared(plain_peer).port}", via=http2())'
        program = self.to(before(app))
        self.unary("Unary", b"x")
        before_it = memory(program.pid)
        streams = [self.stream("Large", b"200000000", timeout=60) for _ in range(8)]
        for each in streams:
            next(each)
        # gRPC's own client takes no more than its windows hold.
        wait_until(lambda: self.unary("Unary", b"x") == b"x", WITHIN, "others are served")
        self.assertLess(memory(program.pid) - before_it, 40_000_000)
        for each in streams:
            each.cancel()  # type: ignore[attr-defined]  # grpc's
