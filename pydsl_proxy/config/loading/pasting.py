"""Writing what the user is to paste: a template of ``errors/other_words.py``, filled with the user's own arguments."""

from __future__ import annotations

import ast
import json
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from pydsl_proxy.config.addresses import VIA, meant_socket, parse_address, without_https
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import meant_seconds, meant_size
from pydsl_proxy.errors.other_words import STRATEGIES
from pydsl_proxy.errors.rates import meant_rate
from pydsl_proxy.origin import Origin
from pydsl_proxy.values.foreign_text import meant_value
from pydsl_proxy.values.regex import quoted_raw

_GAP: Final = re.compile(r"\{(?P<what>\*|=1|=|\d|\w+)(?:\|(?P<how>\w+))?(?:=(?P<default>[^{}]*))?\}")
# What an empty gap leaves, with one of the commas beside it.
_NOTHING: Final = re.compile(", \0|\0, |\0")
_CONNECTORS: Final = {"fastcgi": "fastcgi()", "uwsgi": "uwsgi()", "scgi": "scgi()"}


def plain(word: str) -> str:
    """A word as the table has it: lower-case, without underscores."""
    return word.lower().replace("_", "").replace("-", "")


def strategy_of(word: str) -> str | None:
    """The code of the strategy that *word* names in another proxy's language."""
    return next((code for code, words in STRATEGIES.items() if plain(word) in words.split()), None)


@frozen
class Written:
    """A call in the user's file."""

    call: ast.Call
    source: str

    def code(self, node: ast.expr) -> str:
        """A part of it, with the user's own quotes."""
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    @property
    def name(self) -> str:
        """The function or verb."""
        function = self.call.func
        return function.attr if isinstance(function, ast.Attribute) else self.code(function)

    @property
    def arguments(self) -> list[ast.expr | ast.keyword]:
        """All of them, in the order written."""
        return [*self.call.args, *self.call.keywords]

    def code_of_keyword(self, keyword: ast.keyword) -> str:
        """A keyword and its value."""
        return f"{keyword.arg}={self.code(keyword.value)}" if keyword.arg else f"**{self.code(keyword.value)}"

    def fill(self, template: str, groups: Mapping[str, str] | None = None) -> str:
        """*template* with its gaps filled; *groups* are the keywords that stand for others, by their words."""
        return self.filled(template, groups)[0]

    def filled(self, template: str, groups: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
        """As :meth:`fill`, and the arguments of the call that say something and have no place in it."""
        roles = groups or {}
        keywords = {word.arg: word for word in self.call.keywords if word.arg is not None}
        known = {role: keywords[given] for role, given in roles.items() if given in keywords}
        rest: list[ast.expr | ast.keyword] = [*self.call.args]
        rest += [word for word in self.call.keywords if word not in known.values()]
        placed: list[ast.expr | ast.keyword] = []

        def one(found: re.Match[str]) -> str:
            return self._filled(found, known, rest, placed) or "\0"

        text = _NOTHING.sub("", _GAP.sub(one, template))
        lost = [each for each in self.arguments if each not in placed and not _says_nothing(each)]
        return text, [self.code_of(each) for each in lost]

    def seconds(self, node: ast.expr) -> str | None:
        """The number of seconds that a text is in another proxy's language, as ``"60s"``."""
        text = _text_in(node)
        return None if text is None else meant_seconds(text)

    def spread(self, index: int) -> str | None:
        """The call with the items of the list at *index* as arguments of their own; None if it is not found."""
        before = self.call.args[: index + 1]
        if len(before) <= index or any(isinstance(each, ast.Starred) for each in before):
            return None
        codes = [_items(self, each) if each is before[index] else self.code_of(each) for each in self.arguments]
        return f"{self.name}({', '.join(filter(None, codes))})"

    def code_of(self, node: ast.expr | ast.keyword) -> str:
        """An argument, with its name if it has one."""
        return self.code_of_keyword(node) if isinstance(node, ast.keyword) else self.code(node)

    def _filled(
        self,
        found: re.Match[str],
        known: Mapping[str, ast.keyword],
        rest: list[ast.expr | ast.keyword],
        placed: list[ast.expr | ast.keyword],
    ) -> str:
        what, how = found["what"], found["how"] or "code"
        if what == "call":
            return self.name
        if what in ("*", "=", "=1"):
            some = rest[1:] if what == "=1" else rest
            codes = [self._one(each, how) for each in some]
            if None in codes or not codes:
                return found["default"] or ""
            placed += some
            return ", ".join(filter(None, codes))
        given: ast.expr | ast.keyword | None = known.get(what)
        if what.isdecimal() and int(what) < len(self.call.args):
            given = self.call.args[int(what)]
        node = given.value if isinstance(given, ast.keyword) else given
        if how == "hostport" and node is not None and given is not None:
            port = next((word for word in self.call.keywords if word.arg == "port"), None)
            other = port.value if port is not None else self.call.args[1] if len(self.call.args) > 1 else None
            if other is not None:
                placed += [given, self.call.args[1] if port is None else port]
                return self._host_port(node, other)
        if how == "interface" and given is not None and "port" in known and "address" in known:
            placed += [given, known["port"]]
            return self._endpoint(known["address"].value, known["port"].value)
        if given is None or node is None or isinstance(node, ast.Starred):
            return found["default"] or ""
        read = _READINGS[how](self, node)
        if read is None:
            return found["default"] or ""
        placed.append(given)
        return read

    def _one(self, given: ast.expr | ast.keyword, how: str) -> str | None:
        """One of several arguments, read as *how* says; a name before it stays."""
        if how == "code":
            return self.code_of(given)
        return None if isinstance(given, ast.keyword | ast.Starred) else _READINGS[how](self, given)

    def _endpoint(self, address: ast.expr, port: ast.expr) -> str:
        """Where a server listens: a port, of one interface if an address is named."""
        if not (isinstance(address, ast.Constant) and isinstance(port, ast.Constant)):
            return ""
        if address.value in ("", "*", "0.0.0.0", "[::]", "::"):
            return self.code(port)
        escaped = str(address.value).strip("[]").replace(":", "\\\\:")
        return f'"tcp:{self.code(port)}:interface={escaped}"'

    def _host_port(self, host: ast.expr, port: ast.expr) -> str:
        """One address of a host and a port; what is computed stands in an f-string."""
        # The code of Python itself has no double quotes, with which the text would end before Python 3.12.
        parts = [
            str(each.value) if isinstance(each, ast.Constant) else f"{{{ast.unparse(each)}}}" for each in (host, port)
        ]
        computed = not (isinstance(host, ast.Constant) and isinstance(port, ast.Constant))
        return f'{"f" if computed else ""}"{parts[0]}:{parts[1]}"'


def written_call(origin: Origin, name: str) -> Written | None:
    """The call of *name* whose end, or that of whose verb, is that of *origin*."""
    return next((each for each in calls_at(origin) if each.name.rpartition(".")[2] == name), None)


def calls_at(origin: Origin) -> Iterator[Written]:
    """Every call whose end, or that of whose verb, is that of *origin*."""
    source = "".join(linecache.getlines(origin.file))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    at = (origin.end_line, origin.end_column)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and at in (_end(node), _end(node.func)):
            yield Written(node, source)


def _says_nothing(node: ast.expr | ast.keyword) -> bool:
    """Whether an argument only switches on what the verb itself switches on."""
    value = node.value if isinstance(node, ast.keyword) else node
    return isinstance(value, ast.Constant) and value.value in ("on", True)


def _end(node: ast.expr) -> tuple[int | None, int | None]:
    return node.end_lineno, node.end_col_offset


# Readings of an argument: its code, or None if it is none of what is meant.


def _text_in(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _code(written: Written, node: ast.expr) -> str | None:
    return written.code(node)


def _text(written: Written, node: ast.expr) -> str | None:
    return None if isinstance(node, ast.Constant) and not isinstance(node.value, str) else written.code(node)


def _int(written: Written, node: ast.expr) -> str | None:
    number = not isinstance(node, ast.Constant) or (type(node.value) is int and node.value > 0)
    return written.code(node) if number else None


def _value(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return (meant_value(text) if text is not None else None) or _text(written, node)


def _path(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return written.code(node) if text is not None and text.startswith("/") else None


def _prefix(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    if text is None:
        return _text(written, node)
    bare = text.removesuffix("*")
    return f'"{bare}"' if re.fullmatch(r"/[A-Za-z0-9/._~-]*", bare) and "//" not in bare else None


def _address_of(*schemes: str) -> Callable[[Written, ast.expr], str | None]:
    """Reads an address, or a URL of *schemes* without a path, which are spoken there; others would be lost."""

    def read(written: Written, node: ast.expr) -> str | None:
        text = _text_in(node)
        if text is None:
            return _text(written, node)
        url = _url(text)
        if url is None or url.path not in ("", "/") or url.query or url.fragment:
            return None
        return _address_in(written, node, text, url, schemes)

    return read


def _url(text: str) -> SplitResult | None:
    if (socket := meant_socket(text)) is not None:
        return SplitResult("", socket[0], socket[1], "", "")
    try:
        return urlsplit(text if "//" in text else f"//{text}")
    except ValueError:
        return None


def _address_in(written: Written, node: ast.expr, text: str, url: SplitResult, schemes: tuple[str, ...]) -> str | None:
    if url.scheme not in ("", *schemes):
        return None
    if url.scheme in ("https", "wss", "grpcs"):
        address = f"https://{url.netloc}"
    elif url.netloc.startswith("unix:") or re.search(r":\d+\Z", url.netloc):
        address = url.netloc
    else:
        address = f"{url.netloc}:80"
    try:
        if without_https(address) is None:
            parse_address(address)
    except ConfigError:
        return None
    return written.code(node) if address == text else f'"{address}"'


_HTTP: Final = ("http", "https", "ws", "wss")
_address: Final = _address_of(*_HTTP)


def _target(written: Written, node: ast.expr) -> str | None:
    """An address, and the path of its URL; one of another scheme is an upstream that is spoken to in it."""
    text = _text_in(node)
    if text is None:
        return _text(written, node)
    url = _url(text)
    if url is None or url.query or url.fragment:
        return None
    if (via := VIA.get(url.scheme)) is not None:
        address = _address_of(url.scheme)(written, node)
        return None if address is None else f'upstream("app", {address}, via={via})'
    address = _address_in(written, node, text, url, _HTTP)
    return f'{address}, path="{url.path}"' if address is not None and url.path else address


def _number(meant: Callable[[object], str | None]) -> Callable[[Written, ast.expr], str | None]:
    def read(written: Written, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant):
            return meant(node.value) or _int(written, node)
        return written.code(node)

    return read


def _rate(written: Written, node: ast.expr) -> str | None:
    if not isinstance(node, ast.Constant):
        return written.code(node)
    rate = meant_rate(node.value)
    return None if rate is None else f'"{rate}"'


def _port(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return text if text is not None and text.isdecimal() else _int(written, node) if text is None else None


def _list(written: Written, node: ast.expr) -> str | None:
    return f"[{written.code(node)}]" if _text_in(node) is not None else _text(written, node)


def _items(written: Written, node: ast.expr) -> str | None:
    if isinstance(node, ast.List | ast.Tuple):
        return ", ".join(map(written.code, node.elts))
    return written.code(node) if isinstance(node, ast.Constant) else f"*{written.code(node)}"


def _strategy(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return _text(written, node) if text is None else strategy_of(text)


def _connector(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return _text(written, node) if text is None else _CONNECTORS.get(plain(text))


def _max_age(written: Written, node: ast.expr) -> str | None:
    """What Cache-Control says of a time: of seconds, or of ``"30d"`` and ``"1y"``."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return f'"max-age={value}"'
    if not isinstance(value, str):
        return None
    if value in ("off", "epoch", "max"):
        return {"epoch": '"no-cache"', "max": '"max-age=315360000"'}.get(value)
    found = re.fullmatch(r"(\d+) *([smhdwMy]?)", value)
    return f'"max-age={int(found[1]) * _SECONDS[found[2]]}"' if found else None


_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}


def _field(written: Written, node: ast.expr) -> str | None:
    """A name and a value that stand in one text, with a colon between them."""
    name, colon, value = (_text_in(node) or "").partition(":")
    if not colon or not re.fullmatch(r"[\w-]+", name):
        return None
    return f"{json.dumps(name)}, {meant_value(value.strip()) or json.dumps(value.strip(), ensure_ascii=False)}"


def _fields_by(verb: str) -> Callable[[Written, ast.expr], str | None]:
    """Reads a dict of fields: what stands in one call of *verb* for each."""

    def read(written: Written, node: ast.expr) -> str | None:
        if not isinstance(node, ast.Dict) or not node.keys:
            return None
        pairs = []
        for name, value in zip(node.keys, node.values, strict=True):
            code = _value(written, value)
            if name is None or code is None:
                return None
            pairs.append(f"{written.code(name)}, {code}")
        return f").{verb}(".join(pairs)

    return read


def _methods(written: Written, node: ast.expr) -> str | None:
    """The condition on methods: of a text, or a list of texts, which may be in lower case."""
    texts = [_text_in(each) for each in (node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node])]
    words = [word for text in texts for word in re.findall(r"[^\s,|]+", text or "")]
    if not words or None in texts:
        return None if isinstance(node, ast.Constant) else f"is_in({written.code(node)})"
    codes = [json.dumps(word.upper()) for word in words]
    return f"equals({codes[0]})" if len(codes) == 1 else f"is_in([{', '.join(codes)}])"


def _pattern(before: str, after: str) -> Callable[[Written, ast.expr], str | None]:
    """Reads a text as the pattern that finds it at a certain place."""

    def read(written: Written, node: ast.expr) -> str | None:
        text = _text_in(node)
        return None if text is None else quoted_raw(f"{before}{re.escape(text)}{after}")

    return read


def _json(written: Written, node: ast.expr) -> str | None:
    try:
        return repr(json.dumps(ast.literal_eval(node)))
    except (ValueError, TypeError, SyntaxError):
        return None


def _redirect(written: Written, node: ast.expr) -> str | None:
    """The status of a redirect, or nginx's word for one, after the URL."""
    value = node.value if isinstance(node, ast.Constant) else None
    status = {"permanent": 301, "temporary": 302}.get(value) if isinstance(value, str) else value
    return f", status={status}" if status in (301, 302, 303, 307, 308) else None


def _url_text(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    return _value(written, node) if text is not None and re.match(r"https?://|\$scheme|/", text) else None


def _moved(written: Written, node: ast.expr) -> str | None:
    status = node.value if isinstance(node, ast.Constant) else None
    return str(status) if status in (301, 302, 303, 307, 308) else None


def _one_of(*words: str) -> Callable[[Written, ast.expr], str | None]:
    """Reads what needs no place: the words that the verb itself says."""
    return lambda written, node: "" if _text_in(node) in words else None


def _zone(written: Written, node: ast.expr) -> str | None:
    """The name of a zone, which needs no place."""
    text = _text_in(node)
    return "" if text is not None and re.fullmatch("[a-z_]+", text) else None


def _plain(written: Written, node: ast.expr) -> str | None:
    return str(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


_READINGS: Final[Mapping[str, Callable[[Written, ast.expr], str | None]]] = {
    "code": _code,
    "text": _text,
    "int": _int,
    "value": _value,
    "path": _path,
    "prefix": _prefix,
    "address": _address,
    "target": _target,
    "seconds": _number(meant_seconds),
    "size": _number(meant_size),
    "rate": _rate,
    "port": _port,
    "list": _list,
    "items": _items,
    "strategy": _strategy,
    "connector": _connector,
    "plain": _plain,
    "fastcgi": _address_of("fastcgi"),
    "uwsgi": _address_of("uwsgi"),
    "scgi": _address_of("scgi"),
    "grpc": _address_of("grpc", "grpcs", "h2c", "http", "https"),
    "maxage": _max_age,
    "json": _json,
    "field": _field,
    "methods": _methods,
    "requestfields": _fields_by("set_request_header"),
    "responsefields": _fields_by("set_response_header"),
    "starting": _pattern("^", ""),
    "ending": _pattern("", "$"),
    "containing": _pattern("", ""),
    "redirect": _redirect,
    "url": _url_text,
    "moved": _moved,
    "set": _one_of("set", "always"),
    "zone": _zone,
    "dropped": lambda written, node: "",
}
