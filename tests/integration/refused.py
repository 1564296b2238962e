"""What is refused, by the proxy and by a real nginx: the table of docs/explanation/security.rst.

``python -m tests.integration.refused`` prints the rows, with ``--write`` it puts them into the page.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

from attrs import frozen

from pydsl_proxy import Server, server
from pydsl_proxy.testing import run
from tests.integration.peers import nginx_with
from tests.integration.support import PROGRAMS, folder

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "explanation" / "security.rst"
#: The row before those that are made, and the beginning of the one after them, in the page.
BEGIN = "     - nginx 1.22.1\n"
END = "   * - a request line above"


@frozen
class Row:
    """A kind of request, and examples of it."""

    has: str
    requests: tuple[bytes, ...]


def _head(*fields: str, line: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


def _get(target: str) -> bytes:
    return _head("Host: a", line=f"GET {target} HTTP/1.1")


_CHUNKED = "Transfer-Encoding: chunked"
_END = b"0\r\n\r\n"
ROWS = (
    Row("Content-Length and Transfer-Encoding", (_head("Host: a", "Content-Length: 5", _CHUNKED) + _END,)),
    Row("Content-Length twice, the same", (_head("Host: a", "Content-Length: 0", "Content-Length: 0"),)),
    Row("Content-Length twice, different", (_head("Host: a", "Content-Length: 0", "Content-Length: 1") + b"x",)),
    Row("a Content-Length that is not digits alone, as ``+3``", (_head("Host: a", "Content-Length: +3") + b"abc",)),
    Row(
        "Transfer-Encoding other than ``chunked``, as ``identity``", (_head("Host: a", "Transfer-Encoding: identity"),)
    ),
    Row("Transfer-Encoding twice", (_head("Host: a", _CHUNKED, _CHUNKED) + _END,)),
    Row("Transfer-Encoding in HTTP/1.0", (_head("Host: a", _CHUNKED, line="POST / HTTP/1.0") + _END,)),
    Row(
        "a chunk size that is not hexadecimal digits, as ``0x2``",
        (_head("Host: a", _CHUNKED) + b"0x2\r\nab\r\n" + _END,),
    ),
    Row("no Host in HTTP/1.1", (_head("Accept: a"),)),
    Row("two Host fields", (_head("Host: a", "Host: b"),)),
    Row("an empty Host", (_head("Host:"),)),
    Row("a Host that is no host, as ``a@b``", (_head("Host: a@b"),)),
    Row("a Host with a blank or a slash in it", (_head("Host: a b"), _head("Host: a/b"))),
    Row("a line that ends with LF alone", (b"GET / HTTP/1.1\nHost: a\n\n",)),
    Row("a folded header line", (_head("Host: a", "X-A: b", " c"),)),
    Row("a blank before the colon of a field", (_head("Host: a", "X-A : b"),)),
    Row("a field without a colon", (_head("Host: a", "X-A"),)),
    Row("a NUL or a CR in a field", (_head("Host: a", "X-A: b\0c"), _head("Host: a", "X-A: b\rc"))),
    Row("another control character in a value", (_head("Host: a", "X-A: b\x01c"),)),
    Row("a control character in a name", (_head("Host: a", "X\x01A: b"),)),
    Row("a lower-case method", (_head("Host: a", line="get / HTTP/1.1"),)),
    Row("a fragment in the target", (_get("/a#b"),)),
    Row("bytes outside visible ASCII in the target", (_get("/\xe9"),)),
    Row("a control character in the target", (_get("/\x01"),)),
    Row("a URL of another scheme than ``http`` and ``https``, as ``ftp``", (_get("ftp://a/"),)),
    Row("a target that is neither a path nor a URL", (_get("a/b"),)),
    Row("``*`` for another method than OPTIONS", (_get("*"),)),
    Row("HTTP/0.9", (b"GET /\r\n",)),
    Row("a major version other than 1", (_head("Host: a", line="GET / HTTP/2.0"),)),
    Row("CONNECT", (_head("Host: a", line="CONNECT a:443 HTTP/1.1"),)),
    Row("TRACE", (_head("Host: a", line="TRACE / HTTP/1.1"),)),
    Row("Expect for something other than ``100-continue``", (_head("Host: a", "Expect: more"),)),
    Row("more than 100 fields", (_head("Host: a", *(f"X-{number}: a" for number in range(100))),)),
    Row("more than 100 options in ``Connection``", (_head("Host: a", "Connection: " + ",".join(["a"] * 101)),)),
)


def _configured() -> Server:
    return server(80).location("/").proxy_to("a:1")


def ours(request: bytes) -> str:
    """What the proxy answers."""
    running = run(_configured())
    running.peers["a:1"].answers(200)
    running[0].sends(request)
    responses = running[0].responses
    return _shown(str(responses[0].status)) if responses else "closed"


def theirs(request: bytes, port: int) -> str:
    """What the server at *port* answers."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        received = b""
        while b"\r\n" not in received and len(received) < 1000:
            data = connection.recv(4096)
            if not data:
                break
            received += data
    found = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    return _shown(found[1].decode()) if found else "accepted" if received else "closed"


def _shown(status: str) -> str:
    return "accepted" if status == "200" else status


def nginx_version() -> str | None:
    """The version of the nginx that is installed."""
    if shutil.which("nginx") is None:
        return None
    told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/([\d.]+)", told)
    return found[1] if found else None


def _serve(listening: socket.socket) -> None:
    """A peer that takes anything for a request."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")


def rows() -> str:
    """The rows of the table, as they stand in the page."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=_serve, args=(listening,), daemon=True).start()
        other = nginx_with(PROGRAMS / "refused.nginx.conf", folder(), inner=listening.getsockname()[1])
        try:
            port = int(other.address)
            lines = []
            for row in ROWS:
                cells = [
                    sorted({answer(each) for each in row.requests}) for answer in (ours, lambda it: theirs(it, port))
                ]
                lines += [f"   * - {row.has}\n", *(f"     - {', '.join(cell)}\n" for cell in cells)]
        finally:
            other.stop()
            listening.shutdown(socket.SHUT_RDWR)
    return "".join(lines)


def committed() -> str:
    """The rows in the page."""
    text = PAGE.read_text()
    begin = text.index(BEGIN) + len(BEGIN)
    return text[begin : text.index(END, begin)]


if __name__ == "__main__":
    made = rows()
    if "--write" in sys.argv:
        PAGE.write_text(PAGE.read_text().replace(BEGIN + committed() + END, BEGIN + made + END))
    else:
        print(made, end="")
