"""Tests of how large files are sent, to clients of all paces."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

from pydsl_proxy import Request, Server, server
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.handlers.files.sending import PIECE, OpenFile
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Sink
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http.head import ResponseHead
from tests.support.files import FilesCase

SIZE = 10 * PIECE
GET = b"GET /a.bin HTTP/1.1\r\nHost: x\r\n\r\n"


def open_files(path: Path) -> int:
    """How often this process has the file open."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{number}") == str(path)
        except FileNotFoundError:
            continue
    return found


class Counting(Passing):
    """Counts the pieces that it passes on."""

    def __init__(self, next: Sink, pieces: list[int]) -> None:
        super().__init__(next)
        self.pieces = pieces

    def write(self, data: bytes) -> None:
        """Count."""
        self.pieces.append(len(data))
        super().write(data)


class Replacing(Passing):
    """Answers something else."""

    def __init__(self, next: Sink, exchange: Exchange) -> None:
        super().__init__(next)
        self.exchange = exchange

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Not this one."""
        self.next.start(ResponseHead(204, b"No Content", b""), b"", True)


class Raising(Passing):
    """Raises at the second piece, which is sent in a turn of its own."""

    def __init__(self, next: Sink) -> None:
        super().__init__(next)
        self.next = next
        self.begun = False

    def write(self, data: bytes) -> None:
        """Raise, or pass on."""
        if self.begun:
            raise ZeroDivisionError("of the test")
        self.begun = True
        super().write(data)


@frozen
class Sinking:
    """A filter of the test's own."""

    sink: type[Passing]
    pieces: list[int]
    nearness: FilterOrder = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """Put the sink there."""

        def attach(exchange: Exchange, sink: Sink) -> Sink:
            if self.sink is Counting:
                return Counting(sink, self.pieces)
            return Replacing(sink, exchange) if self.sink is Replacing else self.sink(sink)

        return attach

    __hash__ = object.__hash__


class SendingTests(FilesCase):
    """A file of more than one piece."""

    def setUp(self) -> None:
        self.root = self.folder().resolve()
        self.path = self.root / "a.bin"
        self.path.write_bytes(os.urandom(1024) * (SIZE // 1024))

    def web(self) -> Server:
        """The location."""
        return server(80).location("/").serve_files(self.root)

    def asked(self, web: Server | None = None) -> Running:
        """A client that reads nothing has asked for the file."""
        running = run(web or self.web())
        running[0].stops_reading()
        running[0].sends(GET)
        return running

    def test_slow_client(self) -> None:
        """What waits for a slow client is one piece, and the file is open as long as it is needed."""
        running = self.asked()
        client = running[0]
        self.assertLess(client.unsent, 2 * PIECE)
        self.assertEqual(open_files(self.path), 1)
        client.reads()
        self.assertTrue(client.received.endswith(self.path.read_bytes()))
        self.assertEqual(open_files(self.path), 0)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, ""))

    def test_client_leaves(self) -> None:
        """A client that leaves closes the file, and the log tells what it got."""
        running = self.asked()
        client = running[0]
        client.reads(PIECE)
        client.resets()
        self.assertEqual(open_files(self.path), 0)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "client_closed"))
        self.assertIn(" 200 ", running.log[0])
        self.assertLess(int(running.log[0].split()[9]), SIZE)

    def test_stuck_client(self) -> None:
        """A client that takes nothing is cut off after send_timeout, as with any response."""
        running = self.asked()
        running.clock.advance(60)
        self.assertTrue(running[0].was_reset)
        self.assertEqual(open_files(self.path), 0)

    def test_truncated(self) -> None:
        """A file that becomes shorter breaks the response off."""
        running = self.asked()
        os.truncate(self.path, SIZE // 2)
        running[0].reads()
        self.assertTrue(running[0].is_closed)
        self.assertLess(len(running[0].received), SIZE)
        self.assertEqual((running.exchanges[0].cause, open_files(self.path)), ("file_changed", 0))

    def test_pipelined(self) -> None:
        """What was asked for meanwhile is answered after the file."""
        (self.root / "b.txt").write_text("next")
        running = self.asked()
        client = running[0]
        client.sends(b"GET /b.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        client.reads()
        self.assertTrue(client.received.endswith(b"\r\n\r\nnext"))
        self.assertIn(self.path.read_bytes() + b"HTTP/1.1 200 OK\r\n", client.received)
        self.assertTrue(client.is_closed)

    def test_http_1_0(self) -> None:
        """HTTP/1.0 and a close."""
        client, _ = run(self.web())
        client.sends(b"GET /a.bin HTTP/1.0\r\n\r\n")
        self.assertTrue(client.received.endswith(b"\r\n\r\n" + self.path.read_bytes()))
        self.assertTrue(client.is_closed)

    def test_filters(self) -> None:
        """Filters see all of the bytes."""
        pieces: list[int] = []
        client, _ = run(server(80).location("/").filter(Sinking(Counting, pieces)).serve_files(self.root))
        self.assertEqual(client.request("GET", "/a.bin").body, self.path.read_bytes())
        self.assertEqual(pieces, [PIECE] * 10)

    def test_replaced(self) -> None:
        """A filter that answers something else ends the sending."""
        client, _ = run(server(80).location("/").filter(Sinking(Replacing, [])).serve_files(self.root))
        self.assertEqual(client.request("GET", "/a.bin").status, 204)
        self.assertEqual(open_files(self.path), 0)

    def test_raising(self) -> None:
        """A filter that raises ends the response."""
        running = run(server(80).location("/").filter(Sinking(Raising, [])).serve_files(self.root))
        running[0].sends(GET)
        self.assertTrue(running[0].is_closed)
        self.assertEqual(open_files(self.path), 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(running.exchanges[0].cause, "internal_error")

    def test_rules_raise(self) -> None:
        """A function of the user that raises for the head is 500, and the file is closed."""

        def raising(request: Request) -> str:
            raise ZeroDivisionError("of the test")

        web = server(80).location("/").set_response_header("X-A", raising).serve_files(self.root)
        self.assertEqual(run(web)[0].request("GET", "/a.bin").status, 500)
        self.assertEqual(open_files(self.path), 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_closed_once(self) -> None:
        """A number is closed once: it may be another file's by then."""
        fd = os.open(self.path, os.O_RDONLY)
        file = OpenFile(fd)
        file.close()
        other = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, other)
        file.close()
        del file
        self.assertEqual(open_files(self.path), 1)

    def test_forgotten(self) -> None:
        """A file that nobody closed is closed when nobody knows it any more."""
        file = OpenFile(os.open(self.path, os.O_RDONLY))
        self.assertEqual(open_files(self.path), 1)
        del file
        self.assertEqual(open_files(self.path), 0)
