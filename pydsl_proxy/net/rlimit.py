"""How many sockets and files the process may have open."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform == "linux":
    import resource

# More than a process can use, and less than the "infinite" of some containers.
ENOUGH = 1 << 20


def allow_open_files() -> None:
    """Raise the soft limit of this process to the hard one, as HAProxy, Go and Node.js do.

    The usual 1,024 descriptors are 512 proxied requests, and fewer than a slowloris opens.  Shells keep the soft limit
    low for the sake of ``select``, which cannot watch more; where Twisted's reactor is that, as on macOS, it stays.
    """
    if sys.platform == "linux":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
