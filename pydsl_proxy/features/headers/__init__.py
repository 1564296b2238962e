"""Header fields that are set, removed or edited."""
