"""Warnings of directories for temporary files that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.features.buffering.requests import BufferRequest
from pydsl_proxy.features.buffering.responses import BufferResponse


def check_spools(config: Http) -> Iterator[ConfigError]:
    """A directory may be made, or mounted, later; so these are warnings."""
    scopes = [config, *config.servers, *(location for server in config.servers for location in server.locations)]
    for scope in scopes:
        for feature in scope.features:
            if not isinstance(feature, BufferResponse | BufferRequest) or isinstance(feature.spool, bool):
                continue
            if not os.path.isdir(feature.spool):
                problem = "there is no directory"
            elif not os.access(feature.spool, os.W_OK | os.X_OK):
                problem = "nothing can be written in"
            else:
                continue
            held = "nothing is held beyond the memory"
            refused = "bodies that do not fit in memory are answered with 500"
            yield ConfigError(
                f"{feature.as_verb()}: {problem} {feature.spool!r}",
                origin=feature.origin,
                hint=f"{held if isinstance(feature, BufferResponse) else refused} until then",
                warning=True,
            )
