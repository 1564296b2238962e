"""Which values a connection has that is passed on as it is."""

from __future__ import annotations

from typing import Final

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.value import Composed, Text, Value, ValueFunction

#: Those that are known without HTTP; of TLS what the listener has opened, or read of the ClientHello.
OF_STREAMS: Final = frozenset(
    {
        "client_address",
        "client_network",
        "client_port",
        "server_port",
        "protocol",
        "server_name_indication",
        "tls_protocol",
        "tls_cipher",
        "client_verified",
        "client_certificate_subject",
        "client_certificate_issuer",
        "client_certificate_serial",
        "client_certificate_fingerprint",
    }
)


def check_stream_value(what: str, value: ValueFunction) -> None:
    """Refuse a value that only a request of HTTP has; *what* is where it stands.  Functions are the user's matter."""
    parts: tuple[object, ...] = ()
    if isinstance(value, Composed):
        parts = value.inside
    elif isinstance(value, Text):
        parts = value.parts
    elif isinstance(value, Value) and value.name not in OF_STREAMS:
        raise ConfigError(
            f"{what}: a stream has no {value!r}, which is a matter of HTTP",
            hint="write client_address, or server_name_indication where the stream has names=… or tls=…",
        )
    for part in parts:
        if isinstance(part, Value | Text):
            check_stream_value(what, part)
