"""Finding in a text what is a value elsewhere: nginx's ``$host``, Caddy's ``{host}``, an f-string without its f."""

from __future__ import annotations

import re
from typing import Final

from pydsl_proxy.errors.other_words import FAMILIES, VARIABLES

_CODES: Final = {word: code for code, words in VARIABLES.items() for word in words.split()}
# nginx's variables, and what stands in braces.
_FOUND: Final = re.compile(r"\$\{?(?P<variable>[A-Za-z_][A-Za-z0-9_]*)\}?|\{(?P<placeholder>[^{}$]{1,100})\}")
# An f-string that lacks its f; one of the names may be the argument of one of the functions.
_OWN: Final = re.compile(r"""(header|cookie|query)\((['"])([\w.-]+)\2\)""")


def foreign_values(text: str) -> list[tuple[str, str | None]]:
    """What in *text* another proxy replaces by a value, and its code here; None if no value stands for it."""
    return [(found[0], code) for found in _FOUND.finditer(text) if (code := _code(found)) != ""]


def meant_value(text: str) -> str | None:
    """The code for a text in which there are such; None if there are none, or one that has no code."""
    if not (found := foreign_values(text)) or any(code is None for _, code in found):
        return None
    if len(found) == 1 and found[0][0] == text:
        return str(found[0][1]).replace("'", '"')

    def written(match: re.Match[str]) -> str:
        code = _code(match)
        return match[0].replace("{", "{{").replace("}", "}}") if code == "" else f"{{{code}}}"

    pieces, at = [], 0
    for match in _FOUND.finditer(text):
        pieces += [_literal(text[at : match.start()]), written(match)]
        at = match.end()
    return f'f"{"".join(pieces)}{_literal(text[at:])}"'


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}")


def _code(found: re.Match[str]) -> str | None:
    """The code of one; "" if it is a text like any other."""
    name = found["variable"]
    if name is None:
        name = found["placeholder"]
        if name in _CODES.values():
            return name
        if own := _OWN.fullmatch(name):
            return f"{own[1]}('{own[3]}')"
    if name == "proxy_add_x_forwarded_for":
        return None
    if name == "request_uri" or name in _CODES:
        # To Caddy {uri} has the query, to nginx $uri has none.
        return "request_uri" if name == "uri" and found["placeholder"] else _CODES[name]
    for function, prefixes in FAMILIES.items():
        for prefix in prefixes:
            if name.startswith(prefix) and len(name) > len(prefix):
                argument = name[len(prefix) :].lower()
                return f"{function}('{argument.replace('_', '-') if function == 'header' else argument}')"
    return ""
