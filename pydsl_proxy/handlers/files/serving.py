"""Answering an exchange with a file: what runs for each request at a location that serves files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from enum import Enum
from stat import S_ISDIR, S_ISREG

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.files.contents import Contents
from pydsl_proxy.handlers.files.heads import Dates, Facts, Pairs
from pydsl_proxy.handlers.files.ranges import partial
from pydsl_proxy.handlers.files.root import FLAGS, FOLDER_FLAGS, Root, identity_of
from pydsl_proxy.handlers.files.sending import FileSender, OpenFile, Part, length_of, read_parts
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.fields.content_codings import chosen_coding
from pydsl_proxy.wire.fields.preconditions import is_conditional, precondition
from pydsl_proxy.wire.fields.ranges import Unsatisfiable
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http1.response_writer import error_page

#: Bytes of a file that are read and sent with the head by one call; what is longer is sent by the kernel.
SMALL = 64 * 1024

log = Logger()


class Found(Enum):
    """What came of a name."""

    ANSWERED = "the exchange is answered"
    FOLDER = "it is a folder"
    NOTHING = "there is no such file"


ANSWERED, FOLDER, NOTHING = Found

_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.ENODEV))
_REFUSED = frozenset((errno.EACCES, errno.EPERM))
_TOO_MANY = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


class FileService:
    """Answers exchanges with the files below *root*.

    What was made of a file is kept, bounded, by its name, and used only while what is opened is the very file in the
    very state: so a kept head is never stale, and a file is known to be below the root without asking each time.
    """

    def __init__(
        self,
        root: Root,
        find_type: Callable[[bytes], bytes],
        always: Pairs,
        codings: Sequence[tuple[bytes, bytes]],
        clock: IReactorTime,
    ) -> None:
        self._root = root
        self._find_type = find_type
        self._always = always
        self._suffixes = dict(codings)
        self._clock = clock
        # The time of day, which is compared with that of files.
        self._seconds = wall_clock(clock)
        self._dates = Dates(self._seconds)
        self._known: Memo[Facts] = Memo()
        self._contents = Contents()

    def serve(self, exchange: Exchange, name: bytes) -> Found:
        """Answer with the file called *name*, or with what was made of it beforehand for clients that understand it."""
        if self._suffixes:
            left = tuple(self._suffixes)
            accepted = exchange.fields.get(b"accept-encoding")
            while left and (coding := chosen_coding(accepted, left)):
                if self._serve(exchange, name + self._suffixes[coding], name, coding) is ANSWERED:
                    return ANSWERED
                left = tuple(each for each in left if each != coding)
        return self._serve(exchange, name, name, b"")

    def has(self, name: bytes) -> bool:
        """Whether there is a file called *name* that may be sent."""
        return self._has(name, FLAGS, S_ISREG)

    def has_folder(self, name: bytes) -> bool:
        """Whether there is a folder called *name*."""
        return self._has(name, FOLDER_FLAGS, S_ISDIR)

    def _has(self, name: bytes, flags: int, is_kind: Callable[[int], bool]) -> bool:
        try:
            fd = os.open(name, flags)
        except OSError:
            return False
        try:
            return is_kind(os.fstat(fd).st_mode) and self._root.holds(fd, name)
        finally:
            os.close(fd)

    def _serve(self, exchange: Exchange, opened: bytes, name: bytes, coding: bytes) -> Found:
        key = coding + opened
        facts = self._known.young.get(key)
        if facts is not None and facts.content is not None and _wants_whole(exchange) and _is_same(opened, facts):
            exchange.start(self._head(facts), facts.content, True)
            return ANSWERED
        try:
            fd = os.open(opened, FLAGS)
        except OSError as error:
            return NOTHING if coding or error.errno in _MISSING else answer_error(exchange, error)
        try:
            stat = os.fstat(fd)
            if facts is None or facts.identity != identity_of(stat):
                if (found := self._look(exchange, fd, opened, stat, coding)) is not None:
                    return found
                facts = self._learn(key, name, coding, stat)
            size = facts.size
            if size > SMALL or not _wants_whole(exchange):
                # From here on it is the owner's to close, once.
                file, fd = OpenFile(fd), -1
                self._answer(exchange, file, facts)
                return ANSWERED
            data = os.read(fd, size)
        finally:
            if fd >= 0:
                os.close(fd)
        if len(data) != size:
            return _changed(exchange, opened)
        self._contents.offer(facts, data, self._seconds())
        exchange.start(self._head(facts), data, True)
        return ANSWERED

    def _head(self, facts: Facts) -> ResponseHead:
        second = int(self._seconds())
        return facts.whole if facts.second == second else facts.at(second)

    def _look(self, exchange: Exchange, fd: int, opened: bytes, stat: os.stat_result, coding: bytes) -> Found | None:
        """What came of a file that is not known in this state; None if it may be sent."""
        if not self._root.holds(fd, opened):
            if coding:
                return NOTHING
            text = f"{os.fsdecode(opened)} leads out of the folder, or over a link where links are not followed"
            exchange.fail(ProxyError(Source.US, 403, "outside_root", text))
            return ANSWERED
        if S_ISREG(stat.st_mode):
            return None
        return FOLDER if S_ISDIR(stat.st_mode) else NOTHING

    def _learn(self, key: bytes, name: bytes, coding: bytes, stat: os.stat_result) -> Facts:
        identity, modified = identity_of(stat), stat.st_mtime_ns // 1_000_000_000
        # One of the old generation may be right; that costs as much to find out as to make another.
        facts = Facts(identity, stat.st_size, modified, self._find_type(name), self._always, self._dates, coding)
        self._known.keep(key, facts)
        return facts

    def _answer(self, exchange: Exchange, file: OpenFile, facts: Facts) -> None:
        """Answer what is not the whole of a small file."""
        chosen = self._choose(exchange, facts)
        if chosen is None:
            file.close()
            return
        head, parts = chosen
        if length_of(parts) > SMALL:
            FileSender(exchange, file, parts, self._clock).begin(head)
            return
        data = read_parts(file.fd, parts)
        file.close()
        if data is None:
            _changed(exchange, b"the file")
        else:
            exchange.start(head, data, True)

    def _choose(self, exchange: Exchange, facts: Facts) -> tuple[ResponseHead, Sequence[Part]] | None:
        """The head and the parts of the file to send; None if the exchange is answered."""
        if exchange.method not in (b"GET", b"HEAD"):
            refuse_method(exchange)
            return None
        fields = exchange.fields
        # RFC 9110 14.2: of all methods only GET has ranges.
        is_get = exchange.method == b"GET"
        if is_conditional(fields):
            status = precondition(fields, facts.etag, facts.modified)
            if status:
                _answer_precondition(exchange, status, facts)
                return None
            try:
                some = partial(fields, facts) if is_get else None
            except Unsatisfiable:
                body, pairs = error_page(416)
                exchange.respond(416, body, (*pairs, (b"Content-Range", b"bytes */%d" % facts.size)))
                return None
            if some is not None:
                return some
        return self._head(facts), [(0, facts.size)] if is_get else []


def _wants_whole(exchange: Exchange) -> bool:
    return exchange.method == b"GET" and not is_conditional(exchange.fields)


def _is_same(name: bytes, facts: Facts) -> bool:
    """Whether the file called *name* is still the one that was read, in the same state."""
    try:
        return identity_of(os.stat(name)) == facts.identity
    except OSError:
        return False


def refuse_method(exchange: Exchange) -> None:
    """Answer a method that files have not."""
    body, fields = error_page(405)
    exchange.respond(405, body, (*fields, (b"Allow", b"GET, HEAD")))


def answer_error(exchange: Exchange, error: OSError) -> Found:
    """Answer what the operating system says of a file; one that is not there is for others to answer."""
    if error.errno in _MISSING:
        return NOTHING
    text = str(error)
    if error.errno in _REFUSED:
        exchange.fail(ProxyError(Source.US, 403, "forbidden", text))
        return ANSWERED
    log.error("a file cannot be served: {error}", error=text)
    if error.errno in _TOO_MANY:
        exchange.fail(ProxyError(Source.US, 503, "too_many_files", text))
    else:
        exchange.fail(ProxyError(Source.US, 500, "file_error", text))
    return ANSWERED


def _answer_precondition(exchange: Exchange, status: int, facts: Facts) -> None:
    if status == 304:
        exchange.start(facts.head(304), b"", True)
    else:
        exchange.respond(status, *error_page(status))


def _changed(exchange: Exchange, name: bytes) -> Found:
    text = f"{os.fsdecode(name)} became shorter while it was read"
    exchange.fail(ProxyError(Source.US, 500, "file_changed", text))
    return ANSWERED
