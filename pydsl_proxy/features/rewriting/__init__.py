"""Rewriting of request targets."""
