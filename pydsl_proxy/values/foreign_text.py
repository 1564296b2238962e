"""Finding in a text what is a value elsewhere: nginx's ``$host``, Caddy's ``{host}``, an f-string without its f."""

from __future__ import annotations

import json
import re
from typing import Final

from pydsl_proxy.errors.other_values import FAMILIES, NO_VALUES, SAMPLES, VARIABLES

_CODES: Final = {word: code for code, words in VARIABLES.items() for word in words.split()}
# nginx's variables, and what stands in braces.
_FOUND: Final = re.compile(
    r"\$\{?(?P<variable>[A-Za-z_][A-Za-z0-9_]*)\}?|%\[(?P<sample>[^][]{1,100})\]"
    r"|%\{(?P<item>[\w:-]{1,100})\}(?P<kind>[a-zC]?)|\{(?P<placeholder>[^{}$]{1,100})\}"
)
# HAProxy's %[hdr(host)], and what Apache has in %{…}e, %{…}s and expressions.
_FETCHED: Final = re.compile(r"(?:(?:req\.)?(?:f?hdr|cook)|url_?param|urlp)\(([\w-]+)(?:,-?\d+)?\)")
_SAMPLE: Final = re.compile(
    r"(?:req|res|ssl|var|src|dst|capture|url|path|base|method|unique-id|env|str|int|date|rand)\b\S*"
)
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
    # Control characters are escaped as in JSON, which has Python's escapes for them.
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("{", "{{").replace("}", "}}")


def _of_sample(text: str) -> str | None:
    """The code of a sample of HAProxy."""
    sample = text.partition(",")[0] if "(" not in text else text
    if sample in SAMPLES and sample == text:
        return SAMPLES[sample]
    if (fetched := _FETCHED.fullmatch(text)) is not None:
        function = "cookie" if "cook" in text[:8] else "query" if text.startswith("url") else "header"
        return f"{function}('{fetched[1].lower() if function == 'header' else fetched[1]}')"
    return None if text in SAMPLES or _SAMPLE.fullmatch(text) or sample in SAMPLES else ""


def _of_item(name: str, kind: str) -> str | None:
    """The code of an item of Apache: ``%{Host}i`` is a field of the request, ``%{REMOTE_ADDR}s`` a variable."""
    if kind == "i":
        return f"header('{name.lower()}')"
    if kind == "C":
        return f"cookie('{name}')"
    if (known := _CODES.get(name.lower())) is not None:
        return known
    if name.startswith("HTTP_"):
        return f"header('{name[5:].lower().replace('_', '-')}')"
    return None if kind in ("e", "s") and name.isupper() else ""


def _code(found: re.Match[str]) -> str | None:
    """The code of one; "" if it is a text like any other."""
    name = found["variable"]
    if found["sample"] is not None:
        return _of_sample(found["sample"])
    if found["item"] is not None:
        return _of_item(found["item"], found["kind"])
    if name is None:
        name = found["placeholder"]
        if name in _CODES.values():
            return name
        if own := _OWN.fullmatch(name):
            return f"{own[1]}('{own[3]}')"
    if name == "proxy_add_x_forwarded_for" or (found["variable"] is not None and name in NO_VALUES):
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
