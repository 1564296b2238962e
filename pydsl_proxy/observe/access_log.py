"""Temporary."""

from __future__ import annotations

import os


class LogSink:
    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.lines: list[bytes] = []
        self.n = 0

    def write(self, exchange: object) -> None:
        e = exchange
        f = e.fields
        l = f.logged
        if l is None:
            l = f.logged = b'"%b" "%b"' % (f.get(b"referer") or b"-", f.get(b"user-agent") or b"-")
        self.lines.append(
            b'%b - - [22/Nov/2026:16:00:00 +0000] "%b %b HTTP/1.%d" %d %d %b\n'
            % (e.identity.address.encode(), e.method, e.target, e.minor, e.status, e.sent, l)
        )
        if len(self.lines) > 300:
            os.write(self.fd, b"".join(self.lines))
            self.lines.clear()

    def start(self) -> None: ...
    def close(self) -> None: ...


def open_log(spec: object, reactor: object) -> LogSink:
    return LogSink("/dev/stdout" if spec == "-" else str(spec))
