"""The handler that serves the files below a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.handlers.files.candidates import Candidate, TryFiles
from pydsl_proxy.handlers.files.paths import FilePaths
from pydsl_proxy.handlers.files.root import Root
from pydsl_proxy.handlers.files.serving import FileService
from pydsl_proxy.interfaces import CompileContext, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.paths import from_file
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.value import code_of, constant, value_for
from pydsl_proxy.wire.http.file_types import type_finder
from pydsl_proxy.wire.http.grammar import is_value

_SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_TYPE = re.compile(r"[!#$&^_.+0-9A-Za-z-]+/[!#$&^_.+0-9A-Za-z-]+(?:[ \t]*;.*)?")


def _root(given: object) -> str:
    if isinstance(given, str | os.PathLike):
        path = os.fspath(given)
        if isinstance(path, str) and path and "\0" not in path:
            return from_file(path)
    raise ConfigError(f"serve_files(): {given!r} is no path", hint='write .serve_files("/srv/www")')


def _index(given: str | Iterable[str]) -> tuple[str, ...]:
    # A file's name may have a space in it.
    several = isinstance(given, str) and all("." in name for name in given.split())
    read = (lambda name: _index([name])) if several else None
    names = listed("serve_files", "index", given, '["index.html"]', read)
    for name in names:
        if not isinstance(name, str) or not name or name.startswith((".", "/")) or "/." in name or "\0" in name:
            raise ConfigError(f"serve_files(index=…): {name!r} is no file's name", hint='write index=["index.html"]')
    return names


def _codings(given: bool | Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, bool):
        return tuple(_SUFFIXES) if given else ()
    codings = (given,) if isinstance(given, str) else listed("serve_files", "precompressed", given, '["br", "gzip"]')
    for coding in codings:
        if not isinstance(coding, str) or coding not in _SUFFIXES:
            known = ", ".join(map(repr, _SUFFIXES))
            raise ConfigError(f"serve_files(precompressed=…): {coding!r} is no coding", hint=f"the codings are {known}")
    return codings


def _types(given: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    if isinstance(given, Mapping):
        given = tuple(given.items())
    if not isinstance(given, tuple) or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in given):
        hint = 'write types={"md": "text/markdown"}'
        raise ConfigError(f"serve_files(types=…): {given!r} is no table of media types", hint=hint)
    return tuple((_end(end), _type("types", name)) for end, name in given)


def _end(end: object) -> str:
    if not isinstance(end, str) or not end.lstrip(".") or "/" in end or "." in end.lstrip("."):
        hint = 'write types={"md": "text/markdown"}'
        raise ConfigError(f"serve_files(types=…): {end!r} is not the end of a name", hint=hint)
    return end.lstrip(".").lower()


def _type(option: str, name: object) -> str:
    if not isinstance(name, str) or not _TYPE.fullmatch(name) or not is_value(name.encode("utf-8", "replace")):
        hint = 'write "text/html; charset=utf-8"'
        raise ConfigError(f"serve_files({option}=…): {name!r} is not a media type", hint=hint)
    return name


def _candidates(given: Iterable[object] | None) -> tuple[Candidate, ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        hint = 'write try_files=[path, "/index.html"]'
        raise ConfigError(f"serve_files(try_files=…) must be a list, not {given!r}", hint=hint)
    return tuple(map(_candidate, listed("serve_files", "try_files", given, '[path, "/index.html"]')))


def _candidate(given: object) -> Candidate:
    if isinstance(given, int) or str(getattr(given, "path", "")).startswith("@"):
        return given  # type: ignore[return-value]  # looked at as a whole in Files
    value = value_for("serve_files(try_files=…)", given)  # type: ignore[arg-type]  # what is none is refused there
    text = constant(value)
    if text is not None and not text.startswith("/"):
        raise ConfigError(f"serve_files(try_files=…): {text!r} does not start with '/'", hint=f'write "/{text}"')
    return value


def _cache_control(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.isascii() or not given or not is_value(given.encode()):
        raise ConfigError(
            f"serve_files(cache_control=…): {given!r} is no value of that field", hint='write cache_control="no-cache"'
        )
    return given


@frozen
class Files:
    """The files below *root*; see :meth:`~pydsl_proxy.config.locations.OpenLocation.serve_files`."""

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    root: str = field(converter=_root)
    index: tuple[str, ...] = field(default=("index.html",), converter=_index, kw_only=True)
    try_files: tuple[Candidate, ...] = field(default=(), converter=_candidates, kw_only=True)
    cache_control: str | None = field(default=None, converter=_cache_control, kw_only=True)
    types: tuple[tuple[str, str], ...] = field(default=(), converter=_types, kw_only=True)
    default_type: str = field(default="application/octet-stream", kw_only=True)
    browse: bool = field(default=False, kw_only=True)
    precompressed: tuple[str, ...] = field(default=(), converter=_codings, kw_only=True)
    keep_prefix: bool = field(default=False, kw_only=True)
    hidden: bool = field(default=False, kw_only=True)
    follow_symlinks: bool = field(default=True, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _type("default_type", self.default_type)
        for option in ("browse", "keep_prefix", "hidden", "follow_symlinks"):
            value = getattr(self, option)
            if not isinstance(value, bool):
                raise ConfigError(f"serve_files({option}=…) must be True or False, not {value!r}")
        _check_candidates(self.try_files)

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The named locations that it may redirect to."""
        return tuple(each.path for each in self.try_files if not callable(each) and not isinstance(each, int))

    def as_verb(self) -> str:
        """The call that makes this."""
        tried = [f"try_files=[{', '.join(map(_code, self.try_files))}]"] if self.try_files else []
        types = [f"types={dict(self.types)!r}"] if self.types else []
        return call(
            "serve_files",
            repr(self.root),
            options(self, "index"),
            tried,
            options(self, "cache_control"),
            types,
            options(self, "default_type", "browse", "precompressed", "keep_prefix", "hidden", "follow_symlinks"),
        )

    def compile(self, place: CompileContext) -> Handle:
        """A handle that answers with files, from the disk each time."""
        root = Root(os.fsencode(self.root), follow=self.follow_symlinks)
        always = [(b"Cache-Control", self.cache_control.encode())] if self.cache_control else []
        if self.precompressed:
            always.append((b"Vary", b"Accept-Encoding"))
        codings = [(coding.encode(), _SUFFIXES[coding].encode()) for coding in self.precompressed]
        service = FileService(root, type_finder(dict(self.types), self.default_type), always, codings, place.clock)
        paths = FilePaths(
            service,
            root,
            b"" if self.keep_prefix else place.prefix or b"",
            tuple(name.encode() for name in self.index),
            browse=self.browse,
            hidden=self.hidden,
            links=self.follow_symlinks,
            varies=bool(codings),
        )
        return TryFiles(service, paths, self.try_files) if self.try_files else paths


def _check_candidates(candidates: tuple[Candidate, ...]) -> None:
    hint = 'write try_files=[path, "/index.html"], [path, named("app")] or [path, 404]'
    if len(candidates) == 1:
        raise ConfigError("serve_files(try_files=…) has nothing to do if the one candidate is not there", hint=hint)
    for each in candidates[:-1]:
        if not callable(each):
            raise ConfigError(f"serve_files(try_files=…): {each!r} can only be the last", hint=hint)
    last = candidates[-1] if candidates else None
    if isinstance(last, int) and (isinstance(last, bool) or not (200 <= last <= 299 or 400 <= last <= 599)):
        raise ConfigError(f"serve_files(try_files=…): {last!r} is no status that can be answered", hint=hint)


def _code(candidate: Candidate) -> str:
    return code_of(candidate) if callable(candidate) else repr(candidate)
