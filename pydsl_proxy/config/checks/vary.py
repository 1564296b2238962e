"""Whether caches are told that compressed responses differ from client to client."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.config.features import last_of, merged
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.compression.compression import Compress
from pydsl_proxy.features.headers.fields import RemoveField, SetField, Side
from pydsl_proxy.values.value import constant


def check_vary(config: Http) -> Iterator[ConfigError | None]:
    """A Vary that is set takes the place of the one that ``.compress()`` writes, so it must name the same field.

    Else a cache would give one client what was encoded for another (RFC 9111 4.1).  What a value or a function comes
    to is not known here.
    """
    told: set[int] = set()
    for server in config.servers:
        for location in server.locations:
            yield None
            features = merged(config, server, location)
            compress = last_of(Compress, features)
            if compress is None or compress.encodings is None:
                continue
            decides = [each for each in features if isinstance(each, SetField | RemoveField) and _is_vary(each)]
            if decides and id(decides[-1]) not in told and (hint := _better(decides[-1])) is not None:
                told.add(id(decides[-1]))
                text = f"{decides[-1].as_verb()} hides the Vary of .compress() from caches"
                yield ConfigError(text, origin=decides[-1].origin, hint=hint, warning=True)


def _is_vary(feature: SetField | RemoveField) -> bool:
    return feature.side is Side.RESPONSE and feature.name.lower() == "vary"


def _better(feature: SetField | RemoveField) -> str | None:
    """What to write instead; None if all is well."""
    if isinstance(feature, RemoveField):
        return "take it out"
    text = constant(feature.value)
    if text is None or not {"*", "accept-encoding"}.isdisjoint(each.strip().lower() for each in text.split(",")):
        return None
    return f'write "{text}, Accept-Encoding"' if text else 'write "Accept-Encoding"'
