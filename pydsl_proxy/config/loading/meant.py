"""Texts that stand where an object of the configuration belongs: a strategy or an upstream by its name."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable

from pydsl_proxy.config.loading.pasting import Written, calls_at, strategy_of, written_call
from pydsl_proxy.config.loading.trial import refusal
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import here, names_here
from pydsl_proxy.values.foreign_text import meant_value


def check_strategy_word(name: str, given: Iterable[object]) -> None:
    """Refuse the word for a strategy among the peers of an upstream."""
    for each in given:
        code = _strategy_in(each) if isinstance(each, str) else None
        if code is not None:
            written = written_call(here(), "upstream")
            raise ConfigError(
                f"upstream({name!r}): {each!r} is a text, and a strategy is an object that stands right after the name",
                hint=f"write {_with_strategy(written, each, code)}",
            )


def _strategy_in(text: str) -> str | None:
    """The strategy that *text* names, which may be the arguments of nginx's ``hash`` and ``random``."""
    if text.replace("_", "").isalnum():
        return strategy_of(text)
    words = text.removeprefix("balance ").removesuffix(" consistent").split()
    if words[:2] == ["random", "two"]:
        return "random_two()"
    if words[:1] == ["hash"] and len(words) == 2:
        meant = meant_value(words[1])
        return None if meant is None else f"hash_by({meant})"
    return strategy_of("".join(words)) if len(words) > 1 and ":" not in text else None


def _with_strategy(written: Written | None, word: object, code: str) -> str:
    if written is None or not written.call.args:
        return code
    first, *rest = [
        written.code(each) for each in written.call.args if not (isinstance(each, ast.Constant) and each.value == word)
    ]
    keywords = [written.code_of_keyword(each) for each in written.call.keywords]
    peers = rest or ['"127.0.0.1:9000"']
    return f"upstream({', '.join([first, code, *peers, *keywords])})"


def named_upstream(text: str, kind: type) -> ConfigError | None:
    """The error of a text that is the name of an upstream, or of the variable that holds one; *kind* is their class."""
    for variable, value in names_here().items():
        if isinstance(value, kind) and text in (variable, getattr(value, "name", None)):
            return ConfigError(
                f"{text!r} is a text, and an upstream is passed as the object itself", hint=f"write {variable}"
            )
    return None


def not_an_upstream(verb: str, given: object, *, name: str = "app", before: str = 'location("/").') -> ConfigError:
    """The error of what is no upstream, where a *verb* takes one: addresses may stand in a list.

    *name* is that of an upstream as an example, and *before* what the verb stands behind.
    """
    if not isinstance(given, list | tuple):
        return ConfigError(
            f"{verb}(): {given!r} is not an upstream", hint=f'write upstream("{name}", …) or an address, "host:port"'
        )
    written = written_call(here(), verb)
    code = f'{verb}(upstream("{name}", "127.0.0.1:9000", "127.0.0.1:9001"))'
    if written is not None:
        own = written.fill(f'{verb}(upstream("{name}", {{0|items}}), {{=1}})')
        code = own if refusal(before + own) is None else code
    return ConfigError(f"{verb}(): several peers are an upstream, not a {type(given).__name__}", hint=f"write {code}")


def without_list(verb: str, index: int, instead: str, *, before: str = "") -> str:
    """The user's call of *verb* with the items of the list at *index* as arguments of their own.

    It is *instead* if such a call would be refused too, or is not found; *before* is what the verb stands behind.
    """
    written = written_call(here(), verb)
    code = None if written is None else written.spread(index)
    return instead if code is None or refusal(before + code) is not None else code


def missing_comma(error: ConfigError) -> ConfigError:
    """*error*, or what to write if its reason is that two texts stand side by side, which Python joins."""
    for written in calls_at(error.origin):
        for node in ast.walk(written.call):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in error.message:
                texts = _texts(written.code(node))
                if len(texts) > 1:
                    return ConfigError(
                        error.message, origin=error.origin, hint=f"write {', '.join(texts)}; a comma was missing"
                    )
    return error


def _texts(code: str) -> list[str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(f"({code})").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [token.string for token in tokens if token.type == tokenize.STRING]
