"""What applications write to their stderr, into our log: PHP tells its fatal errors there."""

from __future__ import annotations

from twisted.logger import Logger

from pydsl_proxy.interfaces import ConnectionPool, Deadline

# Bytes of one message; nginx's NGX_MAX_ERROR_STR.
LONGEST = 2048
# Messages of one peer in a second: an application in trouble may say the same for each of a thousand requests.
MOST = 20

log = Logger()


class StderrLog:
    """The messages of one peer, of which so many are logged each second; how many were not is told afterwards."""

    def __init__(self, home: ConnectionPool) -> None:
        self._home = home
        self._second = 0
        self._count = 0
        self._dropped = 0
        self._watch: Deadline | None = None

    def write(self, asked: str, message: bytes) -> None:
        """One message of the application, while it answered what *asked* tells."""
        second = int(self._home.seconds())
        if second != self._second:
            self._second, self._count = second, 0
            self._tell_dropped()
        self._count += 1
        if self._count > MOST:
            self._dropped += 1
            if self._dropped == 1:
                # Perhaps it says nothing more that would bring this up.
                if self._watch is None:
                    self._watch = self._home.watch(self._tell_dropped)
                self._watch.until(second + 1)
            return
        text = message[:LONGEST].decode("utf-8", "backslashreplace").strip()
        if len(message) > LONGEST:
            text += " …"
        if text:
            log.error("peer {peer} says for {asked}: {text}", peer=self._home.name, asked=asked, text=_shown(text))

    def _tell_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.error("peer {peer} has said {dropped} more that is not logged", peer=self._home.name, dropped=dropped)


def _shown(text: str) -> str:
    """The lines of a stack trace stay lines; no other control character may reach a terminal."""
    return "".join([each if each.isprintable() or each == "\n" else f"\\x{ord(each):02x}" for each in text])
