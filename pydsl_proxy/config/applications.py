"""Applications of WSGI and ASGI as users give them: the object, or the name to import it by."""

from __future__ import annotations

import inspect
import os
import sys
from functools import partial
from importlib import import_module
from typing import Final

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import here

_WRITE: Final = 'write "package.module:app"'


def imported(verb: str, given: object) -> object:
    """What *given* names, as Gunicorn and uvicorn read it; another object is itself."""
    if not isinstance(given, str):
        return given
    name, colon, attributes = given.partition(":")
    if not colon or not name or not attributes:
        raise ConfigError(f"{verb}(): {given!r} is not the name of an application", hint=_WRITE)
    if attributes.endswith(")"):
        function = attributes.partition("(")[0]
        hint = f"write from {name} import {function}, and .{verb}({attributes})"
        raise ConfigError(f"{verb}({given!r}): a name calls nothing", hint=hint)
    try:
        found: object = import_module(name)
    except ImportError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            # A module that it imports itself; or one that raised.
            raise ConfigError(f"{verb}({given!r}): the import failed: {error}") from error
        hint = "its folder must be that of this file, or in PYTHONPATH"
        raise ConfigError(f"{verb}({given!r}): there is no module {error.name!r}", hint=hint) from None
    except Exception as error:
        text = f"{verb}({given!r}): the import failed: {type(error).__name__}: {error}"
        raise ConfigError(text) from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ConfigError(f"{verb}({given!r}): {name} has no {attribute!r}", hint=_WRITE)
        found = getattr(found, attribute)
    _stay_importable()
    return found


def _stay_importable() -> None:
    """Let an application import its neighbours later on, as frameworks do with the first request.

    The loader takes the folder of the file from ``sys.path`` when it has run; Gunicorn keeps it there.
    """
    folder = os.path.dirname(here().file)
    if sys.path.count(folder) == 1 and sys.path[0] == folder:
        sys.path.append(folder)


def check_wsgi(given: object) -> None:
    """Raise ConfigError unless *given* may be a WSGI application."""
    _check_callable("wsgi", given)
    arguments = _arguments(given)
    if _is_coroutine_function(given) or arguments == 3:
        hint = "write .asgi(…)" if arguments in (3, None) else "a WSGI application is a plain function"
        what = "an ASGI application" if arguments in (3, None) else "a coroutine function"
        raise ConfigError(f"wsgi(): {given!r} is {what}", hint=hint)
    if arguments not in (None, 2):
        raise ConfigError(
            f"wsgi(): {given!r} cannot be called as a WSGI application is, with environ and start_response",
            hint=_instance(given),
        )


def check_asgi(given: object) -> None:
    """Raise ConfigError unless *given* may be an ASGI application."""
    _check_callable("asgi", given)
    arguments = _arguments(given)
    if arguments == 2:
        raise ConfigError(f"asgi(): {given!r} is a WSGI application", hint="write .wsgi(…)")
    if arguments == 1 and not isinstance(given, type):
        hint = "write .asgi(asgiref.compatibility.guarantee_single_callable(…))"
        raise ConfigError(f"asgi(): {given!r} is an application of ASGI 2", hint=hint)
    if arguments not in (None, 3) or isinstance(given, type):
        raise ConfigError(
            f"asgi(): {given!r} cannot be called as an ASGI application is, with scope, receive and send",
            hint=_instance(given),
        )


def _instance(given: object) -> str | None:
    return f"write an instance of it, {given.__name__}(…)" if isinstance(given, type) else None


def _check_callable(verb: str, given: object) -> None:
    if inspect.iscoroutine(given):
        given.close()
        raise ConfigError(f"{verb}(): {given!r} is what calling the application gave", hint="write it without ()")
    if not callable(given):
        raise ConfigError(f"{verb}(): {given!r} is not an application: it cannot be called", hint=_WRITE)


def _is_coroutine_function(given: object) -> bool:
    return inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(getattr(given, "__call__", None))  # noqa: B004


def _arguments(given: object) -> int | None:
    """With how many positional arguments it can be called, of 3, 2, 1 and 0; None if that is not known.

    It can be more than one number, as with defaults; what takes any number may be anything.
    """
    plain = inspect.isroutine(given) or isinstance(given, type | partial)
    # Of an object signature() asks whether it can be hashed.
    called: object = given if plain else getattr(given, "__call__", given)  # noqa: B004
    try:
        signature = inspect.signature(called)  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in signature.parameters.values()):
        return None
    fitting = []
    for number in range(4):
        try:
            signature.bind(*range(number))
        except TypeError:
            continue
        fitting.append(number)
    if len(fitting) == 1:
        return fitting[0]
    # Two and three both fit where the third has a default.
    return None if fitting else -1
