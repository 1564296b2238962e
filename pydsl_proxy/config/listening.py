"""Where a server listens: a port, or any of Twisted's endpoint strings."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin.paths import socket_from_file
from pydsl_proxy.values.regex import quoted

# Those that Twisted brings itself; the rest are plugins, which are looked up only for a prefix that is not here.
_BUILT_IN = ("tcp", "unix", "ssl")

_TLS = 'tls=tls("cert.pem", "key.pem")'


def endpoint(listen: int | str, *, of: str = "server") -> str:
    """The endpoint string for *listen*; a port stands for ``tcp:PORT``, on all IPv4 interfaces.

    *of* is the function that was given it, for messages.
    """
    if isinstance(listen, bool) or not isinstance(listen, int | str):
        raise ConfigError(f"{of}(): {listen!r} is not something to listen on", hint=_hint(of))
    if isinstance(listen, int):
        if not 0 <= listen <= 65535:
            raise ConfigError(f"{of}(): port {listen} is not between 0 and 65535", hint=_hint(of))
        return f"tcp:{listen}"
    prefix, colon, _ = listen.partition(":")
    if not colon or not (prefix in _BUILT_IN or prefix in _plugins()):
        raise ConfigError(f"{of}(): {listen!r} is not an endpoint string", hint=_instead_of(listen, of))
    if prefix in _OWN_TLS:
        raise ConfigError(
            f"{of}(): {listen!r}: TLS of an endpoint's own knows neither HTTP/2 nor the names of servers",
            hint=_with_tls(listen, of),
        )
    if prefix in ("tcp", "unix"):
        _parse(listen, of)
    return socket_from_file(listen)


# Twisted's own, and txsni's and txacme's: they refuse what clients offer by ALPN.
_OWN_TLS = ("ssl", "tls", "le", "lets", "sni")


def _with_tls(listen: str, of: str) -> str:
    """The call that has the same port and files."""
    parts = [each.replace("\\:", ":") for each in re.split(r"(?<!\\):", listen)[1:]]
    options = dict(each.split("=", 1) for each in parts if "=" in each)
    port = next((each for each in parts if each.isdecimal()), options.get("port", "443"))
    key = options.get("privateKey", "key.pem")
    certificate = options.get("certKey", options.get("privateKey", "cert.pem"))
    place = port
    if interface := options.get("interface"):
        escaped = interface.replace(":", r"\:")
        place = f'{"r" if ":" in interface else ""}"tcp:{port}:interface={escaped}"'
    return f"write {of}({place}, tls=tls({quoted(certificate)}, {quoted(key)}))"


def _plugins() -> set[str]:
    with warnings.catch_warnings():
        # Where Twisted has no cache of its plugins yet it imports them all, one of which asks for a deprecated module.
        warnings.simplefilter("ignore", DeprecationWarning)
        return {str(plugin.prefix) for plugin in getPlugins(IStreamServerEndpointStringParser)}


def _parse(listen: str, of: str) -> None:
    """Let Twisted read the rest; ``ssl`` and plugins would open files and descriptors here, and wait for the start."""
    parse: Callable[[None, str], object] = serverFromString
    try:
        # For these two the reactor is only put aside until the start.
        parse(None, listen)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{of}(): {listen!r} is not an endpoint string: {_reason(listen, error)}", hint=_hint(of)
        ) from None
    if re.fullmatch(r"unix:(?:address=)?(?::.*)?", listen):
        raise ConfigError(f"{of}(): {listen!r} names no path", hint=f'write {of}("unix:/run/web.sock")')
    if listen.startswith("tcp:") and not 0 <= int(listen.split(":")[1].removeprefix("port=")) <= 65535:
        raise ConfigError(f"{of}(): the port of {listen!r} is not between 0 and 65535", hint=_hint(of))


def _reason(listen: str, error: Exception) -> str:
    """Twisted's own words name its private functions."""
    if unknown := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
        return f"it does not know {unknown[1]!r}"
    if isinstance(error, TypeError):
        return "it has too many or too few parts"
    if port := re.match(r"tcp:(?:port=)?([^:]*[^:\d][^:]*|)(:|$)", listen):
        return f"{port[1]!r} is not a port number"
    return str(error)


def _instead_of(listen: str, of: str) -> str:
    """What to write for the habits of other proxies."""
    if any(len(number) > 5 or int(number) > 65535 for number in re.findall(r"(?:\A|:)(\d{5,})\b", listen)):
        return _hint(of)
    if port := re.fullmatch(r"(?:\*?:)?(\d+)", listen):
        return f"write {of}({port[1]})"
    if at := re.fullmatch(r"(?:https?://)?\[([0-9A-Fa-f:.]+)\]:(\d+)/?", listen):
        escaped = at[1].replace(":", r"\:")
        return f'write {of}(r"tcp:{at[2]}:interface={escaped}")'
    if near := difflib.get_close_matches(listen.partition(":")[0], ("tcp", "unix"), 1):
        return f'write {of}("{near[0]}:{listen.partition(":")[2]}")'
    if words := re.fullmatch(r"(?:\[::\]:|\*:)?(\d+)((?:\s+\S+)+)", listen):
        # nginx's words after the port.
        return f"write {of}({words[1]}{', ' + _TLS if 'ssl' in words[2] else ''})"
    if at := re.fullmatch(r"(?:https?://)?(\d+(?:\.\d+){3}|localhost):(\d+)/?", listen):
        return f'write {of}("tcp:{at[2]}:interface={at[1]}")'
    if named := re.fullmatch(r"(https?://)?((?:\*\.)?[\w-]+(?:\.[\w-]+)+|localhost)(?::(\d+))?/?", listen):
        secure = named[1] == "https://"
        number = named[3] or ("443" if secure else "80")
        return f'write {of}({number}, names=["{named[2]}"]{", " + _TLS if secure else ""})'
    if listen.startswith("/"):
        return f'write {of}("unix:{listen}")'
    return _hint(of)


def _hint(of: str) -> str:
    return f'write a port, as in {of}(8080), or an endpoint string such as "tcp:8080:interface=127.0.0.1"'
