"""Which script answers for a path, and what of the path is left for the script."""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.uri import is_hidden


class ScriptPaths:
    """nginx's ``fastcgi_index`` and ``fastcgi_split_path_info`` below a *root*.

    *split* finds two groups in a path: the script, and the path that the script gets as PATH_INFO.  A path that is not
    split is the script's as a whole, with *index* behind a slash at its end.  Paths are normalised ones: they have no
    ``..`` and no NUL.  A script whose path has a segment that begins with a dot is not there, unless *hidden* ones are.
    """

    __slots__ = ("_hidden", "_index", "_split", "root")

    def __init__(
        self, root: bytes, index: bytes = b"", split: re.Pattern[bytes] | None = None, *, hidden: bool = False
    ) -> None:
        self._hidden = hidden
        self.root = root.rstrip(b"/")
        self._index = index
        self._split = None if split is None else split.search

    @property
    def splits(self) -> bool:
        """Whether there is a PATH_INFO at all."""
        return self._split is not None

    def of(self, path: bytes) -> tuple[bytes, bytes]:
        """The script's name below the root, and the rest; raises Malformed for what is not there.

        A pattern without ``^/`` may find ``b.php`` in ``/a/b.php/c``: with the root ``/www`` that were ``/wwwb.php``.
        """
        script, rest = self._cut(path)
        if not self._hidden and is_hidden(script):
            raise Malformed("the script is a hidden file", 404)
        return script, rest

    def _cut(self, path: bytes) -> tuple[bytes, bytes]:
        if self._split is not None and (found := self._split(path)) is not None:
            script = found[1] or b""
            if script[:1] != b"/":
                raise Malformed("the script's name does not begin with a slash", 404)
            return script, found[2] or b""
        if path[-1:] == b"/":
            path += self._index
        return path, b""

    def filename(self, script: bytes) -> bytes:
        """Where the script is."""
        return self.root + script
