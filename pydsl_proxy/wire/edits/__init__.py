"""Heads that are written anew from other heads: for a redirect, a page, another body."""
