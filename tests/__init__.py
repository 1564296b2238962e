"""The tests; importing this package sets the Hypothesis profile, so that every run makes the same examples."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
