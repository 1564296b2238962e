"""Which of a server's certificates a client is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from OpenSSL.SSL import Context

from pydsl_proxy.net.tls.key_pairs import KeyPair


class ShownCertificates:
    """The contexts of one server, by the name that a client asks for; all of them are made beforehand.

    A name is looked for among the DNS names of the certificates, then with a wildcard for its first label (RFC 9525
    6.3); of certificates that stand for the same name, the first of each kind of key is offered, and the client's
    ciphers decide.  What none covers is shown the first.
    """

    def __init__(self, pairs: Sequence[KeyPair], make: Callable[[Sequence[KeyPair]], Context]) -> None:
        made: dict[tuple[int, ...], Context] = {}

        def context(chosen: list[KeyPair]) -> Context:
            ids = tuple(map(id, chosen))
            if ids not in made:
                made[ids] = make(chosen)
            return made[ids]

        first = pairs[0]
        self.usual = context(_kinds([first, *(pair for pair in pairs if pair.names == first.names)]))
        self._named: dict[bytes, Context] = {}
        for name in sorted(frozenset[bytes]().union(*(pair.names for pair in pairs))):
            self._named[name] = context(_kinds([pair for pair in pairs if name in pair.names]))
        self.is_one = len(made) == 1

    def find(self, name: bytes) -> Context | None:
        """The context whose certificates cover *name*, in lower case."""
        found = self._named.get(name)
        if found is None:
            dot = name.find(b".")
            if dot > 0:
                found = self._named.get(b"*" + name[dot:])
        return found


def _kinds(pairs: Sequence[KeyPair]) -> list[KeyPair]:
    """The first of each kind of key."""
    first: dict[str, KeyPair] = {}
    for pair in pairs:
        first.setdefault(pair.kind, pair)
    return list(first.values())
