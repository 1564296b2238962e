"""What is known of TLS that is passed on unopened."""

from __future__ import annotations

from typing import Final


class SniInfo:
    """See :class:`~pydsl_proxy.wire.connection.tls_info.TlsInfo`: nothing but the name that the client asked for."""

    __slots__ = ("server_name",)

    protocol: Final = ""
    cipher: Final = ""
    application_protocol: Final = ""
    client_verified: Final = ""
    client_certificate_subject: Final = ""
    client_certificate_issuer: Final = ""
    client_certificate_serial: Final = ""
    client_certificate_fingerprint: Final = ""

    def __init__(self, server_name: str) -> None:
        self.server_name = server_name

    def is_verified_by(self, authority: str) -> bool:
        """Nobody has looked."""
        return False
