"""What an application of CGI's lineage is told of a request: RFC 3875's variables, and nginx's fastcgi_params."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from pydsl_proxy.wire.cgi.fields import http_params
from pydsl_proxy.wire.cgi.script_paths import ScriptPaths
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.grammar import CRLF
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http.protocols import PROTOCOLS
from pydsl_proxy.wire.http.uri import normalised_path

Encode: TypeAlias = Callable[[bytes, bytes], bytes]
"""Writes a name and its value for one protocol."""

Param: TypeAlias = "tuple[bytes, str | Callable[[Any], bytes] | None]"
"""A name, and its value: text if it is always the same, None to leave the param out, or a function of the request."""

_SOFTWARE = b"pydsl_proxy"
_PROTOCOLS = tuple(each.encode() for each in PROTOCOLS)


class CgiSubject(Protocol):
    """What of an exchange its params are made of."""

    method: bytes
    target: bytes
    peer_target: bytes
    minor: int
    fields: RequestFields
    identity: Identity
    user: str

    @property
    def request(self) -> object:
        """What the functions of params are given."""


class CgiParams:
    """Writes the params of one peer's requests.

    What follows from the header section alone is kept by its bytes: clients repeat it.  With *scripts* the path names a
    file; without them all of it is the PATH_INFO of one application.
    """

    __slots__ = ("_always", "_computed", "_encode", "_memo", "_scripts", "_taken")

    def __init__(self, encode: Encode, scripts: ScriptPaths | None = None, own: Sequence[Param] = ()) -> None:
        self._encode = encode
        self._scripts = scripts
        self._taken = frozenset(name for name, _ in own)
        always = [(b"GATEWAY_INTERFACE", b"CGI/1.1"), (b"SERVER_SOFTWARE", _SOFTWARE)]
        if scripts is not None:
            # PHP wants the last one if it was built with --enable-force-cgi-redirect; so do nginx's fastcgi_params.
            always += [(b"DOCUMENT_ROOT", scripts.root), (b"REDIRECT_STATUS", b"200")]
        always = [each for each in always if each[0] not in self._taken]
        always += [(name, value.encode("utf-8", "surrogateescape")) for name, value in own if isinstance(value, str)]
        self._always = self._encoded(always)
        self._computed = [(name, value) for name, value in own if callable(value)]
        self._memo: Memo[bytes] = Memo()

    def _encoded(self, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
        encode = self._encode
        return b"".join([encode(name, value) for name, value in pairs])

    def parts(self, subject: CgiSubject, head: bytes) -> tuple[bytes, bytes]:
        """All params: those of the header section, and the others; *head* is what a peer of HTTP/1.1 would get."""
        section = head[head.find(CRLF) : -4]
        memo = self._memo
        known = memo.young.get(section) or memo.recall(section)
        if known is None:
            known = self._of_section(section)
            memo.keep(section, known)
        return known, self._always + self._of_request(subject)

    def script(self, subject: CgiSubject) -> bytes:
        """The file that is to answer, as the path of :attr:`CgiSubject.peer_target` names it."""
        assert self._scripts is not None
        return self._scripts.filename(self._scripts.of(_path(subject))[0])

    def _of_section(self, section: bytes) -> bytes:
        content_type, pairs = http_params(section, self._taken)
        if b"CONTENT_TYPE" not in self._taken:
            pairs.append((b"CONTENT_TYPE", content_type))
        return self._encoded(pairs)

    def _of_request(self, subject: CgiSubject) -> bytes:
        pairs = [*self._of_path(subject), *_of_client(subject)]
        if self._taken:
            pairs = [each for each in pairs if each[0] not in self._taken]
        if self._computed:
            request = subject.request
            # SCGI ends a value by NUL, which a decoded query may have.
            pairs += [(name, value(request).replace(b"\0", b" ")) for name, value in self._computed]
        return self._encoded(pairs)

    def _of_path(self, subject: CgiSubject) -> list[tuple[bytes, bytes]]:
        path = _path(subject)
        target, length = subject.target, subject.fields.content_length
        pairs = [
            (b"REQUEST_METHOD", subject.method),
            (b"QUERY_STRING", subject.peer_target.partition(b"?")[2]),
            (b"REQUEST_URI", target),
            (b"DOCUMENT_URI", path),
            (b"SERVER_PROTOCOL", _PROTOCOLS[subject.minor]),
            # Empty where there is no body, as nginx has it.
            (b"CONTENT_LENGTH", b"" if length is None else b"%d" % length),
        ]
        scripts = self._scripts
        if scripts is None:
            pairs += [(b"SCRIPT_NAME", b""), (b"PATH_INFO", path)]
        else:
            script, rest = scripts.of(path)
            pairs += [(b"SCRIPT_NAME", script), (b"SCRIPT_FILENAME", scripts.filename(script))]
            if scripts.splits:
                pairs.append((b"PATH_INFO", rest))
        return pairs


def _of_client(subject: CgiSubject) -> list[tuple[bytes, bytes]]:
    identity = subject.identity
    name = subject.fields.host_name or identity.server_address.encode()
    pairs = [
        (b"REMOTE_ADDR", identity.address.encode()),
        (b"REMOTE_PORT", b"%d" % identity.port if identity.port else b""),
        (b"SERVER_ADDR", identity.server_address.encode()),
        (b"SERVER_PORT", b"%d" % identity.server_port),
        (b"SERVER_NAME", name),
        (b"REQUEST_SCHEME", identity.scheme.encode()),
    ]
    if identity.scheme == "https":
        pairs.append((b"HTTPS", b"on"))
    if subject.user:
        # Of a password that was checked here; nginx tells whatever name a client sends.
        pairs += [(b"AUTH_TYPE", b"Basic"), (b"REMOTE_USER", subject.user.encode("utf-8", "surrogateescape"))]
    return pairs


def _path(subject: CgiSubject) -> bytes:
    # Not that of the exchange: the path of a subrequest's is its parent's.
    return normalised_path(subject.peer_target)
