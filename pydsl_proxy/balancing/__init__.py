"""Strategies: how an upstream chooses a peer, one a file.

To add one, write a frozen class with ``compile(peers, random)`` that returns the choice as a closure, see
``least_connections.py``; put the function that makes it beside it, with the class's repr being that function's call;
and export that function from the package root.  A user's own strategy is such an object, passed to ``upstream``.
"""
