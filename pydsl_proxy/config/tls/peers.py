"""TLS to peers: whom they must be, and who we are."""

from __future__ import annotations

import os
from ipaddress import ip_address

from attrs import field, frozen

from pydsl_proxy.config.addresses import is_host_name
from pydsl_proxy.config.tls.server import VERSIONS
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.paths import from_file
from pydsl_proxy.origin.spelling import call, options


@frozen(kw_only=True, repr=False)
class UpstreamTls:
    """How the peers of an upstream are spoken to over TLS; made by :func:`upstream_tls`."""

    ca: str | None = None
    name: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True
    minimum_version: str = "TLSv1.2"
    origin: Origin = field(eq=False, repr=False, factory=here)

    def __repr__(self) -> str:
        return call("upstream_tls", options(self, "ca", "name", "cert", "key", "verify", "minimum_version"))


def upstream_tls(
    *,
    ca: str | os.PathLike[str] | None = None,
    name: str | None = None,
    cert: str | os.PathLike[str] | None = None,
    key: str | os.PathLike[str] | None = None,
    verify: bool = True,
    minimum_version: str = "TLSv1.2",
) -> UpstreamTls:
    """TLS to the peers of an upstream, for ``upstream(…, tls=…)``; of *minimum_version* at least.

    A peer's certificate must be valid, issued by one of the certificates in the PEM file *ca*, or by one that the
    system trusts, and be for *name*: a DNS name or an IP address, by default the host in the address of each peer.  A
    DNS name is also sent to the peer (SNI).  *cert* and *key* are PEM files of a certificate of our own, with those
    between it and the CA after it, for peers that ask for one; without *key* the key is in the file *cert*.
    ``verify=False`` takes any certificate, from anybody who answers.

    These are nginx's ``proxy_ssl_trusted_certificate``, ``proxy_ssl_name``, ``proxy_ssl_certificate``,
    ``proxy_ssl_certificate_key``, ``proxy_ssl_protocols``, ``proxy_ssl_verify`` and ``proxy_ssl_server_name``, of which
    the last two are off in nginx by default.  The files are read when the configuration is compiled, and at a reload.
    """
    if not isinstance(verify, bool):
        raise ConfigError(f"upstream_tls(verify=…) must be True or False, not {verify!r}")
    made = UpstreamTls(
        ca=_path("ca", ca),
        name=_name(name),
        cert=_path("cert", cert),
        key=_path("key", key),
        verify=verify,
        minimum_version=_version(minimum_version),
    )
    if made.ca is not None and not verify:
        raise ConfigError(
            "upstream_tls(ca=…, verify=False): with verify=False nothing is looked up in the file",
            hint="leave verify=False out",
        )
    if made.key is not None and made.cert is None:
        raise ConfigError(
            "upstream_tls(key=…) without a certificate", hint=f'write cert="client.pem" beside key={made.key!r}'
        )
    return made


def _version(given: object) -> str:
    if given in VERSIONS:
        return str(given)
    raise ConfigError(
        f"upstream_tls(minimum_version=…): {given!r} is not a version that is offered",
        hint='write "TLSv1.2" or "TLSv1.3"; older ones are broken',
    )


def _path(what: str, given: object) -> str | None:
    if given is None:
        return None
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    hint = f'write upstream_tls({what}="/etc/ssl/{what}.pem")'
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigError(f"upstream_tls({what}=…): {given!r} is not a path", hint=hint)
    if path.lstrip().startswith("-----BEGIN "):
        raise ConfigError(f"upstream_tls({what}=…): this is the content of a PEM file", hint=hint)
    return from_file(path)


def _name(given: object) -> str | None:
    if given is None:
        return None
    hint = 'write name="app.example.com"'
    if not isinstance(given, str):
        raise ConfigError(f"upstream_tls(name=…) must be a string, not {given!r}", hint=hint)
    try:
        return str(ip_address(given.strip("[]")))
    except ValueError:
        pass
    if not is_host_name(given):
        raise ConfigError(f"upstream_tls(name=…): {given!r} is not a host name", hint=hint)
    return given
