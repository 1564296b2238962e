"""Names of values that stand in quotes where the value itself is meant."""

from __future__ import annotations

from pydsl_proxy.errors.other_words import NAMES

_VALUES = (
    "client_address client_port request_uri path query_string host method protocol authenticated_user"
    " header('user-agent') header('referer')"
)


def key_word(text: str) -> str | None:
    """The value that *text* is the name of, here or in another proxy; None for any other text."""
    word = text.lower().lstrip("$").replace("_", "").replace("-", "")
    for code, words in NAMES.items():
        if code.replace('"', "'") in _VALUES.split() and (word in words.split() or word == code.replace("_", "")):
            return code
    return None
