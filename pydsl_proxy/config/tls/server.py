"""TLS as clients meet it: the certificates of a server, and on what terms it speaks."""

from __future__ import annotations

import os
from collections.abc import Iterable

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count, seconds
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.paths import from_file
from pydsl_proxy.origin.spelling import call, options

VERSIONS = ("TLSv1.2", "TLSv1.3")

# What is settled before a client's server name is looked at: one for all the servers of a listener.
OF_LISTENER = (
    "minimum_version",
    "ciphers",
    "session_tickets",
    "session_timeout",
    "verify_depth",
    "reject_unknown_names",
    "reload_every",
)
# What is one for all the certificates of a server.
OF_SERVER = ("client_ca", "optional", "strict_host", *OF_LISTENER)


@frozen(kw_only=True, repr=False)
class Tls:
    """A certificate with its key, and the terms of TLS; made by :func:`tls`."""

    certificate: str
    key: str
    client_ca: str | None = None
    optional: bool = False
    verify_depth: int = 1
    minimum_version: str = "TLSv1.2"
    ciphers: str | None = None
    session_tickets: bool = True
    session_timeout: int = 300
    reject_unknown_names: bool = False
    strict_host: bool = False
    reload_every: float = 60
    origin: Origin = field(eq=False, repr=False, factory=here)

    def __repr__(self) -> str:
        return call("tls", repr(self.certificate), repr(self.key), options(self, *OF_SERVER))


def tls(
    certificate: str | os.PathLike[str],
    key: str | os.PathLike[str],
    *,
    client_ca: str | os.PathLike[str] | None = None,
    optional: bool = False,
    verify_depth: int = 1,
    minimum_version: str = "TLSv1.2",
    ciphers: str | None = None,
    session_tickets: bool = True,
    session_timeout: int = 300,
    reject_unknown_names: bool = False,
    strict_host: bool = False,
    reload_every: float = 60,
) -> Tls:
    """TLS for the clients of a server, for ``server(…, tls=…)``; versions 1.2 and 1.3.

    *certificate* is a PEM file of the server's certificate and then those between it and its authority, *key* one of
    its private key, unencrypted; they are looked at every *reload_every* seconds, and a new pair is used from then on.

    With *client_ca*, a PEM file of authorities, clients are asked for a certificate that one of them signed, with
    *verify_depth* certificates between at most.  One that is not valid ends the handshake; a client without any is
    answered 400, or let through if *optional*.

    *minimum_version* is ``"TLSv1.2"`` or ``"TLSv1.3"``.  *ciphers* are those of TLS 1.2 in OpenSSL's notation, by
    default Mozilla's intermediate ones.  *session_tickets* let clients resume a TLS session within *session_timeout*
    seconds.  With *reject_unknown_names* the handshake is refused for names that no server of the listener has, and for
    clients that name none.  With *strict_host* a request whose Host is another server's than the TLS was made for is
    answered 421, as it always is where one of the two asks for client certificates.

    nginx's ``ssl_certificate``, ``ssl_certificate_key``, ``ssl_client_certificate``, ``ssl_verify_client``,
    ``ssl_verify_depth``, ``ssl_protocols``, ``ssl_ciphers``, ``ssl_session_tickets``, ``ssl_session_timeout`` and
    ``ssl_reject_handshake``; Caddy's ``strict_sni_host``.
    """
    for name, value in (
        ("optional", optional),
        ("session_tickets", session_tickets),
        ("reject_unknown_names", reject_unknown_names),
        ("strict_host", strict_host),
    ):
        if not isinstance(value, bool):
            raise ConfigError(f"tls({name}=…) must be True or False, not {value!r}")
    if optional and client_ca is None:
        raise ConfigError("tls(optional=True) without client_ca", hint='write client_ca="clients-ca.pem"')
    return Tls(
        certificate=_path("certificate", certificate),
        key=_path("key", key),
        client_ca=None if client_ca is None else _path("client_ca", client_ca),
        optional=optional,
        verify_depth=count("tls(verify_depth=…)", verify_depth, least=0),
        minimum_version=_version(minimum_version),
        ciphers=_ciphers(ciphers),
        session_tickets=session_tickets,
        session_timeout=count("tls(session_timeout=…)", session_timeout, least=1),
        reject_unknown_names=reject_unknown_names,
        strict_host=strict_host,
        reload_every=seconds("tls(reload_every=…)", reload_every),
    )


def as_tls(given: Tls | Iterable[Tls] | None, *, of: str = "server") -> tuple[Tls, ...]:
    """What ``server(tls=…)``, or another function *of*, was given, as its certificates; they agree on all else."""
    if given is None:
        return ()
    # A text would be taken apart into its letters.
    each = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for one in each:
        if not isinstance(one, Tls):
            raise ConfigError(f"{of}(tls=…): {one!r} is not made by tls()", hint='write tls=tls("cert.pem", "key.pem")')
    if not each:
        raise ConfigError(f"{of}(tls=[]): no certificate", hint='write tls=tls("cert.pem", "key.pem"), or leave it out')
    for one in each[1:]:
        for name in differing(each[0], one, OF_SERVER):
            raise ConfigError(
                f"{of}(tls=[…]): the certificates of one {of} differ in {name}", hint=f"give all the same {name}=…"
            )
    return each


def differing(one: Tls, other: Tls, names: Iterable[str]) -> list[str]:
    """Those of the fields *names* that are not the same."""
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _path(name: str, given: object) -> str:
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigError(f"tls({name}): {given!r} is not a path", hint='write tls("cert.pem", "key.pem")')
    if path.lstrip().startswith("-----BEGIN "):
        raise ConfigError(f"tls({name}): this is the content of a PEM file", hint="give the path of the file")
    return from_file(path)


def _version(given: object) -> str:
    if given in VERSIONS:
        return str(given)
    old = isinstance(given, str) and given.lower().replace("_", ".") in ("tlsv1", "tlsv1.0", "tlsv1.1", "sslv3")
    why = "is not secure and not available (RFC 8996)" if old else "is not a version of TLS"
    raise ConfigError(f"tls(minimum_version=…): {given!r} {why}", hint='write minimum_version="TLSv1.2", or "TLSv1.3"')


def _ciphers(given: object) -> str | None:
    if given is None or (isinstance(given, str) and given and given.isascii() and given.isprintable()):
        return given
    raise ConfigError(
        f"tls(ciphers=…): {given!r} is not a list of ciphers",
        hint='leave it out, or write it as OpenSSL does: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"',
    )
