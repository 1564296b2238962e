"""Whether ``.allow()`` keeps anybody out: without a ``.deny()`` all others pass too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydsl_proxy.config.features import Feature, HasFeatures, last_of, merged
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.access.access_rules import AccessRules
from pydsl_proxy.features.access.auth_request import AuthRequest
from pydsl_proxy.features.access.basic_auth import BasicAuth
from pydsl_proxy.features.access.satisfy import Satisfy


def check_access(config: Http) -> Iterator[ConfigError]:
    """A warning for each ``allow()`` beside which no scope has a ``deny()``, at any of its locations and streams."""
    inner: list[tuple[HasFeatures, ...]] = [(server, place) for server in config.servers for place in server.locations]
    inner += [(stream,) for stream in config.streams]
    useless: dict[int, AccessRules] = {}
    useful: set[int] = set()
    for scopes in inner:
        features = merged(config, *scopes)
        rules = [each for each in features if isinstance(each, AccessRules)]
        if not rules:
            continue
        refuses = _others_decide(features) or any(not rule.allows for each in rules for rule in each.rules)
        for each in rules:
            if refuses:
                useful.add(id(each))
            else:
                useless[id(each)] = each
    for key, each in useless.items():
        if key not in useful and not any("all" in rule.networks for rule in each.rules):
            code = "".join(f".{rule}" for rule in each.rules)
            yield ConfigError(
                f"{code} without deny() refuses nobody: a client that no rule has passes",
                origin=each.origin,
                hint=f'write {code}.deny("all")',
                warning=True,
            )


def _others_decide(features: Iterable[Feature]) -> bool:
    """Whether a client that no rule has needs a password, or the word of another server, with ``satisfy("any")``."""
    satisfy = last_of(Satisfy, features)
    others = (last_of(BasicAuth, features), last_of(AuthRequest, features))
    return satisfy is not None and satisfy.mode == "any" and any(each is not None for each in others)
