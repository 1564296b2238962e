"""Bytes to meaning and back.

Nothing here imports Twisted, does I/O or reads a clock: every function can be tested with bytes alone.
"""
