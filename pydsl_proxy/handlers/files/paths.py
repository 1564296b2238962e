"""From the path of a request to a file below the root: what a location that serves files does with an exchange."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.files.listing import FIELDS, listing
from pydsl_proxy.handlers.files.root import FOLDER_FLAGS, Root
from pydsl_proxy.handlers.files.serving import (
    ANSWERED,
    FOLDER,
    NOTHING,
    FileService,
    Found,
    answer_error,
    refuse_method,
)
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http.uri import escape, is_hidden, normalised_path, split_target
from pydsl_proxy.wire.http1.response_writer import error_page


class FilePaths:
    """The handle of a location that serves files.

    *prefix* leaves a path before it is looked up; it is empty where all of the path counts.
    """

    def __init__(
        self,
        service: FileService,
        root: Root,
        prefix: bytes,
        index: Sequence[bytes],
        *,
        browse: bool,
        hidden: bool,
        links: bool,
        varies: bool = False,
    ) -> None:
        self._service = service
        self._root = root
        self._prefix = prefix
        # The slash at the prefix's end begins the rest.
        self._cut = len(prefix.rstrip(b"/"))
        self._index = index
        self._browse = browse
        self._hidden = hidden
        self._links = links
        # Whether there is nothing may depend on what the client understands.
        self._varies = ((b"Vary", b"Accept-Encoding"),) if varies else ()

    def __call__(self, exchange: Exchange) -> None:
        """Answer with the file of the exchange's own path."""
        path = exchange.path
        name = self.name_of(path)
        if exchange.method != b"GET" and exchange.method != b"HEAD":
            self.answer_other_method(exchange, path, name)
        elif name is None:
            exchange.respond(404, *error_page(404))
        elif name[-1:] == b"/":
            self.answer_folder(exchange, path, name)
        else:
            found = self._service.serve(exchange, name)
            if found is FOLDER:
                self.add_slash(exchange)
            elif found is NOTHING:
                self.answer_missing(exchange, 404)

    def answer_other_method(self, exchange: Exchange, path: bytes, name: bytes | None) -> None:
        """Files have none but GET and HEAD.  POST to a folder is for its index, where another location has that.

        So it is with nginx, and so scripts such as ``index.php`` get their forms.
        """
        if exchange.method == b"POST" and name is not None and name[-1:] == b"/":
            for each in self._index:
                if self._service.has(name + each):
                    if not exchange.is_here(path + each):
                        self._redirect(exchange, path + each)
                        return
                    break
        refuse_method(exchange)

    def _redirect(self, exchange: Exchange, path: bytes) -> None:
        _, query = split_target(exchange.target)
        exchange.redirect(escape(path) + (b"?" + query if query else b""))

    def answer_missing(self, exchange: Exchange, status: int) -> None:
        """There is no such file, at least none that the client understands."""
        body, fields = error_page(status)
        if has_no_body(status):
            body, fields = b"", ()
        exchange.respond(status, body, (*fields, *self._varies))

    def name_of(self, path: bytes) -> bytes | None:
        """The name of the file for a normalised path; None if there can be none, or it is to stay hidden.

        A path without the prefix was rewritten, and all of it counts.  With a prefix ``/static``, which matches
        ``/static..`` and ``/statics`` too, only what follows a slash is below the folder.
        """
        rest = path[self._cut :] if path.startswith(self._prefix) else path
        if rest[:1] != b"/" and rest:
            return None
        if b"/." in rest and not self._shows(path, rest):
            return None
        return self._root.path + rest

    def _shows(self, path: bytes, rest: bytes) -> bool:
        # A path is normalised when it comes here; what would climb is not shown even if it is not.
        if b"/../" in rest or rest.endswith(b"/.."):
            return False
        if self._hidden:
            return True
        return not is_hidden(path)

    def add_slash(self, exchange: Exchange) -> None:
        """Redirect to the folder's path with a slash, and with the query: the client's own path, if it ends alike."""
        path, (_, query) = exchange.path, split_target(exchange.target)
        asked = normalised_path(exchange.target)
        url = escape((asked if asked.endswith(path) else path) + b"/") + (b"?" + query if query else b"")
        host = exchange.fields.host
        if host:
            url = exchange.identity.scheme.encode() + b"://" + host + url
        exchange.respond(301, b"", ((b"Location", url),))

    def answer_folder(self, exchange: Exchange, path: bytes, name: bytes) -> None:
        """Answer with the index of the folder called *name*, whose *path* ends with a slash, or a list of it.

        An index that another location is for is answered there, as in nginx.
        """
        for each in self._index:
            if exchange.is_here(path + each):
                found = self._service.serve(exchange, name + each)
            elif self._service.has(name + each):
                self._redirect(exchange, path + each)
                return
            else:
                found = NOTHING
            if found is ANSWERED:
                return
        if self._open_folder(exchange, path, name) is NOTHING:
            self.answer_missing(exchange, 404)

    def _open_folder(self, exchange: Exchange, path: bytes, name: bytes) -> Found:
        """List the folder, or forbid it."""
        try:
            fd = os.open(name, FOLDER_FLAGS)
        except OSError as error:
            return answer_error(exchange, error)
        try:
            if self._browse and self._root.holds(fd, name):
                page = listing(
                    fd,
                    path,
                    hidden=self._hidden,
                    links=self._links,
                    shows=lambda link, entry: self._root.holds(link, name + os.fsencode(entry)),
                )
                exchange.respond(200, page, FIELDS)
            else:
                text = f"{os.fsdecode(name)} has no index, and is not to be listed"
                exchange.fail(ProxyError(Source.US, 403, "no_index", text))
        except OSError as error:
            return answer_error(exchange, error)
        finally:
            os.close(fd)
        return ANSWERED
