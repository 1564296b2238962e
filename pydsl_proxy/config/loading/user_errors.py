"""Telling an exception in the user's code as a mistake in the configuration."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import Final

from pydsl_proxy.config.loading.hints import hint_of
from pydsl_proxy.config.loading.meant import missing_comma
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, of_user, origin_at

_PACKAGES: Final = f"{os.sep}site-packages{os.sep}"


def blame(error: BaseException, file: str) -> ConfigError:
    """What *error*, which running *file* raised, says to the author of the file."""
    if isinstance(error, ConfigError):
        return missing_comma(error)
    if isinstance(error, SyntaxError) and error.filename is not None:
        return _syntax(error)
    places = _places(error, file)
    origin = places[-1] if places else Origin(file, 0, 0, 0, 0)
    better = hint_of(error, origin, _names(error))
    text = "".join(traceback.TracebackException.from_exception(error).format_exception_only()).strip()
    text = text if better is None else better.message
    text += "".join(f"\n  called from {place}" for place in places[-2::-1])
    return ConfigError(text, origin=origin, hint=None if better is None else better.hint)


def _names(error: BaseException) -> Mapping[str, object]:
    """What the names of the code stand for that raised *error*."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return {} if entry is None else {**entry.tb_frame.f_globals, **entry.tb_frame.f_locals}


def _syntax(error: SyntaxError) -> ConfigError:
    line, column = error.lineno or 0, max((error.offset or 1) - 1, 0)
    end_line, end = error.end_lineno or line, (error.end_offset or 0) - 1
    text = error.text or ""
    if end_line == line:
        # CPython counts characters here, and bytes everywhere else.
        column, end = len(text[:column].encode()), len(text[: max(end, column + 1)].encode())
    origin = Origin(error.filename or "", line, end_line, column, end)
    return ConfigError(f"{type(error).__name__}: {error.msg}", origin=origin)


def _places(error: BaseException, file: str) -> list[Origin]:
    """The user's lines in the traceback, the innermost last: those in the file's folder, without installed packages."""
    folder = os.path.dirname(file).rstrip(os.sep) + os.sep
    places = []
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename.startswith(folder) and of_user(code.co_filename) and _PACKAGES not in code.co_filename:
            places.append(origin_at(code, entry.tb_lasti, entry.tb_lineno))
        entry = entry.tb_next
    return places
