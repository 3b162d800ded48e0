"""Sessions: log-in, refresh, log-out, and who a request comes from."""
