"""Conversations that nobody thought of: whatever clients and peers do, nothing gets lost, mixed up or left behind."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Http, clients, http, least_conn, server, upstream
from pydsl_proxy.runtime.upstream.peer import Peer as LivingPeer
from pydsl_proxy.testing import Client, Peer, PeerConnection, Running, run

NAMES = ("a:1", "b:1", "192.0.2.1:1")
APP = upstream("app", least_conn(), *NAMES)
CONFIG = http(
    server(80)
    .location("/").proxy_to(APP)
    .location("/again").retry(on=["error", "timeout", 503, 404], non_idempotent=True).limit_body(100_000).proxy_to(APP),
    clients=clients(keepalive_requests=20),
)  # fmt: skip


class Play:
    """One conversation of several clients and peers, drawn by lot.

    A request's target ends with its number, and a peer answers with the target as body: so it can be seen whose answer
    a client got.
    """

    def __init__(self, seed: int, config: Http = CONFIG) -> None:
        self.random = Random(seed)
        self.running: Running = run(config, seed=seed)
        self.clients: list[Client] = []
        self.asked: dict[Client, list[str]] = {}
        self.answered: dict[PeerConnection, int] = {}
        self.rests: dict[PeerConnection, bytes] = {}
        self.endless: set[PeerConnection] = set()
        self.number = 0

    def pick(self) -> Client:
        """A client that can still send, or a new one."""
        open_ones = [each for each in self.clients if not each.is_gone]
        if not open_ones or (len(open_ones) < 4 and self.random.random() < 0.3):
            client = self.running.client()
            self.clients.append(client)
            self.asked[client] = []
            return client
        return self.random.choice(open_ones)

    def connection(self) -> PeerConnection | None:
        """A connection to a peer that is still there."""
        connections = [each for peer in self.running.peers.values() for each in peer.connections if not each.is_gone]
        return self.random.choice(connections) if connections else None

    # -- what clients do ---------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Send a request of some kind, in one piece or two."""
        client = self.pick()
        if client.is_closed or client.has_closed:
            return
        self.number += 1
        place = self.random.choice(["/", "/again"])
        target = f"{place}{'/' if place == '/again' else ''}{self.number}"
        method = self.random.choice(["GET", "GET", "HEAD", "POST", "PUT"])
        head = f"{method} {target} HTTP/1.{self.random.choice('1110')}\r\nhost: x\r\n"
        body = b"x" * self.random.choice([1, 1000, 70_000, 200_000])
        if method in ("GET", "HEAD"):
            data = head.encode() + b"\r\n"
        elif self.random.random() < 0.5 or "HTTP/1.0" in head:
            data = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        else:
            data = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        self.asked[client].append(target)
        cut = self.random.choice([len(data), self.random.randrange(len(data))])
        client.sends(data[:cut])
        if self.random.random() < 0.3:
            self.other()
        if not client.is_gone and cut < len(data) and not client.has_closed:
            client.sends(data[cut:])

    def leave(self) -> None:
        """Go, in one way or another."""
        client = self.pick()
        self.random.choice([client.closes, client.resets, client.half_closes])()

    def slow(self) -> None:
        """Read for a while, or not."""
        client = self.pick()
        self.random.choice([client.stops_reading, client.reads, lambda: client.reads(100)])()

    # -- what peers do -----------------------------------------------------------------------------------------------

    def reply(self) -> None:
        """Answer the oldest request on some connection, as a whole, in part or badly."""
        connection = self.connection()
        if connection is None or connection.has_closed:
            return
        if rest := self.rests.pop(connection, b""):
            connection.sends(rest)
            return
        if connection in self.endless:
            connection.closes()
            return
        lines = connection.request_lines
        answered = self.answered.get(connection, 0)
        if answered < len(lines):
            self.answered[connection] = answered + 1
            method, target, _ = lines[answered].split(" ")
            data = self.response(method, target)
            at = self.random.choice([len(data), len(data), self.random.randrange(1, len(data))])
            self.rests[connection] = data[at:]
            if b"content-length" not in data and b"chunked" not in data:
                self.endless.add(connection)
            connection.sends(data[:at])
        elif not connection.unsent and self.random.random() < 0.05:
            connection.sends(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong")

    def response(self, method: str, target: str) -> bytes:
        """A response whose body is the target."""
        body = b"" if method == "HEAD" else target.encode()
        status = self.random.choice(["200 OK", "200 OK", "404 Not Found", "503 Busy"])
        kind = self.random.randrange(8)
        if kind == 0 and method != "HEAD":
            return f"HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n".encode() + (
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            )
        if kind == 1:
            return b"nonsense\r\n\r\n"
        if kind == 2 and status[0] != "5":
            return f"HTTP/1.1 {status}\r\n\r\n".encode() + body
        if kind == 3:
            return f"HTTP/1.1 {status}\r\ncontent-length: {len(target)}\r\nconnection: close\r\n\r\n".encode() + body
        if kind == 4:
            return b"HTTP/1.1 103 Early Hints\r\n\r\n" + (
                f"HTTP/1.1 {status}\r\ncontent-length: {len(target)}\r\n\r\n".encode() + body
            )
        return f"HTTP/1.1 {status}\r\ncontent-length: {len(target)}\r\n\r\n".encode() + body

    def break_off(self) -> None:
        """Close a connection, or stop reading it."""
        connection = self.connection()
        if connection is not None:
            actions = [connection.closes, connection.resets, connection.stops_reading, connection.reads]
            self.random.choice(actions)()

    def change(self) -> None:
        """A peer behaves otherwise towards new connections."""
        peer: Peer = self.running.peers[self.random.choice(NAMES)]
        self.random.choice([peer.accepts, peer.accepts, peer.refuses, peer.times_out, peer.dies])()

    def wait(self) -> None:
        """Time passes."""
        self.running.clock.advance(self.random.choice([0.1, 1, 5, 11, 61]))

    def other(self) -> None:
        """Something that is not a request."""
        actions: list[Callable[[], None]] = [self.reply] * 8
        actions += [self.leave, self.slow, self.break_off, self.change, self.wait]
        self.random.choice(actions)()

    def act(self, steps: int) -> None:
        """So many things happen."""
        for _ in range(steps):
            if self.random.random() < 0.3:
                self.ask()
            else:
                self.other()

    def end(self) -> None:
        """Everybody goes home."""
        for client in self.clients:
            client.reads()
        self.running[0].closes()
        self.running.clock.advance(200)
        for client in self.clients:
            client.closes()
        self.running.clock.advance(200)


class RandomTests(SynchronousTestCase):
    """What holds of every conversation."""

    def test_all(self) -> None:
        """Answers reach those who asked, in order; each exchange ends once, and nothing outlives it."""
        for seed in range(40):
            play = Play(seed)
            play.act(60)
            play.end()
            self.check_answers(play, seed)
            self.check_nothing_left(play, seed)

    def check_answers(self, play: Play, seed: int) -> None:
        """What came from a peer is what was asked for."""
        for client, asked in play.asked.items():
            self.assertLessEqual(len(client.responses), len(asked) + 1, seed)
            for target, response in zip(asked, client.responses, strict=False):
                if response.headers.get("server") != "pydsl_proxy" and response.body:
                    # A peer that closes in the middle of a body without a length has ended it.
                    whole = target if "content-length" in response.headers else target[: len(response.body)]
                    self.assertEqual(response.body.decode(), whole, seed)

    def check_nothing_left(self, play: Play, seed: int) -> None:
        """No attempt is counted for ever, no connection left open, no timer set."""
        upstreams = play.running.service._compiled.upstreams.living.values()
        living: list[LivingPeer] = [peer for each in upstreams for peer in each.peers]
        self.assertEqual([peer.in_flight for peer in living], [0] * len(living), seed)
        self.assertEqual([peer._idle for peer in living], [[]] * len(living), seed)
        self.assertEqual([repr(each) for each in play.running.clock.getDelayedCalls()], [], seed)
        for peer in play.running.peers.values():
            self.assertEqual([each for each in peer.connections if not each.is_gone], [], seed)
