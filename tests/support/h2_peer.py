"""A scripted peer that speaks HTTP/2: the h2 library behind one connection of the kit."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
from h2.settings import SettingCodes

from pydsl_proxy.testing.peers import PeerConnection

Pairs = list[tuple[bytes, bytes]]
OK: Pairs = [(b":status", b"200")]
# By the names of RFC 9113.
SETTINGS = {code.name: code for code in SettingCodes}


class Asked:
    """One request, as far as it came; ``reset`` is the code by which the proxy has reset its stream."""

    def __init__(self, number: int, headers: Pairs) -> None:
        self.number = number
        self.headers = headers
        self.body = b""
        self.trailers: Pairs | None = None
        self.ended = False
        self.reset: int | None = None

    def get(self, name: bytes) -> bytes | None:
        """The value of the field *name*."""
        return dict(self.headers).get(name)


class H2Peer:
    """The peer's side of *connection*; what it says is sent at once.

    Unless *takes*, it opens no window by itself: what comes is counted, and :meth:`opens` gives it back.
    """

    def __init__(
        self, connection: PeerConnection, settings: dict[SettingCodes, int] | None = None, *, takes: bool = True
    ) -> None:
        self.end = connection
        self._takes = takes
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values=dict(settings))
        self.h2.initiate_connection()
        #: Every request, the first one first.
        self.asked: list[Asked] = []
        self.events: list[h2.events.Event] = []
        self.said()
        self.hears()

    def said(self) -> None:
        """Send what the library has to send."""
        data = self.h2.data_to_send()
        if data and not self.end.is_gone:
            self.end.sends(data)

    def hears(self) -> H2Peer:
        """Take what the proxy has sent."""
        while data := self.end.takes():
            for event in self.h2.receive_data(data):
                self.events.append(event)
                self._note(event)
            self.said()
        return self

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.asked.append(Asked(event.stream_id, [(bytes(name), bytes(value)) for name, value in event.headers]))
        elif isinstance(event, h2.events.DataReceived):
            self.request(event.stream_id).body += event.data
            if self._takes:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
            self.request(event.stream_id).trailers = trailers
        elif isinstance(event, h2.events.StreamEnded):
            self.request(event.stream_id).ended = True
        elif isinstance(event, h2.events.StreamReset):
            self.request(event.stream_id).reset = event.error_code

    def request(self, number: int) -> Asked:
        """The request on stream *number*."""
        return next(each for each in self.asked if each.number == number)

    @property
    def last(self) -> Asked:
        """The request that came last."""
        self.hears()
        return self.asked[-1]

    def answers(self, number: int, body: bytes = b"", headers: Pairs = OK, trailers: Pairs | None = None) -> None:
        """A complete response, in one read of the proxy."""
        self.hears()
        self.h2.send_headers(number, headers, end_stream=not body and trailers is None)
        if body:
            self.h2.send_data(number, body, end_stream=trailers is None)
        if trailers is not None:
            self.h2.send_headers(number, trailers, end_stream=True)
        self.said()
        self.hears()

    def begins(self, number: int, headers: Pairs = OK) -> None:
        """The head of a response."""
        self.hears()
        self.h2.send_headers(number, headers)
        self.said()
        self.hears()

    def sends(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Some of a body."""
        self.hears()
        self.h2.send_data(number, data, end_stream=end)
        self.said()
        self.hears()

    def ends(self, number: int, trailers: Pairs) -> None:
        """The trailers."""
        self.h2.send_headers(number, trailers, end_stream=True)
        self.said()
        self.hears()

    def resets(self, number: int, code: int) -> None:
        """Reset a stream."""
        self.hears()
        self.h2.reset_stream(number, code)
        self.said()

    def goes(self, last: int, code: int = 0) -> None:
        """Take no more streams."""
        self.hears()
        self.h2.close_connection(code, last_stream_id=last)
        self.said()

    @staticmethod
    def as_if_open(connection: h2.connection.H2Connection) -> h2.connection.H2Connection:
        """The library takes a GOAWAY for the end of all streams; RFC 9113 6.8 lets those before it go on."""
        connection.state_machine.state = h2.connection.ConnectionState.SERVER_OPEN
        return connection

    def frame(self, kind: int, flags: int, number: int, payload: bytes = b"") -> None:
        """Any frame, whatever the library thinks of it."""
        self.hears()
        head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big")
        self.end.sends(head + payload)
