"""TLS on the sockets of lean transports that were dialled: the other side of ``secure_send``.

Measured on kept connections, with all the rest the same: a request to a peer with TLS costs 1.6 times the CPU of one
without, 2.1 times with Twisted's memory BIOs; a large response 1.4 to 2.4 s a GB, with those 2.4 to 3.6.
"""

# Much of Twisted's transports is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from OpenSSL.SSL import Error, SysCallError, WantReadError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_LOST
from twisted.python.failure import Failure

from pydsl_proxy.net.tcp_connect import DialledTCP
from pydsl_proxy.net.tcp_transport import DirectSend, TCPClient
from pydsl_proxy.net.tls.tcp_transport import RECORD, SecureSend
from pydsl_proxy.net.unix_connect import DialledUNIX

if TYPE_CHECKING:
    from OpenSSL.SSL import Connection
    from twisted.internet.interfaces import IReactorTime
    from twisted.internet.protocol import Protocol

    from pydsl_proxy.net.tls.client import Greeting, PeerTls


# Full records that one read takes; DirectSend.READ_MAX in all.
MAX_RECORDS = 16


class SecureDialled(SecureSend):
    """A connection to a peer, encrypted; see :class:`~pydsl_proxy.net.tls.client.Encrypted`."""

    encrypted = True
    problem: str | None = None
    verified = 0.0
    _peer: PeerTls

    def greet(self, peer: PeerTls, greeting: Greeting) -> None:
        """Begin the handshake; *greeting* has the connection until it is done."""
        self._direct = False
        self._peer = peer
        self._tls = peer.connection(self, self.socket)
        self.protocol = greeting
        greeting.makeConnection(self)
        try:
            self._tls.do_handshake()
        except WantReadError:
            pass
        except Error as error:
            # If it is more than the want of room, the next read meets it again, outside of the dial.
            super()._not_read(error)
        else:
            # The peer has said all it has to say meanwhile, so that no read would come.  Not from within this call: who
            # dials has not noted yet what cancels.
            cast("IReactorTime", self.reactor).callLater(0, self._opened_at_once)

    def _opened_at_once(self) -> None:
        if self.connected and not (self._established or self._aborting):
            self._opened()

    def doRead(self) -> ConnectionDone | ConnectionLost | None:  # type: ignore[override]  # as that of SecureSend
        """Give the protocol what one record has; of a large response several at once, as without TLS."""
        if not self._established:
            return super().doRead()
        try:
            data = self._tls.recv(RECORD)
        except WantReadError:
            return None
        except Error as error:
            return self._not_read(error)
        if len(data) == RECORD:
            return self._read_on(data)
        self.protocol.dataReceived(data)
        return None

    def _read_on(self, data: bytes) -> ConnectionDone | ConnectionLost | None:
        pieces, why = [data], None
        try:
            while len(data) == RECORD and len(pieces) < MAX_RECORDS:
                data = self._tls.recv(RECORD)
                pieces.append(data)
        except WantReadError:
            pass
        except Error as error:
            why = self._not_read(error)
        self.protocol.dataReceived(b"".join(pieces))
        return why

    def getHandle(self) -> Connection:  # type: ignore[override]  # as Twisted's TLS has it, not its sockets
        """What encrypts; by the name that Twisted's TLS has for it."""
        return self._tls

    def hand_over(self, protocol: Protocol) -> None:
        """From now on the connection is that of *protocol*."""
        self.protocol = protocol
        protocol.makeConnection(self)

    def _not_read(self, error: Error) -> ConnectionDone | ConnectionLost | None:
        """OpenSSL's words are the reason of the loss, unless the end came without any."""
        why = super()._not_read(error)
        if why is CONNECTION_LOST and not isinstance(error, SysCallError):
            return cast(ConnectionLost, error)
        return why

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone; its session stays."""
        self._peer.lost(self)
        super().connectionLost(reason)


class SecureDialledTCP(SecureDialled, DialledTCP):
    """A TCP connection to a peer that was dialled directly, with TLS."""


class SecureTCPClient(SecureDialled, TCPClient):
    """A TCP connection to a peer that was found by its name, with TLS."""


class SecureDialledUNIX(SecureDialled, DialledUNIX):
    """A UNIX connection to a peer that was dialled directly, with TLS."""


_SECURE: dict[type, type[SecureDialled]] = {
    DialledTCP: SecureDialledTCP,
    TCPClient: SecureTCPClient,
    DialledUNIX: SecureDialledUNIX,
}


def greet(transport: object, peer: PeerTls, greeting: Greeting) -> bool:
    """Speak TLS over *transport*, a connection just made; False if it is none of the lean ones, or has a queue."""
    kind = _SECURE.get(type(transport))
    if kind is None:
        return False
    lean = cast(DirectSend, transport)
    if lean.dataBuffer or lean._tempDataLen:
        # A header of the PROXY protocol that waits for room goes first.
        return False
    lean.__class__ = kind
    cast(SecureDialled, lean).greet(peer, greeting)
    return True
