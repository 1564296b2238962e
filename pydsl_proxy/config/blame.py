"""Telling an exception in the user's code as a mistake in the configuration."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable
from typing import Final

from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.sites import Server
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, of_user, origin_at

_PACKAGES: Final = f"{os.sep}site-packages{os.sep}"
_NAME: Final = __name__.partition(".")[0]
_UNKNOWN_OPTION: Final = re.compile(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'")


def blame(error: BaseException, file: str) -> ConfigError:
    """What *error*, which running *file* raised, says to the author of the file."""
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, SyntaxError) and error.filename is not None:
        return _syntax(error)
    places = _places(error, file)
    told = "".join(traceback.TracebackException.from_exception(error).format_exception_only()).strip()
    told += "".join(f"\n  called from {place}" for place in places[-2::-1])
    return ConfigError(told, origin=places[-1] if places else Origin(file, 0, 0, 0, 0), hint=_hint(error))


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


def _hint(error: BaseException) -> str | None:
    """What was probably meant; of Python's own suggestions 3.11 gives none outside the interpreter."""
    if isinstance(error, AttributeError) and isinstance(error.obj, Scope):
        return _verb(error.name, error.obj)
    if isinstance(error, NameError):
        known = error.name in _public()
        return f"write from {_NAME} import {error.name}" if known else _nearest(error.name, _public())
    if isinstance(error, ImportError) and error.name == _NAME:
        unknown = re.search(r"cannot import name '(\w+)'", str(error))
        return _nearest(unknown[1], _public()) if unknown else None
    if isinstance(error, TypeError) and (option := _UNKNOWN_OPTION.search(str(error))):
        function = _function(option[1])
        return _nearest(option[2], inspect.signature(function).parameters, "=…") if callable(function) else None
    return None


def _verb(name: str | None, scope: Scope) -> str | None:
    if name is None:
        return None
    if isinstance(scope, Server) and hasattr(OpenLocation, name):
        return f'a handler belongs to a location: write .location("/").{name}(…)'
    if isinstance(scope, OpenLocation) and hasattr(Server, name):
        return "give the location its handler first, with .proxy_to(…), .respond(…) or .redirect_to(…)"
    return _nearest(name, [each for each in dir(scope) if not each.startswith("_")])


def _function(name: str) -> object:
    """What Python calls *name* in its message: a public function, or a verb as ``Scope.timeouts``."""
    owner, _, verb = name.rpartition(".")
    classes = {each.__name__: each for each in (*Scope.__mro__, OpenLocation, Server)}
    return getattr(classes.get(owner, sys.modules[_NAME]), verb, None)


def _nearest(name: str | None, known: Iterable[str], after: str = "") -> str | None:
    near = [] if name is None else difflib.get_close_matches(name, list(known), 1)
    return f"write {near[0]}{after}" if near else None


def _public() -> list[str]:
    """The names that users import.  They stand above this package, which may not import them."""
    return list(sys.modules[_NAME].__all__)
