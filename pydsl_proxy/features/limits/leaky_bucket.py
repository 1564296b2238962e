"""nginx's leaky bucket: by how much the requests of one key are ahead of their rate."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from pydsl_proxy.errors.rates import REQUEST, Rate

# A longer key counts by its digest, so that what a client writes into a header does not fill the memory.
_LONGEST_KEY: Final = 64
# nginx: an empty bucket is dropped when it is older.
_MINUTE: Final = 60_000


class Buckets:
    """The buckets of one limit, at most *most* of them: the one that was used the longest time ago makes room.

    Times are milliseconds.  As in nginx a bucket is touched when it is looked at, so that a client that is refused all
    the time keeps its own, and for each new one up to two of the oldest go, if they are empty and a minute old.
    """

    __slots__ = ("_most", "_rate", "_table")

    def __init__(self, rate: Rate, most: int) -> None:
        self._rate = rate
        self._most = most
        # What is in each bucket, in thousandths of a request, and when that was so.
        self._table: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def excess(self, key: bytes, now: int) -> int:
        """What would be in the bucket of *key* with one request more; nothing changes by asking.

        The first request of a key leaves its bucket empty.
        """
        found = self._table.get(key)
        if found is None:
            return 0
        self._table.move_to_end(key)
        excess, last = found
        if now < last:
            # The clock was set back, which nginx's cannot be: from here the bucket leaks again.
            self._table[key] = (excess, now)
            last = now
        return max(excess - self._rate.leaked(now - last) + REQUEST, 0)

    def put(self, key: bytes, excess: int, now: int) -> bool:
        """Let *excess* be in the bucket of *key*; whether another one that was not empty had to make room."""
        table = self._table
        lost = False
        if key not in table:
            if len(table) >= self._most:
                _, (left, last) = table.popitem(last=False)
                lost = left > self._rate.leaked(abs(now - last))
            self._drop_empty(now)
        table[key] = (excess, now)
        return lost

    def _drop_empty(self, now: int) -> None:
        table = self._table
        for _ in range(2):
            if not table:
                return
            oldest = next(iter(table))
            excess, last = table[oldest]
            if abs(now - last) < _MINUTE or excess > self._rate.leaked(abs(now - last)):
                return
            del table[oldest]


def short_key(key: bytes) -> bytes:
    """*key*, or its digest: as long as no short key is, so that nobody can write another one's."""
    return key if len(key) <= _LONGEST_KEY else b"#" + blake2b(key, digest_size=_LONGEST_KEY).digest()
