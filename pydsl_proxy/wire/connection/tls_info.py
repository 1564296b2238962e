"""What is known of a client's TLS, as values see it."""

from __future__ import annotations

from typing import Protocol


class TlsInfo(Protocol):
    """The TLS of a connection, once its handshake is done.

    What tells of the client's certificate is empty unless the certificate was verified.
    """

    @property
    def protocol(self) -> str:
        """``TLSv1.3``."""

    @property
    def cipher(self) -> str:
        """The cipher suite, by OpenSSL's name."""

    @property
    def application_protocol(self) -> str:
        """What was agreed to be spoken (ALPN), ``h2``; empty if the client did not ask."""

    @property
    def server_name(self) -> str:
        """The name that the client asked for (SNI), in lower case; empty if it named none."""

    def is_verified_by(self, authority: str) -> bool:
        """Whether the client has a certificate that those in the file *authority* stand for."""

    @property
    def client_verified(self) -> str:
        """``SUCCESS``, or ``NONE`` if the client sent no certificate or was not asked for one."""

    @property
    def client_certificate_subject(self) -> str:
        """The distinguished name of the certificate's owner (RFC 4514)."""

    @property
    def client_certificate_issuer(self) -> str:
        """The distinguished name of who signed it (RFC 4514)."""

    @property
    def client_certificate_serial(self) -> str:
        """Its serial number, in hexadecimal digits."""

    @property
    def client_certificate_fingerprint(self) -> str:
        """SHA-256 over it, in hexadecimal digits."""
