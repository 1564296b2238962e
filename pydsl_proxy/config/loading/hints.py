"""What to write in place of a verb, an option or a name that is not there: misspelt, or the word of another proxy."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import frozen

from pydsl_proxy.config.loading.not_verbs import attribute_called
from pydsl_proxy.config.loading.pasting import Written, plain, written_call
from pydsl_proxy.config.loading.trial import public_names, refusal
from pydsl_proxy.config.locations import Location, OpenLocation, code_of
from pydsl_proxy.config.scopes import Scope
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import OpenStream, Stream
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.errors.other_words import (
    LACKING,
    METHODS,
    MISSING_NAMES,
    NAMES,
    OF_STREAMS,
    OPENING,
    OPTIONS,
    SURPLUS,
    VERBS,
    Option,
    Word,
)
from pydsl_proxy.origin import Origin
from pydsl_proxy.values.value import Value

_NAME: Final = __name__.partition(".")[0]
_UNKNOWN_OPTION: Final = re.compile(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'")
_TWICE: Final = re.compile(r"([\w.]+)\(\) got multiple values for argument '(\w+)'")
_TOO_MANY: Final = re.compile(r"([\w.]+)\(\) takes (?:from \d+ to )?\d+ positional arguments? but \d+ .*given")
_MISSING: Final = re.compile(r"([\w.]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
_NOT_CALLABLE: Final = re.compile(r"object is not callable\Z")
# As misspelt words are, where others only share some letters.
_VERY_LIKE: Final = 0.75
_EMPTY: Final = Written(ast.Call(ast.Name("verb"), [], []), "")
# The option that is meant by an argument too many, where it is not the first one.
_MEANT: Final = {"timeouts": ("read", "idle"), "limit_requests": ("burst",), "clients": ("head_timeout",)}


@frozen
class Hint:
    """A message in place of Python's own, and what to write."""

    message: str
    hint: str | None


def hint_of(error: BaseException, origin: Origin, names: Mapping[str, object]) -> Hint | None:
    """What to say of *error*, which was raised at *origin*, where the user's *names* are known; None for no better."""
    if isinstance(error, AttributeError) and isinstance(error.obj, Scope | OpenStream | Stream | Upstream | Value):
        return _verb(error.name or "", error.obj, origin)
    if isinstance(error, NameError) and error.name:
        return Hint(f"{type(error).__name__}: {error}", _name(error.name, frozenset(names)))
    if isinstance(error, ImportError) and error.name == _NAME:
        unknown = re.search(r"cannot import name '(\w+)'", str(error))
        return Hint(f"ImportError: {error.msg}", _name(unknown[1], public_names()) if unknown else None)
    if isinstance(error, TypeError):
        return _call(str(error), origin, names)
    return None


def _verb(name: str, owner: Scope | OpenStream | Stream | Upstream | Value, origin: Origin) -> Hint:
    written = written_call(origin, name)
    hint = _instead_of_verb(name, owner, written)
    what = f"{_shown(owner)} has no verb {name}"
    pasted = hint.removeprefix("write ") if hint is not None and hint.startswith("write ") else None
    return Hint(what if pasted is None or ";" in pasted else f"{what}: write {pasted}", hint)


def _instead_of_verb(
    name: str, owner: Scope | OpenStream | Stream | Upstream | Value, written: Written | None
) -> str | None:
    if isinstance(owner, Value):
        template = next((each for each, words in METHODS.items() if plain(name) in words.split()), None)
        code, lost = ("", [name]) if template is None or written is None else written.filled(template)
        if lost or refusal(f"_.{code}", owner) is not None:
            return _nearest(name, _verbs(type(owner)))
        return f"write {code}"
    if isinstance(owner, Upstream):
        return 'an upstream has no verbs: write upstream("app", least_conn(), "host:port", keepalive=32)'
    if isinstance(owner, Server) and name in _verbs(OpenLocation):
        return _to_a_location(f"{name}(…)" if written is None else written.fill("{call}({*})"))
    if isinstance(owner, OpenLocation) and name in _verbs(Server):
        return "give the location its handler first, with .proxy_to(…), .respond(…) or .redirect_to(…)"
    table = (*OPENING, *VERBS) if isinstance(owner, Server) else VERBS
    words = [each for each in table if plain(name) in each.words.split()]
    if isinstance(owner, OpenStream | Stream):
        words = [each for each in OF_STREAMS if plain(name) in each.words.split()]
    if not words:
        return _nearest(name, _verbs(type(owner)))
    found = [_from_word(each, owner, written) for each in words]
    return next((hint for hint, pasted in found if pasted), found[0][0])


def _from_word(word: Word, owner: Scope | OpenStream | Stream, written: Written | None) -> tuple[str, bool]:
    """What to write by a row of the table, and whether it says all that was written."""
    if word.write is None:
        return word.note, False
    code, lost = (_EMPTY if written is None else written).filled(word.write)
    verb = code.partition("(")[0]
    note = f"; {word.note}" if word.note else ""
    own = verb not in _verbs(OpenLocation) or verb in _verbs(type(owner))
    if instead := _no_paste(word.write, code, lost, "_." if own else 'location("/").', owner):
        return instead + note, False
    if own:
        return f"write {code}{note}", True
    if isinstance(owner, Location):
        return f"a location has one handler, and this one has its own; another one is location(…).{code}", True
    return _to_a_location(code) + note, True


def _no_paste(template: str, code: str, lost: list[str], before: str, given: object = None) -> str | None:
    """What to say if *code* drops a part of what was written, or would be refused itself; None if it may be pasted."""
    if lost:
        return f"the nearest is {_EMPTY.fill(template)}, which has no place for {', '.join(lost)}"
    if reason := refusal(before + code, given):
        return f"the nearest is {_EMPTY.fill(template)}, but {reason}"
    return None


def _to_a_location(code: str) -> str:
    return f'a handler belongs to a location: write location("/").{code}'


def _call(text: str, origin: Origin, names: Mapping[str, object]) -> Hint | None:
    if _NOT_CALLABLE.search(text):
        found_call = attribute_called(origin, names)
        return None if found_call is None else Hint(*found_call)
    if found := _UNKNOWN_OPTION.search(text):
        function, name = found[1].rpartition(".")[2], found[2]
        called = _function(found[1])
        if not callable(called):
            return None
        hint = _option(found[1], name, called, written_call(origin, function))
        return Hint(f"{function}() has no option {name}", hint)
    if (found := _TWICE.search(text)) and callable(called := _function(found[1])):
        function, name = found[1].rpartition(".")[2], found[2]
        hint = _option(found[1], name, called, written_call(origin, function))
        return Hint(f"{function}() is given {name} twice, without the name and with it", hint)
    if found := _TOO_MANY.search(text):
        called = _function(found[1])
        if not callable(called):
            return None
        function = found[1].rpartition(".")[2]
        return Hint(
            f"{function}() has fewer arguments without a name", _named(found[1], called, written_call(origin, function))
        )
    if (found := _MISSING.search(text)) and callable(_function(found[1])):
        function = found[1].rpartition(".")[2]
        return Hint(f"{function}() lacks {found[2]}", _lacking(found[1], written_call(origin, function)))
    return None


def _option(qualified: str, name: str, called: Callable[..., object], written: Written | None) -> str | None:
    parameters = inspect.signature(called).parameters
    owner, _, function = qualified.rpartition(".")
    called_as = ("stream" if owner == "OpenStream" else "") + plain(function)
    rows = [
        row for row in OPTIONS if called_as in row.calls.split() and plain(name) in row.words.replace("|", " ").split()
    ]
    if name in parameters and not rows:
        return f"leave {name}=… out"
    if not rows:
        return _near_option(qualified, name, parameters, written)
    found = [_from_option(row, qualified, written) for row in rows]
    return next((hint for hint, pasted in found if pasted), found[0][0])


def _near_option(qualified: str, name: str, parameters: Iterable[str], written: Written | None) -> str | None:
    """The option whose name is like *name*; of one that is less like it, only if it takes what was written."""
    for near in difflib.get_close_matches(name, list(parameters)):
        if written is None or difflib.SequenceMatcher(None, name, near).ratio() >= _VERY_LIKE:
            return f"write {near}=…"
        codes = [
            f"{near}={written.code(each.value)}"
            if isinstance(each, ast.keyword) and each.arg == name
            else written.code_of(each)
            for each in written.arguments
        ]
        if refusal(f"{_before(qualified)}{written.name}({', '.join(codes)})") is None:
            return f"write {near}=…"
    return None


def _from_option(row: Option, qualified: str, written: Written | None) -> tuple[str | None, bool]:
    """What to write by a row of the table, and whether it says all that was written."""
    if row.write is None or written is None:
        return row.note or None, False
    groups = {}
    for group in row.words.split("|"):
        words = group.split()
        for keyword in written.call.keywords:
            if keyword.arg is not None and plain(keyword.arg) in words:
                groups[words[0]] = keyword.arg
    code, lost = written.filled(row.write, groups)
    note = f"; {row.note}" if row.note else ""
    if instead := _no_paste(row.write.replace("{call}", written.name), code, lost, _before(qualified)):
        return instead + note, False
    return f"write {code}{note}", True


def _lacking(qualified: str, written: Written | None) -> str | None:
    """The call with what it lacks."""
    for row in LACKING:
        if plain(qualified.rpartition(".")[2]) in row.calls.split() and written is not None and row.write is not None:
            code, lost = written.filled(row.write)
            if not lost and refusal(_before(qualified) + code) is None:
                return f"write {code}" + (f"; {row.note}" if row.note else "")
    return None


def _before(qualified: str) -> str:
    """What the call of a function or a verb is tried after, by Python's name for it."""
    owner, _, function = qualified.rpartition(".")
    if not owner:
        return ""
    return "stream(80)." if owner == "OpenStream" else "server(80)." if function == "location" else 'location("/").'


def _named(qualified: str, called: Callable[..., object], written: Written | None) -> str | None:
    """The call with the first argument that is too many given by name."""
    parameters = inspect.signature(called).parameters
    places = [
        each.name for each in parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD and each.name != "self"
    ]
    options = [each.name for each in parameters.values() if each.kind is each.KEYWORD_ONLY]
    if written is not None and written.name.rpartition(".")[2] == "location":
        return _several_paths(written)
    if written is None or not options or any(isinstance(each, ast.Starred) for each in written.call.args):
        return None
    if row := next((row for row in SURPLUS if row.calls == plain(written.name)), None):
        code, lost = written.filled(row.write or "")
        if not lost and refusal(_before(qualified) + code) is None:
            return f"write {code}"
    arguments = [written.code(each) for each in written.call.args]
    if len(arguments) == len(places) + 1:
        option = next((each for each in _MEANT.get(written.name, ()) if each in options), options[0])
        surplus = written.call.args[len(places)]
        value = written.code(surplus)
        if isinstance(surplus, ast.Constant) and surplus.value in options:
            option, value = str(surplus.value), "True"
        keywords = [written.code_of_keyword(each) for each in written.call.keywords]
        for each in (value, written.seconds(surplus)):
            right = f"{written.name}({', '.join([*arguments[: len(places)], f'{option}={each}', *keywords])})"
            if each and _fits(each, parameters[option]) and refusal(_before(qualified) + right) is None:
                return f"write {right}"
    return f"after {', '.join(places) or 'no argument'} all have names: {', '.join(each + '=…' for each in options)}"


def _several_paths(written: Written) -> str:
    """What to write for a location with more than a path: nginx's modifier and pattern, or several locations."""
    modifier = written.call.args[0]
    made = {"~": "regex", "=": "exact"}.get(str(modifier.value)) if isinstance(modifier, ast.Constant) else None
    if len(written.call.args) == 2 and made is not None:
        code = f"location({made}({written.code(written.call.args[1])}))"
        if refusal(code) is None:
            return f"write {code}"
    each = " and ".join(f"location({written.code(path)}).…" for path in written.call.args)
    return f"a location has one path, and each is a location with its handler: {each}"


def _fits(value: str, parameter: inspect.Parameter) -> bool:
    """Whether the code of an argument can be the *parameter*, which a flag is not for any other literal."""
    return "bool" not in str(parameter.annotation) or value in ("True", "False") or not re.match(r"['\"\d]", value)


def _name(name: str, known: Iterable[str]) -> str | None:
    public = public_names()
    if name in public:
        return f"write from {_NAME} import {name}"
    if note := next((note for word, note in MISSING_NAMES.items() if word == plain(name)), None):
        return note
    code = next((code for code, words in NAMES.items() if plain(name) in words.split()), None)
    if code is None:
        return _nearest(name, public)
    needed = code.partition("(")[0]
    return f"write {code}" + ("" if needed in known else f"; it needs from {_NAME} import {needed}")


def _function(name: str) -> object:
    """What Python calls *name* in its message: a public function, or a verb as ``Scope.timeouts``."""
    owner, _, verb = name.rpartition(".")
    classes = {
        each.__name__: each for each in (*Scope.__mro__, *OpenStream.__mro__, OpenLocation, Server, *Value.__mro__)
    }
    return getattr(classes.get(owner, sys.modules[_NAME]), verb, None)


def _verbs(kind: type) -> list[str]:
    return [each for each in dir(kind) if not each.startswith("_") and callable(getattr(kind, each, None))]


def _shown(owner: object) -> str:
    """The call that made *owner*, as far as it is needed to know it again, in the user's own words."""
    if isinstance(owner, OpenLocation | Location):
        return code_of(owner.match).replace("'", '"')
    if isinstance(owner, Server):
        return f"server({', '.join(each.removeprefix('tcp:') for each in owner.listen)})"
    if isinstance(owner, OpenStream | Stream):
        return f"stream({', '.join(each.removeprefix('tcp:') for each in owner.listen)})"
    if isinstance(owner, Upstream):
        return f'upstream("{owner.name}")'
    return "http(…)" if isinstance(owner, Http) else repr(owner)


def _nearest(name: str, known: Iterable[str], after: str = "") -> str | None:
    near = difflib.get_close_matches(name, list(known))
    return f"write {near[0]}{after}" if near else None
