"""Request targets and authorities: normalising, escaping and rewriting paths as nginx does."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.octet_escapes import escaper, unquote


class BadPath(Malformed):
    """A request target that cannot be read in exactly one way."""


class BadHost(Malformed):
    """A Host field or an authority that cannot be read in exactly one way."""


# Paths that are normalised already.  A segment that begins with a dot takes the slow way, to the same result.
is_plain = re.compile(rb"(?=/)(?:/[^/%#?.][^/%#?]*+)*+/?+").fullmatch
_climbs = re.compile(rb"(?:\A|/)\.\.(?:/|\Z)").search
# Several slashes, or one with segments "." behind it.
_slashes = re.compile(rb"(?:(?:/|%2[Ff])(?:(?:\.|%2[Ee])(?=/|%2[Ff]))?+){2,}+").match
_bad_escape = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00").search

# What ngx_escape_uri(NGX_ESCAPE_URI) escapes; '"<>\^`{|} since nginx 1.21.1.
_VISIBLE = bytes(range(0x21, 0x7F))
_escape = escaper(_VISIBLE.translate(None, b'"#%<>?\\^`{|}'), b"%")

_read_absolute = re.compile(rb"(https?)://([^/?#]*+)([^#]*+)", re.IGNORECASE).fullmatch

# RFC 3986 3.2.2 has also sub-delims and percent-escapes in a reg-name.  No host is called so, and one name would have
# several spellings, of which a list of server names knows one.
_LABEL = rb"[0-9A-Za-z_~-]++"
_read_authority = re.compile(
    rb"(?:(" + _LABEL + rb"(?:\." + _LABEL + rb")*+)\.?|(\[[0-9A-Fa-f:.]++\]))(?::([0-9]{0,5}))?"
).fullmatch
# RFC 1035 2.3.4
_LONGEST_HOST = 255
_LAST_PORT = 65535


def split_target(target: bytes) -> tuple[bytes, bytes | None]:
    """The path and the query of an origin-form target; the query is without its "?", None if there is no "?".

    A fragment is no part of a target (RFC 9112 3.2) and raises :class:`BadPath`; nginx cuts it off, other servers keep
    it.
    """
    if b"#" in target:
        raise BadPath("fragment in the request target")
    path, mark, query = target.partition(b"?")
    return path, query if mark else None


def normalise(target_path: bytes) -> bytes:
    """The decoded path that locations are matched against, made from a target's path as nginx makes ``$uri``.

    Escapes are decoded first, so ``%2F`` separates segments and ``%2e`` is a dot; then repeated slashes are merged and
    ``.`` and ``..`` resolved.  A backslash is an ordinary character.  A path that needs nothing of this is returned
    itself.  :class:`BadPath` is raised for a path that does not start with "/", a malformed escape, ``%00``, a raw "#",
    and ``..`` above the root.

    That the other characters are allowed in a target is for the reader of the request line to see to.
    """
    if is_plain(target_path):
        return target_path
    if target_path[:1] != b"/":
        raise BadPath("the path does not start with a slash")
    if b"#" in target_path:
        raise BadPath("fragment in the request target")
    if b"%" in target_path:
        if _bad_escape(target_path):
            raise BadPath("malformed percent-escape in the path")
        target_path = unquote(target_path)
    if b"//" in target_path or b"/." in target_path:
        return resolve(target_path)
    return target_path


def normalised_path(target: bytes) -> bytes:
    """The normalised path of an origin-form target; that of ``*`` is the root (RFC 9112 3.2.4)."""
    return b"/" if target == b"*" else normalise(target.partition(b"?")[0])


def resolve(path: bytes, *, clamp: bool = False) -> bytes:
    """A decoded path with repeated slashes merged and dot segments resolved.

    ``..`` above the root is a BadPath, or with *clamp* the root itself (RFC 3986 5.2.4).
    """
    segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
            elif not clamp:
                raise BadPath("the path leads above the root")
        elif segment not in (b"", b"."):
            kept.append(segment)
    if segments[-1] in (b"", b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


def escape(path: bytes) -> bytes:
    """A decoded path as it may stand in a request target: nginx's ``ngx_escape_uri`` with NGX_ESCAPE_URI.

    Escaped are controls, space, non-ASCII octets and ``"#%<>?\\^`{|}``; ``+``, ``;`` and the like stay.
    """
    return _escape(path)


#: A target, or a URL, with all that may not stand in one percent-encoded.  RFC 3986 2: what stands in a URI is visible
#: ASCII; line ends above all do not (CWE-113).
visible = escaper(_VISIBLE, b"%")


def replace_prefix(path: bytes, prefix_length: int, replacement: bytes, query: bytes | None) -> bytes:
    """The target for a peer, as ``proxy_pass`` with a URI makes it.

    The first *prefix_length* octets of the normalised *path* become *replacement*, which is taken as it is; the rest is
    escaped again, and *query* follows byte for byte.  An empty query loses its "?" (observed on nginx 1.22.1).

    Unlike nginx, which escapes only if the client escaped something, the rest is always escaped.  Several slashes at
    the start become one: a peer may take ``//name/`` for the name of a host, as in a redirect.  And a rest that would
    climb out of the replacement is a :class:`BadPath`: with ``/c`` replaced by ``/v1/``, nginx makes ``/v1/../x`` of
    ``/c../x``.
    """
    rest = path[prefix_length:]
    if rest[:2] == b".." and rest[2:3] in (b"", b"/") and replacement[-1:] == b"/":
        raise BadPath("the path leads out of the location")
    target = _with_one_slash(replacement + escape(rest))
    return target + b"?" + query if query else target


def split_absolute(target: bytes) -> tuple[bytes, bytes, bytes]:
    """The scheme (lower-case), authority and origin-form of an absolute-form target (RFC 9112 3.2.2).

    An empty path becomes "/".  :class:`BadPath` is raised for a scheme other than http and https, for an authority that
    :func:`host_and_port` refuses or that is empty, so also for userinfo, and for a fragment.
    """
    parts = _read_absolute(target)
    if parts is None:
        raise BadPath("not an http or https URI")
    scheme, authority, rest = parts.groups()
    try:
        host, _ = host_and_port(authority)
    except BadHost as error:
        raise BadPath(error.detail) from error
    if not host:
        # RFC 9110 4.2.1
        raise BadPath("URI without a host")
    return scheme.lower(), authority, rest if rest[:1] == b"/" else b"/" + rest


# A pure function of few values: the hosts of a site, again and again.
@lru_cache(maxsize=1024)
def host_and_port(value: bytes) -> tuple[bytes, int | None]:
    """The host, lower-case and without a trailing dot, and the port of a Host field or an authority.

    IPv6 keeps its brackets.  The empty value is the empty host (RFC 9110 7.2); an empty port is none (RFC 3986 3.2.3).
    :class:`BadHost` is raised for all else that is not a name of letters, digits and ``-_~`` between single dots, an
    IPv4 address or a bracketed IPv6 address, with a port of at most 65535; and for a host of more than 255 octets.
    """
    if not value:
        return b"", None
    parts = _read_authority(value)
    if parts is None:
        raise BadHost("malformed host")
    name, bracketed, digits = parts.groups()
    if bracketed is not None:
        _check_ipv6(bracketed)
        name = bracketed
    if len(name) > _LONGEST_HOST:
        raise BadHost("host of more than 255 octets")
    port = int(digits) if digits else None
    if port is not None and port > _LAST_PORT:
        raise BadHost("port above 65535")
    return name.lower(), port


def _check_ipv6(bracketed: bytes) -> None:
    try:
        IPv6Address(bracketed[1:-1].decode("ascii"))
    except AddressValueError as error:
        raise BadHost("malformed IPv6 address") from error


def unresolved(target: bytes) -> bool:
    """Whether the path of *target* has a segment ``.`` or ``..``, plain or escaped."""
    path = unquote(target.partition(b"?")[0])
    return b"/." in path and any(segment in (b".", b"..") for segment in path.split(b"/"))


def climbs(path: bytes) -> bool:
    """Whether a decoded path has a segment ``..``."""
    return _climbs(path) is not None


def inner_target(target: bytes) -> bytes:
    """A target that was made, and not read from a request line, as it may stand in one.

    What may not stand there is percent-encoded, and several slashes at the start become one, with dots between them or
    without.
    """
    return _with_one_slash(visible(target).replace(b"#", b"%23"))


def check_inner_path(target: bytes) -> None:
    """Raise :class:`BadPath` if the path of a target that was made has a segment ``..``, plain or escaped.

    What was put together from parts would lead out of the first of them; so nginx's ``ngx_http_parse_unsafe_uri``.
    """
    if climbs(unquote(target.partition(b"?")[0])):
        raise BadPath("the path has a segment ..")


def _with_one_slash(target: bytes) -> bytes:
    found = _slashes(target)
    if found is not None:
        target = b"/" + target[found.end() :]
    path, mark, query = target.partition(b"?")
    if (b"/." in path or b"%2" in path) and _names_host(unquote(path)):
        try:
            target = escape(normalise(path)) + mark + query
        except BadPath:
            # It is refused where it is read.
            pass
    return target


def _names_host(path: bytes) -> bool:
    """Whether a decoded path begins with two slashes for who removes its dots first (RFC 3986 5.2.4)."""
    kept: list[bytes] = []
    for segment in path.split(b"/")[1:]:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    return len(kept) > 1 and not kept[0]


_WELL_KNOWN = b"/.well-known/"


def is_hidden(path: bytes) -> bool:
    """Whether a segment of a decoded path begins with a dot, other than ``/.well-known/`` at its start (RFC 8615)."""
    if b"/." not in path:
        return False
    return not path.startswith(_WELL_KNOWN) or b"/." in path[len(_WELL_KNOWN) - 1 :]
