"""How the peers of an upstream are spoken to: the connector that is given, checked."""

from __future__ import annotations

from pydsl_proxy.errors import ConfigError


def check_connector(name: str, given: object, *, over_tls: bool, announces: bool = False) -> None:
    """Whether *given* can stand in ``upstream(name, via=…)``.

    *over_tls* says that the upstream asks for TLS, *announces* that it tells its peers of clients.
    """
    if given is None:
        return
    where = f"upstream({name!r}, via=…)"
    called = getattr(given, "__name__", None)
    if isinstance(given, type) or (called is not None and callable(given)):
        raise ConfigError(f"{where}: {called} is not called", hint=f"write via={called}()")
    if not callable(getattr(given, "compile", None)):
        raise ConfigError(
            f"{where}: {given!r} is not a connector",
            hint="leave it out for HTTP/1.1; a connector of your own has compile(home, dial)",
        )
    check_hashable(name, "connector", given)
    if over_tls and not getattr(given, "over_tls", True):
        raise ConfigError(
            f"upstream({name!r}): {given!r} does not speak over TLS, which tls=… or an https:// address asks for",
            hint="leave tls= out, and write addresses as host:port",
        )
    if announces and getattr(given, "shares_connections", False):
        raise ConfigError(
            f"upstream({name!r}): with {given!r} clients share connections, and send_proxy_protocol=… tells of one",
            hint="leave send_proxy_protocol= out; peers are told of clients by X-Forwarded-For",
        )


def check_hashable(name: str, role: str, value: object) -> None:
    """An upstream is known by what it says, across reloads too."""
    try:
        hash(value)
    except TypeError:
        raise ConfigError(
            f"upstream({name!r}): the {role} {value!r} cannot be hashed",
            hint="make its class frozen: @attrs.frozen, or @dataclass(frozen=True)",
        ) from None
