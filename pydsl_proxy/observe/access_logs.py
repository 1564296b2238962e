"""Access logs as users ask for them: where the lines go, and what they say."""

from __future__ import annotations

import os

from attrs import field, frozen

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.log_words import check_log_word
from pydsl_proxy.observe.buffered_log import BufferedLog
from pydsl_proxy.observe.format_parser import Template, parse
from pydsl_proxy.observe.log_file import STANDARD_OUTPUT
from pydsl_proxy.observe.log_format import NAMES, Format, compile_format
from pydsl_proxy.observe.logged_exchange import LogReactor, LogSink
from pydsl_proxy.observe.response_values import Outcome
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.paths import from_file, shown_path
from pydsl_proxy.values.value import Value

_DEFAULT = "combined"
_EXAMPLE = 'f"{client_address} {status} {upstream_addr}"'


@frozen(repr=False)
class AccessLog:
    """A line for each exchange, appended to a file; made by :func:`access_log`."""

    path: str = STANDARD_OUTPUT
    format: Format = field(default=_DEFAULT, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __repr__(self) -> str:
        given = [] if self.path == STANDARD_OUTPUT else [repr(self.path)]
        if self.format != _DEFAULT:
            given.append(f"format={self.format!r}")
        return f"access_log({', '.join(given)})"

    def compile(self, reactor: LogReactor) -> LogSink:
        """The log at work, its file open; a ConfigError says that it cannot be opened."""
        sink = BufferedLog(self.path, compile_format(self.format, reactor.seconds, wall_clock(reactor)), reactor)
        try:
            sink.start()
        except OSError as error:
            raise ConfigError(
                f"access log {shown_path(self.path)} cannot be opened: {error.strerror}",
                origin=self.origin,
                hint='write a path whose folder exists and can be written, "-" for the standard output, or None',
            ) from None
        return sink


def access_log(
    path: str | os.PathLike[str] = STANDARD_OUTPUT, *, format: str | Value | Outcome = _DEFAULT
) -> AccessLog:
    """The access log at *path*, ``"-"`` being the standard output: ``http(…, access_log=access_log(…))``.

    *format* is ``"combined"``, which is nginx's; ``"json"``, one object a line; or an f-string of values of the
    request and of the response, ``f"{client_address} {status} {upstream_addr}"``, whose values are escaped as nginx's.
    A line is written a second after it was made at the latest.  A file that was moved away is begun anew, so that
    logrotate needs no signal.
    """
    return AccessLog(_path(path), format=_format(format))


def _path(given: object) -> str:
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigError(f"access_log(): {given!r} is not a path", hint='write access_log("/var/log/access.log")')
    check_log_word("access_log()", path)
    return path if path == STANDARD_OUTPUT else from_file(path)


def _format(given: object) -> Format:
    if isinstance(given, str) and given in NAMES:
        return given
    if not isinstance(given, str | Value | Outcome):
        raise ConfigError(f"access_log(format=…): {given!r} is no format", hint=f"write format={_EXAMPLE}")
    try:
        template = Template(parse(str(given)))
    except ConfigError as error:
        text = f"access_log(format=…): {error.message}"
        raise ConfigError(text, hint=error.hint, origin=error.origin) from None
    literals = "".join(part for part in template.parts if isinstance(part, str))
    if literals == given:
        raise _no_values(literals)
    if "\n" in literals or "\r" in literals:
        raise ConfigError(
            "access_log(format=…) has a line end", hint="leave it out: each exchange has one line, ended for you"
        )
    return template


def _no_values(format: str) -> ConfigError:
    names = " or ".join(f'"{name}"' for name in NAMES)
    message = f"access_log(format=…): {format!r} is neither {names}, nor has it values in it"
    if "{" in format:
        return ConfigError(message, hint=f"write an f before the quote, as in format={_EXAMPLE}")
    if "$" in format:
        return ConfigError(message, hint=f"nginx's $variables are values here, as in format={_EXAMPLE}")
    return ConfigError(message, hint=f"write format={_EXAMPLE}")
