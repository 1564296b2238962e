"""Modules that a configuration imports from its own folder: they are read anew with it.

Python imports a module once in a process, by its name alone.  So what an earlier load has imported from its folder is
taken out of ``sys.modules`` before a file of another folder is run, and before one of that folder if such a module has
changed.  As long as none has, they stay: what they define is equal to itself, so that upstreams and applications go on.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from types import ModuleType

from attrs import frozen

_PACKAGES = f"{os.sep}site-packages{os.sep}"


@frozen
class _Neighbour:
    """One of them, as it was read; *source* is None of a folder without ``__init__.py``, and of what is gone."""

    module: ModuleType
    folder: str
    source: bytes | None


# As sys.modules is, by the same names: which of these the last loads have imported.
_known: dict[str, _Neighbour] = {}


@contextmanager
def importable(module: ModuleType, folder: str) -> Iterator[None]:
    """Let the file whose *module* this is import what is in its *folder*, and let dataclasses and the like find it.

    All of it stays in ``sys.modules``, where functions look for it later on.  If the file cannot be taken, that is what
    was there before: functions of an earlier load are in force yet.
    """
    before = dict(sys.modules)
    dropped = _drop(folder)
    sys.modules[module.__name__] = module
    sys.path.insert(0, folder)
    # Files that are as young as what Python knows of their folder would not be found.
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in _new(before, folder):
            del sys.modules[name]
        sys.modules.update({name: before[name] for name in (module.__name__, *dropped) if name in before})
        raise
    finally:
        sys.path.remove(folder)
    found = _new(before, folder)
    found.pop(module.__name__, None)
    # What the file does not import any more is there yet for functions of an earlier load, but not within new packages.
    kept = {name: each for name, each in dropped.items() if name.partition(".")[0] not in sys.modules}
    sys.modules.update({name: each.module for name, each in kept.items()})
    for name in dropped:
        if name not in kept:
            del _known[name]
    _known.update({name: _Neighbour(each, folder, _source(each)) for name, each in found.items()})


def _drop(folder: str) -> dict[str, _Neighbour]:
    """Take out of ``sys.modules`` what must be read anew; what that was."""
    ours = {name: each for name, each in _known.items() if sys.modules.get(name) is each.module}
    changed = [each for each in ours.values() if each.folder == folder and _source(each.module) != each.source]
    for each in changed:
        # Its times are seconds: a file of the same size that was written in the same one passes for the old one.
        with suppress(OSError, TypeError, NotImplementedError):
            os.unlink(cache_from_source(str(each.module.__file__)))
    dropped = {name: each for name, each in ours.items() if changed or each.folder != folder}
    for name in dropped:
        del sys.modules[name]
    return dropped


def _new(before: dict[str, ModuleType], folder: str) -> dict[str, ModuleType]:
    """What was imported from *folder* since then; installed packages are not what lies beside a file."""
    found = {}
    for name, each in tuple(sys.modules.items()):
        top = name.partition(".")[0]
        # The rest of a package that was there before belongs to who has imported that, as this package itself.
        of_others = top in before and top not in _known
        if before.get(name) is not each and not of_others and any(_is_below(place, folder) for place in _places(each)):
            found[name] = each
    return found


def _places(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    # A package without __init__.py is all the folders of its name.
    return [place for place in getattr(module, "__path__", ()) if isinstance(place, str)]


def _is_below(place: str, folder: str) -> bool:
    return place.startswith(folder.rstrip(os.sep) + os.sep) and _PACKAGES not in place


def _source(module: ModuleType) -> bytes | None:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return None
