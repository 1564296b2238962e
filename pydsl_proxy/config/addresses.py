"""Peer addresses: ``host:port``, ``[v6]:port`` or ``unix:/path``, and ``https://host`` for TLS."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

from attrs import frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import meant_seconds

# RFC 9110 4.2.1 and 4.2.2.
_PORT_OF_SCHEME = {"http": 80, "https": 443}

# RFC 1123 2.1, and the underscore that names in container networks carry.
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>.*)", re.DOTALL)


@frozen
class TcpAddress:
    """A host, a name or an IP address without brackets, and a port."""

    host: str
    port: int


@frozen
class UnixAddress:
    """The path of a Unix domain socket."""

    path: str


Address: TypeAlias = TcpAddress | UnixAddress


def check_single(text: str) -> None:
    """Refuse several addresses in one text, of which each is a peer."""
    words = re.findall(r"[^\s,;]+", text) if isinstance(text, str) else []
    peers = [re.sub(r"\Ahttp://([^/]*:\d+)/?\Z", r"\1", word) for word in words]
    if len(peers) < 2:
        return
    try:
        for each in peers:
            if without_https(each) is None:
                parse_address(each)
    except ConfigError:
        return
    hint = ", ".join(f'peer("{each}")' for each in peers)
    raise ConfigError(f"peer address {text!r} is {len(peers)} addresses, and each is a peer", hint=f"write {hint}")


def without_https(text: str) -> str | None:
    """The ``host:port`` of ``https://host:port``, or of ``https://host``; None for what is no such URL.

    Raises :class:`ConfigError` if there is more in it.
    """
    url = _SCHEME.fullmatch(text) if isinstance(text, str) else None
    if url is None or url["scheme"].lower() != "https":
        return None
    authority = url["authority"]
    if not re.search(r":\d+$", authority):
        authority += ":443"
    if url["path"]:
        where = f'and the path where the peer is used: .proxy_to(…, path="{url["path"]}")'
        hint = f'write "https://{url["authority"]}"' + (f", {where}" if url["path"] != "/" else "")
        raise ConfigError(f"peer address {text!r} has a path; a peer has a host and a port only", hint=hint)
    parse_address(authority)
    return authority


# nginx's "http://unix:/run/app.sock:/path" and Caddy's "unix//run/app.sock".
_SOCKET = re.compile(r"(?:http://)?unix(?:\+h2c)?(?::/{0,2}|/)(?P<socket>/[^:/][^:]*)(?::(?P<path>/.*)?)?", re.DOTALL)
_OPTIONS = re.compile(r"(?:\s+(?:weight=\d+|max_fails=\d+|fail_timeout=\w+|max_conns=\d+|backup|down))+")
#: What is spoken to URLs of other schemes.
VIA = {
    "h2c": "http2()",
    "grpc": "http2()",
    "grpcs": "http2()",
    "fastcgi": 'fastcgi(root="/srv/www")',
    "uwsgi": "uwsgi()",
    "scgi": "scgi()",
}


def meant_socket(text: str) -> tuple[str, str] | None:
    """The address of a socket, and the path of a request, of what other proxies write for one; None for no such."""
    found = _SOCKET.fullmatch(text)
    return None if found is None else (f"unix:{found['socket']}", found["path"] or "")


def _with_options(text: str) -> ConfigError | None:
    """The error of nginx's parameters after an address."""
    address, space, rest = text.partition(" ")
    if not _OPTIONS.fullmatch(space + rest):
        return None
    if ":" not in address:
        address += ":80"
    options = []
    for each in rest.split():
        name, _, value = each.partition("=")
        options.append(f"{name}={(meant_seconds(value) or value) if value else True}")
    hint = ", ".join([f'"{address}"', *options])
    return ConfigError(f"peer address {text!r} has parameters of nginx", hint=f"write peer({hint})")


def is_host_name(text: str) -> bool:
    """Whether *text* can be the name of a host."""
    return _HOST_NAME.fullmatch(text) is not None and not text.replace(".", "").isdecimal()


def parse_address(text: str) -> Address:
    """What *text* says; raises :class:`ConfigError` with what to write instead."""
    if not isinstance(text, str):
        raise ConfigError(f"a peer address must be a string, not {text!r}", hint='write "host:port" or "unix:/path"')
    if error := _with_options(text):
        raise error
    if text.startswith("unix:"):
        return _unix(text)
    if (socket := meant_socket(text)) is not None:
        raise _is_a_socket(text, *socket)
    if url := _SCHEME.fullmatch(text):
        raise _is_a_url(text, url)
    if "/" in text:
        raise _is_a_path(text)
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise _no_port(text, text)
    if not host:
        raise ConfigError(f"peer address {text!r} has no host", hint=f'write "127.0.0.1{text}"')
    if not port:
        raise _no_port(text, host)
    return TcpAddress(_host(text, host), _port(text, host, port))


def _unix(text: str) -> UnixAddress:
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        raise ConfigError(f"peer address {text!r} has too many slashes", hint=f'write "unix:/{path.lstrip("/")}"')
    if not path.startswith("/") or path == "/":
        path = path.lstrip("/") or "path/to.sock"
        raise ConfigError(f"peer address {text!r} needs the full path of a socket", hint=f'write "unix:/{path}"')
    # nginx's "unix:/path:" ends with a colon where a URI may follow.
    if path.endswith(":"):
        raise ConfigError(f"peer address {text!r} ends with a colon", hint=f'write "{text.rstrip(":")}"')
    return UnixAddress(path)


def _host(text: str, host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if _is_ip(host) and ":" in host:
            return host
        raise ConfigError(f"peer address {text!r}: {host!r} is not an IPv6 address", hint='write "[::1]:9000"')
    if ":" in host:
        port = text.rpartition(":")[2]
        readings = [f'"[{text}]:80"'] if _is_ip(text) else []
        readings += [f'"[{host}]:{port}"'] if _is_ip(host) else []
        hint = "write " + (" or ".join(readings) or '"host:port"')
        raise ConfigError(f"peer address {text!r}: an IPv6 address stands in brackets before its port", hint=hint)
    if host.replace(".", "").isdecimal() and not _is_ip(host):
        raise ConfigError(f"peer address {text!r}: {host!r} is not an IPv4 address", hint='write "127.0.0.1:9000"')
    if not _HOST_NAME.fullmatch(host):
        raise ConfigError(f"peer address {text!r}: {host!r} is not a host name", hint='write "host:port"')
    return host


def _port(text: str, host: str, port: str) -> int:
    bare = port.rstrip(";, ")
    if bare != port and bare.isascii() and bare.isdecimal():
        raise ConfigError(f"peer address {text!r} ends with {port[len(bare) :]!r}", hint=f'write "{host}:{bare}"')
    if not (port.isascii() and port.isdecimal()):
        raise ConfigError(f"peer address {text!r}: {port!r} is not a port number", hint=f'write "{host}:80"')
    # Python refuses to read more than 4,300 digits.
    digits = port.lstrip("0")
    if not digits or len(digits) > 5 or int(digits) > 65535:
        raise ConfigError(f"peer address {text!r}: port {port} is not between 1 and 65535", hint=f'write "{host}:80"')
    return int(digits)


def _no_port(text: str, host: str) -> ConfigError:
    if re.search(r"\s", text):
        return ConfigError(f"peer address {text!r} has a space", hint='write "host:port"')
    if text.isdecimal():
        return ConfigError(f"peer address {text!r} has no host", hint=f'write "127.0.0.1:{text}"')
    if ":" in host and _is_ip(host):
        host = f"[{host}]"
    return ConfigError(f"peer address {text!r} has no port", hint=f'write "{host}:80", or "unix:/path/to.sock"')


def _is_a_socket(text: str, socket: str, path: str) -> ConfigError:
    hint = f'write "{socket}"'
    if path:
        hint += f', and the path where the peer is used: .proxy_to(…, path="{path}")'
    return ConfigError(f"peer address {text!r} is not how a socket is written here", hint=hint)


def _is_a_url(text: str, url: re.Match[str]) -> ConfigError:
    scheme, authority, path = url["scheme"].lower(), url["authority"], url["path"]
    if scheme == "unix":
        return ConfigError(f"peer address {text!r} has too many slashes", hint=f'write "unix:/{path.lstrip("/")}"')
    if not authority or re.search(r"\s", text):
        return ConfigError(f"peer address {text!r} is not an address", hint='write "host:port"')
    if not re.search(r":\d+$", authority):
        authority += f":{_PORT_OF_SCHEME.get(scheme, 80)}"
    hint = f'write "{authority}"'
    if scheme in ("https", "wss"):
        hint = f'write "https://{authority}"'
    elif scheme in VIA:
        hint = f'write "{authority}", and via={VIA[scheme]} for the upstream'
    elif path:
        hint += f', and the path where the peer is used: .proxy_to(…, path="{path}")'
    return ConfigError(f"peer address {text!r} is a URL; a peer has a host and a port only", hint=hint)


def _is_a_path(text: str) -> ConfigError:
    if text.startswith("/"):
        return ConfigError(f"peer address {text!r} is a path", hint=f'write "unix:{text}"')
    address, _, path = text.partition("/")
    hint = f'write "{address}", and the path where the peer is used: .proxy_to(…, path="/{path}")'
    return ConfigError(f"peer address {text!r} has a path; a peer has a host and a port only", hint=hint)


def _is_ip(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    # The zone of a link-local address is the operating system's matter and passes.
    return isinstance(address, IPv6Address) or "%" not in text
