"""Loading a configuration: running ``proxy.py``, and telling all that is wrong with it."""

from __future__ import annotations

import difflib
import linecache
import os
from collections.abc import Callable, Iterable, Mapping
from importlib.util import decode_source
from types import ModuleType
from typing import Final

from pydsl_proxy.config.checks.whole import checking
from pydsl_proxy.config.loading.beside import Beside
from pydsl_proxy.config.loading.lost_locations import forgotten
from pydsl_proxy.config.loading.modules import importable
from pydsl_proxy.config.loading.opened_locations import noticing
from pydsl_proxy.config.loading.user_errors import blame
from pydsl_proxy.config.locations import Location, OpenLocation, no_handler
from pydsl_proxy.config.servers import Http, Server, http
from pydsl_proxy.config.streams.stream import OpenStream, Stream, no_upstream
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.origin import Origin, forget_positions
from pydsl_proxy.origin.paths import paths_below

#: The name in a module that is taken.
NAME: Final = "proxy"


def load(path: str | os.PathLike[str]) -> Http:
    """The configuration that the file at *path* calls ``proxy``.

    The file is run as a module of its own, with its folder first on ``sys.path`` for as long as it runs.  Modules that
    it imports from there are read anew if they have changed since an earlier load.  Relative paths in it lead to below
    its folder.  A server stands for ``http(server)``.  All mistakes that can be told apart are raised together as
    :class:`ConfigErrors`; warnings are not among them, see :func:`~pydsl_proxy.config.checks.whole.check`.
    """
    return read(path, lambda config: ())


def read(
    path: str | os.PathLike[str], further: Callable[[Http], Iterable[ConfigError]], beside: Beside | None = None
) -> Http:
    """As :func:`load`; if there are mistakes, *further* looks for those that it would have been the next to tell.

    *beside* is given where another thread is not to be kept waiting.
    """
    try:
        return _read(os.path.abspath(path), further, beside or Beside())
    finally:
        forget_positions()


def _read(file: str, further: Callable[[Http], Iterable[ConfigError]], beside: Beside) -> Http:
    # It and its neighbours may have changed since their lines were last shown.
    linecache.checkcache()
    module = ModuleType(f"_pydsl_proxy_{os.path.splitext(os.path.basename(file))[0]}")
    module.__file__ = file
    with importable(module, os.path.dirname(file)):
        with noticing(beside.pause) as noticed, paths_below(os.path.dirname(file)):
            _run(file, module, beside)
        names = module.__dict__
        config = _taken(file, names)
        missed = list(forgotten(noticed, file, names))
        found = _checked(config, beside) if isinstance(config, Http) else [config]
        errors = [*missed, *found]
        if errors and isinstance(config, Http):
            known = set(map(str, errors))
            errors += [error for error in further(config) if str(error) not in known]
        if errors:
            raise ConfigErrors(sorted(errors, key=lambda error: (error.origin.file != file, error.origin.line)))
    assert isinstance(config, Http)
    return config


def _checked(config: Http, beside: Beside) -> list[ConfigError]:
    found = []
    for some in checking(config):
        found += [error for error in some if not error.warning]
        beside.pause()
    return found


def _run(file: str, module: ModuleType, beside: Beside) -> None:
    """Run the file as *module*; it is compiled anew each time, a stale ``.pyc`` must not hide an edit."""
    try:
        with open(file, "rb") as stream:
            source = stream.read()
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        raise ConfigErrors([ConfigError(text, origin=Origin(file, 0, 0, 0, 0))]) from error
    try:
        # Of text, CPython tells the columns of syntax errors in characters; of bytes, 3.11 does not.
        exec(beside.compile(decode_source(source), file), module.__dict__)
    except ConfigErrors:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigErrors([blame(error, file)]) from error


def _taken(file: str, names: Mapping[str, object]) -> Http | ConfigError:
    """What is called ``proxy``, or why it cannot be taken."""
    taken = names.get(NAME)
    if isinstance(taken, Http):
        return taken
    if isinstance(taken, Server | Stream):
        return http(taken)
    if isinstance(taken, OpenStream):
        return no_upstream(taken)
    if isinstance(taken, OpenLocation):
        return no_handler(taken)
    start = Origin(file, 0, 0, 0, 0)
    if NAME in names:
        what = "a location" if isinstance(taken, Location) else f"a {type(taken).__name__}"
        hint = f"write {NAME} = http(…)" if not isinstance(taken, list | tuple) else f"write {NAME} = http(*servers)"
        return ConfigError(f"{NAME} is {what}, not a server and not http(…)", origin=start, hint=hint)
    return ConfigError(f"the file gives nothing the name {NAME!r}", origin=start, hint=_nearest(names))


def _nearest(names: Mapping[str, object]) -> str:
    """Which of the file's names is probably meant."""
    whole = [name for name, value in names.items() if isinstance(value, Http)]
    servers = [name for name, value in names.items() if isinstance(value, Server | Stream)]
    candidates = whole or servers
    if len(candidates) == 1 or whole:
        near = difflib.get_close_matches(NAME, candidates, 1, 0.0)
        return f"write {NAME} = {near[0]}"
    if servers:
        return f"write {NAME} = http({', '.join(servers)})"
    return f'write {NAME} = server(8080).location("/").proxy_to("127.0.0.1:9000")'
