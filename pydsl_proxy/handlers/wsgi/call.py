"""One call of a WSGI application, in its thread: PEP 3333 as the server has to keep it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pydsl_proxy.handlers.applications.fields import has_body, made_head, with_length
from pydsl_proxy.handlers.wsgi.answer import Answer
from pydsl_proxy.wire.http.head import ResponseHead

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = Logger()

# "A status string of the form "999 Message here""; the message may be empty.
_read_status = re.compile(r"([0-9]{3})(?: (.*))?", re.DOTALL).fullmatch

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Call:
    """What the application has said of its response, and how much of that it has kept."""

    def __init__(self, application: WSGIApplication, environ: dict[str, object], answer: Answer) -> None:
        self._application = application
        self._environ = environ
        self._answer = answer
        self._method = str(environ["REQUEST_METHOD"]).encode("latin-1")
        self._head: ResponseHead | None = None
        # The head is on its way; so is the end.
        self._sent = False
        self._complete = False
        # Of the declared length; None if there is none.
        self._left: int | None = None
        # Bytes beyond it.
        self._dropped = 0

    def run(self) -> None:
        """Call the application and send what it answers; raises nothing."""
        if self._answer.is_over:
            # The client left before there was a thread.
            return
        result: Iterable[bytes] | None = None
        try:
            result = self._application(self._environ, self._start_response)
            self._send_all(result)
        except BaseException as error:
            self._failed(error)
        finally:
            self._close(result)
        if self._dropped:
            log.error(
                "{application!r} wrote {dropped} bytes more than its Content-Length says, which were not sent",
                application=self._application,
                dropped=self._dropped,
            )

    def _close(self, result: Iterable[bytes] | None) -> None:
        """ "If the iterable returned by the application has a close() method, the server must call that method"."""
        try:
            close: Callable[[], object] | None = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if self._answer.is_over and not self._complete:
            # What comes of a client that left is nobody's mistake.
            log.debug("the client left before the application was done: {error!r}", error=error)
            return
        log.failure("{application!r} raised an exception", application=self._application)
        self._answer.fail("internal_error", "a WSGI application raised an exception")

    # -- what the application says -------------------------------------------------------------------------------------

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Keep the head: it is sent with the first of the body, so that an error may still take its place."""
        if exc_info is not None:
            try:
                if self._sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # "avoid dangling circular ref"
        elif self._head is not None:
            raise RuntimeError("start_response() was called twice, and without exc_info")
        match = _read_status(_text(status))
        if match is None:
            raise ValueError(f'{status!r} is no status: write "200 OK"')
        pairs = [(_text(name).encode("latin-1"), _text(value).encode("latin-1")) for name, value in headers]
        head = self._head = made_head(int(match[1]), (match[2] or "").encode("latin-1"), pairs)
        self._left = head.length if has_body(self._method, head) else None
        return self._write

    def _write(self, data: bytes) -> None:
        """The ``write()`` of old applications."""
        self._take(data)

    def _send_all(self, result: Iterable[bytes]) -> None:
        whole = _has_one(result)
        for data in result:
            if self._take(data, whole=whole):
                return
        head = self._started()
        if not self._sent:
            self._send(with_length(head, 0) if has_body(self._method, head) else head, b"", True)
        elif not self._complete:
            if self._left:
                raise ValueError(f"the body is {self._left} bytes shorter than Content-Length says")
            self._send(None, b"", True)

    def _take(self, data: bytes, *, whole: bool = False) -> bool:
        """Send some of the body, of which it is all if *whole*; whether no more is wanted."""
        if not isinstance(data, bytes):
            raise TypeError(f"the body of a response is made of bytes, not of {type(data).__name__}")
        head = self._started()
        if not data:
            return False
        if self._complete:
            self._dropped += len(data) if has_body(self._method, head) else 0
            return False
        if not has_body(self._method, head):
            self._send(head, b"", True)
            return True
        if whole and not self._sent and self._left is None:
            head = with_length(head, len(data))
            self._left = len(data)
        if self._left is not None:
            # What is beyond the declared length would be read as the next response.
            self._dropped += max(0, len(data) - self._left)
            data = data[: self._left]
            self._left -= len(data)
        self._send(None if self._sent else head, data, self._left == 0)
        return False

    def _send(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        self._sent = True
        self._answer.send(head, data, end)
        self._complete = end

    def _started(self) -> ResponseHead:
        if self._head is None:
            raise RuntimeError("the application has not called start_response()")
        return self._head


def _has_one(result: Iterable[bytes]) -> bool:
    """ "If the iterable … has a len() of 1", its first piece is all of the body."""
    try:
        return len(result) == 1  # type: ignore[arg-type]  # told by its exception
    except Exception:
        return False


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r} is no str, which status and header fields are made of")
    return value
