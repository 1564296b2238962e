"""Trying several files, one after the other, and something else after the last (nginx's ``try_files``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from pydsl_proxy.handlers.files.paths import FilePaths
from pydsl_proxy.handlers.files.serving import ANSWERED, NOTHING, FileService, Found
from pydsl_proxy.interfaces import Exchange, Handle
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import Constant, Text, Value, ValueFunction, as_bytes
from pydsl_proxy.values.value import path as PATH
from pydsl_proxy.wire.http.uri import BadPath, check_inner_path, escape, inner_target, normalised_path, resolve


class Elsewhere(Protocol):
    """A named location: ``named("app")``."""

    @property
    def path(self) -> str:
        """What stands for it in a redirect inside the proxy."""


Candidate: TypeAlias = ValueFunction | Elsewhere | int

# Values that are as in a target already.
_ENCODED = ("query_string", "request_uri")


class TryFiles:
    """The handle of a location with *candidates*, of which the last is what is done if none is there."""

    def __init__(self, service: FileService, paths: FilePaths, candidates: Sequence[Candidate]) -> None:
        self._service = service
        self._paths = paths
        self._reads = [(path_reader(each), _tells_folders(each)) for each in candidates[:-1] if callable(each)]
        self._otherwise = _otherwise(candidates[-1], paths)

    def __call__(self, exchange: Exchange) -> None:
        """Answer with the first candidate that is there."""
        for read, tells_folders in self._reads:
            if self._try(exchange, read(exchange), tells_folders) is ANSWERED:
                return
        self._otherwise(exchange)

    def _try(self, exchange: Exchange, path: bytes, tells_folders: bool) -> Found:
        try:
            path = resolve(path)
        except BadPath:
            return NOTHING
        name = self._paths.name_of(path)
        # A value of the query may have a NUL, which no file's name has.
        if name is None or b"\0" in name:
            return NOTHING
        if not tells_folders or path[-1:] != b"/":
            return self._service.serve(exchange, name)
        if not self._service.has_folder(name):
            return NOTHING
        if exchange.method not in (b"GET", b"HEAD"):
            # What is asked without its slash is no folder to post to.
            self._paths.answer_other_method(exchange, path, None if path == exchange.path + b"/" else name)
        elif path == exchange.path + b"/":
            self._paths.add_slash(exchange)
        else:
            self._paths.answer_folder(exchange, path, name)
        return ANSWERED


def _tells_folders(value: ValueFunction) -> bool:
    """Whether a slash at the end means a folder: one that is written, as in nginx, or that a function gives.

    That of ``path`` alone, as the request has it, does not: the next candidate is tried.
    """
    if isinstance(value, Text):
        last = value.parts[-1]
        return isinstance(last, str) and last.endswith("/")
    return not isinstance(value, Value)


def path_reader(value: ValueFunction) -> Callable[[Exchange], bytes]:
    """What gives a candidate for an exchange; of ``path`` nothing has to be decoded."""
    parts = value.parts if isinstance(value, Text) else (value.text,) if isinstance(value, Constant) else (value,)
    if any(not isinstance(part, str) and part != PATH for part in parts):
        read = as_bytes(value)
        return lambda exchange: read(exchange.request)
    pieces = [part.encode() if isinstance(part, str) else None for part in parts]
    return lambda exchange: b"".join([exchange.path if piece is None else piece for piece in pieces])


def _otherwise(last: Candidate, paths: FilePaths) -> Handle:
    if isinstance(last, int):
        status = last
        return lambda exchange: paths.answer_missing(exchange, status)
    if not callable(last):
        place = last.path.encode()
        return lambda exchange: exchange.redirect(place)
    read = _target_reader(last)

    def redirect(exchange: Exchange) -> None:
        target = inner_target(read(exchange))
        check_inner_path(target)
        path = normalised_path(target)
        if path == exchange.path or exchange.is_here(path):
            # nginx would run this location again, and find out after ten times that the last file is not there.
            exchange.retarget(target)
            paths(exchange)
        else:
            exchange.redirect(target)

    return redirect


def _target_reader(value: ValueFunction) -> Callable[[Exchange], bytes]:
    """What gives the target of a redirect: literal text is taken as it is, values are escaped."""
    if isinstance(value, Text | Value):
        parts = value.parts if isinstance(value, Text) else (value,)
        reads = [as_bytes(part) if isinstance(part, str) else _escaped(part) for part in parts]
        return lambda exchange: b"".join([read(exchange.request) for read in reads])
    read = as_bytes(value)
    return lambda exchange: read(exchange.request)


def _escaped(value: Value) -> Callable[[Request], bytes]:
    read = as_bytes(value)
    return read if value.name in _ENCODED else lambda request: escape(read(request))
