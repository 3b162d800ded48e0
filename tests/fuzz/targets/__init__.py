"""The targets, found by their place: every module here, every function marked with `@target`."""
