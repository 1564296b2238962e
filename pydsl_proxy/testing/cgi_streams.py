"""Requests of FastCGI, uwsgi and SCGI in what a peer received."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct

from pydsl_proxy.testing.messages import Headers, ReceivedRequest
from pydsl_proxy.testing.streams import Stream
from pydsl_proxy.wire.cgi.fastcgi_records import BEGIN_REQUEST, PARAMS, STDIN
from pydsl_proxy.wire.http.framing import Framing

Pairs = Iterable[tuple[bytes, bytes]]

_RECORD = Struct(">BBHHBx")
_PACKET = Struct("<BHB")


class CgiStream(Stream):
    """Requests that begin with params, after which comes a body."""

    def __init__(self, complete: Callable[[ReceivedRequest], None]) -> None:
        super().__init__()
        self._given = complete
        self._params: dict[str, str] | None = None

    def _step(self) -> bool:
        if self._params is None:
            pairs = self._read_params()
            if pairs is None:
                return False
            self._begin(pairs)
            return True
        size = int(self._params.get("CONTENT_LENGTH") or 0)
        if len(self._held) < size:
            return False
        body = self._held[:size]
        self._skip(size)
        self._done(body)
        return bool(self._held)

    def _begin(self, pairs: Pairs) -> None:
        self._params = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        self.lines.append(f"{self._params['REQUEST_METHOD']} {self._params['REQUEST_URI']}")

    def _done(self, body: bytes) -> None:
        params, self._params = self._params, None
        assert params is not None
        named = [(name.removeprefix("HTTP_"), value) for name, value in params.items() if name.startswith("HTTP_")]
        named += [(name, params[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if params.get(name)]
        headers = Headers([(name.replace("_", "-").title(), value) for name, value in named])
        self._given(ReceivedRequest(params["REQUEST_METHOD"], params["REQUEST_URI"], headers, body, params=params))

    def _read_params(self) -> Pairs | None:
        raise NotImplementedError

    def _framing_of(self, line: str, headers: Headers) -> Framing:
        raise NotImplementedError

    def _complete(self, line: str, headers: Headers, body: bytes, trailers: Headers) -> None:
        raise NotImplementedError


class FastCgiStream(CgiStream):
    """Requests in records."""

    def __init__(self, complete: Callable[[ReceivedRequest], None]) -> None:
        super().__init__(complete)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []

    def _step(self) -> bool:
        if len(self._held) < _RECORD.size:
            return False
        _, kind, _, length, padding = _RECORD.unpack_from(self._held)
        whole = _RECORD.size + length + padding
        if len(self._held) < whole:
            return False
        content = self._held[_RECORD.size : _RECORD.size + length]
        self._skip(whole)
        if kind == BEGIN_REQUEST:
            self._pairs, self._pieces = [], []
        elif kind == PARAMS and content:
            self._pairs += fastcgi_pairs(content)
        elif kind == PARAMS:
            self._begin(self._pairs)
        elif kind == STDIN and content:
            self._pieces.append(content)
        elif kind == STDIN:
            self._done(b"".join(self._pieces))
        return True


def fastcgi_pairs(content: bytes) -> list[tuple[bytes, bytes]]:
    """The names and values in a record of params."""
    pairs, at = [], 0
    while at < len(content):
        sizes = []
        for _ in range(2):
            wide = content[at] > 127
            sizes.append(int.from_bytes(content[at : at + 4], "big") & 0x7FFFFFFF if wide else content[at])
            at += 4 if wide else 1
        name = content[at : at + sizes[0]]
        at += sizes[0]
        pairs.append((name, content[at : at + sizes[1]]))
        at += sizes[1]
    return pairs


class UwsgiStream(CgiStream):
    """Requests behind a packet."""

    def _read_params(self) -> Pairs | None:
        if len(self._held) < _PACKET.size:
            return None
        _, length, _ = _PACKET.unpack_from(self._held)
        if len(self._held) < _PACKET.size + length:
            return None
        content, words, at = self._held[_PACKET.size : _PACKET.size + length], [], 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 2], "little")
            words.append(content[at + 2 : at + 2 + size])
            at += 2 + size
        self._skip(_PACKET.size + length)
        return list(zip(words[::2], words[1::2], strict=True))


class ScgiStream(CgiStream):
    """Requests behind a netstring."""

    def _read_params(self) -> Pairs | None:
        digits, colon, rest = self._held.partition(b":")
        if not colon or len(rest) < int(digits) + 1:
            return None
        words = rest[: int(digits)].split(b"\0")[:-1]
        self._skip(len(digits) + 1 + int(digits) + 1)
        return list(zip(words[::2], words[1::2], strict=True))
