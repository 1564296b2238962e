"""The handler that answers with a resource of twisted.web."""
