"""nginx's limit_req for one key, written down as its source has it: the oracle of the buckets."""

from __future__ import annotations


class NginxBucket:
    """``ngx_http_limit_req_lookup`` with ``account`` set; its clock is monotonic."""

    def __init__(self, rate: int, burst: int, delay: int) -> None:
        self.rate = 1000 * rate
        self.burst = 1000 * burst
        self.delay = 1000 * delay
        self.excess: int | None = None
        self.last = 0

    def ask(self, now: int) -> int | None:
        """Milliseconds by which a request at *now* is delayed; None if it is refused."""
        if self.excess is None:
            self.excess, self.last = 0, now
            return 0
        ms = now - self.last
        excess = max(self.excess - self.rate * ms // 1000 + 1000, 0)
        if excess > self.burst:
            return None
        self.excess, self.last = excess, now
        if excess <= self.delay:
            return 0
        return (excess - self.delay) * 1000 // self.rate
