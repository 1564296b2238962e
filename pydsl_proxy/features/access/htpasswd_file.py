"""The users of an htpasswd file, read anew when the file changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from twisted.logger import Logger

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.access.password_hashes import BadHash, Check, check_of
from pydsl_proxy.origin.paths import shown_path

log = Logger()

# Between two looks at the file, in seconds.
LOOKS_EVERY = 1.0
# A hundred thousand users; a file that is larger is something else.
_MAX_BYTES = 16 * 1024 * 1024


class BadFile(Exception):
    """A file that cannot be used; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def read_htpasswd(path: str, data: bytes, *, allow_sha1: bool = False) -> dict[bytes, Check]:
    """The users in *data*: lines ``user:hash``, of which a further colon and what follows is a comment, as in nginx.

    Empty lines and those that begin with ``#`` are passed over.  Raises :class:`BadFile`, with file and line.
    """
    users: dict[bytes, Check] = {}
    lines: dict[bytes, int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.rstrip(b"\r")
        if not line.strip() or line.startswith(b"#"):
            continue
        user, colon, rest = line.partition(b":")
        if not colon or not user:
            text = f"{path}:{number}: the line is not of the form user:hash"
            raise BadFile(text, f"write it with: htpasswd -B {path} USER")
        if user in users:
            text = f"{path}:{number}: the user {_shown(user)} stands on line {lines[user]} too"
            raise BadFile(text, "take one of the lines out")
        try:
            users[user] = check_of(rest.partition(b":")[0].strip(), allow_sha1=allow_sha1)
        except BadHash as error:
            text = f"{path}:{number}: user {_shown(user)}: {error}"
            raise BadFile(text, error.hint.format(f"{path} {_shown(user)}")) from None
        lines[user] = number
    return users


class UsersFile:
    """The users of one file.

    It is looked at once a second at most.  If it cannot be used any more, those of the last time stay, and the error
    log says so.  ``generation`` counts the times that it was read.
    """

    def __init__(self, path: str, seconds: Callable[[], float], *, allow_sha1: bool) -> None:
        self.path = path
        self.generation = 0
        self._seconds = seconds
        self._allow_sha1 = allow_sha1
        self._users: Mapping[bytes, Check] = {}
        # What was last said of it in the error log.
        self._told = ""
        # What the file was when it was read, what was wrong with it, and when it was last looked at.
        self._state: object = None
        self._error: BadFile | None = None
        self._looked = 0.0

    def load(self) -> None:
        """Read the file, if it has changed; raises :class:`BadFile` if it cannot be used, changed or not."""
        self._looked = self._seconds()
        try:
            if self._state != _state(os.stat(self.path)):
                self._state, self._error = None, None
                self._read()
        except OSError as error:
            hint = f"write it with: htpasswd -B -c {self.path} USER"
            raise BadFile(f"{shown_path(self.path)} cannot be read: {error.strerror}", hint) from None
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        with open(self.path, "rb") as file:
            # It may be another one than a moment ago.
            self._state = _state(os.fstat(file.fileno()))
            data = file.read(_MAX_BYTES + 1)
        try:
            if len(data) > _MAX_BYTES:
                raise BadFile(f"{self.path} has more than {_MAX_BYTES} bytes")
            self._users = read_htpasswd(self.path, data, allow_sha1=self._allow_sha1)
        except BadFile as error:
            self._error = error
        else:
            self.generation += 1

    def users(self) -> Mapping[bytes, Check]:
        """The users at this moment."""
        # A clock may be set back.
        if 0 <= self._seconds() - self._looked < LOOKS_EVERY:
            return self._users
        try:
            self.load()
        except (BadFile, ConfigError) as error:
            if str(error) != self._told:
                self._told = str(error)
                log.error("basic_auth: {error}; the users stay as they were", error=self._told)
        else:
            self._told = ""
        return self._users


def _state(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _shown(user: bytes) -> str:
    return ascii(user.decode("utf-8", "backslashreplace")).strip("'\"")
