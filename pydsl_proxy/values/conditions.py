"""Conditions on requests: ``method.equals("POST")``, put together with ``&``, ``|`` and ``~``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import NoReturn, TypeAlias

from attrs import evolve, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.errors.not_text import NotText, check_no_object, is_coroutine_function
from pydsl_proxy.values.regex import Regex, check_unicode
from pydsl_proxy.values.request import Request

Test: TypeAlias = Callable[[Request], bool]
"""What a condition is once compiled."""

# What a value in a text is marked with, see values/value.py.
_MARKS = re.compile("[\ufdd0\ufdd1]")


class Condition(NotText):
    """What holds for a request or does not.  It is compared by what it says, so ``==`` is no condition."""

    __slots__ = ()

    def compile(self) -> Test:
        """The function that tells whether it holds for a request."""
        raise NotImplementedError

    def __and__(self, other: ConditionSource) -> Condition:
        return And(self, as_condition("&", other))

    def __rand__(self, other: ConditionSource) -> Condition:
        return And(as_condition("&", other), self)

    def __or__(self, other: ConditionSource) -> Condition:
        return Or(self, as_condition("|", other))

    def __ror__(self, other: ConditionSource) -> Condition:
        return Or(as_condition("|", other), self)

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise ConfigError(
            f"{self!r} is neither true nor false before there is a request",
            hint="write & for and, | for or, ~ for not, with parentheses around each condition",
        )


ConditionSource: TypeAlias = "Condition | Test"
"""What is accepted where a condition is: one, or a function of the request that gives a bool."""


class Comparing:
    """What all values have: methods that make conditions of them."""

    __slots__ = ()

    def octets(self) -> Callable[[Request], bytes]:
        """The function that reads the value's text as bytes."""
        raise NotImplementedError

    def equals(self, text: str) -> Condition:
        """Holds if the value is *text*, letter by letter; :meth:`matches` can ignore the case."""
        return IsIn(self, (_text("equals", text),))

    def is_in(self, texts: Iterable[str]) -> Condition:
        """Holds if the value is one of *texts*."""
        if isinstance(texts, str):
            raise ConfigError(f"is_in({texts!r}): texts come in a list", hint=f'write .is_in(["{texts}"])')
        known = tuple(_text("is_in", each) for each in listed("is_in", "texts", texts, '["a", "b"]'))
        if not known:
            raise ConfigError("is_in() without a text never holds", hint='write .is_in(["a", "b"])')
        return IsIn(self, known)

    def matches(self, pattern: str | Regex, *, ignore_case: bool = False) -> Condition:
        """Holds if *pattern*, a regular expression over octets, is found anywhere in the value (nginx's ``~``)."""
        if not isinstance(pattern, Regex):
            return Matches(self, Regex(pattern, ignore_case=ignore_case))
        return Matches(self, evolve(pattern, ignore_case=pattern.ignore_case or ignore_case))

    def within(self, *networks: str) -> Condition:
        """Holds if the value is an IP address in one of *networks*, as ``"10.0.0.0/8"`` (nginx's ``geo``)."""
        if not networks:
            raise ConfigError("within() without a network never holds", hint='write .within("10.0.0.0/8")')
        return Within(self, tuple(_network(each) for each in networks))

    def exists(self) -> Condition:
        """Holds if the request has the value and it is not empty, as nginx's ``if ($variable)``, but for ``"0"``."""
        return Exists(self)


@frozen(repr=False)
class IsIn(Condition):
    """What ``.equals()`` and ``.is_in()`` give."""

    value: Comparing
    texts: tuple[str, ...]

    def compile(self) -> Test:
        """A look into a set, or one comparison."""
        read = self.value.octets()
        if len(self.texts) == 1:
            only = self.texts[0].encode()
            return lambda request: read(request) == only
        known = frozenset(text.encode() for text in self.texts)
        return lambda request: read(request) in known

    def __repr__(self) -> str:
        if len(self.texts) == 1:
            return f"{self.value!r}.equals({self.texts[0]!r})"
        return f"{self.value!r}.is_in({list(self.texts)!r})"


@frozen(repr=False)
class Matches(Condition):
    """What ``.matches()`` gives."""

    value: Comparing
    pattern: Regex

    def compile(self) -> Test:
        """A search."""
        read, search = self.value.octets(), self.pattern.search()
        return lambda request: search(read(request)) is not None

    def __repr__(self) -> str:
        if self.pattern.backtracking:
            return f"{self.value!r}.matches({self.pattern!r})"
        option = ", ignore_case=True" if self.pattern.ignore_case else ""
        return f"{self.value!r}.matches({self.pattern.pattern!r}{option})"


@frozen(repr=False)
class Within(Condition):
    """What ``.within()`` gives."""

    value: Comparing
    networks: tuple[str, ...]

    def compile(self) -> Test:
        """The value is read as an address; what is none is in none."""
        read = self.value.octets()
        networks = tuple(ip_network(each) for each in self.networks if each != "unix:")
        unix = "unix:" in self.networks

        def within(request: Request) -> bool:
            text = read(request)
            if text == b"unix:":
                return unix
            try:
                address = ip_address(text.decode("latin-1"))
            except ValueError:
                return False
            # IPv4 inside IPv6, as a socket for both tells it.
            mapped = getattr(address, "ipv4_mapped", None)
            return any((mapped or address) in network for network in networks)

        return within

    def __repr__(self) -> str:
        return f"{self.value!r}.within({', '.join(map(repr, self.networks))})"


@frozen(repr=False)
class Exists(Condition):
    """What ``.exists()`` gives."""

    value: Comparing

    def compile(self) -> Test:
        """The value has a text."""
        read = self.value.octets()
        return lambda request: bool(read(request))

    def __repr__(self) -> str:
        return f"{self.value!r}.exists()"


@frozen(repr=False)
class Own(Condition):
    """A function of the user's own."""

    function: Test

    def compile(self) -> Test:
        """The function."""
        return self.function

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", None)
        return name if isinstance(name, str) else repr(self.function)


@frozen(repr=False)
class And(Condition):
    """What ``&`` gives."""

    first: Condition
    second: Condition

    def compile(self) -> Test:
        """The second is asked only if the first holds."""
        first, second = self.first.compile(), self.second.compile()
        return lambda request: bool(first(request)) and bool(second(request))

    def __repr__(self) -> str:
        return f"{_inside(self.first)} & {_inside(self.second)}"


@frozen(repr=False)
class Or(Condition):
    """What ``|`` gives."""

    first: Condition
    second: Condition

    def compile(self) -> Test:
        """The second is asked only if the first does not hold."""
        first, second = self.first.compile(), self.second.compile()
        return lambda request: bool(first(request)) or bool(second(request))

    def __repr__(self) -> str:
        return f"{_inside(self.first)} | {_inside(self.second)}"


@frozen(repr=False)
class Not(Condition):
    """What ``~`` gives."""

    condition: Condition

    def compile(self) -> Test:
        """The opposite."""
        holds = self.condition.compile()
        return lambda request: not holds(request)

    def __repr__(self) -> str:
        return f"~{_inside(self.condition)}"


def as_condition(verb: str, source: ConditionSource) -> Condition:
    """What stands for a condition in *verb*: a condition, or a function of the request."""
    given: object = source
    if isinstance(given, Condition):
        return given
    if isinstance(given, Comparing):
        raise ConfigError(f"{verb}: {given!r} is a value, not a condition", hint=f"write {given!r}.exists()")
    if isinstance(given, bool):
        hint = 'a comparison is written with a method: method.equals("POST"), header("x-beta").is_in(["1", "2"])'
        raise ConfigError(f"{verb}: {given} is the same for every request", hint=hint)
    if is_coroutine_function(given):
        # A coroutine is true, whatever it would come to.
        shown = getattr(given, "__qualname__", None) or repr(given)
        raise ConfigError(f"{verb}: {shown} is a coroutine, and a request does not wait for conditions")
    if callable(given) and not isinstance(given, type):
        return Own(source)  # type: ignore[arg-type]  # what is left of the union
    raise ConfigError(
        f"{verb}: {given!r} is no condition",
        hint='write method.equals("POST"), cookie("beta").exists(), or a function of the request',
    )


def _inside(condition: Condition) -> str:
    return f"({condition!r})" if isinstance(condition, And | Or) else repr(condition)


def _text(verb: str, text: object) -> str:
    if not isinstance(text, str):
        raise ConfigError(f"{verb}(): {text!r} is not a text", hint=f"write {str(text)!r}")
    if _MARKS.search(text):
        raise ConfigError(
            f"{verb}(): what is compared with must be known now, and this text has a value in it",
            hint="write a function of the request: lambda request: request.header('origin') == f'https://{request.host}'",
        )
    check_unicode(f"{verb}():", text)
    check_no_object(f"{verb}(): ", text)
    return text


def _network(text: object) -> str:
    if text == "unix:":
        return "unix:"
    try:
        return str(ip_network(str(text)))
    except ValueError:
        hint = 'write an address or a network, "10.0.0.0/8"'
        try:
            hint = f'write "{ip_network(str(text), strict=False)}"'
        except ValueError:
            pass
        raise ConfigError(f"within(): {text!r} is no network", hint=hint) from None
