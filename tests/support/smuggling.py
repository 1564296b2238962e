"""The known ways to make two readers of one stream of requests disagree, and what each must be answered with.

The names are those of the literature (Watchfire 2005, Kettle 2019, Kallus 2024 and 2025): ``CL.TE`` is a message in
which the first reader goes by Content-Length and the second by Transfer-Encoding, ``TERM.EXT`` one in which the first
takes a line end in a chunk extension for its end and the second does not, and so on.
"""

from __future__ import annotations

from attrs import frozen

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"


@frozen
class Trick:
    """Bytes of a client, and the status that refuses them; 200 says that they have one reading and are served.

    Of what is served, ``bodies`` are the bodies; the request of :data:`HIDDEN` is in no case one that is seen.  The
    connection closes after a refusal, unless the request was understood and only its path is not one.
    """

    name: str
    data: bytes
    status: int
    bodies: tuple[bytes, ...] = ()
    closes: bool = True


def _post(*lines: bytes, body: bytes = b"", version: bytes = b"1.1", target: bytes = b"/") -> bytes:
    head = [b"POST %b HTTP/%b" % (target, version), b"Host: h", *lines, b"", b""]
    return b"\r\n".join(head) + body


def _get(*lines: bytes, target: bytes = b"/", version: bytes = b"1.1", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/%b" % (method, target, version), *lines, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(HIDDEN)
END = b"0\r\n\r\n"
# A reader of chunks sees an empty body and then the hidden request, one of lengths a body.
AFTER_END = b"Content-Length: %d" % len(END + HIDDEN)


def _in_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LENGTHS = [
    Trick("CL.TE", _post(AFTER_END, CHUNKED, body=END + HIDDEN), 400),
    Trick("TE.CL", _post(CHUNKED, b"Content-Length: 4", body=_in_chunk(HIDDEN) + END), 400),
    Trick("CL.0 twice", _post(b"Content-Length: 0", LENGTH, body=HIDDEN), 400),
    Trick("CL twice, equal", _post(LENGTH, LENGTH, body=HIDDEN), 400),
    Trick("CL list, equal", _post(b"Content-Length: 5, 5", body=b"hello"), 400),
    Trick("CL list", _post(b"Content-Length: 0, %d" % len(HIDDEN), body=HIDDEN), 400),
    Trick("CL with a sign", _post(b"Content-Length: +3", body=b"abc" + HIDDEN), 400),
    Trick("CL negative", _post(b"Content-Length: -1", body=HIDDEN), 400),
    Trick("CL hexadecimal", _post(b"Content-Length: 0x%x" % len(HIDDEN), body=HIDDEN), 400),
    Trick("CL with a blank", _post(b"Content-Length: 1 0", body=HIDDEN), 400),
    Trick("CL with an underscore", _post(b"Content-Length: 1_0", body=HIDDEN), 400),
    Trick("CL with a fraction", _post(b"Content-Length: 5.0", body=b"hello"), 400),
    Trick("CL empty", _post(b"Content-Length:", body=HIDDEN), 400),
    Trick("CL of another digit", _post("Content-Length: ٣".encode(), body=b"abc"), 400),
    Trick("CL beyond 64 bits", _post(b"Content-Length: 18446744073709551617", body=b"a" + HIDDEN), 400),
    Trick("CL with leading zeros", _post(b"Content-Length: 0005", body=b"hello"), 200, (b"hello",)),
    Trick("CL with a form feed", _post(b"Content-Length: \x0c5", body=b"hello"), 400),
    Trick("CL of CGI", _post(b"Content_Length: %d" % len(HIDDEN), b"Content-Length: 2", body=b"ok"), 200, (b"ok",)),
    Trick("CL hidden by Connection", _post(b"Connection: content-length", LENGTH, body=HIDDEN), 200, (HIDDEN,)),
    Trick("CL on GET", _get(b"Host: h", LENGTH) + HIDDEN, 200, (HIDDEN,)),
]

_ODD_CODINGS: list[tuple[str, bytes, int]] = [
    ("xchunked", b"Transfer-Encoding: xchunked", 501),
    ("chunkedx", b"Transfer-Encoding: chunkedx", 501),
    ("gzip, chunked", b"Transfer-Encoding: gzip, chunked", 501),
    ("chunked, identity", b"Transfer-Encoding: chunked, identity", 501),
    ("chunked, chunked", b"Transfer-Encoding: chunked, chunked", 501),
    ("chunked,", b"Transfer-Encoding: chunked,", 501),
    ("identity", b"Transfer-Encoding: identity", 501),
    ("empty", b"Transfer-Encoding:", 501),
    ("quoted", b'Transfer-Encoding: "chunked"', 501),
    ("with parameter", b"Transfer-Encoding: chunked;q=1", 501),
    ("twice", CHUNKED + b"\r\n" + CHUNKED, 400),
    ("twice, differing", CHUNKED + b"\r\nTransfer-encoding: cow", 400),
    ("vertical tab", b"Transfer-Encoding:\x0bchunked", 400),
    ("form feed after", b"Transfer-Encoding: chunked\x0c", 400),
    ("NUL", b"Transfer-Encoding: chunked\x00", 400),
    ("bare CR", b"Transfer-Encoding: chunked\r", 400),
    ("CR before the value", b"Transfer-Encoding:\r chunked", 400),
    ("blank before the colon", b"Transfer-Encoding : chunked", 400),
    ("tab before the colon", b"Transfer-Encoding\t: chunked", 400),
    ("leading blank", b" Transfer-Encoding: chunked", 400),
    ("folded", b"Transfer-Encoding:\r\n chunked", 400),
    ("folded into another", b"X: y\r\n\tTransfer-Encoding: chunked", 400),
    ("after a bare LF", b"X: y\nTransfer-Encoding: chunked", 400),
    ("after a bare CR", b"X: y\rTransfer-Encoding: chunked", 400),
    ("with a control in the name", b"Transfer\x7fEncoding: chunked", 400),
    ("no colon", b"Transfer-Encoding chunked", 400),
    ("no name", b": chunked", 400),
]

# TE.TE: one of two readers does not take the field for what it is.
CODINGS = [
    *(Trick(f"TE.TE {name}", _post(line, body=END + HIDDEN), status) for name, line, status in _ODD_CODINGS),
    *(Trick(f"CL and TE {name}", _post(AFTER_END, line, body=END + HIDDEN), 400) for name, line, _ in _ODD_CODINGS),
    Trick("TE upper-case", _post(b"TRANSFER-ENCODING: CHUNKED", body=_in_chunk(HIDDEN) + END), 200, (HIDDEN,)),
    Trick("TE after a tab", _post(b"Transfer-Encoding:\tchunked \t", body=_in_chunk(HIDDEN) + END), 200, (HIDDEN,)),
    Trick("TE of CGI", _post(b"Transfer_Encoding: chunked", LENGTH, body=HIDDEN), 200, (HIDDEN,)),
    Trick(
        "TE hidden by Connection",
        _post(b"Connection: transfer-encoding", CHUNKED, body=_in_chunk(HIDDEN) + END),
        200,
        (HIDDEN,),
    ),
    Trick("TE in HTTP/1.0", _post(CHUNKED, b"Connection: keep-alive", body=END + HIDDEN, version=b"1.0"), 400),
]


def _chunks(body: bytes) -> bytes:
    return _post(CHUNKED, body=body)


CHUNKS = [
    Trick("extension", _chunks(b"2;a=b\r\nok\r\n" + END), 200, (b"ok",)),
    Trick("quoted extension", _chunks(b'2 ; a="x;\\"y" ;b\r\nok\r\n0;c\r\n\r\n'), 200, (b"ok",)),
    Trick("TERM.EXT", _chunks(b"2;\nxx\r\n%x\r\n%b\r\n" % (len(HIDDEN), HIDDEN) + END), 400),
    Trick("EXT.TERM", _chunks(b"2;a\rb\r\nok\r\n" + END), 400),
    Trick("LF in a quoted extension", _chunks(b'2;a="\n"\r\nok\r\n' + END), 400),
    Trick("extension without a name", _chunks(b"2;\r\nok\r\n" + END), 400),
    Trick("extension with NUL", _chunks(b"2;a\x00\r\nok\r\n" + END), 400),
    Trick("long extension", _chunks(b"2;" + b"a" * 300 + b"\r\nok\r\n" + END), 400),
    Trick("size in hexadecimal with prefix", _chunks(b"0x2\r\nok\r\n" + END), 400),
    Trick("size after a blank", _chunks(b" 2\r\nok\r\n" + END), 400),
    Trick("size before a blank", _chunks(b"2 \r\nok\r\n" + END), 400),
    Trick("size before a tab", _chunks(b"2\t\r\nok\r\n" + END), 400),
    Trick("negative size", _chunks(b"-2\r\nok\r\n" + END), 400),
    Trick("signed size", _chunks(b"+2\r\nok\r\n" + END), 400),
    Trick("size with an underscore", _chunks(b"1_0\r\n" + b"a" * 16 + b"\r\n" + END), 400),
    Trick("no size", _chunks(b"\r\nok\r\n" + END), 400),
    Trick("size beyond 64 bits", _chunks(b"10000000000000002\r\nok\r\n" + END), 400),
    Trick("size that a 32-bit number holds not", _chunks(b"100000002\r\nok\r\n" + END + HIDDEN), 408),
    Trick("size with leading zeros", _chunks(b"0000000000000002\r\nok\r\n00\r\n\r\n"), 200, (b"ok",)),
    Trick("size in upper case", _chunks(b"A\r\n0123456789\r\n" + END), 200, (b"0123456789",)),
    Trick("size line ends with LF", _chunks(b"2\nok\r\n" + END), 400),
    Trick("size line ends with CR", _chunks(b"2\rok\r\n" + END), 400),
    Trick("data ends with LF", _chunks(b"2\r\nok\n" + END), 400),
    Trick("data ends with another CRLF-sized thing", _chunks(b"2\r\nokXX" + END), 400),
    Trick("data longer than its size", _chunks(b"2\r\nokay\r\n" + END), 400),
    Trick("data without an end", _chunks(b"2\r\nok" + END), 400),
    Trick("body ends with LF", _chunks(b"0\r\n\n" + HIDDEN), 400),
    Trick("last chunk ends with LF", _chunks(b"0\n\r\n" + HIDDEN), 400),
    Trick("body ends with CR", _chunks(b"0\r\n\r" + HIDDEN), 400),
    Trick("request as trailers", _chunks(b"0\r\n" + HIDDEN), 400),
    Trick("CL in trailers", _chunks(b"0\r\nContent-Length: 9\r\n\r\n"), 200, (b"",)),
    Trick("TE in trailers", _chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, (b"",)),
    Trick("folded trailer", _chunks(b"0\r\nX: y\r\n z\r\n\r\n"), 400),
    Trick("LF in a trailer", _chunks(b"0\r\nX: y\nz: a\r\n\r\n"), 400),
    Trick("trailers without end", _chunks(b"0\r\nX: " + b"y" * 17000), 431),
]

LINES = [
    Trick("HTTP/0.9", b"GET /\r\n\r\n" + HIDDEN, 400),
    Trick("HTTP/2.0", _get(b"Host: h", version=b"2.0"), 505),
    Trick("HTTP/0.9 with version", _get(b"Host: h", version=b"0.9"), 505),
    Trick("HTTP/1.10", _get(b"Host: h", version=b"1.10"), 400),
    Trick("HTTP/ 1.1", _get(b"Host: h", version=b" 1.1"), 400),
    Trick("http/1.1", b"GET / http/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("HTTP/1.2", _get(b"Host: h", version=b"1.2"), 200, (b"",)),
    Trick("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Trick("CONNECT", _get(b"Host: h", target=b"h:443", method=b"CONNECT") + HIDDEN, 405),
    Trick("CONNECT to a path", _get(b"Host: h", method=b"CONNECT") + HIDDEN, 405),
    Trick("TRACE", _get(b"Host: h", method=b"TRACE"), 405),
    Trick("lower-case method", _get(b"Host: h", method=b"get"), 400),
    Trick("method that is no token", _get(b"Host: h", method=b"G(T"), 400),
    Trick("two blanks", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("tab for a blank", b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("leading blank", b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("trailing blank", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
    Trick("no target", b"GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("blank in the target", _get(b"Host: h", target=b"/ HTTP/1.1\tx"), 400),
    Trick("second version in the target", _get(b"Host: h", target=b"/ HTTP/1.1 /hidden"), 400),
    Trick("LF in the target", _get(b"Host: h", target=b"/\nHost:x"), 400),
    Trick("CR in the target", _get(b"Host: h", target=b"/\rx"), 400),
    Trick("NUL in the target", _get(b"Host: h", target=b"/\x00"), 400),
    Trick("octet above ASCII in the target", _get(b"Host: h", target=b"/\xff"), 400),
    Trick("fragment", _get(b"Host: h", target=b"/a#b"), 400),
    Trick("escaped line end in the target", _get(b"Host: h", target=b"/%0d%0aHost:%20x"), 200, (b"",)),
    Trick("escaped NUL", _get(b"Host: h", target=b"/%00"), 400, closes=False),
    Trick("above the root", _get(b"Host: h", target=b"/a/../../b"), 400, closes=False),
    Trick("target that is no path", _get(b"Host: h", target=b"hidden"), 400),
    Trick("authority-form", _get(b"Host: h", target=b"h:80"), 400),
    Trick("asterisk", _get(b"Host: h", target=b"*"), 400),
    Trick("URL of another scheme", _get(b"Host: h", target=b"ftp://h/"), 400),
    Trick("URL with userinfo", _get(b"Host: h", target=b"http://h@e/"), 400),
    Trick("URL without a host", _get(b"Host: h", target=b"http:///hidden"), 400),
    Trick("URL with a fragment", _get(b"Host: h", target=b"http://h/#a"), 400),
    Trick("URL with another host", _get(b"Host: h", target=b"http://zz/n"), 200, (b"",)),
    Trick("line of 9 KB", _get(b"Host: h", target=b"/" + b"a" * 9000), 414),
    Trick("bare LF", b"GET / HTTP/1.1\nHost: h\n\n", 400),
    Trick("bare LF in one line", b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400),
    Trick("bare LF ends the head", b"GET / HTTP/1.1\r\nHost: h\r\n\n" + HIDDEN, 400),
    Trick("bare CR ends the head", b"GET / HTTP/1.1\r\nHost: h\r\r" + HIDDEN, 400),
    Trick("empty line of LF", b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    Trick("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
]

FIELDS = [
    Trick("no Host", _get(b"X: y"), 400),
    Trick("no field", _get(), 400),
    Trick("no Host with a URL", _get(b"X: y", target=b"http://h/"), 400),
    Trick("Host twice", _get(b"Host: h", b"Host: i"), 400),
    Trick("Host twice, equal", _get(b"Host: h", b"host: h"), 400),
    Trick("Host list", _get(b"Host: h, i"), 400),
    Trick("Host with a path", _get(b"Host: a/b"), 400),
    Trick("Host with userinfo", _get(b"Host: a@b"), 400),
    Trick("Host with a blank", _get(b"Host: a b"), 400),
    Trick("Host with a bad port", _get(b"Host: a:http"), 400),
    Trick("Host with two ports", _get(b"Host: a:80:80"), 400),
    Trick("Host escaped", _get(b"Host: a%2fb"), 400),
    Trick("Host with half an address", _get(b"Host: [::1"), 400),
    Trick("Host above ASCII", _get(b"Host: \xc3\xa9"), 400),
    Trick("Host folded", _get(b"Host:", b" h"), 400),
    Trick("obs-fold", _get(b"Host: h", b"X: y", b" z"), 400),
    Trick("obs-fold of the first field", _get(b" X: y", b"Host: h"), 400),
    Trick("NUL in a value", _get(b"Host: h", b"X: a\x00b"), 400),
    Trick("bare CR in a value", _get(b"Host: h", b"X: a\rb"), 400),
    Trick("escape in a value", _get(b"Host: h", b"X: a\x1bb"), 400),
    Trick("blank before the colon", _get(b"Host: h", b"X : y"), 400),
    Trick("blank in a name", _get(b"Host: h", b"X Y: z"), 400),
    Trick("octet above ASCII in a name", _get(b"Host: h", b"X\xff: z"), 400),
    Trick("parenthesis in a name", _get(b"Host: h", b"X(: z"), 400),
    Trick("no colon", _get(b"Host: h", b"X"), 400),
    Trick("no name", _get(b"Host: h", b": y"), 400),
    Trick("Connection that lists no name", _get(b"Host: h", b"Connection: a b"), 400),
    Trick("another expectation", _get(b"Host: h", b"Expect: 200-ok"), 417),
    Trick("head of 40 KB", _get(b"Host: h", *[b"X: " + b"y" * 4000] * 10), 431),
    Trick("head of 40 KB in one field", _get(b"Host: h", b"X: " + b"y" * 40000), 431),
    Trick("too many fields", _get(b"Host: h", *[b"X: y"] * 101), 431),
    Trick("the most fields", _get(b"Host: h", *[b"X: y"] * 99), 200, (b"",)),
    Trick("empty value", _get(b"Host: h", b"X:"), 200, (b"",)),
    Trick("empty Host", _get(b"Host:"), 400),
]

TRICKS = (*LENGTHS, *CODINGS, *CHUNKS, *LINES, *FIELDS)


def _answer(*lines: bytes, body: bytes = b"", status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([status, *lines, b"", b""]) + body


SECRET = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
_TWO = b"Content-Length: 2"

# Heads of peers that have no single reading: the client gets a 502 and none of it.
BAD_ANSWERS: dict[str, bytes] = {
    "no status line": b"hello\r\n\r\n",
    "HTTP/0.9": b"<html>\r\n\r\n</html>",
    "HTTP/2.0": _answer(_TWO, body=b"ok", status=b"HTTP/2.0 200 OK"),
    "HTTP/1.10": _answer(_TWO, body=b"ok", status=b"HTTP/1.10 200 OK"),
    "lower-case version": _answer(_TWO, body=b"ok", status=b"http/1.1 200 OK"),
    "status of two digits": _answer(_TWO, body=b"ok", status=b"HTTP/1.1 20 OK"),
    "status of four digits": _answer(_TWO, body=b"ok", status=b"HTTP/1.1 2000 OK"),
    "status below 100": _answer(_TWO, body=b"ok", status=b"HTTP/1.1 099 OK"),
    "signed status": _answer(_TWO, body=b"ok", status=b"HTTP/1.1 +20 OK"),
    "two blanks": _answer(_TWO, body=b"ok", status=b"HTTP/1.1  200 OK"),
    "NUL in the reason": _answer(_TWO, body=b"ok", status=b"HTTP/1.1 200 O\x00K"),
    "empty line first": b"\r\n" + _answer(_TWO, body=b"ok"),
    "two empty lines first": b"\r\n\r\n" + _answer(_TWO, body=b"ok"),
    "obs-fold": _answer(_TWO, b"X: y", b" z", body=b"ok"),
    "bare CR": _answer(_TWO, b"X: y\rz", body=b"ok"),
    "bare LF": _answer(_TWO, b"X: y\nSet-Cookie: a=b", body=b"ok"),
    "bare LF everywhere": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "NUL": _answer(_TWO, b"X: y\x00", body=b"ok"),
    "blank before the colon": _answer(b"Content-Length : 2", body=b"ok"),
    "no colon": _answer(_TWO, b"X", body=b"ok"),
    "blank in a name": _answer(_TWO, b"X Y: z", body=b"ok"),
    "CL and TE": _answer(_TWO, CHUNKED, body=b"2\r\nok\r\n" + END),
    "CL twice, equal": _answer(_TWO, _TWO, body=b"ok"),
    "CL twice": _answer(_TWO, b"Content-Length: 3", body=b"ok!"),
    "CL list": _answer(b"Content-Length: 2, 2", body=b"ok"),
    "CL with a sign": _answer(b"Content-Length: +2", body=b"ok"),
    "CL negative": _answer(b"Content-Length: -2", body=b"ok"),
    "CL empty": _answer(b"Content-Length:", body=b"ok"),
    "TE of another coding": _answer(b"Transfer-Encoding: gzip, chunked", body=END),
    "TE identity": _answer(b"Transfer-Encoding: identity", body=b"ok"),
    "TE twice": _answer(CHUNKED, CHUNKED, body=END),
    "TE with a vertical tab": _answer(b"Transfer-Encoding:\x0bchunked", body=END),
    "TE in HTTP/1.0": _answer(CHUNKED, body=END, status=b"HTTP/1.0 200 OK"),
    "Connection that lists no name": _answer(_TWO, b"Connection: a b", body=b"ok"),
    "switched protocols": _answer(b"Upgrade: websocket", b"Connection: upgrade", status=b"HTTP/1.1 101 Go") + SECRET,
    "too many interim responses": b"HTTP/1.1 102 Processing\r\n\r\n" * 9,
    "head of 70 KB": _answer(*[b"X: " + b"y" * 7000] * 10, _TWO, body=b"ok"),
    "head without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000,
    "too many fields": _answer(*[b"X: y"] * 1001, _TWO, body=b"ok"),
}
