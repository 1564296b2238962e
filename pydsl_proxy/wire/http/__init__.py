"""HTTP's messages, whatever the version: header sections, targets, statuses and the length of a body."""
