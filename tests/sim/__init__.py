"""The event plane in one process, from seeds."""
