"""Words of other proxies that stand where the path of an access log is expected."""

from __future__ import annotations

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.other_words import LOGS

_FORMATS = ("combined", "main", "common", "json", "timed_combined", "off")


def check_log_word(what: str, path: str) -> None:
    """Refuse a path that is such a word; a file may still be called so, as ``./off``."""
    lower = path.lower()
    if lower.startswith(("syslog:", "udp://", "tcp://", "unixgram://")):
        raise ConfigError(
            f"{what}: {path!r}: a log is a file here", hint="write a path that the collector of logs reads"
        )
    file, space, word = path.rpartition(" ")
    if space and lower.rpartition(" ")[2] in _FORMATS:
        form = ', format="json"' if word.lower() == "json" else ""
        raise ConfigError(
            f"{what}: {path!r} is a path and the name of a format of nginx",
            hint=f'write access_log=access_log("{file.strip()}"{form})',
        )
    code = next((code for code, words in LOGS.items() if lower in words.split()), None)
    if code is not None:
        hint = f'write {code}; a file of that name is "./{path}"'
        raise ConfigError(f"{what}: {path!r} is a word of other proxies, and would be the name of a file", hint=hint)
