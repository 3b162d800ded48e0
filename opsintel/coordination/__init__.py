"""Rate limits and locks that processes share."""
