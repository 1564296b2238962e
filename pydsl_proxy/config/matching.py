"""What a location matches on, and the names of a server: values that users write, checked where they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote

import idna
from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import NotText
from pydsl_proxy.values.regex import MODIFIER, as_python, call_for, check_unicode, compiled_regex, quoted, quoted_raw
from pydsl_proxy.values.regex import Regex as Regex
from pydsl_proxy.values.regex import regex as regex
from pydsl_proxy.wire.http.uri import BadHost, BadPath, host_and_port, resolve


@frozen(repr=False)
class Prefix(NotText):
    """A location for all paths that begin so; the longest prefix wins.  With *stop*, regexes are not tried (``^~``)."""

    path: str
    stop: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_path(self.path)

    def __repr__(self) -> str:
        return f"prefix({self.path!r}{', stop=True' if self.stop else ''})"


@frozen(repr=False)
class Exact(NotText):
    """A location for one path only; it wins over all others (nginx's ``=``)."""

    path: str

    def __attrs_post_init__(self) -> None:
        _check_path(self.path)

    def __repr__(self) -> str:
        return f"exact({self.path!r})"


@frozen(repr=False)
class Named(NotText):
    """A location that no request's path finds, only a redirect inside the proxy (nginx's ``location @name``)."""

    name: str

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", self.name):
            hint = 'write named("fallback"), without nginx\'s @'
            raise ConfigError(f"named({self.name!r}): a name is letters, digits and _.-", hint=hint)

    @property
    def path(self) -> str:
        """What stands for it where locations are looked up; a path begins with a slash."""
        return f"@{self.name}"

    def __repr__(self) -> str:
        return f"named({self.name!r})"


Match: TypeAlias = Prefix | Exact | Regex | Named


@frozen(repr=False)
class ServerName:
    """One name of a server, made by :func:`as_server_name`.

    *text* is ``"example.com"``, ``"*.example.com"``, ``".example.com"`` (both of these), ``"mail.*"``, or ``""`` for
    requests that name no host; lower-case, and in the A-label form of IDNA.  Or it is a regex over the host.
    """

    text: str | Regex

    def __repr__(self) -> str:
        return repr(self.text)


def prefix(path: str, *, stop: bool = False) -> Prefix:
    """Match all paths that begin with *path*; of several prefixes the longest wins.

    A plain string as the match of a location means the same.  A regex location that matches wins over a prefix, unless
    the longest prefix has *stop* (nginx's ``^~``).  :class:`ConfigError` is raised for a path that no request can have.
    """
    return Prefix(path, stop=stop)


def exact(path: str) -> Exact:
    """Match *path* only, before all other locations (nginx's ``location = path``).

    :class:`ConfigError` is raised for a path that no request can have.
    """
    return Exact(path)


def named(name: str) -> Named:
    """A location for redirects inside the proxy only: what ``error_page`` and ``try_files`` may fall back to.

    As the match of a location it is that place, elsewhere it leads there; nginx's ``@name``.
    """
    return Named(name)


def as_match(match: str | Match) -> Match:
    """What a location's argument means: a match is itself, a plain string a prefix."""
    return match if isinstance(match, Match) else Prefix(match)


def as_server_name(name: str | Regex | ServerName) -> ServerName:
    """Read one of a server's names; :class:`ConfigError` is raised for what no Host field can name."""
    if isinstance(name, ServerName):
        return name
    if isinstance(name, Regex):
        return ServerName(name)
    if isinstance(name, re.Pattern):
        raise compiled_regex("server name", name)
    if type(name) is not str:
        raise ConfigError(f"a server name must be a plain str, not {type(name).__name__}")
    return ServerName(_read_name(name))


def _check_path(path: object) -> None:
    """Refuse what cannot be, or cannot have been meant as, the decoded and normalised path of a request."""
    if isinstance(path, re.Pattern):
        raise compiled_regex("location path", path)
    if type(path) is not str:
        raise ConfigError(
            f"a location path must be a plain str, not {type(path).__name__}",
            hint="a location is fixed when the configuration is made: write its path as a literal",
        )
    for pattern, mistake, hint in _MISTAKES:
        if pattern.search(path):
            raise ConfigError(f"location path {path!r} {mistake}", hint=hint(path))
    check_unicode("location path", path)


def _rooted(path: str) -> str:
    if re.fullmatch(r"@[A-Za-z0-9_.-]+", path):
        return f"write named({quoted(path[1:])})"
    modifier = MODIFIER.fullmatch(path)
    if modifier:
        return f"write {call_for(modifier[1], modifier[3])}"
    url = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*(/[^?#]*)?|[^/]+:\d+(/[^?#]*)?\Z", path)
    if url:
        return f"write {quoted(url[1] or url[2] or '/')}; hosts are named with server(..., names=[...])"
    if (rule := _RULE.fullmatch(path)) is not None:
        whole = rule["word"].lower() == "path" and not rule["path"].endswith("*")
        return f"write exact({quoted(rule['path'])})" if whole else f"write {quoted(rule['path'].rstrip('*'))}"
    if "`" in path:
        return 'a location is the path alone: write "/api/"'
    if (ending := re.fullmatch(r"/?\*(\.[\w.-]+)", path)) is not None:
        return f"write regex({quoted_raw(re.escape(ending[1]) + '$')})"
    if re.search(r"[\^$()\[\]\\|]|\.[*+]", path):
        return 'a pattern is written as regex(…), as regex("^/api/")' if not _compiles(path) else _regex_hint(path)
    if re.search(r"\s", path):
        return 'a location is the path alone: write "/api/"'
    return f"write {quoted('/' + path)}"


# Rules of HAProxy, Traefik and Apache.
_RULE = re.compile(
    r"(?P<word>path|path_beg|pathprefix|location|handle|handle_path|path_dir)(?:\s+(?:-i\s+)?|\([`'\"]?)"
    r"(?P<path>/[^\s`'\"()]*)[`'\"]?\)?",
    re.IGNORECASE,
)


def _compiles(pattern: str) -> bool:
    try:
        Regex(pattern)
    except ConfigError:
        return False
    return True


def _without_query(path: str) -> str:
    return f"write {quoted(re.split('[?#]', path)[0])}"


def _decoded(path: str) -> str:
    return f"write {quoted(unquote(path))}"


def _resolved(path: str) -> str | None:
    try:
        return f"write {quoted(resolve(path.encode(errors='replace')).decode())}"
    except BadPath:
        return None


_PLACEHOLDER = re.compile(
    r"(?<=/):[A-Za-z_]\w*(?:\([^()]*\))?[?*+]?(?=[/.]|\Z)|\*+\Z|(?<=/)\*(?=[/.])|\{\w+:(?P<pattern>(?:[^{}]|\{\d+(?:,\d*)?\})+)\}|\{[^/{}]+\}|<[^/<>]+>"
)
_REGEX = re.compile(r"\.[*+]|\\[.dws/]|\[\^?[^\]/]+\][*+?]?|(?<=.)\$\Z|\A/?\^|\([^()/|]*\|[^()/]*\)")


def _without_placeholders(path: str) -> str:
    if re.search(r"/\*+\Z", path) and not _PLACEHOLDER.search(path.rstrip("*")):
        return f"a prefix matches all that follows it: write {quoted(path.rstrip('*'))}"
    pattern, at = "", 0
    for found in _PLACEHOLDER.finditer(path):
        any_text = ".*" if found[0].startswith("*") and found.end() == len(path) else "[^/]+"
        pattern += re.escape(path[at : found.start()]) + (found["pattern"] or any_text)
        at = found.end()
    return _regex_hint(f"^{pattern}{re.escape(path[at:])}$")


def _regex_hint(pattern: str) -> str:
    """The call for a pattern, if it is one of Python."""
    pattern = as_python(pattern)
    return f"write regex({quoted_raw(pattern)})" if _compiles(pattern) else "a pattern is written as regex(…)"


def _as_regex(path: str) -> str:
    pattern = as_python("^" + path.removeprefix("/^").removeprefix("^"))
    return f"write regex({quoted_raw(pattern)}), or exact(…) if the path has these characters"


# How a location path can be wrong, in the order of looking, and what to write instead.
_MISTAKES: tuple[tuple[re.Pattern[str], str, Callable[[str], str | None]], ...] = (
    (re.compile(r"\A(?!/)"), "does not start with '/'", _rooted),
    (re.compile(r"\A[^#]*\?"), "has a query; locations match on the path only", _without_query),
    (re.compile(r"#"), "has a fragment, which no request has", _without_query),
    (re.compile(r"%[0-9A-Fa-f]{2}"), "is percent-encoded; locations match on the decoded path", _decoded),
    (re.compile(r"//|/\.\.?(?:/|\Z)"), "matches no request: they are matched with '//' and dots resolved", _resolved),
    (re.compile(r"/:\w+\(|\{\w+:[^{}]"), "is literal text, without wildcards or placeholders", _without_placeholders),
    (re.compile(r"\A/\*\.\w"), "is literal text, without wildcards", _rooted),
    (_REGEX, "is literal text, and looks like a regular expression", _as_regex),
    (_PLACEHOLDER, "is literal text, without wildcards or placeholders", _without_placeholders),
)


def _read_name(text: str) -> str:
    """The name in its normal form: lower-case, IDNA encoded, without a trailing dot."""
    if text == "":
        return text
    if text in ("_", "*"):
        raise ConfigError(
            f"server name {text!r} is no catch-all",
            hint="the first server of a listener takes what no other names: list it first, and leave the name out",
        )
    if text.startswith("~"):
        raise ConfigError(f"server name {text!r} is no host name", hint=f"write regex({quoted_raw(text[1:].lstrip())})")
    url = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#]*)", text) or re.match(r"([^/]*)/", text)
    if url:
        hint = f"write {quoted(url[1])}" if url[1] else None
        raise ConfigError(f"server name {text!r} is not only a host", hint=hint)
    opening = re.match(r"\*?\.", text)
    ending = "" if opening or not text.endswith(".*") else ".*"
    start = opening[0] if opening else ""
    host = text[len(start) : len(text) - len(ending)]
    if "*" in host:
        raise ConfigError(
            f"server name {text!r} has '*' in another place than a whole first or last label",
            hint='write "*.example.com" or "mail.*", or use regex(...)',
        )
    return start + _read_host(text, host) + ending


def _read_host(text: str, host: str) -> str:
    """The host in its normal form; *text* is the whole name, for messages."""
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
        name, port = host_and_port(ascii_host.encode())
    except (idna.IDNAError, BadHost) as error:
        if len(several := re.split(r"[\s,]+", text.strip())) > 1:
            raise ConfigError(
                f"server name {text!r} has several names in one text", hint=f"write {', '.join(map(quoted, several))}"
            ) from None
        hint = f'write "[{host}]"' if re.fullmatch(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host) else None
        raise ConfigError(f"server name {text!r} is no host name: {error}", hint=hint) from None
    if port is not None or ascii_host.endswith(":"):
        raise ConfigError(
            f"server name {text!r} has a port; names are compared without it",
            hint=f"write {quoted(text.rpartition(':')[0])}; the port is what the server listens on: server(8080, ...)",
        )
    if not name:
        raise ConfigError(f"server name {text!r} has no host")
    return name.decode("ascii")
