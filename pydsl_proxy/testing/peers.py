"""Scripted peers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn

from twisted.internet.error import ConnectionRefusedError

from pydsl_proxy.config.addresses import parse_address, without_https
from pydsl_proxy.testing.diff import difference
from pydsl_proxy.testing.endpoint import End
from pydsl_proxy.testing.messages import Fields, Headers, ReceivedRequest, Response, head_of
from pydsl_proxy.testing.protocols import Http, Language, language_of
from pydsl_proxy.testing.reactor import MemoryConnector, MemoryLoop
from pydsl_proxy.testing.streams import RawStream, RequestStream

_ADDED = (("x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"), ("cdn-loop",))

Answer = Callable[[ReceivedRequest], Response]


class PeerConnection(End):
    """One connection of the proxy to a peer; :attr:`Peer.connections` has them all."""

    added = tuple([name.encode() for name in group] for group in _ADDED)

    def __init__(self, loop: MemoryLoop, name: str, peer: Peer) -> None:
        super().__init__(loop, name, RawStream() if peer.is_raw else RequestStream(self._asked))
        self._peer = peer
        self._language: Language = Http()
        self._greeted = True
        # Complete requests, since the test last sent something by hand.
        self._waiting: list[ReceivedRequest] = []

    def open(self, connector: MemoryConnector) -> None:
        """The connection is made."""
        self._transport = connector.accept(self)

    def take(self, data: memoryview) -> int:
        """What the proxy writes; the peer turns to who speaks."""
        self._peer.turn_to(self)
        if not self._received and len(data) and not isinstance(self._stream, RawStream):
            self._language = language_of(bytes(data[:16]))
            self._stream = self._language.stream(self._asked)
            self._greeted = not self._language.greeting
        if self._peer.standing is not None:
            self._greet()
        return super().take(data)

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._sent.append(self._language.greeting)

    def answer(self, answer: Answer) -> None:
        """Answer the requests that wait."""
        waiting, self._waiting = self._waiting, []
        if not self.is_gone:
            self._greet()
        for request in waiting:
            if not self.is_gone and not self._half_closed:
                self._sent.append(self._language.written(answer(request), request))
                if self._language.ends_by_close:
                    self._half_closed = True

    @property
    def request_lines(self) -> list[str]:
        """The first line of every request whose head was received, the first one first."""
        return list(self._stream.lines)

    @property
    def waits(self) -> bool:
        """Whether a complete request has no answer, as far as that can be told."""
        return bool(self._waiting) and not self.is_gone

    def _asked(self, request: ReceivedRequest) -> None:
        self._peer.requests.append(request)
        self._waiting.append(request)
        if self._peer.standing is not None:
            self.answer(self._peer.standing)

    def _told(self, data: bytes) -> None:
        self._waiting.clear()


class Peer:
    """One address that the proxy connects to; it accepts connections and waits for the script, by default.

    What it does on a connection (``sends``, ``expects``, ``closes`` …) it does on the one that the proxy opened or
    wrote to last; to speak on another one, take it from :attr:`connections`.
    """

    def __init__(self, loop: MemoryLoop, name: str, others: Callable[[], Sequence[str]]) -> None:
        self._loop = loop
        self._name = name
        self._others = others
        self._refusal: Exception | None = None
        self._silent = False
        self._connecting: list[MemoryConnector] = []
        self._current: PeerConnection | None = None
        #: Every connection that was made, the first one first.
        self.connections: list[PeerConnection] = []
        #: Every complete request that was received, on whichever connection.
        self.requests: list[ReceivedRequest] = []
        #: How requests are answered without being told each time.
        self.standing: Answer | None = None
        #: Whether streams alone lead to it: then nothing is looked for in the bytes that it receives.
        self.is_raw = False
        #: Whether the name in its address can be looked up.
        self.is_known = True

    def __repr__(self) -> str:
        return f"<{self._name}: {len(self.connections)} connections, {len(self.requests)} requests>"

    # -- connections -------------------------------------------------------------------------------------------------

    def accepts(self) -> None:
        """From now on accept connections, those that wait too; so does every peer until it is told otherwise."""
        self._decide(None, silent=False)

    def refuses(self, error: Exception | None = None) -> None:
        """From now on refuse new connections, with one of :mod:`twisted.internet.error` if *error* is given."""
        self._decide(error or ConnectionRefusedError(), silent=False)

    def dies(self) -> None:
        """Close every connection, and from now on refuse new ones."""
        self._decide(ConnectionRefusedError(), silent=False)
        for connection in self.connections:
            if not connection.is_gone:
                connection.closes()

    def times_out(self) -> None:
        """From now on leave connections neither accepted nor refused, so that the proxy's clock decides."""
        self._decide(None, silent=True)

    def is_not_found(self) -> None:
        """From now on the host name of the address cannot be looked up."""
        self.is_known = False

    def _decide(self, refusal: Exception | None, *, silent: bool) -> None:
        self._refusal, self._silent = refusal, silent
        waiting, self._connecting = self._connecting, []
        for connector in waiting:
            self.decide(connector)
        self._loop.settle()

    def decide(self, connector: MemoryConnector) -> None:
        """The proxy wants *connector* to be connected."""
        if not connector.waits:
            return
        if self._silent:
            self._connecting.append(connector)
        elif self._refusal is not None:
            connector.fail(self._refusal)
        else:
            name = f"connection {len(self.connections) + 1} to {self._name}" if self.connections else self._name
            made = self._current = PeerConnection(self._loop, name, self)
            self.connections.append(made)
            made.open(connector)

    @property
    def is_asked(self) -> bool:
        """Whether the proxy waits for a connection to be accepted (see :meth:`times_out`)."""
        return any(connector.waits for connector in self._connecting)

    def turn_to(self, connection: PeerConnection) -> None:
        """The proxy speaks on *connection*."""
        self._current = connection

    @property
    def connection(self) -> PeerConnection:
        """The connection that the proxy opened or wrote to last."""
        if self._current is None:
            self._never()
        return self._current

    def _never(self) -> NoReturn:
        others = self._others()
        told = f"but it did to {', '.join(others)}" if others else "nor to any other peer"
        what = "sent no request" if self.connections else "made no connection"
        raise AssertionError(f"the proxy {what} to {self._name}, {told}")

    # -- what it answers ---------------------------------------------------------------------------------------------

    def answers(self, status: int = 200, body: bytes = b"", headers: Fields = ()) -> None:
        """From now on answer every complete request so, those that wait too; Content-Length is added if need be."""
        response = Response(status, body, headers)
        self.answers_by(lambda request: response)

    def answers_by(self, answer: Answer) -> None:
        """From now on answer every complete request with what *answer* makes of it."""
        self.standing = answer
        for connection in self.connections:
            connection.answer(answer)
        self._loop.settle()

    def waits(self) -> None:
        """From now on answer nothing but what the script sends."""
        self.standing = None

    def expects_request(self, method: str, target: str, headers: Fields | None = None, body: bytes = b"") -> None:
        """The last complete request was this; *headers*, if given, are all of its header fields.

        Fields that the proxy adds by itself are looked at only if *headers* has one of their group.
        """
        request = self.requests[-1] if self.requests else self._never()
        got = dict(request.headers)
        told = dict(Headers(headers or ()))
        for group in _ADDED:
            if not any(name in told for name in group):
                got = {name: value for name, value in got.items() if name not in group}
        expected = head_of(f"{method} {target}", sorted(told.items())) + body
        shown = head_of(f"{request.method} {request.target}", sorted(got.items()) if headers is not None else ())
        if expected != shown + request.body:
            raise AssertionError(difference(self._name, expected, shown + request.body, ""))

    # -- on the connection at hand, see End --------------------------------------------------------------------------

    def sends(self, data: bytes) -> None:
        """Send *data* to the proxy."""
        self.connection.sends(data)

    def expects(self, data: bytes) -> None:
        """Exactly *data* was received since the last time, see :meth:`End.expects`."""
        if self._current is not None or data:
            self.connection.expects(data)

    def takes(self) -> bytes:
        """What was received since the last time."""
        return self.connection.takes()

    @property
    def received(self) -> bytes:
        """What was received since :meth:`expects` or :meth:`takes`; nothing where no connection was made."""
        return self._current.received if self._current is not None else b""

    def half_closes(self) -> None:
        """Send no more, and read on."""
        self.connection.half_closes()

    def closes(self) -> None:
        """Close in good order: the proxy reads what was sent before, then the end."""
        self.connection.closes()

    def resets(self) -> None:
        """Break the connection off."""
        self.connection.resets()

    def stops_reading(self) -> None:
        """Take nothing from the proxy until :meth:`reads`."""
        self.connection.stops_reading()

    def reads(self, most: float = float("inf")) -> None:
        """Take what the proxy has to send, of which *most* bytes."""
        self.connection.reads(most)

    @property
    def is_closed(self) -> bool:
        """The proxy has closed the connection."""
        return self.connection.is_closed

    @property
    def was_reset(self) -> bool:
        """The proxy has broken the connection off."""
        return self.connection.was_reset

    @property
    def unsent(self) -> int:
        """Bytes that the proxy keeps because the peer does not read."""
        return self.connection.unsent

    @property
    def unread(self) -> int:
        """Bytes that the peer has sent and the proxy has not read."""
        return self.connection.unread


class Peers(Mapping[str, Peer]):
    """Every peer by its address as configured, ``peers["10.0.0.1:9000"]`` or ``peers["unix:/run/app.sock"]``.

    Peers that are spoken to over TLS, or told of clients by the PROXY protocol, get what stands within that.  They
    understand HTTP/1.1, FastCGI, uwsgi and SCGI, and answer in what they are asked in.

    It has every peer of the configuration, before the proxy connects to it or without the proxy ever doing so, and
    those of configurations that a reload has replaced.  Any other address is a KeyError, which names the known ones.
    Iterated it has those that were asked for or connected to, the first one first.
    """

    def __init__(self) -> None:
        self._loop: MemoryLoop | None = None
        self._peers: dict[str, Peer] = {}
        self._raw: frozenset[str] = frozenset()
        # None as long as no configuration is known: then every address is taken for a peer.
        self._configured: dict[str, None] | None = None

    def __getitem__(self, address: str) -> Peer:
        assert self._loop is not None
        address = without_https(address) or address
        peer = self._peers.get(address)
        if peer is None:
            parse_address(address)
            if self._configured is not None and address not in self._configured:
                known = ", ".join(map(repr, self._configured)) or "none"
                raise KeyError(f"{address!r} is no peer of the configuration; its peers: {known}")
            peer = self._peers[address] = Peer(self._loop, address, self._connected)
            peer.is_raw = address in self._raw
        return peer

    def __contains__(self, address: object) -> bool:
        return address in self._peers

    def __iter__(self) -> Iterator[str]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self._peers)

    def belong_to(self, loop: MemoryLoop) -> None:
        """Where they are connected to; told once."""
        self._loop = loop

    def configure(self, addresses: Iterable[str]) -> None:
        """A configuration is put in force that has peers at *addresses*."""
        self._configured = {**(self._configured or {}), **dict.fromkeys(addresses)}

    def unanswered(self) -> str:
        """Which peers have a request to answer, or a connection to accept, for messages."""
        told = []
        for name, peer in self._peers.items():
            if peer.is_asked:
                told.append(f"{name} has not accepted the connection")
            elif any(connection.waits for connection in peer.connections):
                told.append(f"{name} has a request and has not answered it")
        return "; ".join(told)

    def _connected(self) -> list[str]:
        return [name for name, peer in self._peers.items() if peer.connections]

    def speak_raw(self, addresses: Iterable[str]) -> None:
        """From now on those at *addresses*, and no others, are peers of streams alone."""
        self._raw = frozenset(addresses)
        for name, peer in self._peers.items():
            peer.is_raw = name in self._raw

    # -- what the reactor asks, see Network --------------------------------------------------------------------------

    def is_known(self, name: str) -> bool:
        """Whether the host of the address *name* can be looked up."""
        return self[name].is_known

    def connecting(self, name: str, connecting: MemoryConnector) -> None:
        """The proxy wants a connection to the address *name*; what comes of it shows when the proxy's turn is over."""
        peer = self[name]
        assert self._loop is not None
        self._loop.callLater(0, peer.decide, connecting)
