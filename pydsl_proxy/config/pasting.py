"""Writing what the user is to paste: a template of ``errors/other_words.py``, filled with the user's own arguments."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from pydsl_proxy.config.addresses import parse_address
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import meant_seconds, meant_size
from pydsl_proxy.errors.other_words import STRATEGIES
from pydsl_proxy.errors.rates import meant_rate
from pydsl_proxy.origin import Origin
from pydsl_proxy.wire.foreign_text import meant_value

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

    def code_of_keyword(self, keyword: ast.keyword) -> str:
        """A keyword and its value."""
        return f"{keyword.arg}={self.code(keyword.value)}" if keyword.arg else f"**{self.code(keyword.value)}"

    def fill(self, template: str, groups: Mapping[str, str] | None = None) -> str:
        """*template* with its gaps filled; *groups* are the keywords that stand for others, by their words."""
        roles = groups or {}
        keywords = {word.arg: word for word in self.call.keywords if word.arg is not None}
        known = {role: keywords[given] for role, given in roles.items() if given in keywords}
        others = [self.code(each) for each in self.call.args]
        others += [self.code_of_keyword(word) for word in self.call.keywords if word not in known.values()]

        filled = _GAP.sub(lambda found: self._filled(found, known, others) or "\0", template)
        return _NOTHING.sub("", filled)

    def _filled(self, found: re.Match[str], known: Mapping[str, ast.keyword], others: list[str]) -> str:
        what = found["what"]
        if what == "call":
            return self.name
        if what in ("*", "="):
            return ", ".join(others)
        if what == "=1":
            return ", ".join(others[1:])
        node: ast.expr | None = None
        if what.isdecimal():
            place = int(what)
            node = self.call.args[place] if place < len(self.call.args) else None
        elif what in known:
            node = known[what].value
        if found["how"] == "hostport" and node is not None:
            return self._host_port(node)
        if node is None or isinstance(node, ast.Starred):
            return found["default"] or ""
        return _READINGS[found["how"] or "code"](self, node) or found["default"] or ""

    def _host_port(self, host: ast.expr) -> str:
        """One address of an argument and the option ``port``; what is computed stands in an f-string."""
        port = next(word.value for word in self.call.keywords if word.arg == "port")
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


def _address(written: Written, node: ast.expr) -> str | None:
    text = _text_in(node)
    if text is None:
        return _text(written, node)
    url = urlsplit(text if "//" in text or text.startswith("unix:") else f"//{text}")
    if url.scheme in ("https", "wss"):
        return f'"https://{url.netloc}"'
    address = (
        text if text.startswith("unix:") else url.netloc if re.search(r":\d+\Z", url.netloc) else f"{url.netloc}:80"
    )
    try:
        parse_address(address)
    except ConfigError:
        return None
    return written.code(node) if address == text else f'"{address}"'


def _target(written: Written, node: ast.expr) -> str | None:
    """An address, and the path of its URL."""
    address, text = _address(written, node), _text_in(node)
    path = urlsplit(text).path if text is not None and "//" in text else ""
    return f'{address}, path="{path}"' if address is not None and path else address


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
}
