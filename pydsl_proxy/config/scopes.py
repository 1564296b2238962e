"""What ``http(...)``, a server and a location have in common."""

from __future__ import annotations

from attrs import frozen

from pydsl_proxy.config.verbs.access import Access
from pydsl_proxy.config.verbs.buffering import Buffering
from pydsl_proxy.config.verbs.custom import Extending
from pydsl_proxy.config.verbs.encoding import Encodings
from pydsl_proxy.config.verbs.headers import Headers
from pydsl_proxy.config.verbs.heartbeat import Streaming
from pydsl_proxy.config.verbs.hsts import Securing
from pydsl_proxy.config.verbs.limits import Limits
from pydsl_proxy.config.verbs.retries import Trying
from pydsl_proxy.config.verbs.rewriting import Rewriting


@frozen(kw_only=True)
class Scope(Headers, Trying, Limits, Access, Buffering, Streaming, Encodings, Rewriting, Securing, Extending):
    """What has features: ``http(...)``, a server, or a location.

    They hold for all that the scope contains, wherever in the chain they are written.  Inner scopes add to outer ones,
    and win over them where both speak of the same thing: one header name, one timeout, the retries, the body's limit.
    Steps run from the outermost scope to the innermost, within a scope in the order written.
    """
