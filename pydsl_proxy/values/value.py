"""Request values as objects: ``host``, ``header("x-tenant")``, and the f-strings made of them."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter, methodcaller
from typing import Final, NoReturn, TypeAlias

from attrs import Factory, field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import check_no_object, is_coroutine_function
from pydsl_proxy.values.code_reader import CodeReader
from pydsl_proxy.values.conditions import Comparing
from pydsl_proxy.values.foreign_text import foreign_values, meant_value
from pydsl_proxy.values.regex import regex
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.client_networks import network_of

ValueFunction: TypeAlias = Callable[[Request], str]
"""What a value is once compiled: the text that it has for a request."""

# A value in a string is its code between two noncharacters, which Unicode sets apart for a program's own use
# (section 23.7): they stand in no text that is interchanged.  A mark that was never compiled is looked for where a
# function gives it, so that it cannot reach the wire unseen.
_OPEN: Final = "\ufdd0"
_CLOSE: Final = "\ufdd1"
_MARK: Final = re.compile(f"{_OPEN}([a-z_]+)(?:\\(([^{_OPEN}{_CLOSE}]*)\\))?{_CLOSE}")

# A value that an exchange has only when it is over, for the formats of logs.
_OUTCOME: Final = re.compile(f"{_OPEN}outcome:([a-z_0-9]+){_CLOSE}")
_ENCODED_OPEN: Final = _OPEN.encode()

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_COOKIE_NAME: Final = re.compile(r"[^\x00-\x20=;,\x7f-\U0010ffff]+")

#: Values without an argument, by name.
SIMPLE_VALUES: Final[Mapping[str, ValueFunction]] = {
    "client_address": attrgetter("client_address"),
    "client_network": lambda request: network_of(request.client_address),
    "client_port": lambda request: str(request.client_port),
    "scheme": attrgetter("scheme"),
    "host": attrgetter("host"),
    "method": attrgetter("method"),
    "request_uri": attrgetter("request_uri"),
    "path": attrgetter("path"),
    "query_string": attrgetter("query_string"),
    "server_port": lambda request: str(request.server_port),
    "protocol": attrgetter("protocol"),
    "authenticated_user": attrgetter("authenticated_user"),
    "forwarded_field": attrgetter("forwarded_field"),
    "tls_protocol": attrgetter("tls_protocol"),
    "tls_cipher": attrgetter("tls_cipher"),
    "server_name_indication": attrgetter("server_name_indication"),
    "client_verified": attrgetter("client_verified"),
    "client_certificate_subject": attrgetter("client_certificate_subject"),
    "client_certificate_issuer": attrgetter("client_certificate_issuer"),
    "client_certificate_serial": attrgetter("client_certificate_serial"),
    "client_certificate_fingerprint": attrgetter("client_certificate_fingerprint"),
}


def _reader(value: Value) -> ValueFunction:
    """The function behind a value; both operators run without a Python frame of their own."""
    if value.argument is None:
        return SIMPLE_VALUES[value.name]
    return methodcaller(value.name, value.argument)


@frozen(repr=False)
class Value(Comparing):
    """A text that each request has: call it with a request to read it, or write it in an f-string.

    Its methods make conditions, as ``method.equals("POST")``; ``==`` compares values, not what they are in a request.
    """

    name: str
    argument: str | None = None
    _read: ValueFunction = field(init=False, eq=False, default=Factory(_reader, takes_self=True))

    def __call__(self, request: Request) -> str:
        """The text of this value in *request*; "" if the request has none."""
        return self._read(request)

    def octets(self) -> Callable[[Request], bytes]:
        """The function that reads the bytes of the text, as they were in the request."""
        read = self._read
        return lambda request: read(request).encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return self.name if self.argument is None else f"{self.name}({self.argument!r})"

    def __str__(self) -> str:
        return f"{_OPEN}{self!r}{_CLOSE}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise ConfigError(
                f"{{{self!r}:{spec}}}: the text is not known before there is a request, so it cannot be formatted",
                hint=f"write {{{self!r}}}, or a function of the request: "
                f"lambda request: format(request.{self!r}, {spec!r})",
            )
        return str(self)

    def __add__(self, other: str | Value) -> str:
        return f"{self}{other}" if isinstance(other, (str, Value)) else NotImplemented

    def __radd__(self, other: str) -> str:
        return f"{other}{self}" if isinstance(other, str) else NotImplemented

    def __bool__(self) -> NoReturn:
        raise ConfigError(
            f"{self!r} is neither true nor false before there is a request",
            hint=f"write a function of the request: lambda request: bool(request.{self!r})",
        )


@frozen(repr=False)
class Composed(Value):
    """A value that is made of others: its repr is a call whose arguments are code as well."""

    @property
    def inside(self) -> tuple[ValueFunction, ...]:
        """The values it is made of."""
        raise NotImplementedError

    def __str__(self) -> str:
        for each in self.inside:
            if not isinstance(each, (Value, Text, Constant)):
                # The mark is read by what its code says, and code does not say what a function is.
                raise ConfigError(
                    f"{self!r} cannot stand in an f-string, because {code_of(each)} is a function",
                    hint="write a function of the request for the whole text",
                )
            str(each)
        return super().__str__()


def text_of(value: Value) -> ValueFunction:
    """The function that reads a composed value, for its ``_read``."""
    read = value.octets()
    return lambda request: read(request).decode("utf-8", "surrogateescape")


ValueSource: TypeAlias = str | Value | Callable[[Request], str]
"""What is accepted where a value is: a text, a value, an f-string of both, or a function of the request."""


@frozen(repr=False)
class Constant:
    """A text that does not depend on the request."""

    text: str

    def __call__(self, request: Request) -> str:
        return self.text

    def __repr__(self) -> str:
        return repr(self.text)


@frozen(repr=False)
class Text:
    """A text with values in it, compiled from a marked string; *parts* are non-empty literals and values."""

    parts: tuple[str | Value, ...]

    def __call__(self, request: Request) -> str:
        return "".join([part if isinstance(part, str) else part(request) for part in self.parts])

    def __repr__(self) -> str:
        values = [repr(part) for part in self.parts if isinstance(part, Value)]
        if any(re.search(r'[\\"#]', code) for code in values):  # none of these may stand in {} before Python 3.12
            return " + ".join(map(repr, self.parts))
        return 'f"' + "".join([_in_f_string(part) for part in self.parts]) + '"'


client_address: Final = Value("client_address")
client_network: Final = Value("client_network")
client_port: Final = Value("client_port")
scheme: Final = Value("scheme")
host: Final = Value("host")
method: Final = Value("method")
request_uri: Final = Value("request_uri")
path: Final = Value("path")
query_string: Final = Value("query_string")
server_port: Final = Value("server_port")
protocol: Final = Value("protocol")
tls_protocol: Final = Value("tls_protocol")
tls_cipher: Final = Value("tls_cipher")
server_name_indication: Final = Value("server_name_indication")
client_verified: Final = Value("client_verified")
client_certificate_subject: Final = Value("client_certificate_subject")
client_certificate_issuer: Final = Value("client_certificate_issuer")
client_certificate_serial: Final = Value("client_certificate_serial")
client_certificate_fingerprint: Final = Value("client_certificate_fingerprint")
authenticated_user: Final = Value("authenticated_user")
forwarded_field: Final = Value("forwarded_field")


def header(name: str) -> Value:
    """The value of a header field, ``header("x-tenant")``; the case of *name* does not matter.

    :class:`ConfigError` is raised if *name* is not a field name.
    """
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        bare = name.strip().rstrip(":") if isinstance(name, str) else ""
        raise ConfigError(
            f"header({name!r}): not a field name, which is letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 5.1)",
            hint=f'write header("{bare}")' if _TOKEN.fullmatch(bare) else 'write header("x-tenant")',
        )
    return Value("header", name.lower())


def cookie(name: str) -> Value:
    """The value of a cookie, ``cookie("sid")``; the case of *name* matters.

    :class:`ConfigError` is raised if *name* cannot be a cookie's.
    """
    if not isinstance(name, str) or not _COOKIE_NAME.fullmatch(name):
        text = f"cookie({name!r}): a cookie's name is ASCII without spaces, '=', ';' and ','"
        raise ConfigError(text, hint='write cookie("sid")')
    return Value("cookie", name)


def query(name: str) -> Value:
    """The first value of a query parameter, decoded: ``query("page")``.

    :class:`ConfigError` is raised if *name* is empty.
    """
    if not isinstance(name, str) or not name:
        text = f"query({name!r}): a parameter has a name; all of the query is query_string"
        raise ConfigError(text, hint='write query("page"), or query_string')
    return Value("query", name)


#: The functions that make values of a name.
VALUE_MAKERS: Final[Mapping[str, Callable[[str], Value]]] = {"header": header, "cookie": cookie, "query": query}

# What may stand in a text as code, between the marks of a value that is made of others.
_functions: Final[dict[str, Callable[..., object]]] = {**VALUE_MAKERS, "regex": regex}
_reader_of_code: Final = CodeReader({name: Value(name) for name in SIMPLE_VALUES}, _functions)


def add_value_function(function: Callable[..., Value]) -> None:
    """Let texts contain the values that *function* makes of others: ``f"{map_value(…)}"``."""
    _functions[function.__name__] = function


def as_value(source: ValueSource, *, literal: bool = False) -> ValueFunction:
    """The one function that a text, value, f-string or function of the request stands for.

    A text without values becomes a :class:`Constant`, one with values a :class:`Text`, one that is a single value
    that :class:`Value`; a function is taken as it is.

    :class:`ConfigError` is raised if *source* is none of these, if a value in the text was cut or changed by a
    string operation, and unless *literal* if the text has a value in the language of another proxy, as ``$host``.
    """
    if isinstance(source, str):
        value = _from_text(source)
        if not literal:
            _check_foreign(value)
        return value
    if isinstance(source, Value):
        return source
    given: object = source
    for name, maker in VALUE_MAKERS.items():
        if given is maker:
            raise ConfigError(f"{name} needs a name", hint=f'write {name}("…")')
    if callable(source):
        if is_coroutine_function(source):
            raise ConfigError(
                f"{place_of(source)} is a coroutine function, and a request does not wait for a value",
                hint="write a plain function of the request, def instead of async def",
            )
        return source
    if outcome := _OUTCOME.fullmatch(str(source)):
        raise _too_early(outcome[1])
    raise ConfigError(
        f"{source!r} ({type(source).__name__}) is no value",
        hint="write a text, a value such as host or header('x-tenant'), an f-string of them such as "
        'f"https://{host}", or a function of the request',
    )


def value_for(what: str, source: ValueSource) -> ValueFunction:
    """As :func:`as_value`; its errors begin with *what*, the argument that was given *source*."""
    try:
        return as_value(source)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error.message}", hint=error.hint, origin=error.origin) from None


def body_for(what: str, source: ValueSource) -> ValueFunction:
    """As :func:`value_for`, for a body: one that is a program may have ``$host``, and octets are sent as they are."""
    try:
        value = as_value(source, literal=True)
        if isinstance(source, str) and not _PROGRAM.search(source):
            _check_foreign(value, f"the octets {source.encode('utf-8', 'surrogateescape')!r}")
        return value
    except ConfigError as error:
        raise ConfigError(f"{what}: {error.message}", hint=error.hint, origin=error.origin) from None


def as_bytes(source: ValueSource) -> Callable[[Request], bytes]:
    """As :func:`as_value`, giving the bytes of the text: what was in the request comes out byte for byte."""
    value = as_value(source)
    if isinstance(value, Constant):
        fixed = value.text.encode("utf-8", "surrogateescape")
        return lambda request: fixed
    if isinstance(value, Text):
        pieces = [as_bytes(part) for part in value.parts]
        return lambda request: b"".join([piece(request) for piece in pieces])
    if isinstance(value, Value):
        return value.octets()
    return _octets_of(value)


def _octets_of(function: ValueFunction) -> Callable[[Request], bytes]:
    """What reads a user's function: it may give anything, and is to be found then."""

    def read(request: Request) -> bytes:
        text = function(request)
        try:
            octets = text.encode("utf-8", "surrogateescape")
        except AttributeError:
            raise TypeError(f"{place_of(function)} gave {text!r}, which is no str") from None
        if _ENCODED_OPEN in octets:
            shown = text.replace(_OPEN, "{").replace(_CLOSE, "}")
            raise TypeError(
                f"{place_of(function)} gave {shown!r}, which has a value in it; a function reads request.host"
            )
        return octets

    return read


def place_of(function: object) -> str:
    """The name of a user's function, and where it stands."""
    name = getattr(function, "__qualname__", None) or repr(function)
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def constant(value: ValueFunction) -> str | None:
    """The text of a value that is the same for every request; None if it depends on the request."""
    return value.text if isinstance(value, Constant) else None


def code_of(value: ValueFunction) -> str:
    """The code that made *value*; of a user's function its name."""
    if isinstance(value, (Value, Text, Constant)):
        return repr(value)
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else repr(value)


def _from_text(source: str) -> Value | Text | Constant:
    try:
        source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConfigError(f"{source!r} is not valid Unicode at position {error.start}") from None
    parts: list[str | Value] = []
    at = 0
    for mark in _MARK.finditer(source):
        parts += [source[at : mark.start()], _from_mark(mark[1], mark[2])]
        at = mark.end()
    parts.append(source[at:])
    parts = [part for part in parts if part != ""]
    if outcome := _OUTCOME.search(source):
        raise _too_early(outcome[1])
    if any(isinstance(part, str) and (_OPEN in part or _CLOSE in part) for part in parts):
        raise _changed(source)
    for part in parts:
        if isinstance(part, str):
            check_no_object("", part)
    if not any(isinstance(part, Value) for part in parts):
        return Constant(source)
    if len(parts) == 1 and isinstance(parts[0], Value):
        return parts[0]
    return Text(tuple(parts))


# A script, a style sheet or a program has such marks of its own.
_PROGRAM = re.compile(r"\n.|<script|<style|`|\$\(|#!")


def literal_code(text: str) -> str:
    """The code of a body that is sent as it is: octets, if the text would be taken for one with values."""
    found = not _PROGRAM.search(text) and foreign_values(text)
    return repr(text.encode("utf-8", "surrogateescape")) if found else repr(text)


def _check_foreign(value: ValueFunction, octets: str | None = None) -> None:
    parts = value.parts if isinstance(value, Text) else (value.text,) if isinstance(value, Constant) else ()
    for part in parts:
        if not isinstance(part, str) or not (found := foreign_values(part)):
            continue
        text = "".join([each if isinstance(each, str) else f"{{{each!r}}}" for each in parts])
        meant = meant_value(text) if all(type(each) in (str, Value) for each in parts) else None
        literal = f"a function of the request that gives the text itself: lambda request: {part!r}"
        if octets is not None and isinstance(value, Constant):
            literal = octets
        raise ConfigError(
            f"{part!r}: {found[0][0]} is not a value here, and the text would be sent as it is",
            hint=f"write {meant}; or {literal}" if meant is not None else f"leave it out, or write {literal}",
        )


def _from_mark(name: str, argument: str | None) -> Value:
    if argument is None and name in SIMPLE_VALUES:
        return Value(name)
    if argument is not None and name in VALUE_MAKERS:
        with suppress(ValueError, SyntaxError, ConfigError):
            return VALUE_MAKERS[name](literal_eval(argument))
    elif argument is not None:
        with suppress(ValueError, ConfigError):
            made = _reader_of_code.read(f"{name}({argument})")
            if isinstance(made, Value):
                return made
    raise _changed(f"{name}({argument})" if argument is not None else name)


def _too_early(name: str) -> ConfigError:
    return ConfigError(f"{name} is not known before the response is complete: it stands in access_log(format=…) only")


def _changed(text: str) -> ConfigError:
    seen = text.replace(_OPEN, "{").replace(_CLOSE, "}")
    return ConfigError(
        f"{seen!r}: a value was cut or changed by a string operation, but its text is not known before there is a "
        "request",
        hint="write a function of the request, as lambda request: request.host.upper()",
    )


def _in_f_string(part: str | Value) -> str:
    if isinstance(part, Value):
        return f"{{{part!r}}}"
    literal = repr(part)
    inside = literal[1:-1] if literal[0] == '"' else literal[1:-1].replace('"', '\\"')
    return inside.replace("{", "{{").replace("}", "}}")
