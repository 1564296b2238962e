"""What a WSGI application writes to ``wsgi.errors``: lines of the log."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

log = Logger()

# Of a line that does not end.
_LONGEST = 64 * 1024


class ErrorLines:
    """A text stream for one exchange; a line is logged when it ends, or with ``flush``."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        """Take some text."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors is a text stream: {text!r} is no str")
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            log.error("{line}", line=line)
        if len(self._begun) > _LONGEST:
            self.flush()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Take several."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what has not ended."""
        begun, self._begun = self._begun, ""
        if begun:
            log.error("{line}", line=begun)
