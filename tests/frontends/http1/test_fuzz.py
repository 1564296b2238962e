"""What holds for all bytes that clients and peers may send, with h11 as the judge of what the proxy makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.frontends.http1.receiving import MAX_HELD
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.uri import normalise, split_absolute
from tests.support.h1 import End, Message, Proxied, Requests, converse, ok, responses_in
from tests.support.smuggling import BAD_ANSWERS, TRICKS

# No read is longer.
MAX_READ = 64 * 1024
# Frontends hold, connectors too: what any of them keeps of bytes that it cannot use yet.
MAX_KEPT = MAX_HELD + MAX_READ

WORDS = [
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\0",
        b"\t",
        b"\x0b",
        b"\x0c",
        b" ",
        b":",
        b";",
        b",",
        b"\xff",
        b'"',
    ),
    *(
        b"0",
        b"1",
        b"9",
        b"a",
        b"F",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"GET ",
        b"POST / ",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"%",
    ),
    *(
        b"Host: h",
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"/",
    ),
    *(
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"X: y",
        b"_",
        b"http://zz",
        b"HTTP/1.1 200 OK",
        b"chunked",
        b"\\",
    ),
]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """*data* in the pieces that cuts at *places*, reduced to its length, make of it."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


PLACES = st.lists(st.integers(0, 4000), max_size=8)
TOKENS = st.text("abcXYZ019-.", min_size=1, max_size=8).map(str.encode)
VALUES = st.text('ab Z9,;="\t\x80\xff', max_size=12).map(lambda text: text.encode("latin-1"))
FIELDS = st.lists(st.tuples(TOKENS.map(lambda name: b"X-" + name), VALUES), max_size=4)
BODIES = st.binary(max_size=40)


def _chunks(body: bytes, places: Sequence[int], extension: bytes, trailers: Sequence[tuple[bytes, bytes]]) -> bytes:
    chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in cut(body, places) if piece]
    return b"".join([*chunks, b"0", extension, b"\r\n", *[b"%b: %b\r\n" % pair for pair in trailers], b"\r\n"])


@st.composite
def framed(draw: st.DrawFn, *, may_be_bare: bool) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The fields that frame a body, and the body as sent."""
    body = draw(BODIES)
    kind = draw(st.sampled_from(["length", "chunked", "bare"] if may_be_bare else ["length", "chunked"]))
    if kind == "bare":
        return [], b""
    if kind == "length":
        return [(b"Content-Length", b"%d" % len(body))], body
    extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b;c"']))
    return [(b"transfer-encoding", b"Chunked")], _chunks(body, draw(PLACES), extension, draw(FIELDS))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A well-formed request."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS"]))
    target = draw(st.sampled_from([b"/", b"/a/b?c=d", b"//a/./b", b"/%2F%41", b"http://zz/a"]))
    framing, body = draw(framed(may_be_bare=True))
    fields = draw(st.permutations([(b"Host", b"h"), *framing, *draw(FIELDS)]))
    empty = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n\r\n"]))
    lines = [b"%b %b HTTP/1.1" % (method, target), *[b"%b:%b" % pair for pair in fields], b"", b""]
    return empty + b"\r\n".join(lines) + body


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A well-formed response, after some interim ones."""
    framing, body = draw(framed(may_be_bare=False))
    fields = draw(st.permutations([*framing, *draw(FIELDS)]))
    status = draw(st.sampled_from([b"200 OK", b"404", b"500 "]))
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 \r\nLink: x\r\n\r\n"]))
    return interim + b"\r\n".join([b"HTTP/1.1 " + status, *[b"%b: %b" % pair for pair in fields], b"", b""]) + body


def _insert(data: bytes, at: int, word: bytes) -> bytes:
    return data[:at] + word + data[at:]


def _replace(data: bytes, at: int, word: bytes) -> bytes:
    return data[:at] + word + data[at + len(word) :]


def _delete(data: bytes, at: int, word: bytes) -> bytes:
    return data[:at] + data[at + len(word) :]


def _repeat(data: bytes, at: int, word: bytes) -> bytes:
    return data[: at + len(word)] + data[at:]


def _truncate(data: bytes, at: int, word: bytes) -> bytes:
    return data[:at]


CHANGES = st.tuples(
    st.sampled_from([_insert, _replace, _delete, _repeat, _truncate]), st.integers(0, 400), st.sampled_from(WORDS)
)


def mutants(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Something of *corpus*, or two of it, changed in a few places."""

    def change(data: list[bytes], changes: list[tuple[Callable[[bytes, int, bytes], bytes], int, bytes]]) -> bytes:
        mutant = b"".join(data)
        for make, at, word in changes:
            mutant = make(mutant, at % (len(mutant) + 1), word)
        return mutant

    chosen = st.lists(st.sampled_from(corpus), min_size=1, max_size=2)
    return st.builds(change, chosen, st.lists(CHANGES, max_size=4))


def echo(message: Message) -> bytes:
    """A peer's answer: the body it was sent."""
    return ok(b"<" + message.body + b">")


def read_raw(data: bytes) -> Requests:
    """What h11 makes of a client's own bytes."""
    reader = Requests()
    reader.feed(data)
    return reader


def has_path(target: bytes) -> bool:
    """Whether a target leads anywhere: one whose path cannot be normalised is answered by us."""
    try:
        origin = target if target[:1] in (b"/", b"*") else split_absolute(target)[2]
        return target == b"*" or bool(normalise(origin.partition(b"?")[0]))
    except Malformed:
        return False


class ClientTests(SynchronousTestCase):
    """What clients send."""

    def served(self, pieces: Sequence[bytes]) -> tuple[list[Message], bytes]:
        """The requests that peers read, and what the client was answered; and all that holds for every client."""
        proxied = Proxied()
        client = proxied.client()
        readers = converse(proxied, client, pieces, echo)
        self.assertLessEqual(proxied.held, MAX_KEPT)
        self.assertEqual([reader.error for reader in readers if reader.error], [])
        self.leave(proxied, client)
        # A request that did not come to its end is none for the peer either: its connection ends within it.
        self.assertTrue(all(peer.lost for peer in proxied.peers))
        messages = [message for reader in readers for message in reader.messages]
        answered = [each for each in proxied.exchanges if each.proxied and each.status == 200]
        self.assertEqual(len(messages), len(answered))
        self.assertEqual([message.line[0] for message in messages], [each.method for each in answered])
        return messages, client.received

    def leave(self, proxied: Proxied, client: End) -> None:
        """The client sends no more: in time everything is closed, and nothing has gone wrong."""
        proxied.advance(62)
        self.assertTrue(client.ended or not _is_within(client), client.received)
        client.half_closes()
        proxied.advance(140)
        self.assertTrue(client.lost)
        self.assertEqual(proxied.timers, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=100)
    @given(st.lists(requests(), min_size=1, max_size=4), PLACES)
    def test_any_split(self, sent: list[bytes], places: list[int]) -> None:
        """Where reads end means nothing: peers get the same requests, the client the same responses."""
        data = b"".join(sent)
        whole, answers = self.served([data])
        self.assertEqual(len(whole), len(sent))
        self.assertEqual(self.served(cut(data, places)), (whole, answers))
        raw = read_raw(data)
        self.assertEqual([(m.line[0], m.body) for m in whole], [(m.line[0], m.body) for m in raw.messages])
        told = responses_in(answers, [message.line[0] for message in whole], closed=False)
        self.assertEqual([message.body for message in told], [b"<" + message.body + b">" for message in whole])

    def judge(self, data: bytes, places: Sequence[int]) -> None:
        """Peers get what h11 reads in the client's bytes, as far as they were not refused, and nothing else."""
        messages, _ = self.served(cut(data, places))
        raw = read_raw(data)
        right = [(message.line[0], message.body) for message in raw.messages if has_path(message.line[1])]
        got = [(message.line[0], message.body) for message in messages]
        if raw.error or raw.over:
            # h11 knows no blank before a chunk extension, and keeps no connection of HTTP/1.0.
            got = got[: len(right)]
        self.assertEqual(got, right[: len(got)])

    @settings(max_examples=300)
    @given(mutants([trick.data for trick in TRICKS if len(trick.data) < 1000]), PLACES)
    def test_mutants(self, data: bytes, places: list[int]) -> None:
        """The known tricks, and others that are near to them."""
        self.judge(data, places)

    @settings(max_examples=100)
    @given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=20).map(b"".join), PLACES)
    def test_noise(self, data: bytes, places: list[int]) -> None:
        """Bytes without sense."""
        self.judge(data, places)

    @settings(max_examples=100)
    @given(st.lists(requests(), min_size=1, max_size=3).map(b"".join), st.integers(0, 4000))
    def test_truncated(self, data: bytes, size: int) -> None:
        """A request that does not come to its end is none."""
        self.judge(data[: size % (len(data) + 1)], [])

    @settings(max_examples=20)
    @given(
        st.sampled_from([b"\r\n", b"a", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"X: y\r\n", b"\0", b"0\r\n"]),
        st.booleans(),
    )
    def test_floods(self, word: bytes, in_body: bool) -> None:
        """However much a client sends, what is kept of it is bounded."""
        proxied = Proxied()
        client = proxied.client(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" if in_body else b"GET "
        )
        for _ in range(8):
            client.sends(word * (MAX_READ // len(word)))
            proxied.pump()
            self.assertLessEqual(proxied.held, MAX_KEPT)
        self.leave(proxied, client)


def _is_within(client: End) -> bool:
    """Whether the last response is not complete."""
    return not client.received.endswith((b">", b"\r\n\r\n", b"\n")) and bool(client.received)


class PeerTests(SynchronousTestCase):
    """What peers send."""

    def told(self, pieces: Sequence[bytes], method: bytes, *, closes: bool) -> Message | None:
        """The response as the client reads it, None if it breaks off; and all that holds for every peer."""
        proxied = Proxied()
        client = proxied.client(method + b" / HTTP/1.1\r\nHost: h\r\n\r\n")
        [peer] = proxied.peers
        for piece in pieces:
            peer.sends(piece)
            proxied.pump()
        if closes:
            peer.closes()
            proxied.pump()
        proxied.advance(62)
        messages = responses_in(client.received, [method], closed=client.ended)
        # The client was answered, or cut off; it does not wait for ever.
        self.assertTrue(messages or client.lost, client.received)
        self.another(proxied)
        client.half_closes()
        proxied.advance(140)
        self.assertTrue(all(end.lost for end in (*proxied.clients, *proxied.peers)))
        self.assertEqual(proxied.timers, 0)
        self.assertEqual(self.flushLoggedErrors(), [])
        return messages[0] if messages else None

    def another(self, proxied: Proxied) -> None:
        """The next client gets its own answer."""
        client = proxied.client(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertIn(b"GET /next HTTP/1.1\r\n", proxied.peers[-1].news())
        proxied.peers[-1].sends(ok(b"next"))
        proxied.pump()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"), client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\nnext"), client.received)

    @settings(max_examples=100)
    @given(responses(), PLACES)
    def test_any_split(self, data: bytes, places: list[int]) -> None:
        """Where reads end means nothing: the client reads the same response."""
        whole = self.told([data], b"GET", closes=False)
        [right] = responses_in(data, [b"GET"], closed=False)
        assert whole is not None
        self.assertEqual((whole.line, whole.body), (right.line, right.body))
        self.assertEqual(self.told(cut(data, places), b"GET", closes=False), whole)

    @settings(max_examples=250)
    @given(
        mutants([*(data for data in BAD_ANSWERS.values() if len(data) < 1000), ok(b"hello"), ok(b"")]),
        PLACES,
        st.sampled_from([b"GET", b"HEAD", b"POST"]),
        st.booleans(),
    )
    def test_mutants(self, data: bytes, places: list[int], method: bytes, closes: bool) -> None:
        """A client gets what h11 reads in the peer's bytes, or an error of ours, or is cut off."""
        got = self.told(cut(data, places), method, closes=closes)
        if got is None or (b"server", b"pydsl_proxy") in got.fields:
            return
        if method == b"HEAD" or got.line[0] in (b"204", b"304"):
            # RFC 9112 6.3 step 1: it ends with its head, whatever its framing, which h11 looks at first.
            data = re.sub(
                rb"(?i)\r\n(?:content-length|transfer-encoding):[^\r]*", b"", data[: data.find(b"\r\n\r\n") + 4]
            )
        try:
            right = responses_in(data, [method], closed=closes)
        except h11.RemoteProtocolError:
            self.fail(f"h11 does not read {data!r}")
        self.assertEqual([(got.line, got.body)], [(each.line, each.body) for each in right])
