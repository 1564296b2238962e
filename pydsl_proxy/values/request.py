"""A request as text, read-only: what values and users' functions see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydsl_proxy.wire.fields.rfc7239 import write_forwarded
from pydsl_proxy.wire.http.named_pairs import cookie_value, query_value
from pydsl_proxy.wire.http.protocols import PROTOCOLS

if TYPE_CHECKING:
    from pydsl_proxy.wire.connection.tls_info import TlsInfo
    from pydsl_proxy.wire.http.head import RequestHead

# Facts on the text:
#
# - All of it is decoded as UTF-8, and so a function's text is encoded; bytes that are not UTF-8 come through as lone
#   surrogates (PEP 383) and go back to the same bytes.
# - What a request does not have is "", as nginx's variables are empty.


#: How octets of a request become text, and text octets.
TEXT: Final = ("utf-8", "surrogateescape")


class Request:
    """One request, as text.

    All text is decoded as UTF-8.  Octets that are not UTF-8 become lone surrogates (PEP 383), and the same octets again
    where the text is sent.

    ``host`` is the host that was asked for, without port and in lower case; ``scheme`` is ``http`` or ``https``;
    ``client_address`` is an IP address, or ``unix:`` for a client on a UNIX socket.
    """

    __slots__ = ("_head", "_path", "_tls", "client_address", "client_port", "host", "scheme", "server_port")

    def __init__(
        self,
        head: RequestHead,
        client_address: str,
        client_port: int,
        scheme: str,
        host: str,
        path: bytes,
        server_port: int,
        tls: TlsInfo | None = None,
    ) -> None:
        self._head = head
        self._path = path
        self.client_address = client_address
        self.client_port = client_port
        self.scheme = scheme
        self.host = host
        self.server_port = server_port
        self._tls = tls

    @property
    def method(self) -> str:
        """The method, ``GET``."""
        return self._head.method.decode(*TEXT)

    @property
    def target(self) -> str:
        """The request target as received, whatever its form (RFC 9112 3.2)."""
        return self._head.target.decode(*TEXT)

    @property
    def request_uri(self) -> str:
        """The path and query as received, nothing decoded: nginx's ``$request_uri``.

        A target in absolute form loses its scheme and authority, as in nginx.
        """
        target = self._head.target
        if target[:1] != b"/":
            target = _origin_form(target)
        return target.decode(*TEXT)

    @property
    def path(self) -> str:
        """The path that locations are matched with: decoded, without dot segments; nginx's ``$uri``."""
        return self._path.decode(*TEXT)

    @property
    def query_string(self) -> str:
        """What follows the ``?``, nothing decoded: nginx's ``$args``."""
        return self._query().decode(*TEXT)

    @property
    def protocol(self) -> str:
        """The protocol, ``HTTP/1.1``; of a stream ``TCP``."""
        return PROTOCOLS[self._head.minor]

    @property
    def authenticated_user(self) -> str:
        """The user whose password ``.basic_auth()`` has checked; "" where none was."""
        user: str = getattr(self._head, "user", "")
        return user

    @property
    def forwarded_field(self) -> str:
        """Who the client is, as the field ``Forwarded`` tells it (RFC 7239): ``for=192.0.2.1;proto=https;host=…``."""
        host = self._head.fields.host or b""
        return write_forwarded(self.client_address, self.scheme, host).decode(*TEXT)

    @property
    def tls_protocol(self) -> str:
        """The version of TLS, ``TLSv1.3``; empty without TLS.  nginx's ``$ssl_protocol``."""
        return "" if self._tls is None else self._tls.protocol

    @property
    def tls_cipher(self) -> str:
        """The cipher suite of the connection, as OpenSSL calls it.  nginx's ``$ssl_cipher``."""
        return "" if self._tls is None else self._tls.cipher

    @property
    def server_name_indication(self) -> str:
        """The name that the client asked for when TLS began (SNI).  nginx's ``$ssl_server_name``."""
        return "" if self._tls is None else self._tls.server_name

    @property
    def client_verified(self) -> str:
        """``SUCCESS`` for a client with a valid certificate, ``NONE`` for one without; empty without TLS.

        nginx's ``$ssl_client_verify``; it is never ``FAILED``, which ends the handshake here.
        """
        return "" if self._tls is None else self._tls.client_verified

    @property
    def client_certificate_subject(self) -> str:
        """The distinguished name in the client's certificate, if that was verified.  nginx's ``$ssl_client_s_dn``."""
        return "" if self._tls is None else self._tls.client_certificate_subject

    @property
    def client_certificate_issuer(self) -> str:
        """The distinguished name of who signed the client's certificate.  nginx's ``$ssl_client_i_dn``."""
        return "" if self._tls is None else self._tls.client_certificate_issuer

    @property
    def client_certificate_serial(self) -> str:
        """The serial number of the client's certificate, in hexadecimal digits.  nginx's ``$ssl_client_serial``."""
        return "" if self._tls is None else self._tls.client_certificate_serial

    @property
    def client_certificate_fingerprint(self) -> str:
        """SHA-256 of the client's certificate, in hexadecimal digits; nginx's ``$ssl_client_fingerprint`` is SHA-1."""
        return "" if self._tls is None else self._tls.client_certificate_fingerprint

    def header(self, name: str) -> str:
        """The value of a header field, its name in any case; repeated fields are joined by ``", "``."""
        value = self._head.fields.get(name.lower().encode(*TEXT))
        return "" if value is None else value.decode(*TEXT)

    def cookie(self, name: str) -> str:
        """The value of the first cookie called *name*, as sent; the case of names matters (RFC 6265)."""
        wanted = name.encode(*TEXT)
        for line in self._head.fields.all(b"cookie"):
            value = cookie_value(line, wanted)
            if value is not None:
                return value.decode(*TEXT)
        return ""

    def query(self, name: str) -> str:
        """The first value of a query parameter, decoded as forms are: ``%20`` and ``+`` are spaces.

        nginx's ``$arg_name`` is not decoded.
        """
        value = query_value(self._query(), name.encode(*TEXT))
        return "" if value is None else value.decode(*TEXT)

    def _query(self) -> bytes:
        return self._head.target.partition(b"#")[0].partition(b"?")[2]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.scheme}://{self.host}{self.request_uri}>"


def _origin_form(target: bytes) -> bytes:
    """The path and query of a target in absolute form; other forms (``*``, an authority) are left as they are."""
    _, absolute, rest = target.partition(b"://")
    if not absolute:
        return target
    ends = [at for at in (rest.find(b"/"), rest.find(b"?")) if at != -1]
    tail = rest[min(ends) :] if ends else b""
    return tail if tail[:1] == b"/" else b"/" + tail
